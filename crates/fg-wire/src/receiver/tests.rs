//! What a proxy makes of what arrives.

use std::sync::Arc;

use bytes::Bytes;
use fg_ir::{Action, Change, Ir, Rule};

use super::{Incoming, Received, Receiver};
use crate::cbor::{self, Envelope};
use crate::samples::{
    backend, credential, endpoints, key_pair, listener, plain_backend, plain_listener, plain_rule,
    rule,
};
use crate::{Encoded, Transaction, version};

fn configuration() -> Ir {
    let mut ir = Ir::default();
    for listener in [listener(), plain_listener("edge", "http")] {
        ir.listeners
            .insert(listener.key.clone(), Arc::new(listener));
    }
    for rule in [
        rule(),
        plain_rule("cart", 0, "cart"),
        plain_rule("cart", 1, "db"),
    ] {
        ir.rules.insert(rule.key.clone(), Arc::new(rule));
    }
    for backend in [backend(), plain_backend("db")] {
        ir.backends.insert(backend.key.clone(), Arc::new(backend));
    }
    let endpoints = endpoints();
    ir.endpoints
        .insert(endpoints.key.clone(), Arc::new(endpoints));
    let credential = credential(key_pair("shop"), 7);
    ir.credentials
        .insert(credential.key.clone(), Arc::new(credential));
    ir
}

fn receive(receiver: &mut Receiver, transaction: &Transaction) -> Received {
    let upserts = transaction.upserts.iter().map(incoming);
    let removed = transaction.removed.iter().map(String::as_str);
    receiver.receive(upserts, removed)
}

fn incoming(encoded: &Encoded) -> Incoming<'_> {
    Incoming {
        name: &encoded.name,
        type_url: encoded.type_url,
        value: &encoded.value,
    }
}

fn one(receiver: &mut Receiver, encoded: &Encoded) -> Received {
    receiver.receive([incoming(encoded)], [])
}

/// The same resource, with a feature that it cannot do without.
fn needing(encoded: &Encoded, feature: &str) -> Encoded {
    let mut envelope: Envelope = cbor::read(&encoded.value).expect("an envelope");
    envelope.must.push(feature.into());
    let value = Bytes::from(cbor::write(&envelope));
    Encoded {
        version: version(&value),
        value,
        ..encoded.clone()
    }
}

fn unreadable(encoded: &Encoded) -> Encoded {
    Encoded {
        version: "later".to_owned(),
        value: "nonsense".into(),
        ..encoded.clone()
    }
}

#[test]
fn a_snapshot_arrives_whole() {
    let ir = configuration();
    let mut receiver = Receiver::new();
    let snapshot = Transaction::snapshot(&ir);
    let received = receive(&mut receiver, &snapshot);
    assert_eq!(received.reportable().count(), 0);
    let mut applied = Ir::default();
    applied.apply(&received.change);
    assert_eq!(applied, ir);
    assert_eq!(*receiver.ir(), ir);
}

#[test]
fn what_is_known_already_is_no_news() {
    let snapshot = Transaction::snapshot(&configuration());
    let mut receiver = Receiver::new();
    receive(&mut receiver, &snapshot);
    assert!(receive(&mut receiver, &snapshot).change.is_empty());
}

#[test]
fn removals_arrive() {
    let ir = configuration();
    let mut receiver = Receiver::new();
    receive(&mut receiver, &Transaction::snapshot(&ir));
    let mut change = Change::default();
    change
        .rules
        .extend(ir.rules.keys().map(|key| (key.clone(), None)));
    change
        .listeners
        .extend(ir.listeners.keys().map(|key| (key.clone(), None)));
    change
        .backends
        .extend(ir.backends.keys().map(|key| (key.clone(), None)));
    change
        .endpoints
        .extend(ir.endpoints.keys().map(|key| (key.clone(), None)));
    change
        .credentials
        .extend(ir.credentials.keys().map(|key| (key.clone(), None)));
    let received = receive(&mut receiver, &Transaction::new(&change));
    assert_eq!(received.change, change);
    assert_eq!(*receiver.ir(), Ir::default());
    let again = receive(&mut receiver, &Transaction::new(&change));
    assert!(again.change.is_empty());
    assert!(receiver.receive([], ["what is this"]).change.is_empty());
}

/// First what is gone, then what is new.
#[test]
fn a_name_that_is_gone_and_back_is_there() {
    let sent = Encoded::of(&rule());
    let mut receiver = Receiver::new();
    let received = receiver.receive([incoming(&sent)], [sent.name.as_str()]);
    assert_eq!(received.change.rules.len(), 1);
    assert_eq!(receiver.ir().rules[&rule().key], Arc::new(rule()));
}

#[test]
fn what_cannot_be_read_leaves_the_last_good_version() {
    let good = Encoded::of(&rule());
    let other = Encoded::of(&backend());
    let mut receiver = Receiver::new();
    one(&mut receiver, &good);
    let bad = unreadable(&good);
    let received = receiver.receive([incoming(&bad), incoming(&other)], []);
    assert!(received.change.rules.is_empty());
    assert_eq!(received.change.backends.len(), 1, "the rest is applied");
    assert_eq!(received.rejections.len(), 1);
    assert_eq!(received.rejections[0].name, good.name);
    assert!(received.rejections[0].reason.contains("cannot be read"));
    assert_eq!(receiver.ir().rules[&rule().key], Arc::new(rule()));
}

