//! Metadata: what is read of it, what is refused, and the name in a refusal.

use super::{ROUTE, read, refused, route, yaml};
use crate::Resource;
use crate::schema::decode;

#[test]
fn metadata_is_read() {
    let Resource::Namespace(namespace) = read(
        "{apiVersion: v1, kind: Namespace, metadata: {name: ns, uid: x, generation: 7, creationTimestamp: '1970-01-02T00:00:00Z', labels: {a/b: c, d: ''}, annotations: {E: 'x y'}}}",
    ) else {
        panic!("a Namespace")
    };
    assert_eq!(namespace.meta.generation, 7);
    assert_eq!(namespace.meta.created, Some(86_400));
    assert_eq!(namespace.meta.labels.len(), 2);
    assert_eq!(&*namespace.meta.annotations["E"], "x y");
    assert_eq!(&*namespace.id.namespace, "");
    let decoded = decode(yaml(&route("  rules: [{}]"))).unwrap();
    assert_eq!(decoded.resource.meta().generation, 1);
    assert!(!decoded.generation_given);
    assert_eq!(decoded.resource.meta().created, None);
    assert_eq!(&*decoded.resource.id().namespace, "default");
}

#[test]
fn metadata_is_judged() {
    let of = |metadata: &str| {
        refused(&format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{{metadata}}}}}"
        ))
    };
    assert_eq!(of(""), ["metadata.name: is required"]);
    assert_eq!(
        of("generateName: a-"),
        ["metadata.name: is required (`generateName` needs an API server: write a `name`)"]
    );
    assert_eq!(
        of("name: 1"),
        ["metadata.name: must be a string, not the number 1 (put it in quotes)"]
    );
    for bad in ["A", "a_b", "-a", "a..b", "a."] {
        assert!(
            of(&format!("name: '{bad}'"))[0].starts_with("metadata.name: must be a DNS name"),
            "{bad}"
        );
    }
    assert!(
        of("name: a, namespace: b.c")[0].starts_with("metadata.namespace: must be a DNS label")
    );
    assert!(
        of("name: a, creationTimestamp: yesterday")[0]
            .starts_with("metadata.creationTimestamp: must be a time")
    );
    assert!(of("name: a, generation: -1")[0].starts_with("metadata.generation: must be"));
    assert!(
        of("name: a, labels: {a: 1}")[0].starts_with("metadata.labels[\"a\"]: must be a string")
    );
    assert!(
        of("name: a, labels: {a: '-'}")[0].starts_with("metadata.labels[\"a\"]: must be up to 63")
    );
    assert!(
        of("name: a, labels: {'a/b/c': x}")[0]
            .starts_with("metadata.labels[\"a/b/c\"]: the key must")
    );
    assert_eq!(
        refused("{apiVersion: v1, kind: Namespace, metadata: {name: a, namespace: b}}"),
        ["metadata.namespace: must not be set: a Namespace is in no namespace"]
    );
    assert!(
        refused(
            "{apiVersion: v1, kind: Service, metadata: {name: a.b}, spec: {ports: [{port: 1}]}}"
        )[0]
        .starts_with("metadata.name: must be a DNS label")
    );
    read("{apiVersion: v1, kind: ConfigMap, metadata: {name: a.b, creationTimestamp: null}}");
}

#[test]
fn a_refusal_names_the_object() {
    let refusal = decode(yaml(&format!("{ROUTE}  # no spec"))).unwrap_err();
    assert_eq!(refusal.id.unwrap().to_string(), "HTTPRoute default/r");
    assert_eq!(refusal.generation, None);
    let refusal = decode(yaml(
        "{apiVersion: v1, kind: Secret, metadata: {generation: 3}}",
    ))
    .unwrap_err();
    assert_eq!(refusal.id, None);
    assert_eq!(refusal.generation, Some(3));
}
