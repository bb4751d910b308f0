//! What is done when, without an API server.

mod abreast;
mod lead;
mod ownership;
mod under_way;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fg_api::deployment::{Deployment, Wish};
use fg_deploy::{Fleet, MANAGED_BY, MANAGER, Owner};
use fg_model::{ObjectRef, Plane, kinds};
use serde_json::json;

use super::kinds::{Child, Kind};
use super::state::{Action, Change, Done, Failure, Seen, State};
use super::unit::Unit;

fn fleet() -> Fleet {
    Fleet {
        image: "ferrogate:1".to_owned(),
        envoy_image: "envoy:1".to_owned(),
        control: "control:9977".to_owned(),
        version: "1".to_owned(),
    }
}

fn state() -> State {
    State::new(fleet(), "PEM".into())
}

fn gateway(name: &str) -> Arc<ObjectRef> {
    Arc::new(ObjectRef::new(
        kinds::GATEWAY.0,
        kinds::GATEWAY.1,
        "shop",
        name,
    ))
}

fn deploy(name: &str, ports: &[u16]) -> Option<Wish> {
    Some(Wish::Deploy(Arc::new(Deployment {
        gateway: gateway(name),
        uid: format!("uid-{name}").into(),
        class: "ferrogate".into(),
        plane: Plane::Native,
        labels: Default::default(),
        annotations: Default::default(),
        ports: ports.iter().copied().collect(),
        address: None,
        parameters: Default::default(),
    })))
}

fn child(kind: Kind, name: &str) -> Child {
    Child {
        namespace: "shop".into(),
        kind,
        name: name.into(),
    }
}

/// The API server as far as the plans need one: whatever is applied is there in another version.
#[derive(Default)]
struct Server {
    versions: u64,
    refused: BTreeSet<Kind>,
    /// Busy for these.
    busy: BTreeSet<Kind>,
    /// What is there.
    there: BTreeMap<Child, Seen>,
}

impl Server {
    /// Does all that is due; what was done, as `+Service web` or `-Service web`.
    fn settle(&mut self, state: &mut State, now: Instant) -> Vec<String> {
        let mut words = Vec::new();
        while let Some(unit) = state.due(now).into_iter().next() {
            let plan = state.start(&unit);
            let done = plan
                .into_iter()
                .map(|action| self.perform(action, &mut words));
            let done: Vec<_> = done.collect();
            let mut events = Vec::new();
            let done = done.into_iter().map(|(done, seen)| {
                events.extend(seen);
                done
            });
            state.finish(&unit, done.collect(), now);
            for (child, seen) in events {
                match &seen {
                    Some(seen) => self.there.insert(child.clone(), seen.clone()),
                    None => self.there.remove(&child),
                };
                state.see(child, seen, now);
            }
        }
        words
    }

    fn perform(
        &mut self,
        action: Action,
        words: &mut Vec<String>,
    ) -> (Done, Option<(Child, Option<Seen>)>) {
        match action {
            Action::Apply { child, object, .. } => {
                words.push(format!("+{} {}", child.kind.name(), child.name));
                for (kinds, words, passes) in [
                    (&self.refused, "no room", false),
                    (&self.busy, "too many requests", true),
                ] {
                    if kinds.contains(&child.kind) {
                        let words = words.to_owned();
                        let result = Err(Failure { words, passes });
                        return (Done { child, result }, None);
                    }
                }
                self.versions += 1;
                let version = self.versions.to_string();
                let seen = self.seen(&object, &version);
                let change = Change::Applied {
                    uid: seen.uid.clone(),
                    generation: seen.generation,
                    version,
                    object,
                };
                let event = (child.clone(), Some(seen));
                (
                    Done {
                        child,
                        result: Ok(change),
                    },
                    Some(event),
                )
            }
            Action::Delete { child, .. } => {
                words.push(format!("-{} {}", child.kind.name(), child.name));
                let event = (child.clone(), None);
                let result = Ok(Change::Deleted);
                (Done { child, result }, Some(event))
            }
        }
    }

    fn seen(&self, object: &serde_json::Value, version: &str) -> Seen {
        let metadata = &object["metadata"];
        let read =
            |field: &str| serde_json::from_value(metadata[field].clone()).unwrap_or_default();
        let owners = metadata["ownerReferences"].as_array().expect("owners");
        let owner = |owner: &serde_json::Value| Owner {
            name: owner["name"].as_str().expect("a name").to_owned(),
            uid: owner["uid"].as_str().expect("a uid").to_owned(),
        };
        Seen {
            uid: "u".to_owned(),
            version: version.to_owned(),
            generation: Some(1),
            labels: read("labels"),
            annotations: read("annotations"),
            owners: owners.iter().map(owner).collect(),
        }
    }
}

const ALL: [&str; 4] = [
    "+ConfigMap ferrogate-ca",
    "+ServiceAccount web",
    "+Service web",
    "+Deployment web",
];

