//! How far the child can be relied on: which Gateways it serves, on which ports, and what it lacks.

use std::collections::BTreeSet;
use std::time::Instant;

use fg_envoy::{Fence, Kind};
use fg_ir::{GatewayKey, Ir, Listener};

use super::{Envoy, State, words};

impl Envoy {
    /// Takes note of ports that our own proxy has.
    pub(crate) fn know(&mut self, own: impl IntoIterator<Item = u16>) {
        self.strangers.know(own, Instant::now());
    }

    /// The ports that it has, or had a moment ago.
    pub(crate) fn ports(&self) -> BTreeSet<u16> {
        self.strangers.of_envoy(Instant::now())
    }

    /// Whether it serves all listeners of a Gateway, as far as it has said. `ir` is its configuration.
    pub(crate) fn serves(&self, gateway: &GatewayKey, ir: &Ir) -> bool {
        let fences = self.fences();
        let mut listeners = ir.listeners.values();
        listeners.all(|listener| {
            GatewayKey::from(&listener.key) != *gateway
                || (self.live.contains(&listener.key)
                    && !fences.iter().any(|fence| is_of(fence, listener)))
        })
    }

    /// Why it does not serve all of its listeners, if it is known why: it ended, or cannot have a port.
    /// `ir` is its configuration.
    pub(crate) fn lack(&self, ir: &Ir) -> Option<String> {
        if ir.listeners.is_empty() {
            return None;
        }
        match &self.state {
            State::Ended(how) => return Some(format!("{how}; it is started again")),
            // It was removed while it ran, and then ended.
            State::Missing(lack) if self.was_complete => return Some(lack.words.clone()),
            State::Missing(_) | State::Starting | State::Running => {}
        }
        let mut withheld = self.strangers.words();
        if let Some((key, words)) = withheld.next() {
            return Some(format!("listener {key} has no port: {words}"));
        }
        let fences = self.fences();
        let unbound = fences.iter().find(|fence| words::is_unbound(fence))?;
        let mut listeners = ir.listeners.values();
        let listener = listeners.find(|listener| is_of(unbound, listener))?;
        let reason: Vec<&str> = unbound.reason.split_whitespace().collect();
        let reason = reason.join(" ");
        Some(format!("listener {} has no port: {reason}", listener.key))
    }

    fn fences(&self) -> Vec<Fence> {
        let served = self.served.as_ref();
        served.map_or_else(Vec::new, |(_, served)| served.fences())
    }
}

/// Whether it was a listener of Envoy's that was refused, and this one is in it.
fn is_of(fence: &Fence, listener: &Listener) -> bool {
    fence.resource.kind == Kind::Listener && words::is_of(listener, &fence.resource.name)
}
