//! From objects to conditions: every condition that routing needs, with its reason.

use std::collections::BTreeSet;

use fg_api::report::Subject;
use fg_ir::ListenerKey;
use fg_model::kinds;
use fg_testkit::objects::objects;
use fg_translate::{Options, Translator};
use serde_json::{Value, json};

use super::{Ack, Acknowledgements, document, summary};

pub(crate) fn translated(yaml: &str) -> Translator {
    let mut translator = Translator::new(Options::default());
    translator.apply(&objects(yaml), &[]);
    translator
}

/// All listeners are bound.
pub(crate) fn bound(translator: &Translator) -> Acknowledgements {
    let mut acks = Acknowledgements::default();
    for listener in translator.ir().listeners.keys() {
        acks.take(Ack {
            listener: listener.clone(),
            bound: Ok(()),
        });
    }
    acks
}

/// The document of an object by kind and name.
pub(crate) fn shown(
    translator: &Translator,
    acks: &Acknowledgements,
    kind: (&str, &str),
    name: &str,
) -> Value {
    let (_, report) = translator
        .reports()
        .iter()
        .find(|(id, _)| id.is(kind) && &*id.name == name)
        .expect("there is a report");
    serde_json::to_value(document(report, acks)).expect("it serializes")
}

/// `Accepted=True/Accepted`, for each condition, in their order; generations must be `generation`.
pub(crate) fn conditions(holder: &Value, generation: i64) -> Vec<String> {
    let list = holder["conditions"].as_array().expect("conditions");
    list.iter()
        .map(|condition| {
            assert_eq!(condition["observedGeneration"], generation, "{condition}");
            assert!(!condition["message"].as_str().expect("a message").is_empty());
            let word = |field: &str| condition[field].as_str().expect("a word").to_owned();
            format!("{}={}/{}", word("type"), word("status"), word("reason"))
        })
        .collect()
}

const ROUTE: &str = "
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}, {name: own, port: 81, appProtocol: example.com/own}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, generation: 5}
spec:
";

/// A Gateway of generation 3.
pub(crate) fn gateway(rest: &str) -> String {
    format!(
        "
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: gw, generation: 3}}
spec:
  gatewayClassName: ferrogate
{rest}
"
    )
}

const PLAIN: &str = "  listeners: [{name: http, port: 80, protocol: HTTP}]";

