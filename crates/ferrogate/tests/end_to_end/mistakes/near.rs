//! What is nearly right: the word that was meant is told.

use super::{TO_A, check, for_host, good};
use crate::support::folder::{gateway, route, service};

/// A route `shop` with a rule.
fn ruled(rule: &str) -> String {
    route("shop", &format!("[{{{rule}}}]"))
}

/// A kgateway `Backend` with a host.
fn backend(host: &str) -> String {
    format!(
        "apiVersion: gateway.kgateway.dev/v1alpha1
kind: Backend
metadata: {{name: more}}
spec: {{type: Static, static: {{hosts: [{{host: '{host}', port: 80}}]}}}}
"
    )
}

/// A policy for the Service `a` that believes these.
fn policy(known: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {{name: more}}
spec:
  targetRefs: [{{group: '', kind: Service, name: a}}]
  validation: {{hostname: a.example, wellKnownCACertificates: {known}}}
"
    )
}

/// A grant that is nearly the right one is named, with what is wrong with it.
#[test]
fn grants_that_nearly_fit_are_named() {
    let folder = good();
    let far = service("far", ([127, 0, 0, 1], 9002).into());
    let far = far.replace("name: far\n", "name: far\n  namespace: other\n");
    let far = far.replace("{name: far}", "{name: far, namespace: other}");
    folder.write("far.yaml", &far);
    folder.route(
        "shop",
        "[{backendRefs: [{name: far, namespace: other, port: 80}]}]",
    );
    let grant = |namespace: &str, from: &str, to: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {{name: let, namespace: {namespace}}}
spec:
  from: [{{group: gateway.networking.k8s.io, kind: {from}, namespace: default}}]
  to: [{{group: '', kind: {to}}}]
"
        )
    };
    for (text, words) in [
        (grant("other", "HTTPRoute", "Service"), ""),
        (
            grant("default", "HTTPRoute", "Service"),
            "the ReferenceGrant `let` stands in namespace `default`: it belongs in that of the target, `other`",
        ),
        (
            grant("other", "HttpRoute", "Service"),
            "the ReferenceGrant `let` there is for kind `HttpRoute`",
        ),
        (
            grant("other", "HTTPRoute", "service"),
            "the ReferenceGrant `let` there names another kind: write kind `Service` of group \"\" in its `to`",
        ),
    ] {
        folder.write("grant.yaml", &text);
        let said = check(&folder);
        assert_eq!(said.contains("error"), !words.is_empty(), "{said}");
        assert!(said.contains(words), "{words} in {said}");
    }
}

