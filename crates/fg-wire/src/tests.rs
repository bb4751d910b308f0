//! Values come back as they went; and what happens between two versions.

use std::fmt::Debug;

use ciborium::Value;
use fg_ir::{
    Action, Backend, BackendTls, Credential, Endpoints, Listener, RefusalKind, Rule, Trust,
};
use fg_policies::traffic;

use crate::cbor::{self, Envelope, Octets};
use crate::samples::{
    authorities, backend, credential, endpoints, key_pair, listener, plain_backend, plain_listener,
    plain_rule, rule,
};
use crate::{DecodeError, Decoded, Name, NameError, Resource, decode, encode, version};

/// A value as a version would write it that has or lacks something, or needs features.
fn rewritten<T: Resource>(value: &T, must: &[&str], edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut envelope: Envelope = cbor::read(&encode(value)).expect("an envelope");
    let mut inner: Value = cbor::read(&envelope.value.0).expect("a value");
    edit(&mut inner);
    envelope.must.extend(must.iter().map(|&name| name.into()));
    envelope.value = Octets(cbor::write(&inner));
    cbor::write(&envelope)
}

/// What stands at a path of field names and indexes.
fn at<'a>(value: &'a mut Value, path: &[&str]) -> &'a mut Value {
    path.iter().fold(value, |value, name| match value {
        Value::Map(fields) => {
            let mut fields = fields.iter_mut();
            let found = fields.find(|(key, _)| key.as_text() == Some(name));
            &mut found.expect("the field is there").1
        }
        Value::Array(items) => &mut items[name.parse::<usize>().expect("an index")],
        other => panic!("{other:?} has no fields"),
    })
}

/// Adds a field to what stands at a path.
fn add(value: &mut Value, path: &[&str], name: &str) {
    let fields = at(value, path).as_map_mut().expect("it has fields");
    fields.insert(0, (name.into(), Value::Array(vec![1.into(), Value::Null])));
}

/// Removes a field of what stands at a path.
fn remove(value: &mut Value, path: &[&str], name: &str) {
    let fields = at(value, path).as_map_mut().expect("it has fields");
    let before = fields.len();
    fields.retain(|(key, _)| key.as_text() != Some(name));
    assert_eq!(fields.len(), before - 1, "{name} was there");
}

fn comes_back<T: Resource + PartialEq + Debug + Clone>(value: T) {
    let bytes = encode(&value);
    assert_eq!(encode(&value.clone()), bytes);
    assert_eq!(decode(&bytes), Ok(Decoded::Whole(value)));
}

#[test]
fn values_come_back_whole() {
    comes_back(listener());
    comes_back(plain_listener("edge", "http"));
    comes_back(rule());
    comes_back(plain_rule("cart", 0, "cart"));
    comes_back(backend());
    comes_back(plain_backend("db"));
    comes_back(endpoints());
    comes_back(credential(key_pair("shop"), 7));
    comes_back(credential(authorities("clients"), 8));
}

#[test]
fn a_refusal_comes_back() {
    let mut refused = plain_rule("cart", 0, "cart");
    refused.action = Action::Refuse(fg_ir::Refusal {
        kind: RefusalKind::NoBackends,
        finding: None,
        text: "nowhere to go".into(),
    });
    comes_back(refused);
    let mut system = backend();
    if let BackendTls::Verify(origination) = &mut system.tls {
        origination.trust = Trust::System;
    }
    comes_back(system);
}

/// Pages leave credentials out, the wire must not.
#[test]
fn the_wire_has_what_pages_leave_out() {
    let bytes = encode(&rule());
    let page = serde_json::to_string(&rule()).expect("a page");
    for secret in [
        "the-wire-keeps-this",
        "the-wire-keeps-this-too",
        "the-wire-keeps-it",
    ] {
        let on_the_wire = bytes
            .windows(secret.len())
            .any(|at| at == secret.as_bytes());
        assert!(on_the_wire && !page.contains(secret), "{secret}");
    }
}

#[test]
fn protection_is_named() {
    let must = |bytes: &[u8]| -> Vec<String> {
        let envelope: Envelope = cbor::read(bytes).expect("an envelope");
        envelope.must.iter().map(|name| name.to_string()).collect()
    };
    let needed = ["external_auth", "request_redirect", "url_rewrite"];
    assert_eq!(must(&encode(&rule())), needed);
    assert_eq!(must(&encode(&listener())), ["client_validation"]);
    assert_eq!(must(&encode(&backend())), ["backend_tls"]);
    for none in [
        encode(&plain_rule("cart", 0, "cart")),
        encode(&plain_listener("edge", "http")),
        encode(&plain_backend("db")),
        encode(&endpoints()),
        encode(&credential(key_pair("shop"), 7)),
    ] {
        assert_eq!(must(&none), [""; 0]);
    }
}

/// What protects one backend of a rule protects the rule.
#[test]
fn protection_of_a_share_is_named() {
    let mut shared = rule();
    shared.policies = traffic::Set::default();
    assert_eq!(crate::features::of_rule(&shared), ["external_auth"]);
}

