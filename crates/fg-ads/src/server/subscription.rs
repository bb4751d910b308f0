//! What one client has and wants of one type, and what to send it next.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::Serial;
use crate::message::{DeltaDiscoveryRequest, WILDCARD};
use crate::store::{Change, Entry, State, Table};

/// Types that one client may ask for.
pub(super) const TYPES: usize = 32;

/// A response, or a part of one that was too large.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) serial: Serial,
    pub(super) upserts: Vec<Arc<Entry>>,
    pub(super) removed: Vec<Arc<str>>,
    /// Whether nothing more of this serial follows.
    pub(super) is_last: bool,
}

/// A part that was not answered yet.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) nonce: String,
    pub(super) serial: Serial,
    pub(super) is_last: bool,
    /// When it was sent.
    pub(super) sent: Instant,
}

/// What a response is made of: new and changed resources, and names of those that are no more.
type Differences = (Vec<Arc<Entry>>, Vec<Arc<str>>);

/// The client has not seen a removal that the store has forgotten.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Behind;

/// One client's subscription to one type.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) type_url: Arc<str>,
    wildcard: bool,
    /// Subscribed by name.
    names: BTreeSet<Arc<str>>,
    /// Those of them that were not answered yet.
    fresh: BTreeSet<Arc<str>>,
    /// What the client has from an earlier stream, until everything was compared with it.
    has: BTreeMap<String, String>,
    /// Whether the client got everything that the wildcard stands for.
    is_complete: bool,
    /// The client got what changed up to here, or it is on its way. None before the first response:
    /// then it is what it asks for that is looked at, not what changed.
    seen: Option<Serial>,
    /// Removals that wait for those who may still use the resources.
    late: BTreeSet<Arc<str>>,
    parts: VecDeque<Part>,
    /// When the first part of the present response was sent.
    begun: Option<Instant>,
    pub(super) flight: Option<Flight>,
}

impl Subscription {
    /// Of a type's first request. One that names nothing is a subscription to everything.
    pub(super) fn new(request: &mut DeltaDiscoveryRequest) -> Self {
        Self {
            type_url: request.type_url.as_str().into(),
            wildcard: request.resource_names_subscribe.is_empty(),
            names: BTreeSet::new(),
            fresh: BTreeSet::new(),
            has: std::mem::take(&mut request.initial_resource_versions),
            is_complete: false,
            seen: None,
            late: BTreeSet::new(),
            parts: VecDeque::new(),
            begun: None,
            flight: None,
        }
    }

    /// Names that this subscription holds.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Takes names in and out.
    pub(super) fn change(&mut self, request: &DeltaDiscoveryRequest) {
        for name in &request.resource_names_unsubscribe {
            if name == WILDCARD {
                self.wildcard = false;
                self.is_complete = false;
            } else {
                self.names.remove(name.as_str());
                self.fresh.remove(name.as_str());
            }
        }
        for name in &request.resource_names_subscribe {
            if name == WILDCARD {
                self.wildcard = true;
            } else {
                let name: Arc<str> = name.as_str().into();
                // Asked for again, it is sent again: the client says that it lacks it.
                self.fresh.insert(name.clone());
                self.names.insert(name);
            }
        }
    }

    /// Whether nothing is on its way, nor waits to be.
    pub(super) fn is_idle(&self) -> bool {
        self.flight.is_none() && self.parts.is_empty()
    }

    /// Whether the client confirmed everything that there is, removals that wait left out.
    pub(super) fn is_settled(&self, state: &State) -> bool {
        let is_all_there = !self.wildcard || self.is_complete;
        self.is_idle() && is_all_there && self.seen == Some(state.serial()) && self.fresh.is_empty()
    }

    /// The answer to a response: which one, and how long all of it took so far. None if it is not the
    /// one in flight.
    pub(super) fn answered(&mut self, nonce: &str) -> Option<(Flight, Duration)> {
        let flight = self.flight.take_if(|flight| flight.nonce == nonce)?;
        let took = self.begun.map_or(Duration::ZERO, |begun| begun.elapsed());
        if flight.is_last {
            self.begun = None;
        }
        Some((flight, took))
    }

    /// The next part of a response that was begun.
    pub(super) fn next_part(&mut self) -> Option<Part> {
        if self.flight.is_some() {
            return None;
        }
        self.parts.pop_front()
    }

