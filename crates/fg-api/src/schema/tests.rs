//! Objects are judged and read as in a cluster.

use fg_model::FindingKind;
use serde_json::{Value, json};

use super::*;
use crate::Resource;

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

fn read(text: &str) -> Resource {
    decode(yaml(text)).expect("a good object").resource
}

/// `path: text (hint)` of each finding.
fn refused(text: &str) -> Vec<String> {
    let refusal = decode(yaml(text)).expect_err("a bad object");
    let say = |found: SchemaFinding| match found.hint {
        Some(hint) => format!("{}: {} ({hint})", found.path, found.text),
        None => format!("{}: {}", found.path, found.text),
    };
    refusal.findings.into_iter().map(say).collect()
}

const ROUTE: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
";

const GATEWAY: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
";

fn route(spec: &str) -> String {
    format!("{ROUTE}spec:\n{spec}")
}

#[test]
fn defaults_are_filled_in_at_every_depth() {
    let mut object = yaml(&route("  parentRefs: [{name: g}]"));
    assert_eq!(
        validate("gateway.networking.k8s.io/v1", "HTTPRoute", &mut object),
        []
    );
    assert_eq!(
        object["spec"],
        json!({
            "parentRefs": [{ "name": "g", "group": "gateway.networking.k8s.io", "kind": "Gateway" }],
            "rules": [{ "matches": [{ "path": { "type": "PathPrefix", "value": "/" } }] }],
        })
    );
    let mut object = yaml(&format!(
        "{GATEWAY}spec: {{gatewayClassName: c, listeners: [{{name: a, port: 80, protocol: HTTP}}]}}"
    ));
    assert_eq!(
        validate("gateway.networking.k8s.io/v1beta1", "Gateway", &mut object),
        []
    );
    assert_eq!(
        object["spec"]["listeners"][0]["allowedRoutes"],
        json!({ "namespaces": { "from": "Same" } })
    );
    let mut object = yaml(&route(
        "  rules: [{matches: [{path: {value: /a}, headers: [{name: a, value: b}]}], backendRefs: [{name: s, port: 1}]}]",
    ));
    assert_eq!(
        validate("gateway.networking.k8s.io/v1", "HTTPRoute", &mut object),
        []
    );
    let rule = &object["spec"]["rules"][0];
    assert_eq!(rule["matches"][0]["path"]["type"], "PathPrefix");
    assert_eq!(rule["matches"][0]["headers"][0]["type"], "Exact");
    assert_eq!(rule["backendRefs"][0]["weight"], 1);
    assert_eq!(rule["backendRefs"][0]["kind"], "Service");
}

#[test]
fn null_counts_as_absent() {
    let mut object = yaml(&route(
        "  hostnames:
  parentRefs: [{name: g, sectionName: null, kind: null}]
  rules: [{name: ~, matches: ~, filters: ~, timeouts: ~, backendRefs: [{name: s, port: 80, weight: ~}]}]",
    ));
    assert_eq!(
        validate("gateway.networking.k8s.io/v1", "HTTPRoute", &mut object),
        []
    );
    assert_eq!(
        object["spec"],
        json!({
            "parentRefs": [{ "name": "g", "kind": "Gateway", "group": "gateway.networking.k8s.io" }],
            "rules": [{
                "matches": [{ "path": { "type": "PathPrefix", "value": "/" } }],
                "backendRefs": [{
                    "name": "s", "port": 80, "weight": 1, "group": "", "kind": "Service",
                }],
            }],
        })
    );
    let Resource::HttpRoute(route_read) = read(&route("  hostnames: null\n  rules: null")) else {
        panic!("a route");
    };
    assert!(route_read.spec.hostnames.is_empty());
    let labels =
        "allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {a: null}}}}";
    read(&format!(
        "{GATEWAY}spec: {{gatewayClassName: c, listeners: [{{name: a, port: 80, protocol: HTTP, {labels}}}]}}"
    ));
    read(
        "{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {clusterIP: None, selector: null}}",
    );
}

#[test]
fn null_is_no_value_no_entry_and_no_unknown_field() {
    assert_eq!(refused(&format!("{ROUTE}spec:")), ["spec: is required"]);
    assert_eq!(
        refused(&route("  parentRefs: [{name: null}]")),
        ["spec.parentRefs[0].name: is required"]
    );
    assert_eq!(
        refused(&route("  hostnames: [null]")),
        ["spec.hostnames[0]: must be a string, not nothing (null)"]
    );
    assert_eq!(
        refused(&route("  hostnmes: null")),
        ["spec.hostnmes: unknown field `hostnmes` (did you mean `hostnames`?)"]
    );
}