#[test]
fn what_is_not_known_is_ignored() {
    let newer = rewritten(&rule(), &[], |value| {
        add(value, &[], "new");
        add(value, &["matches", "0", "1"], "new");
        add(value, &["attachments", "0"], "new");
        add(value, &["policies"], "a_new_policy");
        add(value, &["policies", "external_auth"], "new");
        let origins = at(value, &["policies", "origins"])
            .as_array_mut()
            .expect("a list");
        let mut of_new = origins[0].clone();
        *at(&mut of_new, &["0"]) = "a_new_policy".into();
        origins.push(of_new);
        add(value, &["action", "Forward", "0"], "new");
    });
    assert_eq!(decode(&newer), Ok(Decoded::Whole(rule())));
    let newer = rewritten(&listener(), &[], |value| {
        add(value, &["tls", "client"], "new");
    });
    assert_eq!(decode(&newer), Ok(Decoded::Whole(listener())));
    let newer = rewritten(&backend(), &[], |value| {
        add(value, &["tls", "Verify"], "new")
    });
    assert_eq!(decode(&newer), Ok(Decoded::Whole(backend())));
    let newer = rewritten(&endpoints(), &[], |value| add(value, &[], "zones"));
    assert_eq!(decode(&newer), Ok(Decoded::Whole(endpoints())));
    let held = credential(key_pair("shop"), 7);
    let newer = rewritten(&held, &[], |value| add(value, &[], "staple"));
    assert_eq!(decode(&newer), Ok(Decoded::Whole(held)));
}

#[test]
fn what_is_not_there_has_its_default() {
    let older = rewritten(&rule(), &[], |value| {
        remove(value, &["policies"], "cors");
        remove(value, &["policies"], "origins");
        remove(value, &[], "name");
    });
    let mut expected = rule();
    expected.policies.cors = None;
    expected.policies.origins.clear();
    expected.name = None;
    assert_eq!(decode(&older), Ok(Decoded::Whole(expected)));
}

/// The rule that stands for one that could not be used.
fn closed_rule(bytes: &[u8], about: &str) -> Rule {
    let Ok(Decoded::Closed { value, reason }) = decode::<Rule>(bytes) else {
        panic!("it is not closed");
    };
    assert!(reason.contains(about), "{reason}");
    let Action::Refuse(refusal) = &value.action else {
        panic!("it does not refuse");
    };
    assert_eq!(refusal.kind, RefusalKind::InvalidRule);
    assert_eq!(*refusal.text, *reason);
    value
}

#[test]
fn a_rule_with_an_unknown_protection_lets_nothing_pass() {
    let newer = rewritten(&rule(), &["moat"], |value| {
        add(value, &["policies"], "moat")
    });
    let closed = closed_rule(&newer, "`moat`");
    assert_eq!(closed.matches, rule().matches);
    assert_eq!(closed.attachments, rule().attachments);
    assert_eq!(closed.age, rule().age);
    // A redirect of its own would answer before anything refuses.
    assert!(closed.policies.is_empty());
}

#[test]
fn a_rule_that_does_something_unknown_lets_nothing_pass() {
    let unknown = || Value::Map(vec![("Teleport".into(), Value::Null)]);
    let newer = rewritten(&rule(), &[], |value| *at(value, &["action"]) = unknown());
    let closed = closed_rule(&newer, "Teleport");
    assert_eq!(closed.matches, rule().matches);
    let newer = rewritten(&rule(), &[], |value| {
        *at(value, &["policies", "external_auth", "protocol"]) = unknown();
    });
    closed_rule(&newer, "Teleport");
    let newer = rewritten(&rule(), &["moat"], |value| {
        *at(value, &["action"]) = unknown()
    });
    closed_rule(&newer, "`moat`");
}

#[test]
fn a_rule_that_nobody_may_write_lets_nothing_pass() {
    let zero = rewritten(&plain_rule("cart", 0, "cart"), &[], |value| {
        *at(value, &["action", "Forward", "0", "weight"]) = 0.into();
    });
    closed_rule(&zero, "weight");
    let share = rewritten(&rule(), &[], |value| {
        let path = ["policies", "request_mirror", "mirrors", "0", "denominator"];
        *at(value, &path) = 0.into();
    });
    closed_rule(&share, "mirrored");
}

/// Which requests it is for cannot be said, so that it cannot be closed.
#[test]
fn a_rule_that_matches_something_unknown_is_rejected() {
    let newer = rewritten(&rule(), &[], |value| {
        *at(value, &["matches", "1", "1", "path"]) = Value::Map(vec![("Moon".into(), "/".into())]);
    });
    let error = decode::<Rule>(&newer).expect_err("it cannot be read");
    assert!(error.to_string().contains("Moon"), "{error}");
    let broken = rewritten(&rule(), &[], |value| {
        *at(value, &["matches", "0", "1", "path", "Regex"]) = "(".into();
    });
    assert!(matches!(
        decode::<Rule>(&broken),
        Err(DecodeError::Malformed(_))
    ));
}

