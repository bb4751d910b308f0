//! Which documents are objects that are read, and which are not.

use serde_json::json;

use super::read;
use crate::schema::{Identity, identify};

#[test]
fn every_kind_that_is_read_has_a_schema_and_reads() {
    for (text, kind) in [
        (
            "{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: a}, spec: {controllerName: a.b/c}}",
            "GatewayClass",
        ),
        (
            "{apiVersion: gateway.networking.k8s.io/v1beta1, kind: Gateway, metadata: {name: a}, spec: {gatewayClassName: c, listeners: [{name: a, port: 80, protocol: HTTP}]}}",
            "Gateway",
        ),
        (
            "{apiVersion: gateway.networking.k8s.io/v1beta1, kind: HTTPRoute, metadata: {name: a}, spec: {}, status: {x: 1}}",
            "HTTPRoute",
        ),
        (
            "{apiVersion: gateway.networking.k8s.io/v1, kind: ReferenceGrant, metadata: {name: a}, spec: {from: [{group: g, kind: K, namespace: ns}], to: [{group: '', kind: Secret}]}}",
            "ReferenceGrant",
        ),
        (
            "{apiVersion: gateway.networking.k8s.io/v1beta1, kind: ReferenceGrant, metadata: {name: a}, spec: {from: [{group: g, kind: K, namespace: ns}], to: [{group: '', kind: Secret}]}}",
            "ReferenceGrant",
        ),
        (
            "{apiVersion: gateway.networking.k8s.io/v1, kind: BackendTLSPolicy, metadata: {name: a}, spec: {targetRefs: [{group: '', kind: Service, name: a}], validation: {hostname: a.example, wellKnownCACertificates: System, subjectAltNames: [{type: URI, uri: 'spiffe://a/b'}]}, options: {a: b}}}",
            "BackendTLSPolicy",
        ),
        (
            "{apiVersion: gateway.networking.k8s.io/v1, kind: ListenerSet, metadata: {name: a}, spec: {parentRef: {name: a}, listeners: [{name: a, port: 80, protocol: HTTP}]}}",
            "ListenerSet",
        ),
        (
            "{apiVersion: gateway.kgateway.dev/v1alpha1, kind: Backend, metadata: {name: a}, spec: {static: {hosts: [{host: h, port: 1}]}}}",
            "Backend",
        ),
        (
            "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 80, nodePort: 30000}], internalTrafficPolicy: Local}}",
            "Service",
        ),
    ] {
        assert_eq!(&*read(text).id().kind, kind);
    }
}

#[test]
fn what_a_document_is() {
    let of = |api_version: &str, kind: &str| {
        identify(&json!({ "apiVersion": api_version, "kind": kind, "items": [] }))
    };
    let wrong = |api_version: &str, kind: &str| match of(api_version, kind) {
        Identity::Wrong(found) => format!(
            "{}: {} ({})",
            found.path,
            found.text,
            found.hint.unwrap_or_default()
        ),
        other => format!("{other:?}"),
    };
    let other = |group: &str, kind: &str| Identity::Other {
        group: group.to_owned(),
        kind: kind.to_owned(),
    };
    assert_eq!(of("v1", "Secret"), Identity::Known);
    assert_eq!(
        of("gateway.networking.k8s.io/v1beta1", "HTTPRoute"),
        Identity::Known
    );
    assert_eq!(of("v1", "List"), Identity::List);
    assert_eq!(
        of("gateway.networking.k8s.io/v1", "HTTPRouteList"),
        Identity::List
    );
    assert_eq!(of("apps/v1", "Deployment"), other("apps", "Deployment"));
    assert_eq!(of("v1", "Pod"), other("", "Pod"));
    assert_eq!(
        of("gateway.networking.k8s.io/v1", "GRPCRoute"),
        Identity::Known
    );
    assert_eq!(
        of("gateway.networking.k8s.io/v1", "TLSRoute"),
        other("gateway.networking.k8s.io", "TLSRoute")
    );
    assert_eq!(
        of("networking.istio.io/v1", "Gateway"),
        other("networking.istio.io", "Gateway")
    );
    assert_eq!(
        of("serving.knative.dev/v1", "Service"),
        other("serving.knative.dev", "Service")
    );
    assert_eq!(
        wrong("gateway.networking.k8s.io/v1alpha2", "HTTPRoute"),
        "apiVersion: HTTPRoute has no version `v1alpha2` that is served (write `apiVersion: gateway.networking.k8s.io/v1`)"
    );
    assert_eq!(
        wrong("gateway.networking.k8s.io/v1", "HTTPRoutes"),
        "kind: gateway.networking.k8s.io/v1 has no kind `HTTPRoutes` (did you mean `HTTPRoute`?)"
    );
    assert_eq!(
        wrong("v1", "HTTPRoute"),
        "apiVersion: `v1` has no kind `HTTPRoute` (write `apiVersion: gateway.networking.k8s.io/v1`)"
    );
    assert_eq!(
        wrong("gateway.network.k8s.io/v1", "Gateway"),
        "apiVersion: `gateway.network.k8s.io/v1` has no kind `Gateway` (write `apiVersion: gateway.networking.k8s.io/v1`)"
    );
    let Identity::Wrong(found) = identify(&json!({ "apiversion": "v1", "kind": "Secret" })) else {
        panic!("no apiVersion")
    };
    assert_eq!(
        (&*found.path, found.hint.as_deref()),
        ("apiVersion", Some("is `apiversion` meant as `apiVersion`?"))
    );
    assert!(matches!(identify(&json!("text")), Identity::Wrong(_)));
}
