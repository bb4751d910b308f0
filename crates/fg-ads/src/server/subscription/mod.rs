//! What one client has and wants of one type, and what to send it next.

mod collect;
mod part;
mod refusal;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::protocol::{Names, Protocol, Said};
use crate::Serial;
use crate::message::{Status, WILDCARD};
use crate::store::{Entry, Table, parent};

pub(super) use self::collect::{Behind, View};
pub(super) use self::part::{Flight, Part};
pub(super) use self::refusal::Outcome;

/// Types that one client may ask for.
pub(super) const TYPES: usize = 32;

/// A version of a resource that the client refused.
#[derive(Debug)]
struct Refused {
    version: Arc<str>,
    reason: String,
}

/// One client's subscription to one type.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) type_url: Arc<str>,
    protocol: Protocol,
    /// Whether the names are those of collections (see [`super::Ordered::collections`]).
    collections: bool,
    wildcard: bool,
    /// Subscribed by name.
    names: BTreeSet<Arc<str>>,
    /// Whether there ever was a name: then none means nothing, not everything.
    was_named: bool,
    /// Those of them that were not answered yet, and what is to be sent once more.
    fresh: BTreeSet<Arc<str>>,
    /// What the client has from an earlier stream, until everything was compared with it.
    has: BTreeMap<String, String>,
    /// Whether the client got everything that the wildcard stands for.
    is_complete: bool,
    /// The client got what changed up to here, or it is on its way. None before the first response:
    /// then it is what it asks for that is looked at, not what changed.
    seen: Option<Serial>,
    /// The client has answered all up to here.
    done: Serial,
    /// Changes that wait for other types, as they were when they were first seen: what changes all the
    /// time would else wait for ever.
    captured: BTreeMap<Arc<str>, Arc<Entry>>,
    /// Removals that wait for those who may still use the resources.
    late: BTreeMap<Arc<str>, Serial>,
    parts: VecDeque<Part>,
    /// When the first part of the present response was sent.
    begun: Option<Instant>,
    pub(super) flight: Option<Flight>,
    /// What the client has, if each response must have all of it.
    held: BTreeMap<Arc<str>, Arc<Entry>>,
    /// What it refused and does not have in a later version.
    refused: BTreeMap<Arc<str>, Refused>,
    /// Of its last refusal.
    words: String,
    /// When it was last found that everything was asked for: what the table said of its names, and
    /// how often the names of this subscription had changed.
    covered: Option<(Serial, u64)>,
    turns: u64,
}

impl Subscription {
    /// Of a type's first request. One that names nothing is a subscription to everything.
    pub(super) fn new(said: &mut Said, protocol: Protocol, collections: bool) -> Self {
        let (wildcard, has) = match &mut said.names {
            Names::Difference { subscribe, has, .. } => (subscribe.is_empty(), std::mem::take(has)),
            Names::All(names) => (names.is_empty(), BTreeMap::new()),
        };
        Self {
            type_url: said.type_url.as_str().into(),
            protocol,
            collections,
            wildcard,
            names: BTreeSet::new(),
            was_named: !wildcard,
            fresh: BTreeSet::new(),
            has,
            is_complete: false,
            seen: None,
            done: 0,
            captured: BTreeMap::new(),
            late: BTreeMap::new(),
            parts: VecDeque::new(),
            begun: None,
            flight: None,
            held: BTreeMap::new(),
            refused: BTreeMap::new(),
            words: String::new(),
            covered: None,
            turns: 0,
        }
    }

    /// Names that this subscription holds.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Takes names in and out.
    pub(super) fn change(&mut self, names: &Names) {
        match names {
            Names::Difference {
                subscribe,
                unsubscribe,
                ..
            } => {
                for name in unsubscribe {
                    self.leave(name);
                }
                for name in subscribe {
                    // Asked for again, it is sent again: the client says that it lacks it.
                    self.enter(name);
                }
            }
            Names::All(names) => self.turn_to(names),
        }
    }

    /// Takes all names that a client of the state-of-the-world protocol wants.
    fn turn_to(&mut self, names: &[String]) {
        if names.is_empty() && !self.was_named {
            return;
        }
        let wanted: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let gone = self.names.iter().filter(|name| !wanted.contains(&***name));
        for name in gone.cloned().collect::<Vec<_>>() {
            self.leave(&name);
        }
        if self.wildcard && !wanted.contains(WILDCARD) {
            self.leave(WILDCARD);
        }
        for name in wanted {
            if !self.names.contains(name) {
                self.enter(name);
            }
        }
    }