#[test]
fn a_listener_with_an_unknown_protection_is_not_served() {
    let newer = rewritten(&listener(), &["drawbridge"], |_| {});
    let Ok(Decoded::Refused { reason }) = decode::<Listener>(&newer) else {
        panic!("it is served");
    };
    assert!(reason.contains("`drawbridge`"), "{reason}");
}

#[test]
fn a_listener_that_cannot_be_read_is_rejected() {
    for edit in [
        |value: &mut Value| *at(value, &["protocol"]) = "Quic".into(),
        |value: &mut Value| *at(value, &["tls"]) = Value::Null,
        |value: &mut Value| *at(value, &["tls", "certificates"]) = Value::Array(Vec::new()),
        |value: &mut Value| {
            *at(value, &["tls", "client", "authorities"]) = Value::Array(Vec::new());
        },
    ] {
        let bytes = rewritten(&listener(), &[], edit);
        decode::<Listener>(&bytes).expect_err("it is rejected");
    }
}

#[test]
fn nothing_is_sent_to_a_backend_with_an_unknown_protection() {
    let unknown = |value: &mut Value| *at(value, &["tls"]) = "Quantum".into();
    for (bytes, about) in [
        (rewritten(&backend(), &["quantum"], |_| {}), "`quantum`"),
        (rewritten(&backend(), &["quantum"], unknown), "`quantum`"),
        (rewritten(&backend(), &[], unknown), "Quantum"),
    ] {
        let Ok(Decoded::Closed { value, reason }) = decode::<Backend>(&bytes) else {
            panic!("it is not closed");
        };
        assert_eq!(value.key, backend().key);
        let BackendTls::Broken(refusal) = value.tls else {
            panic!("it is called");
        };
        assert!(refusal.text.contains(about), "{refusal:?}");
        assert_eq!(*refusal.text, *reason);
    }
}

#[test]
fn endpoints_and_credentials_must_be_understood_too() {
    let bytes = rewritten(&endpoints(), &["tunnel"], |_| {});
    assert!(matches!(
        decode::<Endpoints>(&bytes),
        Ok(Decoded::Refused { .. })
    ));
    let bytes = rewritten(&credential(key_pair("shop"), 7), &["staple"], |_| {});
    assert!(matches!(
        decode::<Credential>(&bytes),
        Ok(Decoded::Refused { .. })
    ));
}

#[test]
fn a_credential_is_complete_or_none() {
    for edit in [
        |value: &mut Value| remove(value, &[], "private_key"),
        |value: &mut Value| *at(value, &["certificates"]) = Value::Array(Vec::new()),
        |value: &mut Value| *at(value, &["key", "kind"]) = "Authorities".into(),
    ] {
        let bytes = rewritten(&credential(key_pair("shop"), 7), &[], edit);
        assert!(matches!(
            decode::<Credential>(&bytes),
            Err(DecodeError::Invalid(_))
        ));
    }
}

#[test]
fn bytes_that_are_no_resource_are_rejected() {
    let whole = encode(&rule());
    for end in 0..whole.len() {
        decode::<Rule>(&whole[..end]).expect_err("it is cut");
    }
    let mut longer = whole.to_vec();
    longer.push(0);
    assert_eq!(decode::<Rule>(&longer), Err(DecodeError::Trailing(1)));
    let nested = vec![0x81; 100_000];
    decode::<Rule>(&nested).expect_err("it is too deep");
}

#[test]
fn names_come_back() {
    let spelled = |name: Name, expected: &str| {
        assert_eq!(name.to_string(), expected);
        assert_eq!(expected.parse(), Ok(name));
    };
    spelled(listener().name(), "listener/web/edge/team/set/https");
    spelled(
        plain_listener("edge", "http").name(),
        "listener/web/edge/http",
    );
    spelled(
        rule().name(),
        "rule/HTTPRoute.gateway.networking.k8s.io/shop/checkout/1",
    );
    spelled(backend().name(), "backend/Service/shop/cart/8080");
    spelled(endpoints().name(), "endpoints/Service/shop/cart/8080");
    spelled(
        credential(key_pair("shop"), 7).name(),
        "credential/Secret/web/shop/key-pair",
    );
    spelled(
        credential(authorities("clients"), 7).name(),
        "credential/ConfigMap/web/clients/authorities",
    );
}

#[test]
fn other_texts_are_no_names() {
    for text in [
        "",
        "listener",
        "listener/web/edge",
        "rule/HTTPRoute/shop/checkout",
        "rule/HTTPRoute/shop/checkout/one",
        "rule/HTTPRoute/shop/checkout/+1",
        "rule/HTTPRoute/shop/checkout/01",
        "rule/HTTPRoute/shop/checkout/1/2",
        "backend/Service/shop/cart/65536",
        "credential/Secret/web/shop/password",
        "moon/Service/shop/cart/80",
    ] {
        assert_eq!(text.parse::<Name>(), Err(NameError), "{text}");
    }
}

/// Versions are equal on every machine and for ever.
#[test]
fn versions_are_stable() {
    assert_eq!(version(b""), "2d06800538d394c2");
    assert_eq!(version(&[0; 300]).len(), 16);
    assert_ne!(version(b"a"), version(b"b"));
}
