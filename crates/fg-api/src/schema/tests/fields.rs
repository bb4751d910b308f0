//! Fields: defaults, what is absent, what is unknown, and what may not stand there.

use fg_model::FindingKind;
use serde_json::json;

use super::{GATEWAY, ROUTE, read, refused, route, yaml};
use crate::Resource;
use crate::schema::{decode, validate};

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
            "spec.hostnames[0]: must be a DNS name in lower-case letters, digits and `-`, with `*` only as the whole first label, not `A.com` (write `a.com`)",
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
            "spec.rules[0].matches[0].path.type: must be `Exact`, `PathPrefix` or `RegularExpression`, not `Prefix` (did you mean `PathPrefix`?)",
        ),
        (
            "rules: [{matches: [{method: get}]}]",
            "spec.rules[0].matches[0].method: must be `GET`, `HEAD`, `POST`, `PUT`, `DELETE`, `CONNECT`, `OPTIONS`, `TRACE` or `PATCH`, not `get` (did you mean `GET`?)",
        ),
        ("rules: []", "spec.rules: must have 1 to 16 entries, not 0"),
        (
            "rules: [{matches: [{headers: [{name: a, value: b}, {name: a, value: c}]}]}]",
            "spec.rules[0].matches[0].headers[1]: an entry with name `a` is already in the list (give each entry its own name)",
        ),
        (
            "rules: [{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [a, b, a]}}]}]",
            "spec.rules[0].filters[0].requestHeaderModifier.remove[2]: `a` is already in the list (remove one of the two)",
        ),
        (
            "rules: [{retry: {backoff: 10}}]",
            "spec.rules[0].retry.backoff: must be a string, not the number 10 (write a duration of whole numbers with units, such as `10s`, `1m30s`, or `500ms`)",
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
