//! Histories of versions, confirmations and refusals.

use envoy_types::pb::envoy::config::endpoint::v3::{ClusterLoadAssignment, LocalityLbEndpoints};
use envoy_types::pb::envoy::config::route::v3::VirtualHost;
use envoy_types::pb::google::protobuf::Any;
use prost::Message as _;

use super::*;
use crate::routes;

/// Two Envoys.
const ONE: u64 = 1;
const OTHER: u64 = 2;
/// What was not asked for.
const NOTHING: BTreeSet<Key> = BTreeSet::new();
const SECRET: (Kind, &str) = (Kind::Secret, "a");
const HOST: (Kind, &str) = (Kind::VirtualHost, "http/80/~misdirected");

fn resource((kind, name): (Kind, &str), version: &str) -> Resource {
    let host = VirtualHost {
        name: name.to_owned(),
        domains: vec!["a.com".to_owned(), "b.com".to_owned()],
        ..VirtualHost::default()
    };
    Resource {
        kind,
        name: name.into(),
        version: version.into(),
        body: host.encode_to_vec().into(),
        about: Vec::new(),
        whole: None,
    }
}

/// What is put in place of something.
fn known(answer: Option<Answer>) -> Option<Update> {
    match answer? {
        Answer::Known(update) => Some(update),
        Answer::Tried(tried) => panic!("it is tried: {tried:?}"),
    }
}

fn update(resource: Resource) -> Update {
    Update {
        upserts: vec![resource],
        ..Update::default()
    }
}

/// After another control plane may have served the same Envoys.
fn fences() -> Fences {
    Fences::new(Settings::default(), false)
}

#[test]
fn what_is_refused_keeps_its_last_good_version() {
    let mut fences = fences();
    let good = resource(SECRET, "1");
    fences.sent(&update(good.clone()), 1);
    fences.confirmed(ONE, 1, &NOTHING);
    fences.sent(&update(resource(SECRET, "2")), 2);
    let instead = known(fences.refuse(ONE, SECRET, "2", "no"));
    assert_eq!(instead, Some(update(good.clone())));
    // Said by every Envoy, it is done once.
    assert_eq!(fences.refuse(OTHER, SECRET, "2", "no"), None);
    fences.confirmed(ONE, 2, &NOTHING);
    fences.accepted(ONE, Kind::Secret);
    fences.gone(OTHER);
    let all = fences.all();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].instead, Instead::LastGood);
    assert_eq!(fences.of(7), all, "one that connects later has it neither");
    // The next version is tried; if that is bad too, the same one serves on.
    fences.sent(&update(resource(SECRET, "3")), 3);
    assert_eq!(fences.all(), []);
    let instead = known(fences.refuse(ONE, SECRET, "3", "no"));
    assert_eq!(instead, Some(update(good.clone())));
    fences.sent(&update(resource(SECRET, "4")), 4);
    // Of one that was there before it.
    fences.confirmed(ONE, 3, &NOTHING);
    let instead = known(fences.refuse(ONE, SECRET, "4", "no"));
    assert_eq!(instead, Some(update(good)));
    fences.sent(&update(resource(SECRET, "5")), 5);
    fences.confirmed(ONE, 5, &NOTHING);
    assert_eq!(fences.all(), []);
    // An answer about a version of long ago.
    assert_eq!(fences.refuse(ONE, SECRET, "3", "no"), None);
    assert_eq!(fences.all(), []);
}

#[test]
fn what_one_envoy_uses_is_not_taken_from_it_since_another_refuses_it() {
    let mut fences = fences();
    fences.sent(&update(resource(SECRET, "1")), 1);
    fences.confirmed(ONE, 1, &NOTHING);
    fences.sent(&update(resource(SECRET, "2")), 2);
    fences.confirmed(ONE, 2, &NOTHING);
    assert_eq!(fences.refuse(OTHER, SECRET, "2", "too new for me"), None);
    fences.confirmed(OTHER, 2, &NOTHING);
    assert_eq!(fences.of(ONE), []);
    let own = fences.of(OTHER);
    assert_eq!(own.len(), 1);
    assert_eq!(own[0].reason, "too new for me");
    assert_eq!(own[0].instead, Instead::WhatWas);
    assert_eq!(fences.all(), own);
    // Until it takes one, there is a new one, or it is gone.
    assert!(fences.accepted(OTHER, Kind::Secret));
    assert!(!fences.accepted(OTHER, Kind::Secret));
    assert_eq!(fences.of(OTHER), []);
    fences.refuse(OTHER, SECRET, "2", "no");
    fences.sent(&update(resource(SECRET, "3")), 3);
    assert_eq!(fences.of(OTHER), []);
    fences.confirmed(ONE, 3, &NOTHING);
    fences.refuse(OTHER, SECRET, "3", "no");
    fences.gone(OTHER);
    assert_eq!(fences.all(), []);
}

