//! The conditions of Gateways and of their listeners.

use fg_ir::ListenerKey;
use fg_model::kinds;
use serde_json::json;

use super::{PLAIN, ROUTE, bound, conditions, gateway, shown, translated};
use crate::{Ack, Acknowledgements};

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
