//! What Envoys refused, and what they are sent instead.
//!
//! A version that no Envoy is known to use and one refuses is replaced by the last good one, also for
//! Envoys that connect later. One that another Envoy uses stays: the first that refuses it keeps what it
//! has, and its status says so. So does every Envoy where no good version is known, as after a restart
//! of the control plane: what serves is not taken away because of a refusal. But a virtual host of which
//! no version can have been in use is closed, and so is what the last good version protects less than
//! the refused one ([`standin`]). The next version lifts everything.
//!
//! A route configuration that holds its virtual hosts is mended host by host ([`mending`]). What a
//! version names that is still in use is not removed ([`leavings`]).

mod leavings;
mod mending;
mod names;
mod standin;
mod wider;

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use leavings::Leavings;
use mending::Mending;

use standin::{closed, stand_in};

use crate::resource::{Kind, Resource, Update};
use crate::settings::Settings;

/// Names a resource.
type Key = (Kind, Arc<str>);

/// Between a version and how often it was sent once more.
const AGAIN: char = '~';

/// The resources of one scope as they were made, and which of them are not in use.
#[derive(Debug)]
pub struct Fences {
    settings: Settings,
    /// Whether Envoys may have versions of what was not made yet, from another control plane.
    is_first: bool,
    made: BTreeMap<Key, Made>,
    /// What waits for its confirmation, by the serial that it was sent with: each key once.
    waiting: BTreeSet<(u64, Key)>,
    /// What was withdrawn from all.
    withdrawn: BTreeSet<Key>,
    /// What each Envoy refused itself.
    own: BTreeMap<u64, BTreeMap<Key, Refusal>>,
    /// The route configurations that hold their hosts.
    mendings: BTreeMap<Arc<str>, Mending>,
    leavings: Leavings,
}

/// What an Envoy said of a version.
#[derive(Debug)]
struct Refusal {
    version: Arc<str>,
    reason: String,
}

/// A resource as it was made last.
#[derive(Debug)]
struct Made {
    resource: Resource,
    /// Sent with.
    serial: u64,
    /// The last version that an Envoy has confirmed; `None` when that is this one, or none is known.
    good: Option<Resource>,
    /// Whether no Envoy can have an earlier version.
    is_new: bool,
    /// Whether an Envoy has refused it before one confirmed it.
    is_doubtful: bool,
    state: State,
}

impl Made {
    /// The last version that an Envoy has confirmed, as far as known.
    fn good(&self) -> Option<&Resource> {
        match self.state {
            State::Good => Some(&self.resource),
            State::Sent | State::Withdrawn(_) => self.good.as_ref(),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// It is in use somewhere.
    Good,
    /// Sent, not confirmed yet.
    Sent,
    /// Refused, in Envoy's words, and replaced.
    Withdrawn(String),
}

/// A resource whose present version is not in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The resource, as it was made and refused.
    pub resource: Resource,
    /// Why, in Envoy's words.
    pub reason: String,
    /// What is in use in its place.
    pub instead: Instead,
}

/// What follows from a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This is to be sent in its place, and was in use, or is known to be good.
    Known(Update),
    /// This is to be tried: sent, and noted by [`Fences::sent`].
    Tried(Update),
}

/// What serves in place of a refused version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// The last good version, at all Envoys.
    LastGood,
    /// The last good version, at all Envoys, whose requests are denied where a filter is to be asked
    /// that nothing else uses any more.
    LastGoodDenying,
    /// The last good version, at all Envoys, without the listeners that check no clients and shall.
    LastGoodInPart,
    /// What the Envoy had before, if anything; others may use the refused version.
    WhatWas,
    /// Nothing: no version was ever in use, or the last good one is less guarded than the refused one. A
    /// virtual host answers 500, and a cluster has no endpoints.
    Nothing,
}

impl Instead {
    /// In words, for status.
    pub const fn words(self) -> &'static str {
        match self {
            Self::LastGood => "its last good version serves on",
            Self::LastGoodDenying => {
                "its last good version serves on, and denies (403) what its former ExternalAuth protects"
            }
            Self::LastGoodInPart => {
                "its last good version serves on, without the listeners whose clients it would not check"
            }
            Self::WhatWas => "this Envoy keeps the version that it has, if any",
            Self::Nothing => "it is closed",
        }
    }
}

impl Fences {
    /// Around nothing yet. `settings` are those of the compiler. `is_alone`: no other control plane, and
    /// none before this one, has sent these Envoys anything.
    pub fn new(settings: Settings, is_alone: bool) -> Self {
        Self {
            settings,
            is_first: !is_alone,
            made: BTreeMap::new(),
            waiting: BTreeSet::new(),
            withdrawn: BTreeSet::new(),
            own: BTreeMap::new(),
            mendings: BTreeMap::new(),
            leavings: Leavings::default(),
        }
    }

