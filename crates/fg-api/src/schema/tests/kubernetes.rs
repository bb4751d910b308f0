//! Kinds of Kubernetes itself that are read in a way of their own.

use super::{read, refused};
use crate::Resource;

#[test]
fn secrets_are_decoded_and_never_repeated() {
    let Resource::Secret(secret) = read(
        "{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {a: \"aGVs\\nbG8=\", b: Yg==}, stringData: {b: over, c: text}}",
    ) else {
        panic!("a Secret")
    };
    let value = |key: &str| secret.spec.data[key].expose().clone();
    assert_eq!(value("a"), b"hello");
    assert_eq!(value("b"), b"over");
    assert_eq!(value("c"), b"text");
    assert_eq!(&*secret.spec.kind, "Opaque");
    for (body, expected) in [
        (
            "data: {a: 'hunter2!'}",
            "data[\"a\"]: is no base64 (plain text goes into `stringData`)",
        ),
        (
            "stringData: {a: 4711}",
            "stringData[\"a\"]: must be a string (put it in quotes)",
        ),
        ("type: 4711", "type: must be a string (put it in quotes)"),
        (
            "data: {'a b': ''}",
            "data[\"a b\"]: the key must be up to 253 letters, digits and `-._`",
        ),
        (
            "type: kubernetes.io/tls, stringData: {tls.crt: ''}",
            "data[\"tls.key\"]: is required in a Secret of type kubernetes.io/tls",
        ),
    ] {
        let found = refused(&format!(
            "{{apiVersion: v1, kind: Secret, metadata: {{name: s}}, {body}}}"
        ));
        assert_eq!(found, [expected]);
    }
}

#[test]
fn config_maps_hold_text_and_bytes() {
    let Resource::ConfigMap(map) = read(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: x}, binaryData: {b: AAE=}}",
    ) else {
        panic!("a ConfigMap")
    };
    assert_eq!(map.spec.data["a"], b"x");
    assert_eq!(map.spec.data["b"], [0, 1]);
    let found = refused(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: x}, binaryData: {a: AAE=}}",
    );
    assert_eq!(
        found,
        ["binaryData[\"a\"]: the key stands in `data` already"]
    );
}

#[test]
fn endpoint_slices_hold_addresses_of_their_type() {
    let slice = |rest: &str| {
        format!(
            "{{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {{name: e}}, {rest}}}"
        )
    };
    let Resource::EndpointSlice(read) = read(&slice(
        "addressType: IPv4, endpoints: [{addresses: [127.0.0.1], conditions: {ready: false}, zone: a}], ports: [{port: 80}]",
    )) else {
        panic!("an EndpointSlice")
    };
    assert_eq!(&*read.spec.endpoints[0].addresses[0], "127.0.0.1");
    assert_eq!(
        read.spec.endpoints[0].conditions.as_ref().unwrap().ready,
        Some(false)
    );
    assert_eq!(read.spec.ports[0].protocol.as_deref(), Some("TCP"));
    let found = refused(&slice(
        "addressType: IPv6, endpoints: [{addresses: [127.0.0.1]}]",
    ));
    assert_eq!(
        found,
        [
            "endpoints[0].addresses[0]: `127.0.0.1` is no address of type IPv6 (write `addressType: IPv4`, in a slice of its own)"
        ]
    );
    assert_eq!(
        refused(&slice("endpoints: []")),
        ["addressType: is required"]
    );
    let found = refused(&slice("addressType: IPv4, endpoint: []"));
    assert_eq!(
        found,
        ["endpoint: unknown field `endpoint` (did you mean `endpoints`?)"]
    );
}
