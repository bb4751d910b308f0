//! Rules of `Gateway` bite.

use super::*;

#[test]
fn addresses() {
    let of = |list: &str| {
        gateway(&format!(
            "listeners: [{{name: a, port: 80, protocol: HTTP}}]\naddresses: [{list}]"
        ))
    };
    assert_eq!(
        of("{value: 127.0.0.1}, {value: '::1'}, {}, {}, {type: Hostname, value: '*.a.com'}"),
        [""; 0]
    );
    one(
        &of("{value: 127.0.0.1}, {value: 127.0.0.1}"),
        "spec.addresses[1].value: the address `127.0.0.1` is already",
    );
    one(
        &of("{type: Hostname, value: a.b}, {type: Hostname, value: a.b}"),
        "spec.addresses[1].value: the address",
    );
    one(
        &of("{value: '127.0.0.1:80'}"),
        "spec.addresses[0].value: `127.0.0.1:80` is no IPv4 or IPv6 address",
    );
    one(
        &of("{type: Hostname, value: 'A.com'}"),
        "spec.addresses[0].value: `A.com` is no DNS name",
    );
    assert_eq!(
        of("{routability: Cluster}, {routability: example.com/x}"),
        [""; 0]
    );
    for bad in ["Public", "k8s.io/x", "a.k8s.io/x", "/x"] {
        one(
            &of(&format!("{{routability: {bad}}}")),
            "spec.addresses[0].routability: ",
        );
    }
}

#[test]
fn listeners() {
    let of = |list: &str| gateway(&format!("listeners: [{list}]"));
    let tls = "tls: {certificateRefs: [{name: c}]}";
    assert_eq!(
        of(&format!(
            "{{name: a, port: 80, protocol: HTTP}}, {{name: b, port: 443, protocol: HTTPS, {tls}}}"
        )),
        [""; 0]
    );
    for (list, expected) in [
        (
            "{name: a, port: 80, protocol: HTTP, CERT}",
            "[0].tls: must not be set with `protocol: HTTP`",
        ),
        (
            "{name: a, port: 80, protocol: TLS}",
            "[0].tls: is required with `protocol: TLS`",
        ),
        (
            "{name: a, port: 80, protocol: HTTPS, tls: {mode: Passthrough}}",
            "[0].tls.mode: must be `Terminate`",
        ),
        (
            "{name: a, port: 80, protocol: HTTPS, tls: {}}",
            "[0].tls.certificateRefs: must name a Secret",
        ),
        (
            "{name: a, port: 80, protocol: TCP, hostname: a.com}",
            "[0].hostname: must not be set",
        ),
        (
            "{name: a, port: 80, protocol: HTTP}, {name: a, port: 81, protocol: HTTP}",
            "[1]: an entry with name `a` is already in the list",
        ),
        (
            "{name: a, port: 80, protocol: HTTP, hostname: x.y}, {name: b, port: 80, protocol: HTTP, hostname: x.y}",
            "[1]: another listener has the same port 80, protocol HTTP and hostname",
        ),
        (
            "{name: a, port: 80, protocol: TCP, filters: {requests: [{type: ExtensionRef, extensionRef: {group: g, kind: K, name: x}}]}}",
            "[0].filters: must not be set with `protocol: TCP`",
        ),
        (
            "{name: a, port: 80, protocol: HTTP, filters: {requests: [{type: ExtensionRef}]}}",
            "[0].filters.requests[0].extensionRef: is required",
        ),
    ] {
        one(
            &of(&list.replace("CERT", tls)),
            &format!("spec.listeners{expected}"),
        );
    }
    assert_eq!(
        of(
            "{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: HTTP, hostname: x.y}"
        ),
        [""; 0],
        "one with and one without hostname"
    );
}

#[test]
fn rest_of_a_gateway() {
    let listeners = "listeners: [{name: a, port: 80, protocol: HTTP}]";
    let label = |key: &str| {
        gateway(&format!(
            "{listeners}\ninfrastructure: {{labels: {{'{key}': v}}}}"
        ))
    };
    assert_eq!(label("a.b/c"), [""; 0]);
    one(
        &label("a b"),
        "spec.infrastructure.labels[\"a b\"]: the key must be",
    );
    one(
        &label(&format!("{}/c", "a".repeat(253))),
        "spec.infrastructure.labels[\"aaa",
    );
    one(
        &gateway(&format!(
            "{listeners}\ntls: {{frontend: {{default: {{validation: {{caCertificateRefs: [{{group: certificates.k8s.io, kind: ClusterTrustBundle, name: x, namespace: x}}]}}}}}}}}"
        )),
        "spec.tls.frontend.default.validation.caCertificateRefs[0].namespace: must not be set",
    );
}
