//! What is made no more, and stays as long as an Envoy may use something that names it.
//!
//! An edit that makes a route go to another backend removes the cluster of the first one, and what that
//! needs. Whoever refuses the edit goes on with the route that was, also one that is away when the edit
//! is made.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use envoy_types::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use prost::Message as _;

use super::{Fences, Key, Made, State, names};
use crate::resource::{Kind, Resource, Update};

/// As many stay: all clusters of 5,000 routes at once, and what they need. Beyond that the oldest go.
const MOST: usize = 16_384;

/// What stays for a while, and how far each Envoy is.
#[derive(Debug, Default)]
pub(super) struct Leavings {
    /// With the serial that what named them was replaced by; `None` until that is sent.
    kept: BTreeMap<Key, Option<u64>>,
    /// Those that have a serial, by that.
    due: BTreeSet<(u64, Key)>,
    /// Those that have none, and others.
    unsent: Vec<Key>,
    /// Up to where each Envoy has confirmed.
    clients: BTreeMap<u64, u64>,
    /// Up to where all had confirmed when [`Fences::released`] was asked; `None` when anything else that
    /// it depends on has changed since.
    asked: Option<u64>,
    /// What messages name, by where they are.
    named: BTreeMap<Place, (Bytes, Box<[u64]>)>,
    has_given_way: bool,
}

/// Where the bytes of a message are, and how many.
type Place = (usize, usize);

impl Leavings {
    /// Takes out of an update what is not to be removed yet.
    pub(super) fn keep(&mut self, update: &mut Update) {
        for resource in &update.upserts {
            self.forget(&(resource.kind, resource.name.clone()));
        }
        let (kept, removed) = std::mem::take(&mut update.removed)
            .into_iter()
            .partition::<Vec<Key>, _>(|(kind, _)| is_named(*kind));
        update.removed = removed;
        for key in &kept {
            self.forget(key);
            self.kept.insert(key.clone(), None);
            self.unsent.push(key.clone());
        }
        update.left = kept;
        self.changed();
    }

    /// What was to be sent has this serial.
    pub(super) fn sent(&mut self, update: &Update, serial: u64) {
        for key in &update.removed {
            self.forget(key);
        }
        for key in std::mem::take(&mut self.unsent) {
            if let Some(due @ None) = self.kept.get_mut(&key) {
                *due = Some(serial);
                self.due.insert((serial, key));
            }
        }
        self.changed();
    }

    /// Whether this is made no more.
    pub(super) fn has(&self, key: &Key) -> bool {
        self.kept.contains_key(key)
    }

    /// An Envoy has confirmed everything up to a serial, but for what it refused.
    pub(super) fn confirmed(&mut self, client: u64, serial: u64) {
        self.clients.insert(client, serial);
        self.changed();
    }

    /// An Envoy is gone.
    pub(super) fn gone(&mut self, client: u64) {
        self.clients.remove(&client);
        self.changed();
    }

    /// What may be released is to be found out anew.
    pub(super) fn changed(&mut self) {
        self.asked = None;
    }

    fn forget(&mut self, key: &Key) {
        if let Some(Some(serial)) = self.kept.remove(key) {
            self.due.remove(&(serial, key.clone()));
        }
    }

    /// What no Envoy needs any more that takes all that it is sent.
    fn over(&self, reached: u64) -> impl Iterator<Item = &Key> {
        let over = self.due.iter().take_while(move |(due, _)| *due <= reached);
        over.map(|(_, key)| key)
    }
}

impl Fences {
    /// What is to be removed now, to be noted by [`Self::sent`]; mostly nothing.
    ///
    /// Cost: nothing when nothing waits for it, or nothing has changed; else in proportion to that, and
    /// to what is not confirmed.
    pub fn released(&mut self) -> Update {
        let reached = self.leavings.clients.values().min().copied();
        let reached = reached.unwrap_or(u64::MAX);
        if self.leavings.asked.replace(reached) == Some(reached) {
            return Update::default();
        }
        let mut named = std::mem::take(&mut self.leavings.named);
        let mut removed = self.unneeded(reached, &mut named);
        self.leavings.named = named;
        let leavings = &mut self.leavings;
        let left = leavings.kept.len() - removed.len();
        if left > MOST {
            let oldest = leavings.due.iter().map(|(_, key)| key);
            let oldest = oldest.filter(|key| !removed.contains(*key));
            let oldest: Vec<Key> = oldest.take(left - MOST).cloned().collect();
            leavings.has_given_way |= !oldest.is_empty();
            removed.extend(oldest);
        }
        Update {
            removed: removed.into_iter().collect(),
            ..Update::default()
        }
    }

    /// Whether anything was ever removed that an Envoy may have needed, since too much was kept.
    pub const fn has_given_way(&self) -> bool {
        self.leavings.has_given_way
    }

