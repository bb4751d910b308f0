//! Every rule of the schema is checked or left out for a reason, and each of them bites.

mod backend_tls_policy;
mod core;
mod gateway;
mod grpc_route;

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::schema::validate;

/// The texts of all rules in the embedded schemas.
fn texts() -> BTreeSet<String> {
    fn collect(node: &Value, found: &mut BTreeSet<String>) {
        let rules = node.get("rules").and_then(Value::as_array);
        found.extend(
            rules
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned),
        );
        found.extend(node.get("oneOf").map(|one| format!("oneOf {one}")));
        let properties = node.get("properties").and_then(Value::as_object);
        properties
            .into_iter()
            .flatten()
            .for_each(|(_, below)| collect(below, found));
        let others = ["items", "additionalProperties"].map(|keyword| node.get(keyword));
        others
            .into_iter()
            .flatten()
            .for_each(|below| collect(below, found));
    }
    let mut found = BTreeSet::new();
    for file in [
        include_str!("../../generated/gateway-api.json"),
        include_str!("../../core.json"),
        include_str!("../../kgateway.json"),
    ] {
        let file: Value = serde_json::from_str(file).unwrap();
        for kind in file["kinds"].as_array().unwrap() {
            collect(&kind["schema"], &mut found);
        }
    }
    found
}

#[test]
fn every_rule_of_the_schema_is_checked_or_left_out_for_a_reason() {
    let texts = texts();
    assert!(texts.len() > 80, "only {} rules found", texts.len());
    for text in &texts {
        let left_out = LEFT_OUT.iter().any(|(left_out, _)| left_out == text);
        assert!(
            bind(text).is_some() != left_out,
            "neither checked nor left out, or both (digest #{:016x}): {text}",
            digest(text)
        );
    }
    for (left_out, _) in LEFT_OUT {
        assert!(
            texts.contains(*left_out),
            "not in the schema any more: {left_out}"
        );
    }
    for (pattern, _) in TABLE {
        let used = |text: &&String| match pattern.starts_with('#') {
            true => *pattern == format!("#{:016x}", digest(text)),
            false => words(pattern, text).is_some(),
        };
        assert!(
            texts.iter().any(|text| used(&text)),
            "not in the schema any more: {pattern}"
        );
    }
}

#[test]
fn words_stand_for_blanks_in_a_text() {
    assert_eq!(words("a {} c", "a b c"), Some(vec!["b".to_owned()]));
    assert_eq!(
        words("a {} c {}", "a b c d"),
        Some(vec!["b".to_owned(), "d".to_owned()])
    );
    assert_eq!(words("a {} c", "a  c"), None);
    assert_eq!(words("a {} c", "a b d"), None);
    assert_eq!(words("a {} c", "a b x c"), None);
}

/// Judges a spec in YAML; gives `path: text` of each finding.
fn judge(api_version: &str, kind: &str, spec: &str) -> Vec<String> {
    let spec: Value = serde_saphyr::from_str(spec).unwrap();
    let mut object = serde_json::json!({ "spec": spec });
    let found = validate(api_version, kind, &mut object);
    found
        .into_iter()
        .map(|found| format!("{}: {}", found.path, found.text))
        .collect()
}

fn route(spec: &str) -> Vec<String> {
    judge("gateway.networking.k8s.io/v1", "HTTPRoute", spec)
}

fn gateway(spec: &str) -> Vec<String> {
    let spec = format!("gatewayClassName: c\n{spec}");
    judge("gateway.networking.k8s.io/v1", "Gateway", &spec)
}

/// Exactly one finding, that begins so.
#[track_caller]
fn one(found: &[String], expected: &str) {
    assert!(
        found.len() == 1 && found[0].starts_with(expected),
        "expected {expected:?}, found {found:#?}"
    );
}

#[test]
fn parents() {
    let good = "parentRefs: [{name: a, sectionName: x}, {name: a, sectionName: z}, {name: b, port: 1}, {name: b, port: 2}]";
    assert_eq!(route(good), [""; 0]);
    one(
        &route("parentRefs: [{name: a}, {name: a, sectionName: z}]"),
        "spec.parentRefs[1]: several references to the parent `a`",
    );
    one(
        &route("parentRefs: [{name: a, port: 1}, {name: a, sectionName: z}]"),
        "spec.parentRefs[1]: several references to the parent `a`",
    );
    one(
        &route("parentRefs: [{name: a}, {name: b}, {name: a}]"),
        "spec.parentRefs[2]: the parent `a` is already",
    );
    assert_eq!(
        route("parentRefs: [{name: a}, {name: a, namespace: other}]"),
        [""; 0]
    );
}

