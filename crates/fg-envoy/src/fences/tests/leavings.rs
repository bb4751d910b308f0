//! What is made no more, and what still names it.

use prost::Message as _;
use std::collections::BTreeSet;

use envoy_types::pb::envoy::config::endpoint::v3::{ClusterLoadAssignment, LocalityLbEndpoints};

use super::{CLUSTER, HOST, NOTHING, ONE, OTHER, fences, known, naming, resource, update};
use crate::fences::{Fences, Settings};
use crate::resource::{Kind, Resource, Update};

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
