//! What the admin pages show of a proxy in a cluster.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use fg_admin::{AdminSource, Drain, ExplainQuery, Readiness};
use fg_control::explain::Asking;
use fg_ir::Ir;
use fg_model::Plane;
use fg_proxy::{Connections, Settings};
use fg_wire::{Receiver, Rejection};
use serde::Serialize;

use crate::logging::LogLevel;
use crate::pages::{self, configuration, json};
use crate::question::Known;

/// What the proxy was sent, changed by the main thread and read by the admin pages.
#[derive(Default)]
pub(crate) struct State {
    /// Everything that was sent and is in use.
    pub(crate) receiver: Receiver,
    /// The control plane's number of it.
    pub(crate) serial: u64,
    /// The proxy's number of it.
    pub(crate) generation: u64,
    /// Resources that are not in use as they were sent, and why.
    pub(crate) refused: BTreeMap<String, String>,
    /// Listeners without a socket.
    pub(crate) unbound: Vec<Rejection>,
}

/// What `/drain` reads and says, apart from the state: it must be answered while a large
/// configuration is applied.
#[derive(Debug, Default)]
pub(crate) struct Leaving {
    /// Whether the proxy was told to leave.
    pub(crate) told: AtomicBool,
    /// How many listeners it serves.
    pub(crate) listeners: AtomicUsize,
}

impl State {
    /// All that is not in use as it was sent.
    pub(crate) fn all_refused(&self) -> Vec<Rejection> {
        let sent = self.refused.iter().map(|(name, reason)| Rejection {
            name: name.clone(),
            reason: reason.clone(),
        });
        sent.chain(self.unbound.iter().cloned()).collect()
    }
}

/// The way to the state.
pub(crate) type Shared = pages::Shared<State>;

/// The pages.
pub(crate) struct Pages {
    /// What they show.
    pub(crate) state: Shared,
    /// The level of the log.
    pub(crate) level: LogLevel,
    /// The proxy's settings.
    pub(crate) settings: Settings,
    /// Whose readiness ends when it is to leave.
    pub(crate) readiness: Readiness,
    /// Whether it is to leave.
    pub(crate) leaving: Arc<Leaving>,
    /// How many connections are open.
    pub(crate) connections: Connections,
    /// How it stands with the control plane, in words.
    pub(crate) control: Box<dyn Fn() -> String + Send + Sync>,
}

/// The page `/status`.
#[derive(Serialize)]
struct Status {
    control_plane: String,
    serial: u64,
    generation: u64,
    ready: bool,
    not_ready_because: Option<Cow<'static, str>>,
    connections: usize,
    resources: usize,
    not_in_use: Vec<String>,
}

impl AdminSource for Pages {
    fn config(&self) -> String {
        let (ir, generation) = {
            let state = self.state.lock();
            (state.receiver.ir().clone(), state.generation)
        };
        configuration(ir, generation)
    }

    fn status(&self) -> String {
        let why_not = self.readiness.why_not();
        let state = self.state.lock();
        let refused = state.all_refused().into_iter();
        json(&Status {
            control_plane: (self.control)(),
            serial: state.serial,
            generation: state.generation,
            ready: why_not.is_none(),
            not_ready_because: why_not,
            connections: self.connections.open(),
            resources: resources(state.receiver.ir()),
            not_in_use: refused
                .map(|one| format!("{}: {}", one.name, one.reason))
                .collect(),
        })
    }

    fn explain(&self, query: &ExplainQuery) -> Result<String, String> {
        let ir = self.state.lock().receiver.ir().clone();
        pages::explanation(query, |asked| {
            asked.explain(&Known {
                ir: &ir,
                // They are known to the control plane only: `ferrogate explain --cluster` tells them.
                findings: &[],
                asking: &|_| Asking::default(),
                locate: &|_| None,
                plane: &|_| Plane::Native,
                settings: &self.settings,
            })
        })
    }

    fn log_level(&self) -> String {
        self.level.get()
    }

    fn set_log_level(&self, level: &str) -> Result<(), String> {
        self.level.set(level)
    }

    fn drain(&self, leave: bool) -> Option<Drain> {
        if leave && !self.leaving.told.swap(true, Ordering::AcqRel) {
            self.readiness.not_ready("draining");
            tracing::info!("told to leave: not ready any more, requests are still answered");
        }
        Some(Drain {
            draining: self.leaving.told.load(Ordering::Acquire),
            connections: self.connections.open(),
            listeners: self.leaving.listeners.load(Ordering::Acquire),
        })
    }
}

/// How many resources a configuration has.
fn resources(ir: &Ir) -> usize {
    ir.listeners.len()
        + ir.rules.len()
        + ir.backends.len()
        + ir.endpoints.len()
        + ir.credentials.len()
}
