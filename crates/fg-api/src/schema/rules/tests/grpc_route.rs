//! Rules of `GRPCRoute`.

use super::{judge, one};

fn route(spec: &str) -> Vec<String> {
    judge("gateway.networking.k8s.io/v1", "GRPCRoute", spec)
}

fn method(text: &str) -> Vec<String> {
    route(&format!("rules: [{{matches: [{{method: {{{text}}}}}]}}]"))
}

#[test]
fn a_method_match_names_something() {
    let at = "spec.rules[0].matches[0].method";
    for good in [
        "service: shop.v1.Carts, method: AddItem",
        "service: .shop.V1._Carts2",
        "method: _add1",
        "type: RegularExpression, service: \"(a|b)[.]/.*\"",
    ] {
        assert_eq!(method(good), [""; 0], "{good}");
    }
    one(&method("type: Exact"), &format!("{at}: one of `service`"));
    for (bad, field) in [
        ("service: shop/Carts", "service"),
        ("service: shop..Carts", "service"),
        ("service: 1shop", "service"),
        ("service: \"\"", "service"),
        ("method: Add.Item", "method"),
        ("method: /Add", "method"),
    ] {
        let found = method(bad);
        assert!(
            found.len() == 1 && found[0].starts_with(&format!("{at}.{field}: ")),
            "{bad}: {found:?}"
        );
    }
}

#[test]
fn what_only_an_http_route_has_is_refused() {
    for field in ["timeouts: {request: 1s}", "retry: {attempts: 1}"] {
        assert_eq!(route(&format!("rules: [{{{field}}}]")).len(), 1, "{field}");
    }
    let redirect = "{type: RequestRedirect, requestRedirect: {}}";
    assert!(!route(&format!("rules: [{{filters: [{redirect}]}}]")).is_empty());
}

#[test]
fn rules_shared_with_http_routes_hold() {
    one(
        &route("rules: [{name: a}, {name: a}]"),
        "spec.rules[1].name: another rule has the name `a`",
    );
    let filter = "{type: RequestHeaderModifier, requestHeaderModifier: {remove: [a]}}";
    assert_eq!(
        route(&format!("rules: [{{filters: [{filter}, {filter}]}}]")).len(),
        1
    );
    let many = vec!["{method: {method: A}}"; 64].join(", ");
    let rules = |last: &str| {
        format!("rules: [{{matches: [{many}]}}, {{matches: [{many}]}}, {{matches: [{last}]}}]")
    };
    assert_eq!(route(&rules("")), [""; 0]);
    one(
        &route(&rules("{headers: [{name: a, value: b}]}")),
        "spec.rules: the rules have 129 matches together",
    );
}