#[test]
fn rules_of_a_route() {
    one(
        &route("rules: [{name: a}, {name: b}, {name: a}]"),
        "spec.rules[2].name: another rule has the name `a`",
    );
    let many = |count: usize| {
        let matches = vec!["{method: GET}"; count].join(", ");
        route(&format!(
            "rules: [{{matches: [{matches}]}}, {{matches: [{matches}]}}, {{}}]"
        ))
    };
    assert_eq!(many(63), [""; 0]);
    one(&many(64), "spec.rules: the rules have 129 matches together");
    one(
        &route(
            "rules: [{filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}], backendRefs: [{name: s, port: 80}]}]",
        ),
        "spec.rules[0].filters[0]: a rule that redirects",
    );
    one(
        &route("rules: [{timeouts: {request: 1s, backendRequest: 1m}}]"),
        "spec.rules[0].timeouts.backendRequest: one try (1m) must not be longer",
    );
    assert_eq!(
        route("rules: [{timeouts: {request: 0s, backendRequest: 1m}}]"),
        [""; 0]
    );
    assert_eq!(
        route("rules: [{timeouts: {request: 1h2m, backendRequest: 3720s}}]"),
        [""; 0]
    );
    one(
        &route("rules: [{timeouts: {request: 3719s, backendRequest: 1h2m}}]"),
        "spec.rules[0].timeouts.backendRequest",
    );
}

#[test]
fn prefix_replacement_needs_one_prefix_match() {
    let rewrite = "{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /x}}}";
    let redirect = "{type: RequestRedirect, requestRedirect: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /x}}}";
    let exact = "matches: [{path: {type: Exact, value: /a}}]";
    for (filter, word) in [(rewrite, "rewrite"), (redirect, "redirect")] {
        assert_eq!(
            route(&format!("rules: [{{filters: [{filter}]}}]")),
            [""; 0],
            "the default match is a prefix"
        );
        one(
            &route(&format!("rules: [{{{exact}, filters: [{filter}]}}]")),
            &format!("spec.rules[0].matches: a {word} with `replacePrefixMatch`"),
        );
        one(
            &route(&format!(
                "rules: [{{matches: [{{method: GET}}, {{method: PUT}}], filters: [{filter}]}}]"
            )),
            &format!("spec.rules[0].matches: a {word} with"),
        );
        one(
            &route(&format!(
                "rules: [{{{exact}, backendRefs: [{{name: s, port: 1, filters: [{filter}]}}]}}]"
            )),
            &format!("spec.rules[0].backendRefs: a {word} with"),
        );
    }
}

#[test]
fn filters() {
    let of_rule = |filters: &str| route(&format!("rules: [{{filters: [{filters}]}}]"));
    let of_backend = |filters: &str| {
        route(&format!(
            "rules: [{{backendRefs: [{{name: s, port: 1, filters: [{filters}]}}]}}]"
        ))
    };
    let header = "{type: RequestHeaderModifier, requestHeaderModifier: {remove: [a]}}";
    let rewrite = "{type: URLRewrite, urlRewrite: {hostname: a.com}}";
    let redirect = "{type: RequestRedirect, requestRedirect: {scheme: https}}";
    for (judge, at) in [
        (
            &of_rule as &dyn Fn(&str) -> Vec<String>,
            "spec.rules[0].filters",
        ),
        (&of_backend, "spec.rules[0].backendRefs[0].filters"),
    ] {
        let one_at = |filters: &str, rest: &str| one(&judge(filters), &format!("{at}{rest}"));
        assert_eq!(judge(&format!("{header}, {rewrite}")), [""; 0]);
        one_at(
            &format!("{header}, {rewrite}, {header}"),
            "[2]: the filter `RequestHeaderModifier` is already",
        );
        one_at(
            &format!("{redirect}, {rewrite}"),
            "[1]: `RequestRedirect` and `URLRewrite` do not go together",
        );
        one_at(
            "{type: URLRewrite}",
            "[0].urlRewrite: is required with `type: URLRewrite`",
        );
        one_at(
            "{type: ExtensionRef, extensionRef: {group: g, kind: K, name: x}, cors: {}}",
            "[0].cors: `cors` goes only with `type: CORS`",
        );
        one_at(
            "{type: CORS, cors: {allowOrigins: ['*', 'https://a.com']}}",
            "[0].cors.allowOrigins[0]: `*` must be the only entry",
        );
        one_at(
            "{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath}}}",
            "[0].urlRewrite.path.replaceFullPath: is required",
        );
        one_at(
            "{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: /, replacePrefixMatch: /}}}",
            "[0].requestRedirect.path.replacePrefixMatch: `replacePrefixMatch` goes only with",
        );
        one_at(
            "{type: RequestMirror, requestMirror: {percent: 1, fraction: {numerator: 1}, backendRef: {name: s, port: 1}}}",
            "[0].requestMirror: only one of `percent` and `fraction`",
        );
        one_at(
            "{type: RequestMirror, requestMirror: {fraction: {numerator: 101}, backendRef: {name: s, port: 1}}}",
            "[0].requestMirror.fraction.numerator: must not be more than the denominator 100",
        );
        one_at(
            "{type: RequestMirror, requestMirror: {backendRef: {name: s}}}",
            "[0].requestMirror.backendRef.port: is required in a reference to a Service",
        );
        one_at(
            "{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: s, port: 1}}}",
            "[0].externalAuth.http: is required with `protocol: HTTP`",
        );
        one_at(
            "{type: ExternalAuth, externalAuth: {protocol: HTTP, http: {}, grpc: {}, backendRef: {name: s, port: 1}}}",
            "[0].externalAuth.grpc: `grpc` goes only with `protocol: GRPC`",
        );
    }
}

