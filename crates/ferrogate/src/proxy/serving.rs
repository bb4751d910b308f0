//! From what the control plane sends to a changed proxy.

use std::time::{Duration, Instant, SystemTime};

use fg_ir::Change;
use fg_proxy::Ack;
use fg_wire::{Incoming, Name, Received, Rejection};

use super::pages::{Shared, State};
use crate::native::Native;

/// The proxy, and what it has been sent.
pub(crate) struct Serving {
    native: Native,
    state: Shared,
}

impl Serving {
    /// Serves nothing yet.
    pub(crate) fn new(native: Native, state: Shared) -> Self {
        Self { native, state }
    }

    /// Takes one transaction, serves it, and says which resources are not in use, those of earlier
    /// transactions included.
    pub(crate) fn take<'a>(
        &mut self,
        serial: u64,
        upserts: &[Incoming<'a>],
        removed: &[&'a str],
    ) -> Vec<Rejection> {
        let start = Instant::now();
        let shared = self.state.clone();
        let mut state = shared.lock();
        let received = state
            .receiver
            .receive(upserts.iter().copied(), removed.iter().copied());
        self.serve(&mut state, &received.change);
        let names = upserts.iter().map(|one| one.name);
        for name in names.chain(removed.iter().copied()) {
            state.refused.remove(name);
        }
        for one in received.reportable() {
            tracing::error!(
                resource = one.name,
                reason = one.reason,
                "a resource cannot be used as it was sent"
            );
            state.refused.insert(one.name.clone(), one.reason.clone());
        }
        self.note(&mut state, serial, &received, start);
        state.all_refused()
    }

    /// Tries again to bind what could not be bound. `Some` when that changed: everything that is
    /// not in use now.
    pub(crate) fn bind_again(&mut self) -> Option<Vec<Rejection>> {
        let acks = self.native.bind_again()?;
        let mut state = self.state.lock();
        state.unbound = unbound(acks);
        Some(state.all_refused())
    }

    fn serve(&mut self, state: &mut State, change: &Change) {
        if change.is_empty() {
            return;
        }
        state.unbound = unbound(self.native.apply(change, state.receiver.ir()));
    }

    fn note(&self, state: &mut State, serial: u64, received: &Received, start: Instant) {
        let change = &received.change;
        state.serial = serial;
        state.generation = self.native.generation();
        tracing::info!(
            serial,
            generation = state.generation,
            changed_listeners = change.listeners.len(),
            changed_rules = change.rules.len(),
            changed_backends = change.backends.len(),
            changed_endpoints = change.endpoints.len(),
            changed_credentials = change.credentials.len(),
            refused = received.rejections.len() + received.closed.len(),
            took = ?start.elapsed(),
            "configuration applied"
        );
        let routes = state.receiver.ir().rules.len() as u64;
        self.native.note(|stats| {
            stats.reloads += 1;
            stats.generation = state.generation;
            stats.confirmed = state.generation;
            stats.applied_at = Some(SystemTime::now());
            stats.routes = routes;
        });
    }

    /// How many listeners it serves.
    pub(crate) fn listeners(&self) -> usize {
        self.state.lock().receiver.ir().listeners.len()
    }

    /// Lets requests under way finish.
    pub(crate) fn drain(self, timeout: Duration) {
        self.native.drain(timeout);
    }
}

/// The listeners that no socket could be had for.
fn unbound(acks: Vec<Ack>) -> Vec<Rejection> {
    let failed = |ack: Ack| {
        let reason = ack.bound.err()?;
        Some(Rejection {
            name: Name::Listener(ack.listener).to_string(),
            reason,
        })
    };
    acks.into_iter().filter_map(failed).collect()
}
