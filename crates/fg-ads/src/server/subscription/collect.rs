//! What the client lacks, as the next response.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Subscription;
use super::part::cut;
use crate::Serial;
use crate::store::{Change, Entry, State, Table, parent};

/// The client has not seen a removal that the store has forgotten.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Behind;

/// What may be sent.
#[derive(Clone, Copy)]
pub(in super::super) struct View<'a> {
    pub(in super::super) state: &'a State,
    /// What changed later waits for other types.
    pub(in super::super) limit: Serial,
    /// Whether removals wait.
    pub(in super::super) holds_back: bool,
    /// Units: bytes.
    pub(in super::super) bound: usize,
}

/// What a response is made of.
#[derive(Debug, Default)]
struct Differences {
    /// New and changed resources.
    upserts: Vec<Arc<Entry>>,
    /// Names of those that are no more, with the transaction that removed them; 0 of those that never
    /// were.
    removed: Vec<(Serial, Arc<str>)>,
}

impl Subscription {
    /// Makes the next response of what the client lacks, if it lacks something and may have it.
    ///
    /// # Errors
    /// When the client is too far behind: it must start anew.
    pub(in super::super) fn collect(&mut self, view: View<'_>) -> Result<(), Behind> {
        let now = view.state.serial();
        let is_first = self.wildcard && !self.is_complete;
        let lacks_nothing =
            self.seen == Some(now) && self.fresh.is_empty() && self.captured.is_empty();
        if !self.is_idle() || (lacks_nothing && !is_first) || (is_first && view.limit == 0) {
            return Ok(());
        }
        let empty = Table::default();
        let table = view.state.table(&self.type_url).unwrap_or(&empty);
        let limit = view.limit.min(now);
        let (Differences { upserts, removed }, seen) = if is_first {
            (self.everything(table, now), now)
        } else {
            (self.differences(table, limit)?, limit)
        };
        let seen = self.seen.unwrap_or(0).max(seen);
        self.seen = Some(seen);
        for entry in &upserts {
            self.late.remove(&entry.name);
        }
        let removed = self.removals(removed, view.holds_back);
        // A wildcard's first response is sent even if it is empty: it says that this is all.
        if is_first || !upserts.is_empty() || !removed.is_empty() {
            let bound = if self.is_whole() {
                usize::MAX
            } else {
                view.bound
            };
            self.parts = cut(seen, upserts, removed, bound);
        } else {
            self.done = self.done.max(seen);
        }
        Ok(())
    }

    /// Makes a response of the removals that waited, if there are any up to that transaction.
    pub(in super::super) fn collect_late(&mut self, users: Serial, bound: usize) {
        let due = self.late.extract_if(.., |_, serial| *serial <= users);
        let mut removed: Vec<Arc<str>> = due.map(|(name, _)| name).collect();
        // Who does not ask for it any more has forgotten it.
        removed.retain(|name| self.wildcard || self.asks_for(name));
        if !removed.is_empty() && self.knows_removal() {
            let bound = if self.is_whole() { usize::MAX } else { bound };
            self.parts = cut(self.seen.unwrap_or(0), Vec::new(), removed, bound);
        }
    }

    /// The removals that the response says; others wait, or cannot be said.
    fn removals(&mut self, removed: Vec<(Serial, Arc<str>)>, holds_back: bool) -> Vec<Arc<str>> {
        if !self.knows_removal() {
            return Vec::new();
        }
        if holds_back {
            // A name that never was is answered at once: the client waits for it.
            let (known, unknown): (Vec<_>, Vec<_>) =
                removed.into_iter().partition(|(serial, _)| *serial > 0);
            self.late
                .extend(known.into_iter().map(|(serial, name)| (name, serial)));
            return unknown.into_iter().map(|(_, name)| name).collect();
        }
        removed.into_iter().map(|(_, name)| name).collect()
    }

