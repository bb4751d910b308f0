//! What the admin pages of every command have in common.

use std::sync::Arc;

use fg_ir::{Backend, Endpoints, Ir, Listener, Rule};
use serde::Serialize;

/// The IR as `/config` shows it.
#[derive(Serialize)]
struct Configuration {
    generation: u64,
    listeners: Vec<Arc<Listener>>,
    rules: Vec<Arc<Rule>>,
    backends: Vec<Arc<Backend>>,
    endpoints: Vec<Arc<Endpoints>>,
}

/// The page `/config`: a configuration, without its credentials.
pub(crate) fn configuration(ir: Ir, generation: u64) -> String {
    json(&Configuration {
        generation,
        listeners: ir.listeners.into_values().collect(),
        rules: ir.rules.into_values().collect(),
        backends: ir.backends.into_values().collect(),
        endpoints: ir.endpoints.into_values().collect(),
    })
}

/// A page of JSON.
pub(crate) fn json(value: &impl Serialize) -> String {
    match serde_json::to_string_pretty(value) {
        Ok(text) => text + "\n",
        Err(error) => {
            tracing::error!(%error, "a page cannot be written as JSON; this is a bug");
            "null\n".to_owned()
        }
    }
}
