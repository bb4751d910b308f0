//! Listeners by themselves: what keeps one from serving, and what counts all the same.

use fg_model::HostPattern;

use super::gateway;
use crate::testing::{findings, listeners, translated};

#[test]
fn a_listener_that_cannot_serve_says_why_and_the_others_serve() {
    for (listener, expected) in [
        (
            "port: 443, protocol: HTTPS",
            "InvalidCertificateRef Gateway default/g spec.listeners[1].tls.certificateRefs",
        ),
        (
            "port: 443, protocol: TLS",
            "UnsupportedProtocol Gateway default/g spec.listeners[1].protocol",
        ),
        (
            "port: 90, protocol: TCP",
            "UnsupportedProtocol Gateway default/g spec.listeners[1].protocol",
        ),
        (
            "port: 90, protocol: http",
            "UnsupportedProtocol Gateway default/g spec.listeners[1].protocol",
        ),
        (
            "port: 19000, protocol: HTTP",
            "PortUnavailable Gateway default/g spec.listeners[1].port",
        ),
        (
            "port: 8082, protocol: HTTP",
            "PortUnavailable Gateway default/g spec.listeners[1].port",
        ),
        (
            "port: 9091, protocol: HTTP",
            "PortUnavailable Gateway default/g spec.listeners[1].port",
        ),
        (
            "port: 90, protocol: HTTP, hostname: 'a b'",
            "UnsupportedValue Gateway default/g spec.listeners[1].hostname",
        ),
        (
            "port: 90, protocol: HTTP, filters: {}",
            "UnsupportedValue Gateway default/g spec.listeners[1].filters",
        ),
    ] {
        let rest = format!(
            "listeners: [{{name: http, port: 80, protocol: HTTP}}, {{name: bad, {listener}}}]"
        );
        let world = translated(&gateway("g", &rest));
        assert_eq!(findings(&world), [format!("Error {expected}")]);
        assert_eq!(listeners(&world, "g"), ["http=0", "-bad=0"], "{listener}");
        assert_eq!(world.ir().listeners.len(), 1);
    }
}

#[test]
fn routes_count_on_listeners_that_do_not_serve() {
    let route = "
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec: {parentRefs: [{name: g}]}
";
    let rest = "listeners: [{name: a, port: 443, protocol: HTTPS}, {name: b, port: 8082, protocol: HTTP}, {name: c, port: 90, protocol: TCP}]";
    let world = translated(&format!("{}{route}", gateway("g", rest)));
    assert_eq!(listeners(&world, "g"), ["-a=1", "-b=1", "-c=0"]);
    assert!(world.ir().rules.is_empty());
}

#[test]
fn hostnames_of_listeners_are_kept_lower_case() {
    let world = translated(&gateway(
        "g",
        "listeners: [{name: l, port: 80, protocol: HTTP, hostname: '*.Example.COM'}]",
    ));
    let listener = world
        .ir()
        .listeners
        .values()
        .next()
        .expect("a listener")
        .clone();
    assert_eq!(
        listener.hostname,
        HostPattern::Wildcard(".example.com".into())
    );
    assert_eq!(listener.origin.path.as_ref(), "spec.listeners[0]");
}