#[test]
fn nothing_is_withdrawn_where_no_good_version_is_known() {
    let mut fences = fences();
    let mut first = update(resource(SECRET, "1"));
    first.upserts.push(resource(HOST, "1"));
    fences.sent(&first, 1);
    assert_eq!(fences.refuse(ONE, SECRET, "1", "no"), None);
    assert_eq!(fences.refuse(ONE, HOST, "1", "no"), None);
    // It has everything else; that does not make them good.
    fences.confirmed(ONE, 1, &NOTHING);
    assert_eq!(fences.of(ONE).len(), 2);
    assert!(
        fences
            .all()
            .iter()
            .all(|one| one.instead == Instead::WhatWas)
    );
    // Nor is a later version closed: one of before the restart may be in use.
    fences.sent(&update(resource(HOST, "2")), 2);
    assert_eq!(fences.refuse(ONE, HOST, "2", "no"), None);
    // One that takes it makes it good.
    fences.confirmed(OTHER, 2, &NOTHING);
    fences.sent(&update(resource(HOST, "3")), 3);
    let instead = known(fences.refuse(ONE, HOST, "3", "no"));
    assert_eq!(instead, Some(update(resource(HOST, "2"))));
}

#[test]
fn a_host_that_never_was_good_answers_500_on_its_domains() {
    let mut fences = fences();
    fences.sent(&Update::default(), 1);
    fences.sent(&update(resource((Kind::Cluster, "c"), "1")), 2);
    assert_eq!(fences.refuse(ONE, (Kind::Cluster, "c"), "1", "no"), None);
    for version in ["1", "2"] {
        fences.sent(&update(resource(HOST, version)), 3);
        let instead = known(fences.refuse(ONE, HOST, version, "no")).expect("closed");
        assert_eq!(instead.removed, []);
        let host = VirtualHost::decode(&*instead.upserts[0].body).expect("a host");
        assert_eq!(&*instead.upserts[0].name, HOST.1);
        assert_eq!(host.name, HOST.1);
        assert_eq!(host.domains, ["a.com", "b.com"]);
        assert_eq!(host.routes, [routes::closed(&Settings::default())]);
        let fields = &host.routes[0].response_headers_to_add;
        let mut fields = fields.iter().filter_map(|field| field.header.as_ref());
        assert!(fields.any(|one| one.key == "x-ferrogate-reason" && one.value == "invalid_rule"));
    }
    let all = fences.all();
    assert!(all.iter().all(|one| one.instead == Instead::Nothing));
    assert_eq!(all.len(), 2);
}

#[test]
fn who_is_alone_is_certain_of_its_first_snapshot() {
    let mut fences = Fences::new(Settings::default(), true);
    fences.sent(&update(resource(HOST, "1")), 1);
    assert!(fences.refuse(ONE, HOST, "1", "no").is_some());
}

#[test]
fn what_was_sent_twice_unheard_may_be_in_use() {
    let mut fences = fences();
    fences.sent(&Update::default(), 1);
    fences.sent(&update(resource(HOST, "1")), 2);
    fences.sent(&update(resource(HOST, "2")), 3);
    assert_eq!(fences.refuse(ONE, HOST, "2", "no"), None);
}

#[test]
fn what_nobody_confirms_does_not_pile_up() {
    let mut fences = fences();
    for serial in 1..1000 {
        fences.sent(&update(resource(SECRET, &serial.to_string())), serial);
    }
    assert_eq!(fences.waiting.len(), 1);
    let removed = Update {
        removed: vec![(Kind::Secret, "a".into())],
        ..Update::default()
    };
    fences.sent(&removed, 1000);
    assert!(fences.waiting.is_empty() && fences.made.is_empty());
}

