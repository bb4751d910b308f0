//! The resources of one type in a scope, with the order in which they last changed.
//!
//! Whoever has seen a serial gets what changed since by a range of that order, each resource once and
//! in its newest state, however often it changed. So a slow client costs nothing, and no client needs
//! a list of what it has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Serial, Upsert};
use crate::message::Any;

/// As many removed names are remembered, or as many as there are resources, whichever is more. A
/// client that has not seen an older removal starts anew.
const REMEMBERED: usize = 4_096;

/// A resource as it is now. Shared by the table and the responses on their way.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: Arc<str>,
    pub(crate) version: Arc<str>,
    pub(crate) body: Any,
    /// The transaction that changed it last.
    serial: Serial,
}

impl Entry {
    /// The transaction that changed it last.
    pub(crate) fn serial(&self) -> Serial {
        self.serial
    }

    /// About its bytes in a response.
    pub(crate) fn size(&self) -> usize {
        /// Tags and lengths.
        const FRAMING: usize = 32;
        self.name.len()
            + self.version.len()
            + self.body.type_url.len()
            + self.body.value.len()
            + FRAMING
    }
}

/// The resources of one type.
#[derive(Debug, Default)]
pub(crate) struct Table {
    entries: BTreeMap<Arc<str>, Arc<Entry>>,
    /// Those of them that nothing leads to any more.
    left: BTreeSet<Arc<str>>,
    /// Removed names, with the transaction that removed them.
    removed: BTreeMap<Arc<str>, Serial>,
    /// All of both, by that transaction.
    changed: BTreeSet<(Serial, Arc<str>)>,
    /// Removals up to this one may have been forgotten.
    floor: Serial,
    /// The transaction that last added, left or removed a name.
    shape: Serial,
}

/// The collection that a name belongs to: all before its last `/`; empty if it has none.
pub(crate) fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// One resource that changed: as it is now, or the name of one that is no more.
#[derive(Debug)]
pub(crate) enum Change {
    Upsert(Arc<Entry>),
    Removed(Serial, Arc<str>),
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All resources, by name.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.values()
    }

    /// The names of what something leads to.
    pub(crate) fn needed(&self) -> impl Iterator<Item = &Arc<str>> {
        let names = self.entries.keys();
        names.filter(|name| !self.left.contains(*name))
    }

    /// One resource.
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Entry>> {
        self.entries.get(name)
    }

    /// The resources of a collection, by name.
    pub(crate) fn within<'a>(
        &'a self,
        collection: &'a str,
    ) -> impl Iterator<Item = &'a Arc<Entry>> {
        let first: Arc<str> = format!("{collection}/").into();
        let from = self.entries.range(first.clone()..);
        let behind = from.take_while(move |(name, _)| name.starts_with(&*first));
        let direct = behind.filter(move |(name, _)| parent(name) == collection);
        direct.map(|(_, entry)| entry)
    }

    /// The transaction that last added, left or removed a name; 0 if there never was one.
    pub(crate) fn shape(&self) -> Serial {
        self.shape
    }

    /// What changed after a serial, oldest change first. None if that was too long ago.
    pub(crate) fn since(&self, serial: Serial) -> Option<impl Iterator<Item = Change>> {
        if serial < self.floor {
            return None;
        }
        let names = self
            .changed
            .range((serial.saturating_add(1), Arc::from(""))..);
        Some(names.map(|(serial, name)| match self.entries.get(name) {
            Some(entry) => Change::Upsert(entry.clone()),
            None => Change::Removed(*serial, name.clone()),
        }))
    }

    /// Whether that was a change.
    pub(super) fn upsert(&mut self, upsert: Upsert, serial: Serial) -> bool {
        let was_left = self.left.remove(&upsert.name);
        if was_left {
            self.shape = serial;
        }
        if let Some(old) = self.entries.get(&upsert.name) {
            if old.version == upsert.version {
                return was_left;
            }
            self.changed.remove(&(old.serial, upsert.name.clone()));
        } else {
            self.shape = serial;
        }
        if let Some(old) = self.removed.remove(&upsert.name) {
            self.changed.remove(&(old, upsert.name.clone()));
        }
        self.changed.insert((serial, upsert.name.clone()));
        let entry = Entry {
            name: upsert.name.clone(),
            version: upsert.version,
            body: upsert.body,
            serial,
        };
        self.entries.insert(upsert.name, Arc::new(entry));
        true
    }

    /// Whether that was a change.
    pub(super) fn leave(&mut self, name: &Arc<str>, serial: Serial) -> bool {
        let is_new = self.entries.contains_key(name) && self.left.insert(name.clone());
        if is_new {
            self.shape = serial;
        }
        is_new
    }

    /// Whether that was a change.
    pub(super) fn remove(&mut self, name: &Arc<str>, serial: Serial) -> bool {
        let Some(old) = self.entries.remove(name) else {
            return false;
        };
        self.left.remove(name);
        self.changed.remove(&(old.serial, name.clone()));
        self.changed.insert((serial, name.clone()));
        self.removed.insert(name.clone(), serial);
        self.shape = serial;
        // Twice as many before the oldest half goes: a walk every so often, not at each removal.
        if self.removed.len() > 2 * REMEMBERED.max(self.entries.len()) {
            self.forget();
        }
        true
    }

    /// Forgets the older half of the removed names.
    fn forget(&mut self) {
        let mut serials: Vec<Serial> = self.removed.values().copied().collect();
        serials.sort_unstable();
        let Some(floor) = serials.get(serials.len() / 2).copied() else {
            return;
        };
        self.floor = floor;
        let changed = &mut self.changed;
        self.removed.retain(|name, serial| {
            let keep = *serial > floor;
            if !keep {
                changed.remove(&(*serial, name.clone()));
            }
            keep
        });
    }
}