#[test]
fn unknown_fields_say_what_was_meant() {
    assert_eq!(
        refused(&route("  rules: [{matchs: []}]")),
        ["spec.rules[0].matchs: unknown field `matchs` (did you mean `matches`?)"]
    );
    assert_eq!(
        refused("{apiVersion: v1, kind: ConfigMap, metadata: {name: c, lables: {}}, date: {}}"),
        [
            "metadata.lables: unknown field `lables` (did you mean `labels`?)",
            "date: unknown field `date` (did you mean `data`?)"
        ]
    );
    assert_eq!(
        refused("{apiVersion: v1, kind: Service, metadata: {name: s}, sepc: {ports: [{port: 1}]}}")
            [1],
        "sepc: unknown field `sepc` (did you mean `spec`?)",
    );
    assert_eq!(
        refused(&route("  backendRefs: []")),
        ["spec.backendRefs: unknown field `backendRefs` (it belongs in `spec.rules[]`)"]
    );
    assert_eq!(
        refused(&format!("{ROUTE}hostnames: []")),
        [
            "spec: is required",
            "hostnames: unknown field `hostnames` (it belongs in `spec`)",
        ]
    );
    let kinds: Vec<FindingKind> = decode(yaml(&route("  rules: [{matchs: []}]")))
        .unwrap_err()
        .findings
        .iter()
        .map(|found| found.kind)
        .collect();
    assert_eq!(kinds, [FindingKind::UnknownField]);
}

#[test]
fn types_bounds_and_enums_are_told_in_words() {
    for (spec, expected) in [
        (
            "hostnames: a.com",
            "spec.hostnames: must be a list, not the string `a.com` (start each entry with `- `)",
        ),
        (
            "hostnames: [1]",
            "spec.hostnames[0]: must be a string, not the number 1 (put it in quotes)",
        ),
        (
            "hostnames: ['A.com']",
            "spec.hostnames[0]: must be a DNS name in lower-case letters, digits and `-`, with `*` only as the whole first label, not `A.com`",
        ),
        ("parentRefs: [{}]", "spec.parentRefs[0].name: is required"),
        (
            "parentRefs: [{nam: g}]",
            "spec.parentRefs[0].name: is required (is `nam` meant as `name`?)",
        ),
        (
            "parentRefs: [{name: ''}]",
            "spec.parentRefs[0].name: must not be empty",
        ),
        (
            "parentRefs: [{name: g, port: 0}]",
            "spec.parentRefs[0].port: must be 1 to 65535, not 0",
        ),
        (
            "parentRefs: [{name: g, port: '80'}]",
            "spec.parentRefs[0].port: must be a whole number, not the string `80` (write it without quotes)",
        ),
        (
            "parentRefs: [{name: g, port: 80.5}]",
            "spec.parentRefs[0].port: must be a whole number, not 80.5",
        ),
        (
            "rules: [{matches: [{path: {type: Prefix, value: /}}]}]",
            "spec.rules[0].matches[0].path.type: must be `Exact`, `PathPrefix` or `RegularExpression`, not `Prefix`",
        ),
        (
            "rules: [{matches: [{method: get}]}]",
            "spec.rules[0].matches[0].method: must be `GET`, `HEAD`, `POST`, `PUT`, `DELETE`, `CONNECT`, `OPTIONS`, `TRACE` or `PATCH`, not `get` (did you mean `GET`?)",
        ),
        ("rules: []", "spec.rules: must have 1 to 16 entries, not 0"),
        (
            "rules: [{matches: [{headers: [{name: a, value: b}, {name: a, value: c}]}]}]",
            "spec.rules[0].matches[0].headers[1]: an entry with name `a` is already in the list",
        ),
        (
            "rules: [{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [a, b, a]}}]}]",
            "spec.rules[0].filters[0].requestHeaderModifier.remove[2]: `a` is already in the list",
        ),
        (
            "rules: [{retry: {backoff: 10}}]",
            "spec.rules[0].retry.backoff: must be a string, not the number 10 (put it in quotes)",
        ),
        (
            "rules: [{timeouts: {request: 1.5s}}]",
            "spec.rules[0].timeouts.request: must be a duration of whole numbers with units, such as `10s`, `1m30s`, or `500ms`, not `1.5s`",
        ),
        (
            "rules: [{backendRefs: [{name: s, port: 1, weight: 1000001}]}]",
            "spec.rules[0].backendRefs[0].weight: must be 0 to 1000000, not 1000001",
        ),
    ] {
        let found = refused(&route(&format!("  {spec}")));
        assert!(
            found[0] == expected,
            "expected {expected}\nfound {found:#?}"
        );
    }
}

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
        ["endpoints[0].addresses[0]: `127.0.0.1` is no address of type IPv6"]
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