#[test]
fn one_is_tried_again_as_another_version_and_forgets_nothing() {
    let mut fences = fences();
    let good = resource(SECRET, "1");
    fences.sent(&update(good.clone()), 1);
    fences.confirmed(ONE, 1, &NOTHING);
    fences.sent(&update(resource(SECRET, "2")), 2);
    fences.refuse(ONE, SECRET, "2", "no");
    for (serial, version) in [(3, "2~1"), (4, "2~2")] {
        let again = fences.again(SECRET.0, SECRET.1).expect("it is there");
        assert_eq!(again, update(resource(SECRET, version)));
        fences.sent(&again, serial);
        let instead = known(fences.refuse(ONE, SECRET, version, "no"));
        assert_eq!(instead, Some(update(good.clone())));
    }
    assert_eq!(fences.again(Kind::Cluster, "a"), None);
}

const CLUSTER: (Kind, &str) = (Kind::Cluster, "backend/one");

/// A resource whose message names something.
fn naming(key: (Kind, &str), version: &str, name: &str) -> Resource {
    let host = VirtualHost {
        name: name.to_owned(),
        ..VirtualHost::default()
    };
    Resource {
        body: host.encode_to_vec().into(),
        ..resource(key, version)
    }
}

/// What is made in place of a route to a cluster: the cluster goes.
fn edit(version: &str) -> Update {
    Update {
        upserts: vec![resource(HOST, version)],
        removed: vec![(Kind::Secret, "key".into()), (CLUSTER.0, CLUSTER.1.into())],
        ..Update::default()
    }
}

#[test]
fn what_the_last_good_version_names_stays_with_it() {
    for is_refused in [false, true] {
        let mut fences = fences();
        let first = Update {
            upserts: vec![
                naming(HOST, "1", CLUSTER.1),
                naming(CLUSTER, "1", "key"),
                resource((Kind::Secret, "key"), "1"),
            ],
            ..Update::default()
        };
        fences.sent(&first, 1);
        fences.confirmed(ONE, 1, &NOTHING);
        fences.confirmed(OTHER, 1, &NOTHING);
        let sent = fences.mended(edit("2"));
        assert_eq!(sent.removed, []);
        assert_eq!(sent.left, edit("2").removed);
        fences.sent(&sent, 2);
        assert!(fences.released().is_empty(), "nobody has the edit");
        if is_refused {
            assert!(fences.refuse(ONE, HOST, "2", "no").is_some());
        }
        fences.confirmed(ONE, 2, &NOTHING);
        assert!(fences.released().is_empty(), "one has not");
        fences.confirmed(OTHER, 2, &NOTHING);
        if is_refused {
            assert!(fences.released().is_empty(), "it is in use");
            let sent = fences.mended(update(resource(HOST, "3")));
            fences.sent(&sent, 3);
            fences.confirmed(ONE, 3, &NOTHING);
            // Who is gone is not waited for.
            fences.gone(OTHER);
        }
        let released = fences.released();
        assert_eq!(released.removed, edit("2").removed);
        fences.sent(&released, 4);
        assert!(fences.released().is_empty());
        assert_eq!(fences.made.len(), 1);
    }
}

#[test]
fn what_is_used_again_is_not_removed_later() {
    let mut fences = fences();
    fences.sent(&update(resource(CLUSTER, "1")), 1);
    fences.confirmed(ONE, 1, &NOTHING);
    let sent = fences.mended(edit("2"));
    fences.sent(&sent, 2);
    let again = fences.mended(update(resource(CLUSTER, "1")));
    fences.sent(&again, 3);
    fences.confirmed(ONE, 3, &NOTHING);
    assert_eq!(fences.released().removed, [(Kind::Secret, "key".into())]);
}

#[test]
fn who_is_away_may_need_it() {
    let first = Update {
        upserts: vec![naming(HOST, "1", CLUSTER.1), resource(CLUSTER, "1")],
        ..Update::default()
    };
    for is_known in [false, true] {
        let mut fences = fences();
        fences.sent(&first, 1);
        if is_known {
            fences.confirmed(ONE, 1, &NOTHING);
            fences.gone(ONE);
        }
        let sent = fences.mended(edit("2"));
        fences.sent(&sent, 2);
        let cluster = (CLUSTER.0, CLUSTER.1.into());
        let removed = fences.released().removed;
        assert!(!removed.contains(&cluster), "nobody has the edit");
        // It is back, and refuses the edit: what it has, or is sent instead, can be used.
        let instead = known(fences.refuse(ONE, HOST, "2", "no"));
        let good = update(first.upserts[0].clone());
        assert_eq!(instead, is_known.then_some(good));
        fences.confirmed(ONE, 2, &NOTHING);
        let removed = fences.released().removed;
        assert!(!removed.contains(&cluster), "it is in use");
        let sent = fences.mended(update(resource(HOST, "3")));
        fences.sent(&sent, 3);
        fences.confirmed(ONE, 3, &NOTHING);
        assert!(fences.released().removed.contains(&cluster));
    }
}

