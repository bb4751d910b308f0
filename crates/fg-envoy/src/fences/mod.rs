//! What Envoys refused, and what they are sent instead.
//!
//! A version that no Envoy is known to use and one refuses is replaced by the last good one, also for
//! Envoys that connect later. One that another Envoy uses stays: the first that refuses it keeps what it
//! has, and its status says so. So does every Envoy where no good version is known, as after a restart
//! of the control plane: nothing is ever taken away because of a refusal. Only a virtual host of which
//! no version can have been in use is closed: it answers 500. The next version lifts everything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use envoy_types::pb::envoy::config::route::v3::VirtualHost;
use prost::Message as _;

use crate::resource::{Kind, Resource, Update};
use crate::routes;
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

/// What serves in place of a refused version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// The last good version, at all Envoys.
    LastGood,
    /// What the Envoy had before, if anything; others may use the refused version.
    WhatWas,
    /// Nothing: no version was ever in use. A virtual host answers 500.
    Nothing,
}

impl Instead {
    /// In words, for status.
    pub const fn words(self) -> &'static str {
        match self {
            Self::LastGood => "its last good version serves on",
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
        }
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
        self.is_first = false;
    }

    fn forget(&mut self, key: &Key) -> Option<Made> {
        let before = self.made.remove(key)?;
        self.waiting.remove(&(before.serial, key.clone()));
        self.withdrawn.remove(key);
        Some(before)
    }

    /// An Envoy uses all that was sent up to a serial, but for what it refused.
    ///
    /// Cost: in proportion to what was sent since the last one, and what nobody uses.
    pub fn confirmed(&mut self, client: u64, serial: u64) {
        let later = serial.checked_add(1).map_or_else(BTreeSet::new, |next| {
            let first = (next, (Kind::Secret, Arc::from("")));
            self.waiting.split_off(&first)
        });
        let due = std::mem::replace(&mut self.waiting, later);
        let own = self.own.get(&client);
        for (serial, key) in due {
            let Some(made) = self.made.get_mut(&key) else {
                continue;
            };
            let refusal = own.and_then(|own| own.get(&key));
            if refusal.is_some_and(|refusal| refusal.version == made.resource.version) {
                self.waiting.insert((serial, key));
                continue;
            }
            made.state = State::Good;
            made.good = None;
        }
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
    ) -> Option<Update> {
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
        if made.state != State::Sent {
            return None;
        }
        made.is_doubtful = true;
        let closed = || {
            let is_host = kind == Kind::VirtualHost && made.is_new;
            is_host.then(|| closed(&self.settings, &made.resource))
        };
        let instead = made.good.clone().or_else(closed)?;
        made.state = State::Withdrawn(reason.to_owned());
        self.waiting.remove(&(made.serial, key.clone()));
        self.withdrawn.insert(key);
        Some(Update {
            upserts: vec![instead],
            removed: Vec::new(),
        })
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
        differs
    }

    /// An Envoy is gone: what it refused itself is forgotten.
    pub fn gone(&mut self, client: u64) {
        self.own.remove(&client);
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
        Some(Update {
            upserts: vec![resource],
            removed: Vec::new(),
        })
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
        let mut all = BTreeMap::new();
        for (key, refusal) in own.into_iter().flatten() {
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
        for key in &self.withdrawn {
            if let Some(made) = self.made.get(key)
                && let State::Withdrawn(reason) = &made.state
            {
                let instead = match &made.good {
                    Some(_) => Instead::LastGood,
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
        all.into_values().collect()
    }
}

/// A virtual host for the same requests that answers everything as an invalid rule.
fn closed(settings: &Settings, refused: &Resource) -> Resource {
    // What we encoded ourselves can be decoded; its domains are not always those of its name.
    let domains =
        VirtualHost::decode(&*refused.body).map_or_else(|_| Vec::new(), |host| host.domains);
    let host = VirtualHost {
        name: refused.name.to_string(),
        domains,
        routes: vec![routes::closed(settings)],
        ..VirtualHost::default()
    };
    let body = Bytes::from(host.encode_to_vec());
    let (name, about) = (refused.name.clone(), refused.about.clone());
    Resource::new(Kind::VirtualHost, name, body, about)
}

#[cfg(test)]
mod tests;