#[test]
fn a_good_gateway_is_programmed_once_it_is_bound() {
    let world = translated(&format!(
        "{}{ROUTE}  parentRefs: [{{name: gw}}]",
        gateway(PLAIN)
    ));
    let pending = shown(&world, &Acknowledgements::default(), kinds::GATEWAY, "gw");
    assert_eq!(
        conditions(&pending["status"], 3),
        [
            "Accepted=True/Accepted",
            "Programmed=Unknown/Pending",
            "ResolvedRefs=True/ResolvedRefs"
        ]
    );
    assert_eq!(pending["status"].get("addresses"), None);
    let mut acks = bound(&world);
    acks.addresses = vec!["127.0.0.1".parse().expect("an address")];
    let shown = shown(&world, &acks, kinds::GATEWAY, "gw");
    assert_eq!(
        conditions(&shown["status"], 3),
        [
            "Accepted=True/Accepted",
            "Programmed=True/Programmed",
            "ResolvedRefs=True/ResolvedRefs"
        ]
    );
    assert_eq!(
        shown["status"]["addresses"],
        json!([{"type": "IPAddress", "value": "127.0.0.1"}])
    );
    let listener = &shown["status"]["listeners"][0];
    assert_eq!(
        conditions(listener, 3),
        [
            "Accepted=True/Accepted",
            "Conflicted=False/NoConflicts",
            "ResolvedRefs=True/ResolvedRefs",
            "Programmed=True/Programmed",
        ]
    );
    assert_eq!(listener["name"], "http");
    assert_eq!(listener["attachedRoutes"], 1);
    assert_eq!(
        listener["supportedKinds"],
        json!([
            {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"},
            {"group": "gateway.networking.k8s.io", "kind": "GRPCRoute"},
        ])
    );
    assert_eq!(shown["apiVersion"], "gateway.networking.k8s.io/v1");
    assert_eq!(
        shown["metadata"],
        json!({"name": "gw", "namespace": "default", "generation": 3})
    );
}

#[test]
fn a_port_that_cannot_be_bound_is_unavailable() {
    let world = translated(&gateway(
        "  listeners: [{name: a, port: 80, protocol: HTTP}, {name: b, port: 81, protocol: HTTP}]",
    ));
    let mut acks = bound(&world);
    let key = |section: &str| ListenerKey {
        namespace: "default".into(),
        gateway: "gw".into(),
        section: section.into(),
    };
    let words = "port 80 needs a privilege; start with --port-map 80=8080";
    acks.take(Ack {
        listener: key("a"),
        bound: Err(words.to_owned()),
    });
    let one = shown(&world, &acks, kinds::GATEWAY, "gw");
    assert_eq!(
        conditions(&one["status"], 3)[..2],
        [
            "Accepted=True/ListenersNotValid",
            "Programmed=True/Programmed"
        ]
    );
    let listener = &one["status"]["listeners"][0];
    assert_eq!(
        conditions(listener, 3),
        [
            "Accepted=False/PortUnavailable",
            "Conflicted=False/NoConflicts",
            "ResolvedRefs=True/ResolvedRefs",
            "Programmed=False/Invalid",
        ]
    );
    assert_eq!(listener["conditions"][0]["message"], words);
    acks.take(Ack {
        listener: key("b"),
        bound: Err(words.to_owned()),
    });
    let none = shown(&world, &acks, kinds::GATEWAY, "gw");
    assert_eq!(
        conditions(&none["status"], 3)[..2],
        [
            "Accepted=False/ListenersNotValid",
            "Programmed=False/Invalid"
        ]
    );
}

#[test]
fn gateways_that_are_not_accepted() {
    for (rest, accepted, programmed) in [
        (
            "  addresses: [{type: Hostname, value: a.example}]\n  listeners: [{name: http, port: 80, protocol: HTTP}]",
            "Accepted=False/UnsupportedAddress",
            "Programmed=False/Invalid",
        ),
        (
            "  addresses: [{value: nowhere}]\n  listeners: [{name: http, port: 80, protocol: HTTP}]",
            "Accepted=True/Accepted",
            "Programmed=False/AddressNotUsable",
        ),
        (
            "  infrastructure: {parametersRef: {group: a.io, kind: P, name: p}}\n  listeners: [{name: http, port: 80, protocol: HTTP}]",
            "Accepted=False/InvalidParameters",
            "Programmed=False/Invalid",
        ),
        (
            "  listeners: [{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: HTTP}]",
            "Accepted=False/ListenersNotValid",
            "Programmed=False/Invalid",
        ),
    ] {
        let world = translated(&gateway(rest));
        let shown = shown(&world, &bound(&world), kinds::GATEWAY, "gw");
        assert_eq!(
            conditions(&shown["status"], 3)[..2],
            [accepted, programmed],
            "{rest}"
        );
    }
    let waypoint = gateway(PLAIN).replace("Name: ferrogate", "Name: ferrogate-waypoint");
    let world = translated(&waypoint);
    let shown = shown(&world, &bound(&world), kinds::GATEWAY, "gw");
    assert_eq!(
        conditions(&shown["status"], 3)[..2],
        ["Accepted=False/Pending", "Programmed=False/Pending"]
    );
}

#[test]
fn listeners_say_what_is_wrong_with_them() {
    for (listener, expected) in [
        (
            "port: 8082, protocol: HTTP",
            [
                "False/PortUnavailable",
                "False/NoConflicts",
                "True/ResolvedRefs",
                "False/Invalid",
            ],
        ),
        (
            "port: 81, protocol: own.io/x",
            [
                "False/UnsupportedProtocol",
                "False/NoConflicts",
                "True/ResolvedRefs",
                "False/Invalid",
            ],
        ),
        (
            "port: 81, protocol: HTTP, allowedRoutes: {kinds: [{kind: TCPRoute}]}",
            [
                "True/Accepted",
                "False/NoConflicts",
                "False/InvalidRouteKinds",
                "True/Programmed",
            ],
        ),
        (
            "port: 81, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector}}",
            [
                "False/UnsupportedValue",
                "False/NoConflicts",
                "True/ResolvedRefs",
                "False/Invalid",
            ],
        ),
        (
            "port: 80, protocol: HTTP",
            [
                "False/HostnameConflict",
                "True/HostnameConflict",
                "True/ResolvedRefs",
                "False/HostnameConflict",
            ],
        ),
        (
            "port: 80, protocol: TCP",
            [
                "False/ProtocolConflict",
                "True/ProtocolConflict",
                "True/ResolvedRefs",
                "False/ProtocolConflict",
            ],
        ),
        (
            "port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: gone}]}",
            [
                "True/Accepted",
                "False/NoConflicts",
                "False/InvalidCertificateRef",
                "False/Invalid",
            ],
        ),
        (
            "port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: gone}, {name: c, namespace: other}]}",
            [
                "True/Accepted",
                "False/NoConflicts",
                "False/RefNotPermitted",
                "False/Invalid",
            ],
        ),
    ] {
        let rest = format!(
            "  listeners: [{{name: http, port: 80, protocol: HTTP}}, {{name: bad, {listener}}}]"
        );
        let world = translated(&gateway(&rest));
        let shown = shown(&world, &bound(&world), kinds::GATEWAY, "gw");
        let types = ["Accepted", "Conflicted", "ResolvedRefs", "Programmed"];
        let expected: Vec<String> = types
            .iter()
            .zip(expected)
            .map(|(kind, rest)| format!("{kind}={rest}"))
            .collect();
        assert_eq!(
            conditions(&shown["status"]["listeners"][1], 3),
            expected,
            "{listener}"
        );
        let resolved = &conditions(&shown["status"], 3)[2];
        let broken = expected[2].contains("False");
        assert_eq!(
            resolved,
            if broken {
                "ResolvedRefs=False/ListenersNotResolved"
            } else {
                "ResolvedRefs=True/ResolvedRefs"
            }
        );
    }
}

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

#[test]
fn classes_and_backends_have_conditions_only() {
    let yaml = "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: good, generation: 2}
spec: {controllerName: ferrogate.dev/gateway}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: parameters, generation: 2}
spec: {controllerName: ferrogate.dev/gateway, parametersRef: {group: a.io, kind: P, name: p}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: waypoint, generation: 2}
spec: {controllerName: ferrogate.dev/waypoint}
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: Backend
metadata: {name: good, generation: 2}
spec: {static: {hosts: [{host: a.example, port: 80}]}}
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: Backend
metadata: {name: bad, generation: 2}
spec: {aws: {}}
";
    let world = translated(yaml);
    let acks = Acknowledgements::default();
    for (name, accepted) in [
        ("good", "Accepted=True/Accepted"),
        ("parameters", "Accepted=False/InvalidParameters"),
        ("waypoint", "Accepted=False/Unsupported"),
    ] {
        let class = shown(&world, &acks, kinds::GATEWAY_CLASS, name);
        assert_eq!(
            conditions(&class["status"], 2),
            [accepted, "SupportedVersion=True/SupportedVersion"]
        );
        assert_eq!(class["metadata"].get("namespace"), None);
    }
    for (name, accepted) in [
        ("good", "Accepted=True/Accepted"),
        ("bad", "Accepted=False/Invalid"),
    ] {
        let backend = shown(&world, &acks, kinds::BACKEND, name);
        assert_eq!(conditions(&backend["status"], 2), [accepted]);
        assert_eq!(backend["apiVersion"], "gateway.kgateway.dev/v1alpha1");
    }
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

#[test]
fn findings_are_counted_and_listed() {
    let world = translated(&format!(
        "{}{ROUTE}  parentRefs: [{{name: gw}}]\n  useDefaultGateways: All\n  rules: [{{backendRefs: [{{name: gone, port: 80}}]}}]",
        gateway(PLAIN)
    ));
    let findings: Vec<_> = world.findings().map(|finding| &**finding).collect();
    let counted = summary(findings.iter().copied());
    assert_eq!((counted.errors, counted.warnings, counted.infos), (1, 1, 0));
    let entry =
        serde_json::to_value(super::FindingEntry::from(findings[0])).expect("it serializes");
    assert_eq!(
        entry,
        json!({
            "severity": "error",
            "reason": "BackendNotFound",
            "kind": "HTTPRoute",
            "namespace": "default",
            "name": "r",
            "path": "spec.rules[0].backendRefs[0].name",
            "message": "there is no Service `gone` in namespace `default`",
        })
    );
    let fields: BTreeSet<&str> = ["severity", "reason"].into();
    assert!(fields.iter().all(|field| entry.get(field).is_some()));
}
