//! What a client is sent now: each type's next response, in an order that breaks nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;
use tonic::Status;

use super::protocol::Outgoing;
use super::session::{Awaited, Session};
use super::subscription::{Behind, Part, Subscription, View};
use crate::Serial;
use crate::metrics::{add, count};
use crate::store::{State, Table};

impl Session {
    /// The responses that can be sent now; each is in flight from here on.
    pub(super) fn due(&mut self) -> Result<Vec<Outgoing>, Status> {
        let mut subscriptions = std::mem::take(&mut self.subscriptions);
        let scope = self.attached.scope();
        let state = scope.lock();
        let mut all = Vec::new();
        let mut result = Ok(());
        self.held_back = None;
        // Nothing was ever applied: the client waits for what is complete.
        if state.serial() > 0 {
            result = self.fill(&mut subscriptions, &state, &mut all);
            self.empty(&mut subscriptions, &state, &mut all);
        }
        drop(state);
        self.subscriptions = subscriptions;
        result.map_err(|Behind| {
            Status::unavailable("too much was removed since the last response: connect again")
        })?;
        Ok(all)
    }

    /// What is new or changed, and what nobody waits for.
    fn fill(
        &mut self,
        subscriptions: &mut [Subscription],
        state: &State,
        all: &mut Vec<Outgoing>,
    ) -> Result<(), Behind> {
        for index in 0..subscriptions.len() {
            let Some(one) = subscriptions.get(index) else {
                continue;
            };
            let others = || {
                let others = subscriptions.iter();
                others.filter(|other| other.type_url != one.type_url)
            };
            let view = View {
                state,
                limit: self.limit(subscriptions, one),
                holds_back: others().any(|other| self.waits(&other.type_url, &one.type_url))
                    || self.may_be_used(subscriptions, &one.type_url),
                bound: self.shared.options.response_bytes,
            };
            let Some(one) = subscriptions.get_mut(index) else {
                continue;
            };
            one.collect(view)?;
            if let Some(part) = one.next_part() {
                self.renew(subscriptions, index, &part, state);
                all.extend(self.send(subscriptions, index, part));
            }
        }
        Ok(())
    }

    /// What is no more, when all who may use it know.
    fn empty(
        &mut self,
        subscriptions: &mut [Subscription],
        state: &State,
        all: &mut Vec<Outgoing>,
    ) {
        for index in (0..subscriptions.len()).rev() {
            let Some(one) = subscriptions.get(index).filter(|one| one.is_idle()) else {
                continue;
            };
            if one.has_late() && self.may_be_used(subscriptions, &one.type_url) {
                self.held_back = Some(self.asked_by());
                continue;
            }
            let users = subscriptions.iter();
            let users = users.filter(|user| self.waits(&user.type_url, &one.type_url));
            let done = users.map(Subscription::done).min();
            let bound = self.shared.options.response_bytes;
            if let Some(one) = subscriptions.get_mut(index) {
                one.collect_late(done.unwrap_or(state.serial()), bound);
                if let Some(part) = one.next_part() {
                    all.extend(self.send(subscriptions, index, part));
                }
            }
        }
    }

    /// Whether a type waits for another.
    pub(super) fn waits(&self, type_url: &str, other: &str) -> bool {
        let ordered = self.ordered(type_url);
        ordered.is_some_and(|one| one.after.iter().any(|after| after == other))
            // A circle in the order is nobody's wish: who stands first waits for none behind.
            && self.place(other) < self.place(type_url)
    }

    /// Up to which transaction a type may be sent: all that it waits for is answered up to there.
    fn limit(&self, subscriptions: &[Subscription], one: &Subscription) -> Serial {
        let others = subscriptions.iter();
        let others = others.filter(|other| self.waits(&one.type_url, &other.type_url));
        let done = others.map(Subscription::done);
        let awaited = self.awaited.iter();
        let awaited = awaited.filter(|(type_url, _)| self.waits(&one.type_url, type_url));
        let needed = awaited.filter_map(|(_, awaited)| awaited.names.values().min());
        let before = needed.map(|serial| serial.saturating_sub(1));
        done.chain(before).min().unwrap_or(Serial::MAX)
    }

    /// Notes what the client needs since it is sent this, and has it sent if it had it before.
    fn renew(&mut self, all: &mut [Subscription], index: usize, part: &Part, state: &State) {
        let Some(type_url) = all.get(index).map(|one| one.type_url.clone()) else {
            return;
        };
        let renews = self.ordered(&type_url).map(|one| one.renews.clone());
        for renewed in renews.unwrap_or_default() {
            let collections = self.ordered(&renewed).is_some_and(|one| one.collections);
            let empty = Table::default();
            let table = state.table(&renewed).unwrap_or(&empty);
            let upserts = part.upserts.iter().map(|entry| &entry.name);
            let needed = upserts.filter(|name| collections || table.get(name).is_some());
            let names: Vec<Arc<str>> = needed.cloned().collect();
            let mut known = all.iter_mut();
            let known = known.find(|one| *one.type_url == *renewed);
            let is_known = known.is_some();
            if let Some(known) = known {
                known.renew(&names);
            }
            let since = Instant::now();
            let awaited = self.awaited.entry(renewed).or_insert_with(|| Awaited {
                names: BTreeMap::new(),
                since,
            });
            for name in &part.removed {
                awaited.names.remove(name);
            }
            // Of collections, those are remembered that a first subscription shall answer for.
            let is_answered = collections && is_known;
            if !is_answered && !names.is_empty() {
                awaited.since = since;
                let names = names.into_iter().map(|name| (name, part.serial));
                awaited.names.extend(names);
            }
        }
    }

    fn send(&mut self, all: &mut [Subscription], index: usize, part: Part) -> Option<Outgoing> {
        let one = all.get_mut(index)?;
        self.nonce += 1;
        let more = if part.is_last { "" } else { "+" };
        let version = format!("{}{more}", part.serial);
        let nonce = self.nonce.to_string();
        let mut outgoing = self.outgoing(version, nonce.clone(), &one.type_url);
        outgoing.removed.clone_from(&part.removed);
        outgoing.upserts = one.sent(part, nonce);
        let metrics = &self.shared.metrics;
        add(&metrics.responses, 1);
        add(&metrics.resources, count(outgoing.upserts.len()));
        Some(outgoing)
    }
}
