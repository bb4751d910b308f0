//! What the admin pages of every command have in common.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fg_admin::ExplainQuery;
use fg_control::explain::Explanation;
use fg_ir::{Backend, Endpoints, Ir, Listener, Rule};
use serde::Serialize;

use crate::question::Asked;

/// The way to a state that the main thread changes and the pages read. Held for one step, or for
/// copying what a page shows.
#[derive(Default)]
pub(crate) struct Shared<S>(Arc<Mutex<S>>);

impl<S> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S> Shared<S> {
    /// The state.
    pub(crate) fn lock(&self) -> MutexGuard<'_, S> {
        // A page that panicked has changed nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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

/// The page `/explain`: what `explain` makes of the request that is asked about.
///
/// # Errors
/// What of the question cannot be understood.
pub(crate) fn explanation(
    query: &ExplainQuery,
    explain: impl FnOnce(&Asked) -> Explanation,
) -> Result<String, String> {
    let method = if query.method.is_empty() {
        "GET"
    } else {
        &query.method
    };
    let asked = Asked::new(method, &query.url, &query.headers)?;
    let explanation = explain(&asked);
    Ok(if query.json {
        json(&explanation)
    } else {
        explanation.to_string()
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
