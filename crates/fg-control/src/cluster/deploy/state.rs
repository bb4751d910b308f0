//! What is wanted, what is there, and what is to be done about the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fg_api::deployment::{Deployment, Wish};
use fg_base::Text;
use fg_deploy::{Fleet, Owner, authority, objects};
use fg_model::ObjectRef;
use serde_json::Value;

use super::kinds::{Child, Kind, within};
use super::strangers::Strangers;
use super::unit::{Standing, Unit};

/// The least time between two times that somebody else's change is undone, so that a fight costs
/// little.
const TRUCE: Duration = Duration::from_secs(1);

/// An object as it was last seen: of ours by its label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) uid: String,
    pub(super) version: String,
    pub(super) generation: Option<i64>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    /// The Gateways that it belongs to.
    pub(super) owners: Vec<Owner>,
}

/// An object as it was last applied.
struct Applied {
    uid: String,
    object: Value,
    version: String,
    generation: Option<i64>,
}

/// One thing to do.
#[derive(Debug, PartialEq)]
pub(super) enum Action {
    /// Apply it; `is_ours` says that what is there belongs to us, as far as is known.
    Apply {
        child: Child,
        object: Value,
        is_ours: bool,
    },
    /// Delete it, if it still is the one of this uid.
    Delete { child: Child, uid: String },
}

/// What came of one action.
pub(super) struct Done {
    pub(super) child: Child,
    pub(super) result: Result<Change, Failure>,
}

/// Why an action had no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// Empty when the API server was not reached: nobody can be told that before it is past.
    pub(super) words: String,
    /// Whether the same may well work the next time: the API server was not reached, is busy, or
    /// somebody else wrote at the same time.
    pub(super) passes: bool,
}

/// What an action did.
pub(super) enum Change {
    /// The object is there as it should be.
    Applied {
        uid: String,
        object: Value,
        version: String,
        generation: Option<i64>,
    },
    /// It is gone.
    Deleted,
}

/// A Gateway.
#[derive(Default)]
struct Gateway {
    wish: Option<Wish>,
    /// The last one that could be deployed.
    last: Option<Arc<Deployment>>,
    told: Option<Option<String>>,
}

/// All of it.
pub(super) struct State {
    fleet: Fleet,
    bundle: Arc<str>,
    gateways: BTreeMap<Arc<ObjectRef>, Gateway>,
    standings: BTreeMap<Unit, Standing>,
    seen: BTreeMap<Child, Seen>,
    applied: BTreeMap<Child, Applied>,
    strangers: Strangers,
    /// Those that something came of since news was asked for.
    finished: BTreeSet<Unit>,
}

impl State {
    pub(super) fn new(fleet: Fleet, bundle: Arc<str>) -> Self {
        Self {
            fleet,
            bundle,
            gateways: BTreeMap::new(),
            standings: BTreeMap::new(),
            seen: BTreeMap::new(),
            applied: BTreeMap::new(),
            strangers: Strangers::default(),
            finished: BTreeSet::new(),
        }
    }

    /// Takes what a Gateway wants now.
    pub(super) fn wish(&mut self, id: &Arc<ObjectRef>, wish: Option<Wish>) {
        let gateway = self.gateways.entry(id.clone()).or_default();
        match &wish {
            Some(Wish::Deploy(deployment)) => gateway.last = Some(deployment.clone()),
            // What was deployed before is gone, and does not come back by itself.
            Some(Wish::Elsewhere(_)) | None => gateway.last = None,
            Some(Wish::Keep) => {}
        }
        gateway.wish = wish;
        self.touch(Unit::Authority(id.namespace.clone()));
        self.touch(Unit::Gateway(id.clone()));
    }

    /// Takes what proxies are to trust.
    pub(super) fn bundle(&mut self, bundle: Arc<str>) {
        if self.bundle == bundle {
            return;
        }
        self.bundle = bundle;
        for namespace in self.namespaces() {
            self.touch(Unit::Authority(namespace));
        }
    }

    /// Another replica may have applied anything since this one did.
    pub(super) fn begin(&mut self) {
        self.applied.clear();
        for gateway in self.gateways.keys().cloned().collect::<Vec<_>>() {
            self.touch(Unit::Gateway(gateway));
        }
        for namespace in self.namespaces() {
            self.touch(Unit::Authority(namespace));
        }
    }