#[test]
fn what_no_envoy_can_need_does_not_wait() {
    let mut fences = Fences::new(Settings::default(), true);
    let first = Update {
        upserts: vec![naming(HOST, "1", CLUSTER.1), resource(CLUSTER, "1")],
        ..Update::default()
    };
    fences.sent(&first, 1);
    fences.confirmed(ONE, 1, &NOTHING);
    let sent = fences.mended(edit("2"));
    fences.sent(&sent, 2);
    fences.confirmed(ONE, 2, &NOTHING);
    fences.gone(ONE);
    let released = fences.released();
    assert_eq!(released.removed, edit("2").removed);
    assert!(fences.released().is_empty(), "it is not said twice");
    fences.sent(&released, 3);
    assert_eq!(fences.made.len(), 1);
}

#[test]
fn what_stays_does_not_pile_up() {
    let mut fences = fences();
    fences.confirmed(ONE, 0, &NOTHING);
    let (mut made, mut removed) = (0_u64, BTreeSet::new());
    // An Envoy that confirms nothing, and clusters that come and go.
    while removed.is_empty() {
        made += 1;
        assert!(made < 100_000, "nothing is removed");
        assert!(!fences.has_given_way());
        let name = format!("cluster/{made}");
        fences.sent(&update(resource((Kind::Cluster, &name), "1")), made);
        let mut gone = Update {
            removed: vec![(Kind::Cluster, name.as_str().into())],
            ..Update::default()
        };
        gone = fences.mended(gone);
        fences.sent(&gone, made);
        removed.extend(fences.released().removed);
    }
    assert!(fences.has_given_way());
    let oldest = (Kind::Cluster, "cluster/1".into());
    assert_eq!(removed, BTreeSet::from([oldest]));
}

/// A virtual host that is asked about by this name, if by any.
fn guarded(version: &str, guard: &str) -> Resource {
    let mut host = VirtualHost {
        name: HOST.1.to_owned(),
        ..VirtualHost::default()
    };
    if !guard.is_empty() {
        let name = format!("external_auth/asked/{guard}");
        host.typed_per_filter_config = [(name, Any::default())].into();
    }
    Resource {
        body: host.encode_to_vec().into(),
        ..resource(HOST, version)
    }
}

#[test]
fn a_host_whose_guard_is_refused_is_closed() {
    let mut fences = fences();
    fences.sent(&update(guarded("1", "")), 1);
    fences.confirmed(ONE, 1, &NOTHING);
    for (serial, guard) in [(2, "a"), (3, "b")] {
        let version = serial.to_string();
        let refused = guarded(&version, guard);
        fences.sent(&update(refused.clone()), serial);
        let instead = known(fences.refuse(ONE, HOST, &version, "no")).expect("something");
        let shut = closed(&Settings::default(), &refused);
        assert_eq!(instead, update(shut));
        let fenced = fences.all().into_iter().map(|fence| fence.instead);
        assert_eq!(fenced.collect::<Vec<_>>(), [Instead::Nothing]);
    }
    // One that asks nobody may serve on.
    fences.sent(&update(guarded("4", "")), 4);
    let instead = known(fences.refuse(ONE, HOST, "4", "no"));
    assert_eq!(instead, Some(update(guarded("1", ""))));
}

#[test]
fn that_the_last_good_version_denies_is_said() {
    const LISTENER: (Kind, &str) = (Kind::Listener, "http/80");
    let mut fences = fences();
    let listener = naming(LISTENER, "1", "external_auth/asked/a");
    fences.sent(&update(listener), 1);
    fences.sent(&update(guarded("1", "a")), 2);
    fences.confirmed(ONE, 2, &NOTHING);
    fences.sent(&update(guarded("2", "")), 3);
    let instead = known(fences.refuse(ONE, HOST, "2", "no"));
    assert_eq!(instead, Some(update(guarded("1", "a"))));
    assert_eq!(fences.all()[0].instead, Instead::LastGood, "others use it");
    fences.sent(&update(naming(LISTENER, "2", "other")), 4);
    fences.confirmed(ONE, 4, &NOTHING);
    assert_eq!(fences.all()[0].instead, Instead::LastGoodDenying);
}

