//! Which version is in use, and what is put in place of one that is refused.

use std::collections::BTreeSet;

use super::{CLUSTER, HOST, NOTHING, ONE, OTHER, SECRET, fences, known, naming, resource, update};
use crate::fences::{Fences, Instead, Key, Settings, closed};
use crate::resource::{Kind, Update};

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
