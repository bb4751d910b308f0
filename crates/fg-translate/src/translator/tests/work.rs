//! Work is in proportion to the change.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::testing::{BASE, findings, listeners, put, remove, rule, translated};

/// A route `r-<i>` of host `h<i>.example` to a Service.
fn nth(i: usize, service: &str, path: &str) -> String {
    format!(
        "
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r-{i}}}
spec:
  parentRefs: [{{name: gw}}]
  hostnames: [h{i}.example]
  rules:
  - matches: [{{path: {{value: {path}}}}}]
    backendRefs: [{{name: {service}, port: 80}}]
"
    )
}

/// The base, a second Service, and 100 routes, ten of them to the second Service.
fn hundred() -> String {
    let mut yaml = BASE.to_owned();
    yaml += "
---
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {ports: [{port: 80}]}
";
    for i in 0..100 {
        let service = if i % 10 == 0 { "api" } else { "web" };
        write!(yaml, "{}", nth(i, service, "/")).expect("strings take it");
    }
    yaml
}

#[test]
fn one_edited_route_is_the_only_one_translated() {
    let mut world = translated(&hundred());
    let untouched = rule(&world, "r-8", 0);
    let outcome = put(&mut world, &nth(7, "web", "/new"));
    assert_eq!(outcome.translated_routes, 1);
    assert_eq!(outcome.change.rules.len(), 1);
    assert!(
        outcome.change.listeners.is_empty()
            && outcome.change.backends.is_empty()
            && outcome.change.endpoints.is_empty()
    );
    assert!(outcome.reports.is_empty(), "its status is as before");
    assert!(Arc::ptr_eq(&untouched, &rule(&world, "r-8", 0)));
}

#[test]
fn the_same_object_again_is_no_change() {
    let mut world = translated(&hundred());
    let outcome = put(&mut world, &hundred());
    assert_eq!(outcome, super::super::Outcome::default());
}

#[test]
fn slices_never_touch_routes() {
    let mut world = translated(&hundred());
    let slice = "
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-2, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [10.0.0.2]}]
";
    for outcome in [put(&mut world, slice), remove(&mut world, slice)] {
        assert_eq!(outcome.translated_routes, 0);
        assert_eq!(outcome.change.endpoints.len(), 1);
        assert!(outcome.change.rules.is_empty() && outcome.change.backends.is_empty());
    }
}

#[test]
fn a_service_touches_the_routes_that_refer_to_it() {
    let mut world = translated(&hundred());
    let outcome = put(
        &mut world,
        "
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {ports: [{port: 80}, {name: more, port: 81}]}
",
    );
    assert_eq!(outcome.translated_routes, 10);
    assert!(outcome.change.rules.is_empty(), "they come out as before");
    let outcome = put(
        &mut world,
        "apiVersion: v1\nkind: Service\nmetadata: {name: third}\nspec: {ports: [{port: 80}]}",
    );
    assert_eq!(outcome.translated_routes, 0);
}

#[test]
fn a_missing_service_is_waited_for_by_those_who_miss_it() {
    let mut world = translated(&format!("{}{}", hundred(), nth(100, "third", "/")));
    assert_eq!(
        findings(&world).len(),
        2,
        "one Service is missing, one has no endpoints"
    );
    let outcome = put(
        &mut world,
        "apiVersion: v1\nkind: Service\nmetadata: {name: third}\nspec: {ports: [{port: 80}]}",
    );
    assert_eq!(outcome.translated_routes, 1);
    assert_eq!(outcome.resolved.len(), 1);
}

#[test]
fn a_gateway_touches_its_routes_only_when_they_can_see_it() {
    let mut world = translated(&hundred());
    let labelled = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, generation: 2}
spec:
  gatewayClassName: ferrogate
  listeners: [{name: http, port: 80, protocol: HTTP}]
  infrastructure: {labels: {a: b}}
";
    let outcome = put(&mut world, labelled);
    assert_eq!(outcome.translated_routes, 0);
    assert_eq!(outcome.reports.len(), 1);
    assert_eq!(
        outcome.change.listeners.len(),
        1,
        "its origin has the new generation"
    );
    let narrowed = labelled.replace("protocol: HTTP}", "protocol: HTTP, hostname: h1.example}");
    let outcome = put(&mut world, &narrowed);
    assert_eq!(outcome.translated_routes, 100);
    assert_eq!(listeners(&world, "gw"), ["http=1"]);
    assert_eq!(world.ir().rules.len(), 1);
    let outcome = remove(&mut world, labelled);
    assert_eq!(outcome.translated_routes, 100);
    assert!(world.ir().rules.is_empty() && world.ir().listeners.is_empty());
}

#[test]
fn attached_routes_follow_edits() {
    let mut world = translated(&hundred());
    assert_eq!(listeners(&world, "gw"), ["http=100"]);
    let outcome = remove(&mut world, &nth(3, "web", "/"));
    assert_eq!(listeners(&world, "gw"), ["http=99"]);
    assert_eq!(outcome.reports.len(), 2, "the Gateway's and the route's");
    assert!(
        outcome
            .reports
            .values()
            .filter(|report| report.is_none())
            .count()
            == 1
    );
    put(&mut world, &nth(3, "web", "/"));
    assert_eq!(listeners(&world, "gw"), ["http=100"]);
}

#[test]
fn a_finding_that_stays_is_no_news() {
    let bad = |generation: u32, path: &str| {
        nth(1, "gone", path).replace(
            "{name: r-1}",
            &format!("{{name: r-1, generation: {generation}}}"),
        )
    };
    let mut world = translated(BASE);
    assert_eq!(put(&mut world, &bad(1, "/a")).appeared.len(), 1);
    let outcome = put(&mut world, &bad(2, "/b"));
    assert_eq!((outcome.appeared.len(), outcome.resolved.len()), (0, 0));
    assert_eq!(
        outcome.reports.len(),
        1,
        "its status has the new generation"
    );
    let good = nth(1, "web", "/b");
    assert_eq!(put(&mut world, &good).resolved.len(), 1);
}
