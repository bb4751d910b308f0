//! `GRPCRoute`: what differs from `HTTPRoute`, and that the rest does not.

use fg_ir::RouteKind;
use fg_model::{GrpcMatch, PathMatch, Pattern, ValueMatch};

use crate::testing::{
    BASE, action, findings, line, listeners, put, remove, report, rule, translated,
};

/// A `GRPCRoute` of the Gateway of [`BASE`]; `spec` is YAML indented by two.
fn route(name: &str, spec: &str) -> String {
    format!(
        "
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {{name: {name}}}
spec:
  parentRefs: [{{name: gw}}]
{spec}
"
    )
}

fn exact(text: &str) -> Option<ValueMatch> {
    Some(ValueMatch::Exact(text.into()))
}

fn regex(text: &str) -> Option<ValueMatch> {
    Some(ValueMatch::Regex(Pattern::new(text).expect("a pattern")))
}

#[test]
fn methods_become_matches_of_the_call() {
    for (method, service, called) in [
        ("{service: a.B, method: C}", exact("a.B"), exact("C")),
        ("{type: Exact, service: a.B}", exact("a.B"), None),
        ("{method: C}", None, exact("C")),
        ("{service: a.B, method: \"\"}", exact("a.B"), None),
        (
            "{type: RegularExpression, service: \"a[.].*\", method: \"G.*\"}",
            regex("a[.].*"),
            regex("G.*"),
        ),
    ] {
        let world = translated(&format!(
            "{BASE}{}",
            route(
                "r",
                &format!(
                    "  rules:\n  - matches: [{{method: {method}, headers: [{{name: X-A, value: b}}]}}]\n    backendRefs: [{{name: web, port: 80}}]"
                )
            )
        ));
        assert_eq!(findings(&world), [""; 0], "{method}");
        let rule = rule(&world, "r", 0);
        assert_eq!(rule.kind, RouteKind::Grpc);
        assert_eq!(action(&rule), "web:80=1");
        let (index, one) = &rule.matches[0];
        assert_eq!(*index, 0);
        let path = PathMatch::Grpc(GrpcMatch {
            service,
            method: called,
        });
        assert_eq!(one.path, path, "{method}");
        assert_eq!(&*one.headers[0].name, "x-a");
        assert_eq!(
            one.method, None,
            "every call is a POST; others are not asked"
        );
    }
}

#[test]
fn a_rule_without_matches_takes_every_call() {
    let world = translated(&format!(
        "{BASE}{}",
        route("r", "  rules: [{backendRefs: [{name: web, port: 80}]}]")
    ));
    let matches = &rule(&world, "r", 0).matches;
    assert_eq!(matches.len(), 1);
    assert_eq!(matches[0].1.path, PathMatch::Grpc(GrpcMatch::default()));
    assert_eq!(listeners(&world, "gw"), ["http=1"]);
}

#[test]
fn a_match_that_cannot_work_is_left_out_alone() {
    let world = translated(&format!(
        "{BASE}{}",
        route(
            "r",
            "  rules:\n  - matches: [{method: {service: \"a/b\"}}, {method: {type: RegularExpression, method: \"(\"}}, {method: {service: a}}]\n    backendRefs: [{name: web, port: 80}]"
        )
    ));
    assert_eq!(
        findings(&world),
        [
            "Error RuleDropped GRPCRoute default/r spec.rules[0].matches[0].method.service",
            "Error RuleDropped GRPCRoute default/r spec.rules[0].matches[1].method.method",
        ]
    );
    let rule = rule(&world, "r", 0);
    assert_eq!(rule.matches.len(), 1);
    assert_eq!(rule.matches[0].0, 2);
}

#[test]
fn filters_weights_names_and_references_are_those_of_every_route() {
    let world = translated(&format!(
        "{BASE}{}",
        route(
            "r",
            "  rules:
  - name: first
    filters:
    - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}]}}
    - {type: ResponseHeaderModifier, responseHeaderModifier: {remove: [c]}}
    - {type: RequestMirror, requestMirror: {backendRef: {name: web, port: 80}}}
    backendRefs: [{name: web, port: 80, weight: 3}, {name: gone, port: 80}]
  - filters: [{type: ExtensionRef, extensionRef: {group: a.io, kind: F, name: f}}]
    backendRefs: [{name: web, port: 80}]"
        )
    ));
    let first = rule(&world, "r", 0);
    assert_eq!(first.name.as_deref(), Some("first"));
    assert_eq!(action(&first), "web:80=3 broken(BackendNotFound)=1");
    assert!(first.policies.header_modifier.is_some());
    assert!(first.policies.request_mirror.is_some());
    assert_eq!(action(&rule(&world, "r", 1)), "refuse(FilterNotFound)");
    assert_eq!(
        findings(&world),
        [
            "Error BackendNotFound GRPCRoute default/r spec.rules[0].backendRefs[1].name",
            "Error FilterNotFound GRPCRoute default/r spec.rules[1].filters[0].extensionRef",
        ]
    );
}

