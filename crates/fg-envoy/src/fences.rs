//! What Envoy refused, and what it is sent instead.
//!
//! A refused resource keeps its last good version, also for Envoys that connect later; nothing else
//! is held back. Its next version lifts the fence. A resource that never was good is closed: its
//! virtual host answers 500, anything else is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use envoy_types::pb::envoy::config::core::v3::{DataSource, data_source::Specifier};
use envoy_types::pb::envoy::config::route::v3::{
    DirectResponseAction, Route, RouteMatch, VirtualHost, route::Action, route_match::PathSpecifier,
};

use prost::Message as _;

use crate::resource::{Kind, Resource, Update};

/// Names a resource.
type Key = (Kind, Arc<str>);

/// The resources of one scope as they were made, and which of them are not in use.
#[derive(Debug, Default)]
pub struct Fences {
    made: BTreeMap<Key, Made>,
    /// What waits for its confirmation, by the serial that it was sent with.
    sent: BTreeMap<u64, Vec<Key>>,
    refused: BTreeSet<Key>,
}

/// A resource as it was made last.
#[derive(Debug)]
struct Made {
    resource: Resource,
    /// The last version that an Envoy has confirmed; `None` when that is this one, or there is none.
    good: Option<Resource>,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// It is in use somewhere.
    Good,
    /// Sent, not confirmed yet.
    Sent,
    /// Refused, in Envoy's words.
    Refused(String),
}

/// A resource whose present version is not in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The resource, as it was made and refused.
    pub resource: Resource,
    /// Why, in Envoy's words.
    pub reason: String,
    /// Whether an earlier version serves on; else it is closed.
    pub serves_on: bool,
}

impl Fences {
    /// Notes what was made, and sent with a serial. A new version is tried, whatever became of the
    /// one before.
    pub fn sent(&mut self, update: &Update, serial: u64) {
        for resource in &update.upserts {
            let key = (resource.kind, resource.name.clone());
            self.refused.remove(&key);
            self.sent.entry(serial).or_default().push(key.clone());
            let good = self
                .made
                .remove(&key)
                .and_then(|before| match before.state {
                    State::Good => Some(before.resource),
                    State::Sent | State::Refused(_) => before.good,
                });
            let made = Made {
                resource: resource.clone(),
                good,
                state: State::Sent,
            };
            self.made.insert(key, made);
        }
        for key in &update.removed {
            self.made.remove(key);
            self.refused.remove(key);
        }
    }

    /// An Envoy uses all that was sent up to a serial, but for what it refused.
    ///
    /// Cost: in proportion to what was sent since the last one.
    pub fn confirmed(&mut self, serial: u64) {
        let later = self.sent.split_off(&(serial + 1));
        let sent = std::mem::replace(&mut self.sent, later);
        // One that was sent again since then is confirmed by a later serial.
        let waiting: BTreeSet<&Key> = self.sent.values().flatten().collect();
        for key in sent.into_values().flatten() {
            if waiting.contains(&key) {
                continue;
            }
            if let Some(made) = self.made.get_mut(&key)
                && made.state == State::Sent
            {
                made.state = State::Good;
                made.good = None;
            }
        }
    }

    /// An Envoy has refused a version of a resource. Gives what to send in its place; `None` when
    /// another version was made since, or this one is fenced already.
    pub fn refuse(
        &mut self,
        kind: Kind,
        name: &str,
        version: &str,
        reason: &str,
    ) -> Option<Update> {
        let key = (kind, Arc::from(name));
        let made = self.made.get_mut(&key)?;
        if *made.resource.version != *version || matches!(made.state, State::Refused(_)) {
            return None;
        }
        made.state = State::Refused(reason.to_owned());
        self.refused.insert(key.clone());
        let instead = made.good.clone().or_else(|| closed(&made.resource));
        Some(match instead {
            Some(instead) => Update {
                upserts: vec![instead],
                removed: Vec::new(),
            },
            None => Update {
                upserts: Vec::new(),
                removed: vec![key],
            },
        })
    }

    /// What is fenced now, sorted by kind and name.
    pub fn all(&self) -> impl Iterator<Item = Fence> {
        let made = self.refused.iter().filter_map(|key| self.made.get(key));
        made.filter_map(|made| match &made.state {
            State::Refused(reason) => Some(Fence {
                resource: made.resource.clone(),
                reason: reason.clone(),
                serves_on: made.good.is_some(),
            }),
            State::Good | State::Sent => None,
        })
    }

