//! Filters: which policies they become, and what closes a rule.

use super::to;
use crate::testing::{BASE, action, findings, listeners, route, rule, translated};

/// A rule to `web` with these filters.
fn filtering(filters: &str) -> String {
    let rules =
        format!("  rules:\n  - filters: {filters}\n    backendRefs: [{{name: web, port: 80}}]");
    format!("{BASE}{}", route("r", &rules))
}

#[test]
fn a_redirect_needs_no_backend() {
    let redirect =
        "  rules:\n  - filters: [{type: RequestRedirect, requestRedirect: {hostname: A.example}}]";
    let world = translated(&format!("{BASE}{}", route("r", redirect)));
    assert_eq!(findings(&world), Vec::<String>::new());
    let policies = &rule(&world, "r", 0).policies;
    let redirect = policies.request_redirect.as_ref().expect("a redirect");
    assert_eq!(
        (redirect.hostname.as_deref(), redirect.status),
        (Some("a.example"), 302)
    );
}

#[test]
fn filters_become_policies_of_their_place() {
    let world = translated(&filtering(
        "[{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-A, value: a}, {name: Host, value: h}]}},
          {type: ResponseHeaderModifier, responseHeaderModifier: {remove: [Server]}},
          {type: URLRewrite, urlRewrite: {hostname: up.example}}]",
    ));
    let policies = rule(&world, "r", 0).policies.clone();
    let headers = policies.header_modifier.as_ref().expect("header changes");
    assert_eq!(headers.request.set, [("x-a".into(), "a".into())]);
    assert_eq!(headers.response.remove, ["server".into()]);
    assert!(policies.url_rewrite.is_some());
    assert_eq!(
        findings(&world),
        [
            "Warning UnsupportedValue HTTPRoute default/r spec.rules[0].filters[0].requestHeaderModifier.set[1].name"
        ]
    );
    let world = translated(&to(
        "[{name: web, port: 80, filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [A]}}]}]",
    ));
    let fg_ir::Action::Forward(backends) = &rule(&world, "r", 0).action.clone() else {
        panic!("it forwards")
    };
    assert!(backends[0].policies.header_modifier.is_some());
    assert!(rule(&world, "r", 0).policies.is_empty());
}

#[test]
fn a_filter_that_protects_or_does_not_exist_closes_its_rule() {
    for (filter, kind, answer, path) in [
        ("{type: CORS}", "RuleDropped", "refuse(InvalidRule)", ""),
        (
            "{type: ExternalAuth}",
            "RuleDropped",
            "refuse(InvalidRule)",
            "",
        ),
        ("{type: Unheard}", "RuleDropped", "refuse(InvalidRule)", ""),
        (
            "{type: URLRewrite}",
            "RuleDropped",
            "refuse(InvalidRule)",
            "",
        ),
        (
            "{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath}}}",
            "RuleDropped",
            "refuse(InvalidRule)",
            "",
        ),
        (
            "{type: ExtensionRef, extensionRef: {group: a.io, kind: F, name: f}}",
            "FilterNotFound",
            "refuse(FilterNotFound)",
            ".extensionRef",
        ),
    ] {
        let other =
            "\n  - matches: [{path: {value: /b}}]\n    backendRefs: [{name: web, port: 80}]";
        let world = translated(&format!(
            "{}{other}",
            filtering(&format!("[{filter}]")).trim_end()
        ));
        let expected = format!("Error {kind} HTTPRoute default/r spec.rules[0].filters[0]{path}");
        assert!(
            findings(&world).contains(&expected),
            "{filter}: {:?}",
            findings(&world)
        );
        assert_eq!(action(&rule(&world, "r", 0)), answer, "{filter}");
        assert_eq!(
            action(&rule(&world, "r", 1)),
            "web:80=1",
            "the other rule serves"
        );
        assert_eq!(listeners(&world, "gw"), ["http=1"]);
    }
}

#[test]
fn a_closed_route_still_answers_so_that_nothing_behind_it_opens() {
    let world = translated(&filtering("[{type: ExternalAuth}]"));
    assert_eq!(action(&rule(&world, "r", 0)), "refuse(InvalidRule)");
    assert!(!rule(&world, "r", 0).attachments.is_empty());
    assert_eq!(
        listeners(&world, "gw"),
        ["http=0"],
        "but it is not accepted"
    );
}

#[test]
fn filters_that_do_not_go_together_close_the_rule() {
    let redirect = "{type: RequestRedirect, requestRedirect: {port: 8443}}";
    for filters in [
        format!("[{redirect}, {{type: URLRewrite, urlRewrite: {{hostname: a.example}}}}]"),
        format!("[{redirect}, {redirect}]"),
    ] {
        let world = translated(&filtering(&filters));
        assert_eq!(action(&rule(&world, "r", 0)), "refuse(InvalidRule)");
        assert!(
            findings(&world)
                .contains(&"Error IncompatibleFilters HTTPRoute default/r spec.rules".to_owned())
        );
    }
}

#[test]
fn a_filter_that_cannot_work_for_one_backend_costs_that_share_only() {
    for filter in [
        "{type: RequestRedirect, requestRedirect: {}}",
        "{type: Unheard}",
    ] {
        let world = translated(&to(&format!(
            "[{{name: web, port: 80, filters: [{filter}]}}, {{name: web, port: 80}}]"
        )));
        assert_eq!(
            action(&rule(&world, "r", 0)),
            "broken(RuleDropped)=1 web:80=1"
        );
        assert_eq!(
            findings(&world),
            ["Error RuleDropped HTTPRoute default/r spec.rules[0].backendRefs[0].filters[0]"]
        );
    }
}

#[test]
fn who_is_asked_for_permission_is_a_backend_of_the_rule() {
    let asking = |more: &str| {
        let auth = format!(
            "[{{type: ExternalAuth, externalAuth: {{protocol: HTTP, http: {{}}, backendRef: {{{more}}}}}}}]"
        );
        translated(&filtering(&auth))
    };
    let world = asking("name: web, port: 80");
    assert_eq!(findings(&world), Vec::<String>::new());
    let auth = rule(&world, "r", 0).policies.external_auth.clone();
    let auth = auth.expect("a policy");
    assert!(world.ir().backends.contains_key(&auth.backend));

    for (reference, kind, path) in [
        ("name: gone, port: 80", "BackendNotFound", ".name"),
        ("name: web, port: 81", "BackendNotFound", ".port"),
        (
            "name: web, namespace: other, port: 80",
            "RefNotPermitted",
            "",
        ),
    ] {
        let world = asking(reference);
        assert_eq!(
            action(&rule(&world, "r", 0)),
            "refuse(InvalidRule)",
            "nothing passes without permission: {reference}"
        );
        let place = "HTTPRoute default/r spec.rules[0].filters[0]";
        let expected = format!("Error {kind} {place}.externalAuth.backendRef{path}");
        assert!(
            findings(&world).contains(&expected),
            "{:?}",
            findings(&world)
        );
    }
}