    fn enter(&mut self, name: &str) {
        if name == WILDCARD {
            self.wildcard = true;
            return;
        }
        self.was_named = true;
        let name: Arc<str> = name.into();
        self.fresh.insert(name.clone());
        self.names.insert(name);
        self.turns += 1;
    }

    fn leave(&mut self, name: &str) {
        if name == WILDCARD {
            self.wildcard = false;
            self.is_complete = false;
            return;
        }
        self.names.remove(name);
        self.fresh.remove(name);
        self.captured.remove(name);
        self.refused.remove(name);
        self.turns += 1;
    }

    /// Has these sent once more, if they are wanted.
    pub(super) fn renew<'a>(&mut self, names: impl IntoIterator<Item = &'a Arc<str>>) {
        for name in names {
            if self.wildcard || self.names.contains(name) {
                self.fresh.insert(name.clone());
            }
        }
    }

    /// Whether nothing is on its way, nor waits to be.
    pub(super) fn is_idle(&self) -> bool {
        self.flight.is_none() && self.parts.is_empty()
    }

    /// The client has answered everything up to here, removals that wait left out. 0 before all.
    pub(super) fn done(&self) -> Serial {
        self.done
    }

    /// Whether removals wait to be told.
    pub(super) fn has_late(&self) -> bool {
        !self.late.is_empty()
    }

    /// Whether there is something that it refused and has no later version of.
    pub(super) fn has_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    /// Whether it refused this and has no later version of it.
    pub(super) fn refuses(&self, name: &str) -> bool {
        self.refused.contains_key(name)
    }

    /// Whether everything that was asked for was answered.
    pub(super) fn is_answered(&self) -> bool {
        self.is_idle() && self.fresh.is_empty() && (self.is_complete || !self.wildcard)
    }

    /// Says the names that something leads to, and that were not asked for.
    pub(super) fn lacks(&mut self, table: &Table, mut say: impl FnMut(&Arc<str>)) {
        let seen = Some((table.shape(), self.turns));
        if self.wildcard || self.covered == seen {
            return;
        }
        let mut lacks = false;
        for name in table.needed().filter(|name| !self.asks_for(name)) {
            lacks = true;
            say(name);
        }
        if !lacks {
            self.covered = seen;
        }
    }

    /// The answer to a response: how that stands now, and how long all of it took so far. None if it is
    /// not the one in flight.
    pub(super) fn answered(
        &mut self,
        nonce: &str,
        error: Option<&Status>,
    ) -> Option<(BTreeSet<Arc<str>>, Outcome, Duration)> {
        let flight = self.flight.take_if(|flight| flight.nonce == nonce)?;
        let took = self.begun.map_or(Duration::ZERO, |begun| begun.elapsed());
        let names = refusal::names(&flight.part);
        let outcome = self.judge(flight.part, error);
        if outcome != Outcome::Goes {
            self.begun = None;
        }
        Some((names, outcome, took))
    }

    /// The next part of a response that was begun.
    pub(super) fn next_part(&mut self) -> Option<Part> {
        if self.flight.is_some() {
            return None;
        }
        self.parts.pop_front()
    }

    /// Notes that a part is on its way, and gives what the message has: all resources, if each must.
    pub(super) fn sent(&mut self, part: Part, nonce: String) -> Vec<Arc<Entry>> {
        let now = Instant::now();
        self.begun.get_or_insert(now);
        let mut upserts = part.upserts.clone();
        if self.is_whole() {
            let mut all = self.held.clone();
            all.extend(upserts.into_iter().map(|one| (one.name.clone(), one)));
            all.retain(|name, _| !part.removed.contains(name));
            upserts = all.into_values().collect();
        }
        self.flight = Some(Flight {
            nonce,
            part,
            sent: now,
        });
        upserts
    }

    /// Whether each response must have everything that the client shall have.
    fn is_whole(&self) -> bool {
        self.protocol == Protocol::StateOfTheWorld && self.wildcard
    }

    /// Whether the client can be told that something is no more.
    fn knows_removal(&self) -> bool {
        self.protocol == Protocol::Delta || self.wildcard
    }

    /// Whether a resource is subscribed to by its name, or by that of its collection.
    fn asks_for(&self, name: &str) -> bool {
        self.names.contains(name) || (self.collections && self.names.contains(parent(name)))
    }
}