    /// What is to be sent, and noted by [`Self::sent`], in place of what was made:
    /// without the virtual hosts that Envoy refused, where they are no resources of their own, and without
    /// removals that have to wait ([`Self::released`]).
    pub fn mended(&mut self, mut made: Update) -> Update {
        for resource in &mut made.upserts {
            if resource.whole.is_none() {
                continue;
            }
            let before = self.made.get(&(resource.kind, resource.name.clone()));
            let is_new = before.map_or(!self.is_first, |before| before.is_new);
            match self.mendings.get_mut(&resource.name) {
                Some(mending) => mending.want(resource.clone()),
                None => {
                    let mending = Mending::new(resource.clone(), is_new);
                    self.mendings.insert(resource.name.clone(), mending);
                }
            }
            if let Some(mending) = self.mendings.get(&resource.name) {
                let good = before.and_then(Made::good);
                *resource = mending.composition(good, &self.settings);
            }
        }
        for (kind, name) in &made.removed {
            if *kind == Kind::RouteConfiguration {
                self.mendings.remove(name);
            }
        }
        self.leavings.keep(&mut made);
        self.follow(&mut made);
        made
    }

    /// Notes what was made, and sent with a serial. A new version is tried, whatever became of the
    /// one before. The first one is the snapshot that this scope begins with.
    pub fn sent(&mut self, update: &Update, serial: u64) {
        for resource in &update.upserts {
            let key = (resource.kind, resource.name.clone());
            let before = self.forget(&key);
            // One that was sent and not refused may be in use, also where it is not heard here.
            let is_new = before
                .as_ref()
                .map_or(!self.is_first, |before| before.is_new && before.is_doubtful);
            let good = before.and_then(|before| match before.state {
                State::Good => Some(before.resource),
                State::Sent | State::Withdrawn(_) => before.good,
            });
            let made = Made {
                resource: resource.clone(),
                serial,
                good,
                is_new,
                is_doubtful: false,
                state: State::Sent,
            };
            self.waiting.insert((serial, key.clone()));
            self.made.insert(key, made);
        }
        for key in &update.removed {
            self.forget(key);
        }
        self.leavings.sent(update, serial);
        self.is_first = false;
    }

    fn forget(&mut self, key: &Key) -> Option<Made> {
        let before = self.made.remove(key)?;
        self.waiting.remove(&(before.serial, key.clone()));
        self.withdrawn.remove(key);
        Some(before)
    }

    /// An Envoy has connected: what is left to those that may use it is left to this one, too.
    pub fn connected(&mut self, client: u64) {
        self.leavings.confirmed(client, 0);
    }

    /// An Envoy uses all that was sent up to a serial, but for what it refused, and what it did not ask
    /// for. Gives what is to be sent, and noted, to find out more about a refusal; mostly nothing.
    ///
    /// Cost: in proportion to what was sent since the last one, and what nobody uses.
    pub fn confirmed(
        &mut self,
        client: u64,
        serial: u64,
        unasked: &BTreeSet<(Kind, Arc<str>)>,
    ) -> Update {
        self.leavings.confirmed(client, serial);
        let later = serial.checked_add(1).map_or_else(BTreeSet::new, |next| {
            let first = (next, (Kind::Secret, Arc::from("")));
            self.waiting.split_off(&first)
        });
        let due = std::mem::replace(&mut self.waiting, later);
        let own = self.own.get(&client);
        let mut update = Update::default();
        for (serial, key) in due {
            let Some(made) = self.made.get_mut(&key) else {
                continue;
            };
            let refusal = own.and_then(|own| own.get(&key));
            let is_refused =
                refusal.is_some_and(|refusal| refusal.version == made.resource.version);
            if is_refused || unasked.contains(&key) {
                self.waiting.insert((serial, key));
                continue;
            }
            made.state = State::Good;
            made.good = None;
            if let Some(mending) = self.mendings.get_mut(&key.1)
                && made.resource.whole.is_some()
            {
                mending.is_new = false;
                if mending.next() {
                    let good = Some(&made.resource);
                    update
                        .upserts
                        .push(mending.composition(good, &self.settings));
                }
            }
        }
        update
    }

    /// An Envoy has refused a version of a resource. Gives what to send all in its place; `None` when
    /// another version was made since, this one is replaced already, an Envoy uses it, or nothing is
    /// known that could stand in.
    pub fn refuse(
        &mut self,
        client: u64,
        (kind, name): (Kind, &str),
        version: &str,
        reason: &str,
    ) -> Option<Answer> {
        let key = (kind, Arc::from(name));
        let made = self.made.get_mut(&key)?;
        if *made.resource.version != *version {
            return None;
        }
        let refusal = Refusal {
            version: made.resource.version.clone(),
            reason: reason.to_owned(),
        };
        self.own
            .entry(client)
            .or_default()
            .insert(key.clone(), refusal);
        self.leavings.changed();
        if made.state != State::Sent {
            return None;
        }
        made.is_doubtful = true;
        if let Some(mending) = self.mendings.get_mut(&key.1)
            && made.resource.whole.is_some()
            && (made.good.is_some() || mending.is_new)
        {
            let good = made.good.as_ref();
            if mending.refused(&made.resource, good, reason) {
                return Some(Answer::Tried(alone(
                    mending.composition(good, &self.settings),
                )));
            }
        }
        let instead = match &made.good {
            Some(good) => stand_in(&self.settings, &made.resource, good).0,
            None if made.is_new && kind == Kind::VirtualHost => {
                closed(&self.settings, &made.resource)
            }
            None => return None,
        };
        made.state = State::Withdrawn(reason.to_owned());
        self.waiting.remove(&(made.serial, key.clone()));
        self.withdrawn.insert(key);
        Some(Answer::Known(alone(instead)))
    }