    /// What is kept and named by nothing that may be in use.
    fn unneeded(
        &self,
        reached: u64,
        known: &mut BTreeMap<Place, (Bytes, Box<[u64]>)>,
    ) -> BTreeSet<Key> {
        if self.leavings.over(reached).next().is_none() {
            known.clear();
            return BTreeSet::new();
        }
        let Some(mut bodies) = self.standing() else {
            return BTreeSet::new();
        };
        let mut over: BTreeSet<&Key> = BTreeSet::new();
        let mut by_name: HashMap<u64, Vec<&Key>> = HashMap::new();
        for key in self.leavings.over(reached) {
            over.insert(key);
            let name = names::hash(key.1.as_bytes());
            by_name.entry(name).or_default().push(key);
        }
        // What is kept names other things.
        let later = self.leavings.kept.keys().filter(|key| !over.contains(key));
        bodies.extend(later.filter_map(|key| self.body(key)));
        let mut before = std::mem::take(known);
        while let Some(body) = bodies.pop() {
            let place = (body.as_ptr().addr(), body.len());
            if known.contains_key(&place) {
                continue;
            }
            let entry = before.remove(&place);
            let entry = entry.unwrap_or_else(|| (body.clone(), names::all(body)));
            let (_, names) = known.entry(place).or_insert(entry);
            for name in names.iter() {
                for key in by_name.remove(name).into_iter().flatten() {
                    over.remove(key);
                    bodies.extend(self.body(key));
                    // What was put in its place, if it was refused.
                    bodies.extend(
                        self.made
                            .get(key)
                            .and_then(Made::good)
                            .map(|good| &good.body),
                    );
                }
            }
        }
        over.into_iter().cloned().collect()
    }

    /// A cluster that is put back to its last good version asks for endpoints by the name that they had
    /// with that: what is left by that name has the endpoints that the cluster has now.
    pub(super) fn follow(&self, update: &mut Update) {
        let mut copies = Vec::new();
        let now = update.upserts.iter();
        for resource in now.filter(|one| one.kind == Kind::Endpoints) {
            let Some((cluster, _)) = resource.name.rsplit_once('/') else {
                continue;
            };
            let first: Arc<str> = format!("{cluster}/").into();
            let left = self.leavings.kept.range((Kind::Endpoints, first.clone())..);
            let left = left.take_while(|((kind, name), _)| {
                *kind == Kind::Endpoints && name.starts_with(&*first)
            });
            let left = left.filter(|((_, name), _)| !name[first.len()..].contains('/'));
            copies.extend(left.filter_map(|((_, name), _)| renamed(resource, name)));
        }
        for copy in &copies {
            let key = (copy.kind, copy.name.clone());
            if let Err(place) = update.left.binary_search(&key) {
                update.left.insert(place, key);
            }
        }
        update.upserts.extend(copies);
        update
            .upserts
            .sort_by(|one, other| (one.kind, &one.name).cmp(&(other.kind, &other.name)));
    }

    fn body(&self, key: &Key) -> Option<&Bytes> {
        self.made.get(key).map(|made| &made.resource.body)
    }

    /// What Envoys use, or may use, in place of what was made; `None` when that is not known.
    fn standing(&self) -> Option<Vec<&Bytes>> {
        // What is made no more is used by what names it, and by nothing else.
        let is_made = |key: &Key| !self.leavings.has(key);
        for (key, refusal) in self.own.values().flatten() {
            if !is_made(key) {
                continue;
            }
            let made = self.made.get(key);
            let made = made.filter(|made| made.resource.version == refusal.version);
            if made.is_some_and(|made| !made.is_new && !matches!(made.state, State::Withdrawn(_))) {
                return None;
            }
        }
        let withdrawn = self.withdrawn.iter().filter(|key| is_made(key));
        let withdrawn = withdrawn.filter_map(|key| self.made.get(key));
        let good = withdrawn.filter_map(Made::good);
        let mut bodies: Vec<&Bytes> = good.map(|good| &good.body).collect();
        // Who comes back may refuse what is sent meanwhile.
        let is_away = self.leavings.clients.is_empty();
        for (_, key) in &self.waiting {
            let Some(made) = self.made.get(key) else {
                continue;
            };
            match &made.good {
                Some(good) if good.whole.is_none() => bodies.push(&good.body),
                None if is_away && !made.is_new && names_others(key.0) => return None,
                _ => {}
            }
        }
        for (name, mending) in &self.mendings {
            let made = self.made.get(&(Kind::RouteConfiguration, name.clone()));
            bodies.extend(mending.standing(made.and_then(Made::good)));
        }
        Some(bodies)
    }
}

/// The same endpoints by another name.
fn renamed(resource: &Resource, name: &Arc<str>) -> Option<Resource> {
    let mut endpoints = ClusterLoadAssignment::decode(&*resource.body).ok()?;
    endpoints.cluster_name = name.to_string();
    let body = endpoints.encode_to_vec().into();
    Some(Resource::new(
        resource.kind,
        name.clone(),
        body,
        resource.about.clone(),
    ))
}

/// Whether other resources name those of a kind, which come before them.
fn is_named(kind: Kind) -> bool {
    match kind {
        Kind::Secret | Kind::Cluster | Kind::Endpoints => true,
        Kind::Listener | Kind::RouteConfiguration | Kind::VirtualHost => false,
    }
}

/// Whether resources of a kind name others that are kept.
fn names_others(kind: Kind) -> bool {
    match kind {
        Kind::Secret | Kind::Endpoints => false,
        Kind::Cluster | Kind::Listener | Kind::RouteConfiguration | Kind::VirtualHost => true,
    }
}