    /// Notes that a part is on its way.
    pub(super) fn sent(&mut self, part: &Part, nonce: String) {
        let now = Instant::now();
        self.begun.get_or_insert(now);
        self.flight = Some(Flight {
            nonce,
            serial: part.serial,
            is_last: part.is_last,
            sent: now,
        });
    }

    /// Makes the next response of what the client lacks, if it lacks something. `holds_back` says that
    /// removals wait.
    ///
    /// # Errors
    /// When the client is too far behind: it must start anew.
    pub(super) fn collect(
        &mut self,
        state: &State,
        holds_back: bool,
        bound: usize,
    ) -> Result<(), Behind> {
        let empty = Table::default();
        let table = state.table(&self.type_url).unwrap_or(&empty);
        let is_first = self.wildcard && !self.is_complete;
        let (upserts, mut removed) = if is_first {
            self.everything(table)
        } else {
            self.differences(table)?
        };
        self.seen = Some(state.serial());
        for entry in &upserts {
            self.late.remove(&entry.name);
        }
        if holds_back {
            self.late.extend(removed.drain(..));
        }
        // A wildcard's first response is sent even if it is empty: it says that this is all.
        if is_first || !upserts.is_empty() || !removed.is_empty() {
            self.parts = cut(state.serial(), upserts, removed, bound);
        }
        Ok(())
    }

    /// Makes a response of the removals that waited, if there are any.
    pub(super) fn collect_late(&mut self, state: &State, bound: usize) {
        if !self.late.is_empty() {
            let removed = std::mem::take(&mut self.late).into_iter().collect();
            self.parts = cut(state.serial(), Vec::new(), removed, bound);
        }
    }

    fn everything(&mut self, table: &Table) -> Differences {
        let has = std::mem::take(&mut self.has);
        let differs = |entry: &&Arc<Entry>| {
            has.get(&*entry.name)
                .is_none_or(|version| *version != *entry.version)
        };
        let upserts = table.entries().filter(differs).cloned().collect();
        let gone = has.keys().filter(|name| table.get(name).is_none());
        let removed = gone.map(|name| Arc::from(name.as_str())).collect();
        self.is_complete = true;
        self.fresh.clear();
        (upserts, removed)
    }

    fn differences(&mut self, table: &Table) -> Result<Differences, Behind> {
        let mut upserts = Vec::new();
        let mut removed = Vec::new();
        let fresh = std::mem::take(&mut self.fresh);
        let since = self.seen.unwrap_or(Serial::MAX);
        for change in table.since(since).ok_or(Behind)? {
            match change {
                Change::Upsert(entry) if self.wants(&entry.name, &fresh) => upserts.push(entry),
                Change::Removed(name) if self.wants(&name, &fresh) => removed.push(name),
                Change::Upsert(_) | Change::Removed(_) => {}
            }
        }
        for name in fresh {
            let version = self.has.remove(&*name);
            match table.get(&name) {
                Some(entry) if version.is_some_and(|version| version == *entry.version) => {}
                Some(entry) => upserts.push(entry.clone()),
                // Said to be no more: the client must not wait for it.
                None => removed.push(name),
            }
        }
        Ok((upserts, removed))
    }

    /// Whether a change of this name is to be sent; what is fresh is looked at by itself.
    fn wants(&self, name: &Arc<str>, fresh: &BTreeSet<Arc<str>>) -> bool {
        (self.wildcard || self.names.contains(name)) && !fresh.contains(name)
    }
}

/// Cuts a response into parts that are within the bound, or have one resource.
fn cut(
    serial: Serial,
    upserts: Vec<Arc<Entry>>,
    removed: Vec<Arc<str>>,
    bound: usize,
) -> VecDeque<Part> {
    let mut parts = VecDeque::new();
    let mut part = Part::default();
    let mut size = 0;
    let mut begin = |part: &mut Part, more: usize| {
        if size > 0 && size + more > bound {
            parts.push_back(std::mem::take(part));
            size = 0;
        }
        size += more;
    };
    for entry in upserts {
        begin(&mut part, entry.size());
        part.upserts.push(entry);
    }
    for name in removed {
        /// Tag and length.
        const FRAMING: usize = 4;
        begin(&mut part, name.len() + FRAMING);
        part.removed.push(name);
    }
    part.is_last = true;
    parts.push_back(part);
    for part in &mut parts {
        part.serial = serial;
    }
    parts
}
