//! Routes: parents, hostnames, matches, filters, backends; what each mistake costs, and no more.

mod backends;
mod envoy;
mod fields;
mod filters;
mod grpc;
mod matches;
mod parents;

use fg_model::PathMatch;

use crate::testing::{BASE, action, findings, listeners, route, rule, translated};

/// A rule with these backend references.
fn to(backends: &str) -> String {
    format!(
        "{BASE}{}",
        route("r", &format!("  rules:\n  - backendRefs: {backends}"))
    )
}

#[test]
fn a_plain_route_is_attached_and_forwards() {
    let world = translated(&to("[{name: web, port: 80}]"));
    assert_eq!(findings(&world), Vec::<String>::new());
    let rule = rule(&world, "r", 0);
    assert_eq!(action(&rule), "web:80=1");
    assert_eq!(rule.matches.len(), 1);
    assert_eq!(rule.matches[0].1.path, PathMatch::Prefix("".into()));
    assert_eq!(rule.origin.path.as_ref(), "spec.rules[0]");
    assert_eq!(listeners(&world, "gw"), ["http=1"]);
    assert_eq!(world.ir().backends.len(), 1);
    let endpoints = world.ir().endpoints.values().next().expect("endpoints");
    assert_eq!(
        endpoints.addresses,
        ["10.0.0.1:8080".parse().expect("an address")]
    );
}