    /// Takes what became of an object.
    pub(super) fn see(&mut self, child: Child, seen: Option<Seen>, now: Instant) {
        let before = match &seen {
            Some(seen) => self.seen.insert(child.clone(), seen.clone()),
            None => self.seen.remove(&child),
        };
        let is_right = match (&seen, self.applied.get(&child)) {
            (Some(seen), Some(applied)) => is_right(&child, seen, applied),
            // Nothing of this time; it is looked at when its Gateway is, or what all of a namespace
            // share when it loses one of them.
            (Some(seen), None) => before
                .as_ref()
                .is_some_and(|before| !child.is_shared() || before.owners == seen.owners),
            (None, _) => false,
        };
        if child.is_shared() {
            let strangers = &mut self.strangers;
            strangers.see(&child.namespace, before.as_ref(), seen.as_ref());
        }
        if is_right {
            return;
        }
        if seen.is_none() {
            self.applied.remove(&child);
        }
        let owners = [&seen, &before].into_iter().flatten();
        let units: Vec<Unit> = if child.is_shared() {
            vec![Unit::Authority(child.namespace.clone())]
        } else {
            owners
                .flat_map(|seen| &seen.owners)
                .filter_map(|owner| self.gateway(&child.namespace, &owner.name))
                .map(Unit::Gateway)
                .collect()
        };
        for unit in units {
            let last = self.standings.get(&unit).and_then(|standing| standing.last);
            let standing = self.standings.entry(unit).or_default();
            if standing.failures == 0 {
                let truce = last.map(|last| last + TRUCE);
                standing.not_before = truce.filter(|truce| seen.is_some() && *truce > now);
            }
            standing.is_dirty = true;
        }
    }

    /// The objects of a kind that are known.
    pub(super) fn known(&self, kind: Kind) -> Vec<Child> {
        let all = self.seen.keys().filter(|child| child.kind == kind);
        all.cloned().collect()
    }

    /// What is to be done now, and not being done. A Gateway comes after the ConfigMap of its
    /// namespace, which its pods need, unless that is refused.
    pub(super) fn due(&self, now: Instant) -> Vec<Unit> {
        let is_first = |unit: &Unit| match unit {
            Unit::Authority(_) => true,
            Unit::Gateway(id) => {
                let authority = Unit::Authority(id.namespace.clone());
                let authority = self.standings.get(&authority);
                authority.is_none_or(|standing| !(standing.is_under_way || standing.is_due(now)))
            }
        };
        let due = self.standings.iter();
        let due = due.filter(|(unit, standing)| standing.is_due(now) && is_first(unit));
        due.map(|(unit, _)| unit.clone()).collect()
    }