#[test]
fn a_grant_is_for_the_kind_that_it_names() {
    let grant = |kind: &str| {
        format!(
            "
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {{name: g, namespace: other}}
spec:
  from: [{{group: gateway.networking.k8s.io, kind: {kind}, namespace: default}}]
  to: [{{group: \"\", kind: Service}}]
---
apiVersion: v1
kind: Service
metadata: {{name: far, namespace: other}}
spec: {{ports: [{{port: 80}}]}}
"
        )
    };
    let spec = "  rules: [{backendRefs: [{name: far, namespace: other, port: 80}]}]";
    for (kind, expected) in [
        ("GRPCRoute", "far:80=1"),
        ("HTTPRoute", "broken(RefNotPermitted)=1"),
    ] {
        let world = translated(&format!("{BASE}{}{}", route("r", spec), grant(kind)));
        assert_eq!(action(&rule(&world, "r", 0)), expected, "{kind}");
    }
}

#[test]
fn a_listener_for_http_routes_alone_refuses() {
    let base = BASE.replace(
        "protocol: HTTP}",
        "protocol: HTTP, allowedRoutes: {kinds: [{kind: HTTPRoute}]}}",
    );
    let world = translated(&format!("{base}{}", route("r", "  rules: []")));
    let found = report(&world, "GRPCRoute", "r").findings.clone();
    assert_eq!(found.len(), 1);
    assert_eq!(
        line(&found[0]),
        "Error NotAllowedByListeners GRPCRoute default/r spec.parentRefs[0]"
    );
    assert!(found[0].text.contains("GRPCRoute"), "{}", found[0].text);
    assert_eq!(listeners(&world, "gw"), ["http=0"]);
}

/// A route of any kind and age, with these hostnames, of both listeners of [`two`].
fn aged(kind: &str, name: &str, created: i64, hostnames: &str) -> String {
    format!(
        "
---
apiVersion: gateway.networking.k8s.io/v1
kind: {kind}
metadata: {{name: {name}, creationTimestamp: {created}}}
spec:
  parentRefs: [{{name: gw}}]
  hostnames: [{hostnames}]
  rules: [{{backendRefs: [{{name: web, port: 80}}]}}]
"
    )
}

/// [`BASE`] with a second listener, for `*.shop.com` alone.
fn two() -> String {
    BASE.replace(
        "protocol: HTTP}",
        "protocol: HTTP}\n  - {name: shop, port: 81, protocol: HTTP, hostname: '*.shop.com'}",
    )
}

#[test]
fn routes_of_two_kinds_never_share_a_host_and_the_older_one_has_it() {
    let mut world = translated(&two());
    put(&mut world, &aged("GRPCRoute", "calls", 20, "a.shop.com"));
    put(&mut world, &aged("HTTPRoute", "apart", 30, "b.shop.com"));
    assert_eq!(findings(&world), [""; 0]);
    assert_eq!(listeners(&world, "gw"), ["http=2", "shop=2"]);
    // A younger one is refused, wherever it comes from.
    put(&mut world, &aged("HTTPRoute", "young", 25, "'*.com'"));
    let found = only_of(&world, "HTTPRoute", "young");
    assert_eq!(
        found,
        ["Error HostnameConflict HTTPRoute default/young spec.parentRefs[0]"; 2]
    );
    assert_eq!(listeners(&world, "gw"), ["http=2", "shop=2"]);
    // An older one takes its place, so that the hosts of the younger ones are free again.
    put(&mut world, &aged("HTTPRoute", "old", 10, "a.shop.com"));
    assert_eq!(only_of(&world, "HTTPRoute", "young"), [""; 0]);
    assert_eq!(only_of(&world, "GRPCRoute", "calls").len(), 2);
    assert_eq!(listeners(&world, "gw"), ["http=3", "shop=3"]);
    // When it goes, all is as before.
    remove(&mut world, &aged("HTTPRoute", "old", 10, "a.shop.com"));
    assert_eq!(only_of(&world, "GRPCRoute", "calls"), [""; 0]);
    assert_eq!(only_of(&world, "HTTPRoute", "young").len(), 2);
    assert!(
        world
            .ir()
            .rules
            .keys()
            .all(|rule| &*rule.route.name != "young")
    );
}

#[test]
fn a_route_keeps_the_listeners_where_its_hosts_are_free() {
    let mut world = translated(&two());
    let only_shop = aged("GRPCRoute", "calls", 20, "a.shop.com")
        .replace("{name: gw}", "{name: gw, sectionName: shop}");
    put(&mut world, &only_shop);
    put(&mut world, &aged("HTTPRoute", "young", 25, "a.shop.com"));
    assert_eq!(
        only_of(&world, "HTTPRoute", "young"),
        ["Warning HostnameConflict HTTPRoute default/young spec.parentRefs[0]"]
    );
    assert_eq!(listeners(&world, "gw"), ["http=1", "shop=1"]);
    assert_eq!(rule(&world, "young", 0).attachments.len(), 1);
}

/// The findings about one object.
fn only_of(world: &crate::Translator, kind: &str, name: &str) -> Vec<String> {
    let all = report(world, kind, name).findings.clone();
    all.iter().map(|finding| line(finding)).collect()
}