/// It would serve nobody without what it uses.
#[test]
fn a_last_good_version_keeps_what_it_needs() {
    let ir = configuration();
    let mut receiver = Receiver::new();
    receive(&mut receiver, &Transaction::snapshot(&ir));
    let rule = Encoded::of(&rule());
    let (backend, endpoints) = (Encoded::of(&backend()), Encoded::of(&endpoints()));
    let gone = [backend.name.as_str(), endpoints.name.as_str()];
    let received = receiver.receive([incoming(&unreadable(&rule))], gone);
    assert!(received.change.is_empty());
    assert_eq!(receiver.ir(), &ir);
    // Somebody else needs one of them; then its newer version can be used.
    assert!(one(&mut receiver, &endpoints).change.is_empty());
    let mut newer = crate::samples::rule();
    newer.action = plain_rule("cart", 0, "db").action;
    let received = one(&mut receiver, &Encoded::of(&newer));
    assert_eq!(received.change.rules.len(), 1);
    assert_eq!(received.change.backends.len(), 1);
    assert!(received.change.backends.values().all(Option::is_none));
    assert!(received.change.endpoints.is_empty());
}

#[test]
fn a_last_good_version_that_goes_needs_nothing() {
    let listener = Encoded::of(&listener());
    let credential = Encoded::of(&credential(key_pair("shop"), 7));
    let mut receiver = Receiver::new();
    receiver.receive([incoming(&credential), incoming(&listener)], []);
    let bad = unreadable(&listener);
    let received = receiver.receive([incoming(&bad)], [credential.name.as_str()]);
    assert!(received.change.is_empty());
    let received = receiver.receive([], [listener.name.as_str()]);
    assert_eq!(received.change.listeners.len(), 1);
    assert_eq!(received.change.credentials.len(), 1);
    assert_eq!(*receiver.ir(), Ir::default());
}

#[test]
fn what_was_never_good_is_not_there() {
    let mut receiver = Receiver::new();
    let received = one(&mut receiver, &unreadable(&Encoded::of(&rule())));
    assert!(received.change.is_empty());
    assert_eq!(received.rejections.len(), 1);
    assert_eq!(*receiver.ir(), Ir::default());
}

#[test]
fn a_name_and_its_content_must_agree() {
    let mut receiver = Receiver::new();
    let sent = Encoded::of(&rule());
    for name in [
        "rule/HTTPRoute.gateway.networking.k8s.io/shop/other/1",
        "backend/Service/shop/cart/80",
        "rule",
    ] {
        let named = Encoded {
            name: name.to_owned(),
            ..sent.clone()
        };
        let received = one(&mut receiver, &named);
        assert!(received.change.is_empty());
        assert_eq!(received.rejections.len(), 1, "{name}");
    }
}

#[test]
fn a_rule_with_an_unknown_protection_refuses_at_once() {
    let sent = Encoded::of(&plain_rule("cart", 0, "cart"));
    let mut receiver = Receiver::new();
    one(&mut receiver, &sent);
    let received = one(&mut receiver, &needing(&sent, "moat"));
    let refuses = |rule: &Rule| matches!(rule.action, Action::Refuse(_));
    let new = received.change.rules.values().flatten().next();
    assert!(new.is_some_and(|rule| refuses(rule)));
    assert!(received.rejections.is_empty());
    assert_eq!(received.closed.len(), 1);
    assert!(received.closed[0].reason.contains("`moat`"));
    let back = one(&mut receiver, &sent);
    assert_eq!(back.change.rules.len(), 1);
    assert!(
        !back
            .change
            .rules
            .values()
            .flatten()
            .any(|rule| refuses(rule))
    );
}

/// Its last version lacks the protection, so that it may not stay.
#[test]
fn a_listener_with_an_unknown_protection_goes() {
    let sent = Encoded::of(&listener());
    let mut receiver = Receiver::new();
    one(&mut receiver, &sent);
    let received = one(&mut receiver, &needing(&sent, "drawbridge"));
    assert_eq!(received.change.listeners[&listener().key], None);
    assert_eq!(received.rejections.len(), 1);
    assert!(receiver.ir().listeners.is_empty());
    let back = one(&mut receiver, &sent);
    assert_eq!(back.change.listeners.len(), 1);
}

#[test]
fn resources_of_an_unknown_kind_are_ignored() {
    let sent = Encoded {
        name: "moon/far/side".to_owned(),
        type_url: "type.ferrogate.dev/ferrogate.Moon",
        ..Encoded::of(&rule())
    };
    let mut receiver = Receiver::new();
    let received = one(&mut receiver, &sent);
    assert_eq!(received.ignored, ["moon/far/side"]);
    assert_eq!(received.reportable().count(), 0);
    assert!(received.change.is_empty());
}

/// Decoded values use memory as those from which they were made.
#[test]
fn equal_parts_are_shared() {
    let ir = configuration();
    let mut receiver = Receiver::new();
    receive(&mut receiver, &Transaction::snapshot(&ir));
    let of = |index| &receiver.ir().rules[&plain_rule("cart", index, "cart").key];
    let (first, second) = (of(0), of(1));
    assert!(Arc::ptr_eq(&first.key.route, &second.key.route));
    assert!(Arc::ptr_eq(&first.key.route, &first.origin.object));
    assert!(Arc::ptr_eq(&first.attachments, &second.attachments));
    assert!(Arc::ptr_eq(&first.age, &second.age));
    let Action::Forward(targets) = &first.action else {
        panic!("it forwards");
    };
    assert!(Arc::ptr_eq(&targets[0].origin.object, &first.key.route));
}