/// Each of these edits gives an error line with all of these parts.
#[test]
fn near_misses_are_told_with_what_was_meant() {
    let gateway = || gateway("127.0.0.1");
    let service = || service("a", ([127, 0, 0, 1], 9001).into());
    let routed = || for_host("shop", "shop.example", TO_A);
    let path = |kind: &str| {
        let rules = format!(
            "[{{matches: [{{path: {{type: {kind}, value: /}}}}], backendRefs: [{{name: a, port: 80}}]}}]"
        );
        route("shop", &rules)
    };
    let filter = |kind: &str| {
        let rules =
            format!("[{{filters: [{{type: {kind}}}], backendRefs: [{{name: a, port: 80}}]}}]");
        route("shop", &rules)
    };
    let cases: Vec<(&str, String, &[&str])> = vec![
        (
            "gateway.yaml",
            gateway().replace("HTTP,", "HTTPP,"),
            &["spec.listeners[0].protocol", "did you mean `HTTP`?"],
        ),
        (
            "gateway.yaml",
            gateway().replace("HTTP,", "https,"),
            &["spec.listeners[0].protocol", "did you mean `HTTPS`?"],
        ),
        (
            "gateway.yaml",
            gateway().replace("HTTP,", "SMTP,"),
            &["there is no protocol `SMTP`", "use `HTTP` or `HTTPS`"],
        ),
        (
            "gateway.yaml",
            gateway().replace("port: 80", "port: 80, hostname: '*.bücher.example'"),
            &["spec.listeners[0].hostname", "`*.xn--bcher-kva.example`"],
        ),
        (
            "gateway.yaml",
            gateway().replace("port: 80", "port: 80, hostname: '*'"),
            &["spec.listeners[0].hostname", "leave out `hostname`"],
        ),
        (
            "shop.yaml",
            routed().replace("shop.example", "Bücher.example"),
            &["spec.hostnames[0]", "in ASCII", "`xn--bcher-kva.example`"],
        ),
        (
            "shop.yaml",
            routed().replace("shop.example", "☃.example"),
            &["spec.hostnames[0]", "in ASCII", "`xn--…`"],
        ),
        (
            "shop.yaml",
            routed().replace("shop.example", "Shop.example"),
            &["spec.hostnames[0]", "write `shop.example`"],
        ),
        (
            "shop.yaml",
            routed().replace("shop.example", "https://shop.example:443/"),
            &[
                "spec.hostnames[0]",
                "write `shop.example`",
                "a scheme or a port or a path",
            ],
        ),
        (
            "shop.yaml",
            path("prefix"),
            &["matches[0].path.type", "did you mean `PathPrefix`?"],
        ),
        (
            "shop.yaml",
            path("Regex"),
            &["matches[0].path.type", "did you mean `RegularExpression`?"],
        ),
        (
            "shop.yaml",
            filter("Redirect"),
            &["filters[0].type", "did you mean `RequestRedirect`?"],
        ),
        (
            "shop.yaml",
            routed().replace("{name: web}", "{name: web, kind: Gatway}"),
            &["spec.parentRefs[0]", "did you mean `Gateway`?"],
        ),
        (
            "shop.yaml",
            routed().replace("{name: web}", "{name: web, group: networking.k8s.io}"),
            &["spec.parentRefs[0]", "leave `group` out"],
        ),
        (
            "a-service.yaml",
            service().replace("addressType: IPv4", "addressType: ipv4"),
            &[
                "EndpointSlice default/a addressType",
                "did you mean `IPv4`?",
            ],
        ),
        (
            "a-service.yaml",
            service().replace("[127.0.0.1]", "['127.0.0.1:9001']"),
            &["endpoints[0].addresses[0]", "the port belongs in `ports`"],
        ),
        (
            "a-service.yaml",
            service().replace("[127.0.0.1]", "[localhost]"),
            &["endpoints[0].addresses[0]", "write an IP address"],
        ),
        (
            "a-service.yaml",
            service().replace("[127.0.0.1]", "['::1']"),
            &["endpoints[0].addresses[0]", "write `addressType: IPv6`"],
        ),
        (
            "a-service.yaml",
            service().replace("apiVersion: v1", "apiVersion: core/v1"),
            &["apiVersion", "no kind `Service`", "write `apiVersion: v1`"],
        ),
        (
            "gateway.yaml",
            gateway().replace("gateway.networking.k8s.io", "networking.k8s.io"),
            &[
                "no kind `Gateway`",
                "write `apiVersion: gateway.networking.k8s.io/v1`",
            ],
        ),
        (
            "gateway.yaml",
            gateway().replace("value: 127", "type: IPAdress, value: 127"),
            &["spec.addresses[0].type", "did you mean `IPAddress`?"],
        ),
        (
            "gateway.yaml",
            gateway() + "    - {name: http, protocol: HTTP, port: 81}\n",
            &[
                "spec.listeners[1]",
                "already in the list",
                "give each entry its own name",
            ],
        ),
        (
            "gateway.yaml",
            gateway().replace(
                "port: 80",
                "port: 80, allowedRoutes: {kinds: [{kind: HttpRoute}]}",
            ),
            &["allowedRoutes.kinds[0]", "did you mean `HTTPRoute`?"],
        ),
        (
            "shop.yaml",
            routed().replace("hostnames: ['shop.example']", "host: shop.example"),
            &["spec.host:", "did you mean `hostnames`?"],
        ),
        (
            "shop.yaml",
            routed().replace("hostnames: ['shop.example']", "gateways: [web]"),
            &[
                "spec.gateways:",
                "the fields here are `hostnames`, `parentRefs`, `rules`",
            ],
        ),
        (
            "shop.yaml",
            ruled("timeouts: {request: 10}, backendRefs: [{name: a, port: 80}]"),
            &["spec.rules[0].timeouts.request", "such as `10s`"],
        ),
        (
            "shop.yaml",
            ruled("matches: [{path: /cart}], backendRefs: [{name: a, port: 80}]"),
            &["matches[0].path:", "its fields are `type`, `value`"],
        ),
        (
            "shop.yaml",
            ruled("matches: [{path: {value: /käse}}], backendRefs: [{name: a, port: 80}]"),
            &["matches[0].path.value", "write `/k%C3%A4se`"],
        ),
        (
            "shop.yaml",
            ruled("matches: [{path: {value: '/cart/*'}}], backendRefs: [{name: a, port: 80}]"),
            &[
                "matches[0].path.value",
                "`*` stands for itself",
                "a prefix covers all",
            ],
        ),
        (
            "shop.yaml",
            ruled("backendRefs: [{name: a, port: http}]"),
            &["backendRefs[0].port", "write its number"],
        ),
        (
            "shop.yaml",
            ruled("backendRefs: [{name: zz, port: 80}]"),
            &[
                "backendRefs[0].name",
                "no Service `zz`",
                "the only one there is `a`",
            ],
        ),
        (
            "shop.yaml",
            ruled("backendRefs: [{kind: Sevice, name: a, port: 80}]"),
            &["backendRefs[0].kind", "did you mean `Service`?"],
        ),
        (
            "shop.yaml",
            ruled("backendRefs: [{kind: Backend, name: a}]"),
            &["backendRefs[0].kind", "write `group: gateway.kgateway.dev`"],
        ),
        (
            "shop.yaml",
            routed().replace("{name: shop}", "{name: shop, namespace: far}"),
            &["spec.parentRefs[0]", "write its `namespace` here"],
        ),
        (
            "shop.yaml",
            routed().replace("name: shop}", "name: {{ .Values.name }}}"),
            &["cannot be read", "templates are not read"],
        ),
        (
            "more.yaml",
            backend("127.0.0.1:80"),
            &[
                "spec.static.hosts[0].host",
                "write `host: 127.0.0.1` and `port: 80`",
            ],
        ),
        (
            "more.yaml",
            backend("bücher.example"),
            &[
                "spec.static.hosts[0].host",
                "write it in ASCII: `xn--bcher-kva.example`",
            ],
        ),
        (
            "more.yaml",
            backend("http://a.example/"),
            &["spec.static.hosts[0].host", "without scheme and path"],
        ),
        (
            "more.yaml",
            policy("system"),
            &[
                "validation.wellKnownCACertificates",
                "did you mean `System`?",
            ],
        ),
        (
            "more.yaml",
            "apiVersion: v1\nkind: Endpoints\nmetadata: {name: a}\n".to_owned(),
            &["`Endpoints`", "write an EndpointSlice instead"],
        ),
    ];
    for (file, text, parts) in cases {
        let folder = good();
        folder.write(file, &text);
        let said = check(&folder);
        let has = |line: &&str| parts.iter().all(|part| line.contains(part));
        assert!(
            said.lines().any(|line| has(&line)),
            "{parts:?} in\n{said}\nof\n{text}"
        );
    }
}