/// A Gateway `web` on port 80 that is deployed.
fn deployed() -> (State, Server, Instant) {
    let (mut state, mut server, now) = (state(), Server::default(), Instant::now());
    state.wish(&gateway("web"), deploy("web", &[80]));
    assert_eq!(server.settle(&mut state, now), ALL);
    assert_eq!(state.news(), [(gateway("web"), None)]);
    (state, server, now)
}

#[test]
fn what_is_applied_is_left_alone_until_it_should_be_something_else() {
    let (mut state, mut server, now) = deployed();
    assert_eq!(server.settle(&mut state, now), Vec::<String>::new());
    state.wish(&gateway("web"), deploy("web", &[80]));
    assert_eq!(server.settle(&mut state, now), Vec::<String>::new());
    state.wish(&gateway("web"), deploy("web", &[80, 443]));
    assert_eq!(server.settle(&mut state, now), ["+Service web"]);
    assert_eq!(state.news(), []);
}

#[test]
fn what_changed_or_vanished_is_applied_again() {
    let (mut state, mut server, now) = deployed();
    state.see(child(Kind::Deployment, "web"), None, now);
    assert_eq!(server.settle(&mut state, now), ["+Deployment web"]);
    state.see(child(Kind::ConfigMap, "ferrogate-ca"), None, now);
    assert_eq!(server.settle(&mut state, now), ["+ConfigMap ferrogate-ca"]);
    let later = now + Duration::from_secs(2);
    let mut other = server.seen(
        &json!({"metadata": {"ownerReferences": [{"name": "web", "uid": "uid-web"}]}}),
        "other",
    );
    other
        .labels
        .insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    state.see(child(Kind::Service, "web"), Some(other), later);
    assert_eq!(server.settle(&mut state, later), ["+Service web"]);
}

#[test]
fn a_change_of_status_is_none() {
    let (mut state, mut server, now) = deployed();
    let Some(Action::Apply { object, .. }) = fresh_plan().pop() else {
        panic!("the Deployment comes last");
    };
    let seen = server.seen(&object, "of a change of status");
    state.see(child(Kind::Deployment, "web"), Some(seen.clone()), now);
    assert_eq!(server.settle(&mut state, now), Vec::<String>::new());
    let edited = Seen {
        version: "of an edit".to_owned(),
        generation: Some(2),
        ..seen
    };
    let later = now + Duration::from_secs(2);
    state.see(child(Kind::Deployment, "web"), Some(edited), later);
    assert_eq!(server.settle(&mut state, later), ["+Deployment web"]);
}

/// The plan for a Gateway `web` of which nothing is there.
fn fresh_plan() -> Vec<Action> {
    let mut state = state();
    state.wish(&gateway("web"), deploy("web", &[80]));
    state.start(&Unit::Gateway(gateway("web")))
}

#[test]
fn a_fight_costs_one_round_a_second() {
    let (mut state, mut server, now) = deployed();
    let seen = |version: &str| Seen {
        version: version.to_owned(),
        owners: vec![Owner {
            name: "web".to_owned(),
            uid: "uid-web".to_owned(),
        }],
        ..Seen::default()
    };
    state.see(child(Kind::Service, "web"), Some(seen("theirs")), now);
    assert_eq!(server.settle(&mut state, now), Vec::<String>::new());
    let next = state.next(now).expect("there is something to do later");
    assert!(next > now);
    assert_eq!(server.settle(&mut state, next), ["+Service web"]);
}

#[test]
fn what_is_not_wanted_any_more_is_deleted() {
    let (mut state, mut server, now) = deployed();
    let Some(Wish::Deploy(wish)) = deploy("web", &[80]) else {
        panic!("a wish");
    };
    let mut wish = Arc::unwrap_or_clone(wish);
    wish.parameters = serde_json::from_value(json!({"podDisruptionBudget": {}})).expect("settings");
    state.wish(&gateway("web"), Some(Wish::Deploy(Arc::new(wish))));
    assert_eq!(server.settle(&mut state, now), ["+PodDisruptionBudget web"]);
    state.wish(&gateway("web"), deploy("web", &[80]));
    assert_eq!(server.settle(&mut state, now), ["-PodDisruptionBudget web"]);
    state.wish(&gateway("web"), None);
    assert_eq!(
        server.settle(&mut state, now),
        [
            "-ConfigMap ferrogate-ca",
            "-ServiceAccount web",
            "-Service web",
            "-Deployment web"
        ]
    );
    assert_eq!(server.settle(&mut state, now), Vec::<String>::new());
}