    /// An Envoy has everything of a kind in a version that it uses; or what it refuses of it is said
    /// next. Says whether it refused something before.
    pub fn accepted(&mut self, client: u64, kind: Kind) -> bool {
        let Some(own) = self.own.get_mut(&client) else {
            return false;
        };
        let before = own.len();
        own.retain(|(of, _), _| *of != kind);
        let differs = own.len() < before;
        if own.is_empty() {
            self.own.remove(&client);
        }
        if differs {
            self.leavings.changed();
        }
        differs
    }

    /// An Envoy is gone: what it refused itself is forgotten.
    pub fn gone(&mut self, client: u64) {
        self.own.remove(&client);
        self.leavings.gone(client);
    }

    /// A refused resource to be tried once more, since what it needs is there now: the same content as
    /// another version. To be sent, and noted by [`Self::sent`]. `None` if there is no such resource.
    pub fn again(&self, kind: Kind, name: &str) -> Option<Update> {
        let made = self.made.get(&(kind, Arc::from(name)))?;
        let mut resource = made.resource.clone();
        let (content, times) = match resource.version.rsplit_once(AGAIN) {
            Some((content, times)) => (content, times.parse().unwrap_or(0)),
            None => (&*resource.version, 0_u64),
        };
        resource.version = format!("{content}{AGAIN}{}", times + 1).into();
        Some(alone(resource))
    }

    /// What an Envoy does not use, sorted by kind and name: what was withdrawn from all, and what it
    /// refused itself.
    pub fn of(&self, client: u64) -> Vec<Fence> {
        self.fences(self.own.get(&client))
    }

    /// What any Envoy does not use, sorted by kind and name.
    pub fn all(&self) -> Vec<Fence> {
        self.fences(self.own.values())
    }

    fn fences<'a>(&self, own: impl IntoIterator<Item = &'a BTreeMap<Key, Refusal>>) -> Vec<Fence> {
        let filters = LazyCell::new(|| self.filters());
        let mut all = BTreeMap::new();
        let own = own.into_iter().flatten();
        for (key, refusal) in own.filter(|(key, _)| !self.leavings.has(key)) {
            if let Some(made) = self.made.get(key)
                && made.resource.version == refusal.version
            {
                let instead = if made.is_new && made.state == State::Sent {
                    Instead::Nothing
                } else {
                    Instead::WhatWas
                };
                let fence = Fence {
                    resource: made.resource.clone(),
                    reason: refusal.reason.clone(),
                    instead,
                };
                all.insert(key, fence);
            }
        }
        let withdrawn = self.withdrawn.iter();
        for key in withdrawn.filter(|key| !self.leavings.has(key)) {
            if let Some(made) = self.made.get(key)
                && let State::Withdrawn(reason) = &made.state
            {
                let stand_in = |good| stand_in(&self.settings, &made.resource, good).1;
                let instead = match made.good.as_ref().map(|good| (good, stand_in(good))) {
                    Some((good, Instead::LastGood)) => last_good(&good.body, &filters),
                    Some((_, instead)) => instead,
                    None => Instead::Nothing,
                };
                let fence = Fence {
                    resource: made.resource.clone(),
                    reason: reason.clone(),
                    instead,
                };
                all.insert(key, fence);
            }
        }
        let mut all: Vec<Fence> = all.into_values().collect();
        for (name, mending) in &self.mendings {
            let made = self.made.get(&(Kind::RouteConfiguration, name.clone()));
            let good = made.and_then(Made::good);
            let mut fences = mending.fences(good, &self.settings);
            for (fence, body) in &mut fences {
                if let Some(body) = body {
                    fence.instead = last_good(body, &filters);
                }
            }
            all.extend(fences.into_iter().map(|(fence, _)| fence));
        }
        all
    }

    /// The filters of listeners that guard something: those that what was made last needs.
    fn filters(&self) -> BTreeSet<Vec<u8>> {
        let made = self.made.values().map(|made| &made.resource);
        let listeners = made.filter(|resource| resource.kind == Kind::Listener);
        listeners
            .flat_map(|listener| names::guards(&listener.body).into_keys())
            .collect()
    }
}

/// What a last good version does where these filters are.
fn last_good(
    body: &[u8],
    filters: &LazyCell<BTreeSet<Vec<u8>>, impl FnOnce() -> BTreeSet<Vec<u8>>>,
) -> Instead {
    let guards = names::guards(body);
    if guards.keys().all(|guard| filters.contains(guard)) {
        Instead::LastGood
    } else {
        Instead::LastGoodDenying
    }
}

fn alone(resource: Resource) -> Update {
    Update {
        upserts: vec![resource],
        ..Update::default()
    }
}

#[cfg(test)]
mod tests;