#[test]
fn what_was_not_asked_for_is_not_in_use() {
    for is_asked in [false, true] {
        let mut fences = Fences::new(Settings::default(), true);
        let host = resource(HOST, "1");
        fences.sent(&update(host.clone()), 1);
        let unasked = [(HOST.0, HOST.1.into())].into_iter();
        let unasked: BTreeSet<Key> = unasked.filter(|_| !is_asked).collect();
        fences.confirmed(ONE, 1, &unasked);
        let instead = known(fences.refuse(ONE, HOST, "1", "no"));
        let shut = update(closed(&Settings::default(), &host));
        assert_eq!(instead, (!is_asked).then_some(shut));
    }
}

#[test]
fn what_is_refused_and_made_no_more_is_forgotten() {
    // With a good version, and without one.
    for is_known in [true, false] {
        for key in [SECRET, CLUSTER] {
            let mut fences = fences();
            if is_known {
                fences.sent(&update(resource(key, "1")), 1);
                fences.confirmed(ONE, 1, &NOTHING);
            }
            fences.sent(&update(naming(key, "2", key.1)), 2);
            let instead = known(fences.refuse(ONE, key, "2", "no"));
            assert_eq!(instead, is_known.then(|| update(resource(key, "1"))));
            fences.confirmed(ONE, 2, &NOTHING);
            assert_eq!(fences.all().len(), 1);
            // It is mended by something that does not use it.
            let mut mended = update(resource(HOST, "3"));
            mended.removed = vec![(key.0, key.1.into())];
            let wanted = mended.removed.clone();
            let sent = fences.mended(mended);
            fences.sent(&sent, 3);
            assert_eq!((fences.all(), fences.of(ONE)), (vec![], vec![]));
            assert!(fences.released().is_empty(), "the Envoy may use it");
            fences.confirmed(ONE, 3, &NOTHING);
            assert_eq!(fences.released().removed, wanted);
        }
    }
}

#[test]
fn who_has_connected_may_use_what_others_do_not() {
    let mut fences = fences();
    fences.sent(&update(resource(CLUSTER, "1")), 1);
    fences.confirmed(ONE, 1, &NOTHING);
    let mut edit = update(resource(HOST, "2"));
    edit.removed = vec![(CLUSTER.0, CLUSTER.1.into())];
    let sent = fences.mended(edit);
    fences.connected(OTHER);
    fences.sent(&sent, 2);
    fences.confirmed(ONE, 2, &NOTHING);
    assert!(fences.released().is_empty(), "one has said nothing");
    fences.confirmed(OTHER, 2, &NOTHING);
    assert_eq!(fences.released().removed.len(), 1);
}

#[test]
fn endpoints_of_a_cluster_that_was_put_back_are_those_of_now() {
    let endpoints = |name: &str, region: &str| {
        let message = ClusterLoadAssignment {
            cluster_name: name.to_owned(),
            endpoints: vec![LocalityLbEndpoints {
                priority: u32::try_from(region.len()).unwrap(),
                ..LocalityLbEndpoints::default()
            }],
            ..ClusterLoadAssignment::default()
        };
        let body = message.encode_to_vec().into();
        Resource::new(Kind::Endpoints, name.into(), body, Vec::new())
    };
    let mut fences = fences();
    fences.sent(&update(endpoints("c/1", "")), 1);
    fences.confirmed(ONE, 1, &NOTHING);
    // The cluster has changed, and with it the name of its endpoints.
    let mut edit = update(endpoints("c/2", ""));
    edit.removed = vec![(Kind::Endpoints, "c/1".into())];
    let sent = fences.mended(edit);
    assert_eq!(sent.upserts.len(), 2);
    fences.sent(&sent, 2);
    let changed = [endpoints("c/2", "new"), endpoints("cc/1", "other")];
    let sent = fences.mended(Update {
        upserts: changed.to_vec(),
        ..Update::default()
    });
    let [two, other] = changed;
    assert_eq!(sent.upserts, [endpoints("c/1", "new"), two, other]);
    assert_eq!(sent.left, [(Kind::Endpoints, "c/1".into())]);
    assert_eq!(sent.removed, []);
    fences.sent(&sent, 3);
    fences.confirmed(ONE, 3, &NOTHING);
    assert_eq!(fences.released().removed, sent.left);
}
