//! A policy that is not one of ours: what stands in its folder, and its two words here, is all that
//! it takes to work in our own proxy and in Envoy.

#![expect(clippy::panic, reason = "a test that cannot go on")]

mod envoy;
mod signature;

use std::sync::Arc;

use fg_api::http_route::HttpRouteRule;
use fg_exchange::{Facts, Part, Request, Scheme};
use fg_model::{FindingKind, ObjectRef, Origin, kinds};
use fg_policies::{Around, Read, Written};

fg_policies::catalogue! {
    /// Policies of this test.
    toys: { signature },
}

/// The policies of a rule.
fn policies(yaml: &str) -> toys::Set {
    let rule: HttpRouteRule = serde_saphyr::from_str(yaml).expect("a rule");
    let route = ObjectRef::new(kinds::HTTP_ROUTE.0, kinds::HTTP_ROUTE.1, "default", "r");
    let origin = Origin::of(Arc::new(route), 1);
    let mut findings: Vec<(String, FindingKind, String)> = Vec::new();
    let mut set = toys::Set::default();
    let read = set.read(Written::Rule(&rule), &origin, &mut findings);
    assert_eq!((read, findings), (Read::Used, Vec::new()));
    set
}

#[test]
fn it_works_in_our_own_proxy() {
    let mut request = Request::new();
    for (meta, part) in policies("name: checkout").chain() {
        let Part::Filter(filter) = part else {
            panic!("{}: no filter", meta.name);
        };
        let facts = Facts {
            client: [127, 0, 0, 1].into(),
            scheme: Scheme::Http,
            listener_port: 80,
            matched_prefix: None,
        };
        filter.request(&mut request, &facts);
    }
    assert_eq!(request.head.get_named("x-rule"), Some(&b"checkout"[..]));
}

#[test]
fn it_works_in_envoy() {
    for version in fg_testkit::envoy::VERSIONS {
        assert_eq!(
            envoy::signature(&policies("name: checkout"), version),
            "checkout"
        );
    }
}

#[test]
fn what_it_cannot_do_there_is_said_and_refused() {
    let set = policies("name: a/b");
    assert_eq!(set.lacks_on_envoy(Around::default()).len(), 1);
    assert_eq!(envoy::refusals(&set), ["signature"]);
    assert_eq!(policies("name: ab").lacks_on_envoy(Around::default()), []);
}