    /// What there is to send to who has nothing: what was made, with what stands in for what was
    /// refused.
    pub fn serving(&self) -> Vec<Resource> {
        let made = self.made.values();
        let serving = made.filter_map(|made| match &made.state {
            State::Refused(_) => made.good.clone().or_else(|| closed(&made.resource)),
            State::Good | State::Sent => Some(made.resource.clone()),
        });
        serving.collect()
    }
}

/// What stands in for a resource that must not be missing.
fn closed(refused: &Resource) -> Option<Resource> {
    (refused.kind == Kind::VirtualHost).then(|| {
        Resource::new(
            Kind::VirtualHost,
            refused.name.clone(),
            Bytes::from(closed_host(&refused.name).encode_to_vec()),
            refused.about.clone(),
        )
    })
}

/// A virtual host of this name that answers everything with 500.
fn closed_host(name: &str) -> VirtualHost {
    let domain = name.rsplit_once('/').map_or(name, |(_, domain)| domain);
    let words = "The route's rule is invalid.\n".to_owned();
    let answer = DirectResponseAction {
        status: 500,
        body: Some(DataSource {
            specifier: Some(Specifier::InlineString(words)),
            ..DataSource::default()
        }),
        ..DirectResponseAction::default()
    };
    let everything = RouteMatch {
        path_specifier: Some(PathSpecifier::Prefix("/".to_owned())),
        ..RouteMatch::default()
    };
    VirtualHost {
        name: name.to_owned(),
        domains: vec![domain.to_owned()],
        routes: vec![Route {
            name: "refused".to_owned(),
            r#match: Some(everything),
            action: Some(Action::DirectResponse(answer)),
            ..Route::default()
        }],
        ..VirtualHost::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(kind: Kind, name: &str, version: &str) -> Resource {
        Resource {
            kind,
            name: name.into(),
            version: version.into(),
            body: Bytes::new(),
            about: Vec::new(),
        }
    }

    fn update(resource: Resource) -> Update {
        Update {
            upserts: vec![resource],
            removed: Vec::new(),
        }
    }

    #[test]
    fn what_is_refused_keeps_its_last_good_version() {
        let mut fences = Fences::default();
        let good = resource(Kind::Secret, "a", "1");
        fences.sent(&update(good.clone()), 1);
        fences.confirmed(1);
        fences.sent(&update(resource(Kind::Secret, "a", "2")), 2);
        assert_eq!(
            fences.refuse(Kind::Secret, "a", "2", "no"),
            Some(update(good.clone()))
        );
        // Said by every Envoy, it is done once.
        assert_eq!(fences.refuse(Kind::Secret, "a", "2", "no"), None);
        fences.confirmed(2);
        let all: Vec<Fence> = fences.all().collect();
        assert_eq!(all.len(), 1);
        assert!(all[0].serves_on);
        // The next version is tried; if that is bad too, the same one serves on.
        fences.sent(&update(resource(Kind::Secret, "a", "3")), 3);
        assert_eq!(fences.all().count(), 0);
        assert_eq!(
            fences.refuse(Kind::Secret, "a", "3", "no"),
            Some(update(good))
        );
        fences.sent(&update(resource(Kind::Secret, "a", "4")), 4);
        // Of one that was there before it.
        fences.confirmed(3);
        assert_eq!(
            fences
                .refuse(Kind::Secret, "a", "4", "no")
                .map(|update| update.upserts.len()),
            Some(1)
        );
        fences.sent(&update(resource(Kind::Secret, "a", "5")), 5);
        fences.confirmed(5);
        assert_eq!(fences.all().count(), 0);
        // An answer about a version of long ago.
        assert_eq!(fences.refuse(Kind::Secret, "a", "3", "no"), None);
    }

    #[test]
    fn what_never_was_good_is_closed() {
        let mut fences = Fences::default();
        fences.sent(&update(resource(Kind::Cluster, "c", "1")), 5);
        let instead = fences.refuse(Kind::Cluster, "c", "1", "no").expect("new");
        assert_eq!(instead.removed, [(Kind::Cluster, Arc::from("c"))]);
        fences.sent(
            &update(resource(Kind::VirtualHost, "http/80/a.com", "1")),
            6,
        );
        let instead = fences
            .refuse(Kind::VirtualHost, "http/80/a.com", "1", "no")
            .expect("new");
        assert_eq!(&*instead.upserts[0].name, "http/80/a.com");
        assert!(!fences.all().any(|fence| fence.serves_on));
    }
}