#[test]
fn backend_references() {
    let backend = |reference: &str| route(&format!("rules: [{{backendRefs: [{{{reference}}}]}}]"));
    one(
        &backend("name: s"),
        "spec.rules[0].backendRefs[0].port: is required in a reference to a Service",
    );
    assert_eq!(
        backend("name: s, group: gateway.kgateway.dev, kind: Backend"),
        [""; 0]
    );
    one(
        &backend("name: s, group: gateway.networking.x-k8s.io, kind: XBackend, port: 1"),
        "spec.rules[0].backendRefs[0].port: must not be set",
    );
}

#[test]
fn paths() {
    let path = |kind: &str, value: &str| {
        route(&format!(
            "rules: [{{matches: [{{path: {{type: {kind}, value: '{value}'}}}}]}}]"
        ))
    };
    let at = "spec.rules[0].matches[0].path.value: the path ";
    for kind in ["Exact", "PathPrefix"] {
        for good in ["/", "/a/b", "/a.b/..c", "/%41", "/a;b=c,d"] {
            assert_eq!(path(kind, good), [""; 0], "{good}");
        }
        for (bad, words) in [
            ("a/b", "`a/b` must start with `/`"),
            ("/a//b", "`/a//b` must not contain `//`"),
            ("/a/./b", "`/a/./b` must not contain `/./`"),
            ("/a/../b", "`/a/../b` must not contain `/../`"),
            ("/a%2fb", "`/a%2fb` must not contain `%2f`"),
            ("/a%2Fb", "`/a%2Fb` must not contain `%2F`"),
            ("/a/..", "`/a/..` must not end with `/..`"),
            ("/a/.", "`/a/.` must not end with `/.`"),
            ("/a?b", "`/a?b` has characters that no path has"),
            ("/a%4", "`/a%4` has characters that no path has"),
            ("/é", "`/é` has characters that no path has"),
        ] {
            one(&path(kind, bad), &format!("{at}{words}"));
        }
        let hash = path(kind, "/a#b");
        assert!(
            hash.contains(&format!("{at}`/a#b` must not contain `#`")),
            "{hash:?}"
        );
    }
    assert_eq!(path("RegularExpression", "a//b#(c|d)?"), [""; 0]);
}

#[test]
fn session_persistence() {
    let of = |spec: &str| route(&format!("rules: [{{sessionPersistence: {{{spec}}}}}]"));
    let at = "spec.rules[0].sessionPersistence.";
    assert_eq!(of("type: Cookie, cookie: {}"), [""; 0]);
    one(
        &of("type: Cookie"),
        &format!("{at}cookie: is required with `type: Cookie`"),
    );
    one(
        &of("type: Header"),
        &format!("{at}header: is required with `type: Header`"),
    );
    one(
        &of("cookie: {}, header: {name: a}"),
        &format!("{at}header: `header` goes only with"),
    );
    one(
        &of("type: Header, header: {name: a}, cookie: {}"),
        &format!("{at}cookie: `cookie` goes only with"),
    );
    one(
        &of("cookie: {lifetimeType: Permanent}"),
        &format!("{at}absoluteTimeout: is required"),
    );
}