    /// When something is to be done that is not to be done now.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        let dirty = self.standings.values().filter(|standing| standing.is_dirty);
        let later = dirty.filter_map(|standing| standing.not_before);
        later.filter(|at| *at > now).min()
    }

    /// What is to be done about a unit; [`Self::finish`] or [`Self::abandon`] has to follow.
    pub(super) fn start(&mut self, unit: &Unit) -> Vec<Action> {
        self.standings.entry(unit.clone()).or_default().begin();
        self.plan(unit)
    }

    /// Nothing is done any more of what was begun: all of it may or may not have had its effect.
    pub(super) fn abandon(&mut self) {
        for standing in self.standings.values_mut() {
            standing.is_dirty |= std::mem::take(&mut standing.is_under_way);
        }
    }

    fn plan(&self, unit: &Unit) -> Vec<Action> {
        match unit {
            Unit::Authority(namespace) => self.plan_authority(namespace).into_iter().collect(),
            Unit::Gateway(id) => self.plan_gateway(id),
        }
    }

    fn plan_gateway(&self, id: &ObjectRef) -> Vec<Action> {
        let Some(gateway) = self.gateways.get(id) else {
            return Vec::new();
        };
        let wanted = match (&gateway.wish, &gateway.last) {
            (Some(Wish::Deploy(deployment)), _) | (Some(Wish::Keep), Some(deployment)) => {
                objects(deployment, &self.fleet)
            }
            // Nothing is known of what is deployed: nothing is done about it.
            (Some(Wish::Keep), None) => return Vec::new(),
            (Some(Wish::Elsewhere(_)) | None, _) => Vec::new(),
        };
        let named: Vec<Child> = wanted.iter().filter_map(Child::of).collect();
        let owned = |seen: &Seen| seen.owners.iter().any(|owner| *owner.name == *id.name);
        let seen = within(&self.seen, &id.namespace).filter(|(_, seen)| owned(seen));
        let seen = seen.map(|(child, seen)| (child, &seen.uid));
        // What was just made may not have been seen yet.
        let made = within(&self.applied, &id.namespace).filter(|(child, applied)| {
            !self.seen.contains_key(*child) && is_owned(&applied.object, &id.name)
        });
        let made = made.map(|(child, applied)| (child, &applied.uid));
        let unwanted = seen.chain(made);
        let unwanted = unwanted.filter(|(child, _)| !child.is_shared() && !named.contains(child));
        let unwanted = unwanted.map(|(child, uid)| Action::Delete {
            child: child.clone(),
            uid: uid.clone(),
        });
        let wanted = wanted.into_iter().zip(named.iter().cloned());
        let wanted = wanted.filter_map(|(object, child)| {
            let is_ours = self.seen.get(&child).is_some_and(owned);
            self.apply(child, object, is_ours)
        });
        wanted.chain(unwanted).collect()
    }

    fn plan_authority(&self, namespace: &Text) -> Option<Action> {
        let child = Child::authority(namespace);
        let seen = self.seen.get(&child);
        let mut owners: Vec<Owner> = Vec::new();
        for (id, gateway) in self
            .gateways
            .iter()
            .filter(|(id, _)| id.namespace == *namespace)
        {
            match (&gateway.wish, &gateway.last) {
                (None, _) => {}
                (Some(Wish::Elsewhere(uid)), _) => owners.push(Owner {
                    name: id.name.to_string(),
                    uid: uid.to_string(),
                }),
                (Some(Wish::Deploy(deployment)), _) | (Some(Wish::Keep), Some(deployment)) => {
                    owners.push(Owner {
                        name: id.name.to_string(),
                        uid: deployment.uid.to_string(),
                    });
                }
                (Some(Wish::Keep), None) => {
                    let before = seen.into_iter().flat_map(|seen| &seen.owners);
                    owners.extend(before.filter(|owner| *owner.name == *id.name).cloned());
                }
            }
        }
        if owners.is_empty() {
            // It goes by itself with Gateways that are gone, but not with those that are no longer
            // ours. Of whom nothing is known may yet need it, and so may anybody if it names nobody.
            let seen = seen.filter(|seen| !seen.owners.is_empty())?;
            let mut owners = seen.owners.iter();
            let uid = seen.uid.clone();
            let is_known = |owner: &Owner| {
                self.gateway(namespace, &owner.name).is_some()
                    || self.strangers.contains(namespace, &owner.name)
            };
            return owners
                .all(is_known)
                .then_some(Action::Delete { child, uid });
        }
        let object = authority(namespace, &self.bundle, &owners);
        self.apply(child, object, seen.is_some())
    }

    /// Applies an object, unless it is there as it should be.
    fn apply(&self, child: Child, object: Value, is_ours: bool) -> Option<Action> {
        let is_done = match (self.seen.get(&child), self.applied.get(&child)) {
            (Some(seen), Some(applied)) => {
                applied.object == object && is_right(&child, seen, applied)
            }
            _ => false,
        };
        (!is_done).then_some(Action::Apply {
            child,
            object,
            is_ours,
        })
    }

    /// Takes what came of a plan.
    pub(super) fn finish(&mut self, unit: &Unit, done: Vec<Done>, now: Instant) {
        let mut failures = Vec::new();
        for Done { child, result } in done {
            match result {
                Ok(Change::Applied {
                    uid,
                    object,
                    version,
                    generation,
                }) => {
                    let applied = Applied {
                        uid,
                        object,
                        version,
                        generation,
                    };
                    self.applied.insert(child, applied);
                }
                Ok(Change::Deleted) => {
                    self.applied.remove(&child);
                }
                Err(Failure { words, passes }) => {
                    self.applied.remove(&child);
                    let words = (!words.is_empty())
                        .then(|| format!("{} {}: {words}", child.kind.name(), child.name));
                    failures.push((words, passes));
                }
            }
        }
        let standing = self.standings.entry(unit.clone()).or_default();
        standing.ended(failures, now);
        self.finished.insert(unit.clone());
        self.forget(unit);
    }

    /// Forgets what is done with for ever.
    fn forget(&mut self, unit: &Unit) {
        if self
            .standings
            .get(unit)
            .is_some_and(|standing| standing.is_dirty)
        {
            return;
        }
        match unit {
            Unit::Gateway(id) => {
                if self
                    .gateways
                    .get(id)
                    .is_some_and(|gateway| gateway.wish.is_none())
                {
                    self.gateways.remove(id);
                    self.standings.remove(unit);
                    let authority = self.seen.get(&Child::authority(&id.namespace));
                    self.strangers.note(&id.namespace, &id.name, authority);
                }
            }
            Unit::Authority(namespace) => {
                if !self.gateways.keys().any(|id| id.namespace == *namespace) {
                    self.standings.remove(unit);
                }
            }
        }
    }

    /// The words on Gateways that changed since this was last asked.
    pub(super) fn news(&mut self) -> Vec<(Arc<ObjectRef>, Option<String>)> {
        let mut about: BTreeSet<Arc<ObjectRef>> = BTreeSet::new();
        for unit in std::mem::take(&mut self.finished) {
            match unit {
                Unit::Gateway(id) => {
                    about.insert(id);
                }
                Unit::Authority(namespace) => {
                    let all = self.gateways.keys();
                    about.extend(all.filter(|id| id.namespace == namespace).cloned());
                }
            }
        }
        let mut news = Vec::new();
        for id in about {
            let outcome = |unit| {
                let standing: Option<&Standing> = self.standings.get(&unit);
                standing.and_then(|standing| standing.outcome.clone())
            };
            let authority = outcome(Unit::Authority(id.namespace.clone())).flatten();
            let (Some(own), Some(gateway)) = (
                outcome(Unit::Gateway(id.clone())),
                self.gateways.get_mut(&id),
            ) else {
                continue;
            };
            let words = authority.or(own);
            if gateway.told.as_ref() != Some(&words) {
                gateway.told = Some(words.clone());
                news.push((id, words));
            }
        }
        news
    }

    fn touch(&mut self, unit: Unit) {
        self.standings.entry(unit).or_default().renew();
    }

    fn namespaces(&self) -> Vec<Text> {
        let mut all: Vec<Text> = self
            .gateways
            .keys()
            .map(|id| id.namespace.clone())
            .collect();
        all.dedup();
        all
    }

    fn gateway(&self, namespace: &str, name: &str) -> Option<Arc<ObjectRef>> {
        let (group, kind) = fg_model::kinds::GATEWAY;
        let id = ObjectRef::new(group, kind, namespace, name);
        self.gateways.get_key_value(&id).map(|(id, _)| id.clone())
    }
}

/// Whether an object that was applied belongs to a Gateway of this name.
fn is_owned(object: &Value, gateway: &str) -> bool {
    let owners = object.pointer("/metadata/ownerReferences");
    let mut owners = owners.and_then(Value::as_array).into_iter().flatten();
    owners.any(|owner| owner["name"] == *gateway)
}

/// Whether an object is as it was applied, as far as its metadata tells.
fn is_right(child: &Child, seen: &Seen, applied: &Applied) -> bool {
    if seen.version == applied.version {
        return true;
    }
    let is_same = if child.kind.has_generations() {
        seen.generation == applied.generation
    } else {
        child.kind.is_restless()
    };
    let metadata = applied.object.get("metadata");
    let holds = |field: &str, have: &BTreeMap<String, String>| {
        let want = metadata.and_then(|metadata| metadata.get(field));
        let want = want.and_then(Value::as_object).into_iter().flatten();
        let mut want = want.map(|(key, value)| have.get(key).map(String::as_str) == value.as_str());
        want.all(|holds| holds)
    };
    is_same && holds("labels", &seen.labels) && holds("annotations", &seen.annotations)
}
