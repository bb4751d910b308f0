//! The conditions of routes, for each of their parents.

use fg_api::report::Subject;
use fg_model::kinds;
use serde_json::json;

use super::{PLAIN, ROUTE, bound, conditions, gateway, shown, translated};

#[test]
fn accepted_and_resolved_are_told_apart_for_each_parent() {
    for (spec, expected) in [
        (
            "  rules: [{backendRefs: [{name: web, port: 80}]}]",
            vec!["True/Accepted", "True/ResolvedRefs"],
        ),
        (
            "  rules: [{backendRefs: []}]",
            vec!["True/Accepted", "True/ResolvedRefs"],
        ),
        (
            "  rules: [{backendRefs: [{name: gone, port: 80}]}]",
            vec!["True/Accepted", "False/BackendNotFound"],
        ),
        (
            "  rules: [{backendRefs: [{kind: Pod, name: web, port: 80}]}]",
            vec!["True/Accepted", "False/InvalidKind"],
        ),
        (
            "  rules: [{backendRefs: [{name: web, port: 81}]}]",
            vec!["True/Accepted", "False/UnsupportedProtocol"],
        ),
        (
            "  rules: [{backendRefs: [{name: gone, port: 80}, {name: gone, namespace: other, port: 80}]}]",
            vec!["True/Accepted", "False/RefNotPermitted"],
        ),
        (
            "  rules: [{filters: [{type: ExtensionRef, extensionRef: {group: a, kind: b, name: c}}]}]",
            vec!["True/Accepted", "False/InvalidKind"],
        ),
        (
            "  hostnames: [other.org]\n  rules: [{backendRefs: [{name: web, port: 80}]}]",
            vec!["False/NoMatchingListenerHostname", "True/ResolvedRefs"],
        ),
        (
            "  hostnames: [other.org]\n  rules: [{backendRefs: [{name: gone, port: 80}]}]",
            vec!["False/NoMatchingListenerHostname", "False/BackendNotFound"],
        ),
        (
            "  rules: [{backendRefs: [{name: web, port: 80}]}, {filters: [{type: Unheard}]}]",
            vec![
                "True/Accepted",
                "True/ResolvedRefs",
                "True/UnsupportedValue",
            ],
        ),
        (
            "  rules: [{filters: [{type: Unheard}]}]",
            vec!["False/UnsupportedValue", "True/ResolvedRefs"],
        ),
        (
            "  rules: [{filters: [{type: RequestRedirect, requestRedirect: {}}, {type: URLRewrite, urlRewrite: {}}]}]",
            vec!["False/IncompatibleFilters", "True/ResolvedRefs"],
        ),
    ] {
        let listener =
            "  listeners: [{name: http, port: 80, protocol: HTTP, hostname: '*.example.com'}]";
        let world = translated(&format!(
            "{}{ROUTE}  parentRefs: [{{name: gw, sectionName: http}}]\n{spec}",
            gateway(listener)
        ));
        let shown = shown(&world, &bound(&world), kinds::HTTP_ROUTE, "r");
        let parent = &shown["status"]["parents"][0];
        assert_eq!(parent["controllerName"], "ferrogate.dev/gateway");
        assert_eq!(
            parent["parentRef"],
            json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw", "sectionName": "http"})
        );
        let types = ["Accepted", "ResolvedRefs", "PartiallyInvalid"];
        let expected: Vec<String> = types
            .iter()
            .zip(expected)
            .map(|(kind, rest)| format!("{kind}={rest}"))
            .collect();
        assert_eq!(conditions(parent, 5), expected, "{spec}");
        if let Some(partly) = parent["conditions"].get(2) {
            let message = partly["message"].as_str().expect("a message");
            assert!(message.starts_with("Dropped Rule"), "{message}");
        }
    }
}

