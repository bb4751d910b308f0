//! What is made no more, and stays as long as an Envoy may use something that names it.
//!
//! An edit that makes a route go to another backend removes the cluster of the first one, and what that
//! needs. Whoever refuses the edit goes on with the route that was.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fences, Key, Made, State};
use crate::resource::{Kind, Update};

/// What stays for a while, and how far each Envoy is.
#[derive(Debug, Default)]
pub(super) struct Leavings {
    /// With the serial that what named them was replaced by; `None` until that is sent.
    kept: BTreeMap<Key, Option<u64>>,
    /// Up to where each Envoy has confirmed.
    pub(super) clients: BTreeMap<u64, u64>,
}

impl Leavings {
    /// Takes out of an update what is not to be removed yet.
    pub(super) fn keep(&mut self, update: &mut Update) {
        for resource in &update.upserts {
            self.kept.remove(&(resource.kind, resource.name.clone()));
        }
        let (kept, removed) = std::mem::take(&mut update.removed)
            .into_iter()
            .partition::<Vec<Key>, _>(|(kind, _)| is_named(*kind));
        update.removed = removed;
        self.kept.extend(kept.into_iter().map(|key| (key, None)));
    }

    /// What was to be sent has this serial.
    pub(super) fn sent(&mut self, update: &Update, serial: u64) {
        for key in &update.removed {
            self.kept.remove(key);
        }
        for due in self.kept.values_mut() {
            due.get_or_insert(serial);
        }
    }
}

impl Fences {
    /// What is to be removed now, to be noted by [`Self::sent`]; mostly nothing.
    ///
    /// Cost: nothing when nothing waits for it; else in proportion to that, and to what is refused.
    pub fn released(&self) -> Update {
        let kept = &self.leavings.kept;
        if kept.is_empty() {
            return Update::default();
        }
        let reached = self.leavings.clients.values().min().copied();
        let reached = reached.unwrap_or(u64::MAX);
        let over = kept
            .iter()
            .filter(|(_, due)| due.is_some_and(|due| due <= reached));
        let mut over: BTreeSet<&Key> = over.map(|(key, _)| key).collect();
        let Some(mut bodies) = self.standing() else {
            return Update::default();
        };
        bodies.extend(
            kept.keys()
                .filter(|key| !over.contains(key))
                .filter_map(|key| self.body(key)),
        );
        // What is kept names other things.
        while let Some(body) = bodies.pop() {
            let named: Vec<&Key> = over
                .iter()
                .copied()
                .filter(|key| names(body, key))
                .collect();
            for key in named {
                over.remove(key);
                bodies.extend(self.body(key));
            }
        }
        Update {
            upserts: Vec::new(),
            removed: over.into_iter().cloned().collect(),
        }
    }

    fn body(&self, key: &Key) -> Option<&[u8]> {
        self.made.get(key).map(|made| &*made.resource.body)
    }

    /// What Envoys use in place of something that they refused; `None` when that is not known.
    fn standing(&self) -> Option<Vec<&[u8]>> {
        for (key, refusal) in self.own.values().flatten() {
            let made = self.made.get(key);
            let made = made.filter(|made| made.resource.version == refusal.version);
            if made.is_some_and(|made| !made.is_new && !matches!(made.state, State::Withdrawn(_))) {
                return None;
            }
        }
        let withdrawn = self.withdrawn.iter().filter_map(|key| self.made.get(key));
        let good = withdrawn.filter_map(Made::good);
        let mut bodies: Vec<&[u8]> = good.map(|good| &*good.body).collect();
        for (name, mending) in &self.mendings {
            let made = self.made.get(&(Kind::RouteConfiguration, name.clone()));
            bodies.extend(mending.standing(made.and_then(Made::good)));
        }
        Some(bodies)
    }
}

/// Whether other resources name those of a kind, which come before them.
fn is_named(kind: Kind) -> bool {
    match kind {
        Kind::Secret | Kind::Cluster | Kind::Endpoints => true,
        Kind::Listener | Kind::RouteConfiguration | Kind::VirtualHost => false,
    }
}

/// Whether a message has the name of a resource in it.
fn names(body: &[u8], (_, name): &Key) -> bool {
    let name = name.as_bytes();
    !name.is_empty() && body.windows(name.len()).any(|part| part == name)
}