    fn everything(&mut self, table: &Table, now: Serial) -> Differences {
        let has = std::mem::take(&mut self.has);
        let differs = |entry: &&Arc<Entry>| {
            has.get(&*entry.name)
                .is_none_or(|version| *version != *entry.version)
        };
        let upserts: Vec<_> = table.entries().filter(differs).cloned().collect();
        let gone = has.keys().filter(|name| table.get(name).is_none());
        let mut removed: Vec<_> = gone.map(|name| (now, Arc::from(name.as_str()))).collect();
        self.is_complete = true;
        for name in std::mem::take(&mut self.fresh) {
            if self.collections && table.within(&name).next().is_none() {
                removed.push((0, nothing_in(&name)));
            }
        }
        Differences { upserts, removed }
    }

    fn differences(&mut self, table: &Table, limit: Serial) -> Result<Differences, Behind> {
        let mut made = Differences::default();
        let fresh = std::mem::take(&mut self.fresh);
        let since = self.seen.unwrap_or(Serial::MAX);
        for change in table.since(since).ok_or(Behind)? {
            match change {
                Change::Upsert(entry) if self.wants(&entry.name, &fresh) => {
                    self.take(entry, limit, &mut made.upserts);
                }
                Change::Removed(serial, name) if self.wants(&name, &fresh) => {
                    self.captured.remove(&name);
                    if serial <= limit {
                        made.removed.push((serial, name));
                    }
                }
                Change::Upsert(_) | Change::Removed(..) => {}
            }
        }
        for name in fresh {
            if self.collections && table.get(&name).is_none() {
                self.collection(table, &name, &mut made);
                continue;
            }
            let version = self.has.remove(&*name);
            match table.get(&name) {
                Some(entry) if version.is_some_and(|version| version == *entry.version) => {}
                Some(entry) => {
                    if !self.take(entry.clone(), limit, &mut made.upserts) {
                        self.fresh.insert(name);
                    }
                }
                // Said to be no more: the client must not wait for it.
                None => made.removed.push((0, name)),
            }
        }
        let due = self.captured.extract_if(.., |_, one| one.serial() <= limit);
        for (name, entry) in due {
            self.fresh.remove(&name);
            made.upserts.push(entry);
        }
        Ok(made)
    }

    /// Takes a change into a response if it may be sent; if not, it is kept as it is now.
    fn take(&mut self, entry: Arc<Entry>, limit: Serial, upserts: &mut Vec<Arc<Entry>>) -> bool {
        let may_be_sent = entry.serial() <= limit;
        if may_be_sent {
            self.captured.remove(&entry.name);
            upserts.push(entry);
        } else {
            let name = entry.name.clone();
            self.captured.entry(name).or_insert(entry);
        }
        may_be_sent
    }

    /// All of a collection that the client lacks. It is not left waiting for one that is empty.
    fn collection(&mut self, table: &Table, name: &Arc<str>, made: &mut Differences) {
        let mut is_empty = true;
        for entry in table.within(name) {
            is_empty = false;
            self.captured.remove(&entry.name);
            let version = self.has.remove(&*entry.name);
            if version.is_none_or(|version| version != *entry.version) {
                made.upserts.push(entry.clone());
            }
        }
        let gone = self.has.extract_if(.., |one, _| parent(one) == &**name);
        made.removed
            .extend(gone.map(|(one, _)| (0, Arc::from(one))));
        if is_empty {
            made.removed.push((0, nothing_in(name)));
        }
    }

    /// Whether a change of this name is to be sent; what is fresh is looked at by itself.
    fn wants(&self, name: &Arc<str>, fresh: &BTreeSet<Arc<str>>) -> bool {
        let is_looked_at =
            fresh.contains(name) || (self.collections && fresh.contains(parent(name)));
        (self.wildcard || self.asks_for(name)) && !is_looked_at
    }
}

/// A name in a collection that nothing has: its removal says that the collection is known. Envoy hears
/// neither an empty response nor the removal of the collection's own name.
fn nothing_in(collection: &str) -> Arc<str> {
    format!("{collection}/").into()
}