#[test]
fn a_grpc_route_has_the_status_of_a_route_and_loses_hosts_to_an_older_one() {
    let listener = "  listeners: [{name: http, port: 80, protocol: HTTP}]";
    let route = |kind: &str, name: &str, created: i64, port: u16| {
        format!(
            "
---
apiVersion: gateway.networking.k8s.io/v1
kind: {kind}
metadata: {{name: {name}, creationTimestamp: {created}}}
spec:
  parentRefs: [{{name: gw}}]
  rules: [{{backendRefs: [{{name: web, port: {port}}}]}}]
"
        )
    };
    let objects = |created| {
        let parts = [
            gateway(listener),
            ROUTE.replace("name: r,", "name: other,") + "  parentRefs: [{name: elsewhere}]",
            route("GRPCRoute", "calls", created, 9),
            route("HTTPRoute", "web", 5, 80),
        ];
        parts.concat()
    };
    let refused = "Accepted=False/HostnameConflict";
    for (created, of_grpc, of_http) in [
        (4, "Accepted=True/Accepted", refused),
        (6, refused, "Accepted=True/Accepted"),
    ] {
        let world = translated(&objects(created));
        let acks = bound(&world);
        let calls = shown(&world, &acks, kinds::GRPC_ROUTE, "calls");
        assert_eq!(calls["apiVersion"], "gateway.networking.k8s.io/v1");
        assert_eq!(calls["kind"], "GRPCRoute");
        // Both conditions are always there, and apart.
        assert_eq!(
            conditions(&calls["status"]["parents"][0], 1),
            [of_grpc, "ResolvedRefs=False/BackendNotFound"]
        );
        let web = shown(&world, &acks, kinds::HTTP_ROUTE, "web");
        assert_eq!(
            conditions(&web["status"]["parents"][0], 1),
            [of_http, "ResolvedRefs=True/ResolvedRefs"]
        );
        let gw = shown(&world, &acks, kinds::GATEWAY, "gw");
        assert_eq!(gw["status"]["listeners"][0]["attachedRoutes"], 1);
    }
}

#[test]
fn each_parent_of_a_route_has_its_own_entry() {
    let refs = "  parentRefs: [{name: gw, sectionName: gone}, {name: gw}, {name: nobody}, {name: gw, namespace: default, port: 99}]";
    let world = translated(&format!("{}{ROUTE}{refs}", gateway(PLAIN)));
    let shown = shown(&world, &bound(&world), kinds::HTTP_ROUTE, "r");
    let parents = shown["status"]["parents"].as_array().expect("parents");
    let accepted: Vec<String> = parents
        .iter()
        .map(|parent| conditions(parent, 5)[0].clone())
        .collect();
    assert_eq!(
        accepted,
        [
            "Accepted=False/NoMatchingParent",
            "Accepted=True/Accepted",
            "Accepted=False/NoMatchingParent"
        ],
        "a Gateway that does not exist has no entry"
    );
    assert_eq!(parents[2]["parentRef"]["namespace"], "default");
    assert_eq!(parents[0]["parentRef"].get("namespace"), None);
}

#[test]
fn routes_of_another_namespace_are_not_allowed() {
    let route = ROUTE.replace("{name: r,", "{name: r, namespace: other,");
    let world = translated(&format!(
        "{}{route}  parentRefs: [{{name: gw, namespace: default}}]",
        gateway(PLAIN)
    ));
    let shown = shown(&world, &bound(&world), kinds::HTTP_ROUTE, "r");
    assert_eq!(
        conditions(&shown["status"]["parents"][0], 5)[0],
        "Accepted=False/NotAllowedByListeners"
    );
}

/// What counts as attached and what is said to be accepted are computed apart: they must agree.
#[test]
fn a_route_counts_where_some_parent_says_accepted() {
    let rules = [
        "  rules: [{backendRefs: [{name: web, port: 80}]}]",
        "  rules: [{filters: [{type: Unheard}]}]",
        "  rules: [{filters: [{type: ExtensionRef}], backendRefs: [{name: web, port: 80}]}]",
        "  rules: [{matches: [{path: {type: Exact, value: '%'}}]}]",
        "  rules: [{matches: [{path: {type: Exact, value: '%'}}]}, {backendRefs: []}]",
        "  hostnames: [b.org]\n  rules: []",
    ];
    let parents = [
        "{name: gw}",
        "{name: gw, sectionName: http}",
        "{name: gw, port: 99}",
        "{name: gw, sectionName: gone}",
    ];
    let listener = "  listeners: [{name: http, port: 80, protocol: HTTP, hostname: a.org}]";
    for rule in rules {
        for parent in parents {
            let world = translated(&format!(
                "{}{ROUTE}  parentRefs: [{parent}]\n{rule}",
                gateway(listener)
            ));
            let route = shown(&world, &bound(&world), kinds::HTTP_ROUTE, "r");
            let accepted =
                conditions(&route["status"]["parents"][0], 5)[0] == "Accepted=True/Accepted";
            let report = world
                .reports()
                .values()
                .find(|report| report.object.is(kinds::GATEWAY))
                .expect("a report");
            let Subject::Gateway(gateway) = &report.subject else {
                panic!("a Gateway")
            };
            assert_eq!(
                gateway.listeners[0].attached_routes,
                u32::from(accepted),
                "{parent}\n{rule}"
            );
        }
    }
}