#[test]
fn a_gateway_that_changes_planes_keeps_its_service_and_loses_what_was_envoys() {
    let (mut state, mut server, now) = deployed();
    let Some(Wish::Deploy(wish)) = deploy("web", &[80]) else {
        panic!("a wish");
    };
    let mut wish = Arc::unwrap_or_clone(wish);
    wish.plane = Plane::Envoy;
    let of_envoy = Some(Wish::Deploy(Arc::new(wish)));
    state.wish(&gateway("web"), of_envoy.clone());
    assert_eq!(
        server.settle(&mut state, now),
        ["+ConfigMap web-envoy", "+Deployment web"]
    );
    // Somebody deletes the bootstrap.
    state.see(child(Kind::ConfigMap, "web-envoy"), None, now);
    assert_eq!(server.settle(&mut state, now), ["+ConfigMap web-envoy"]);
    state.wish(&gateway("web"), deploy("web", &[80]));
    assert_eq!(
        server.settle(&mut state, now),
        ["+Deployment web", "-ConfigMap web-envoy"]
    );
}

#[test]
fn a_wish_that_cannot_be_fulfilled_keeps_what_is_there() {
    let (mut state, mut server, now) = deployed();
    state.wish(&gateway("web"), Some(Wish::Keep));
    assert_eq!(server.settle(&mut state, now), Vec::<String>::new());
    state.see(child(Kind::Deployment, "web"), None, now);
    assert_eq!(server.settle(&mut state, now), ["+Deployment web"]);
    // The same after a restart, when nothing is known of what was wanted before.
    let mut state = self::state();
    let object = json!({"metadata": {"ownerReferences": [{"name": "web", "uid": "uid-web"}]}});
    let seen = server.seen(&object, "1");
    state.see(child(Kind::Deployment, "web"), Some(seen), now);
    state.wish(&gateway("web"), Some(Wish::Keep));
    assert_eq!(server.settle(&mut state, now), Vec::<String>::new());
}

#[test]
fn failures_are_told_and_tried_again_less_and_less_often() {
    let (mut state, mut server, mut now) = (state(), Server::default(), Instant::now());
    server.refused = [Kind::Service].into();
    state.wish(&gateway("web"), deploy("web", &[80]));
    assert_eq!(
        server.settle(&mut state, now),
        ALL,
        "the others are applied all the same"
    );
    let words = Some("Service web: no room".to_owned());
    assert_eq!(state.news(), [(gateway("web"), words)]);
    let mut pauses = Vec::new();
    for _ in 0..12 {
        let next = state.next(now).expect("it is tried again");
        pauses.push(next - now);
        now = next;
        assert_eq!(server.settle(&mut state, now), ["+Service web"]);
        assert_eq!(state.news(), []);
    }
    assert!(pauses.is_sorted());
    assert_eq!(pauses.last(), Some(&Duration::from_secs(60)));
    server.refused.clear();
    state.wish(&gateway("web"), deploy("web", &[81]));
    assert_eq!(
        server.settle(&mut state, now),
        ["+Service web"],
        "a new wish is tried at once"
    );
    assert_eq!(state.news(), [(gateway("web"), None)]);
}

#[test]
fn what_may_pass_by_itself_is_told_from_the_third_time_on() {
    let (mut state, mut server, mut now) = deployed();
    server.busy = [Kind::Service].into();
    let words = |words: &str| [(gateway("web"), Some(words.to_owned()))];
    for round in 1..=3_u16 {
        // Something else is wanted each time, which is tried at once.
        state.wish(&gateway("web"), deploy("web", &[80, round]));
        assert_eq!(server.settle(&mut state, now), ["+Service web"]);
        if round < 3 {
            assert_eq!(state.news(), [], "round {round}");
        }
    }
    assert_eq!(state.news(), words("Service web: too many requests"));
    now = state.next(now).expect("it is tried again");
    server.busy.clear();
    assert_eq!(server.settle(&mut state, now), ["+Service web"]);
    assert_eq!(state.news(), [(gateway("web"), None)]);
    // A refusal is told at once, and alone.
    server.busy = [Kind::Service].into();
    server.refused = [Kind::Deployment].into();
    state.begin();
    server.settle(&mut state, now);
    assert_eq!(state.news(), words("Deployment web: no room"));
}

#[test]
fn the_authority_of_a_namespace_belongs_to_all_of_its_gateways() {
    let (mut state, mut server, now) = deployed();
    state.wish(&gateway("api"), deploy("api", &[80]));
    let plan = state.start(&Unit::Authority("shop".into()));
    let [
        Action::Apply {
            object,
            is_ours: true,
            ..
        },
    ] = &plan[..]
    else {
        panic!("{plan:?}");
    };
    let owners = object["metadata"]["ownerReferences"]
        .as_array()
        .expect("owners");
    let names: Vec<_> = owners.iter().map(|owner| owner["name"].clone()).collect();
    assert_eq!(names, ["api", "web"]);
    state.abandon();
    server.settle(&mut state, now);
    state.bundle("PEM\nPEM".into());
    assert_eq!(server.settle(&mut state, now), ["+ConfigMap ferrogate-ca"]);
}

#[test]
fn a_new_leader_applies_everything_once() {
    let (mut state, mut server, now) = deployed();
    state.begin();
    assert_eq!(server.settle(&mut state, now), ALL);
    assert_eq!(server.settle(&mut state, now), Vec::<String>::new());
}
