//! Edges that the examples of the README do not show.

use envoy_types::pb::envoy::config::route::v3::route_action::HostRewriteSpecifier;
use fg_api::http_route::{HttpPathModifier, HttpUrlRewrite};
use fg_base::Text;

use super::{Ir, translate};
use crate::envoy::Site;
use crate::envoy::testing::{SITE, accepted, forward, set, shared, written_alone};

fn rewrite(hostname: Option<&str>, path: Option<&str>) -> HttpUrlRewrite {
    HttpUrlRewrite {
        hostname: hostname.map(Text::from),
        path: path.map(|path| HttpPathModifier {
            kind: "ReplaceFullPath".into(),
            replace_full_path: Some(path.into()),
            replace_prefix_match: None,
        }),
    }
}

#[test]
fn a_hostname_is_lower_case_and_an_empty_one_is_none() {
    for (written, expected) in [("Shop.Example.com", Some("shop.example.com")), ("", None)] {
        let ir = translate(&rewrite(Some(written), None), &mut Vec::new());
        let hostname = expected.map(Text::from);
        assert_eq!(
            ir,
            Some(Ir {
                hostname,
                path: None
            }),
            "{written}"
        );
    }
}

#[test]
fn everything_wrong_is_reported_at_once_and_nothing_is_kept() {
    let mut findings = Vec::new();
    let wrong = rewrite(Some("*.example.com"), Some("/a?b"));
    assert_eq!(translate(&wrong, &mut findings), None);
    let places: Vec<&str> = findings.iter().map(|(place, ..)| place.as_str()).collect();
    assert_eq!(
        places,
        ["urlRewrite.hostname", "urlRewrite.path.replaceFullPath"]
    );
    for bad in ["a.com:80", "a b", "[::1]", "a\r\nb"] {
        assert_eq!(
            translate(&rewrite(Some(bad), None), &mut Vec::new()),
            None,
            "{bad}"
        );
    }
}

/// What Envoy is told: host, pattern and substitution of the path.
fn on_envoy(yaml: &str, prefix: Option<&str>) -> (Option<String>, Option<(String, String)>) {
    let site = Site { prefix, ..SITE };
    let written = accepted(yaml, site);
    let action = forward(&written.route).clone();
    let host = action.host_rewrite_specifier.map(|host| match host {
        HostRewriteSpecifier::HostRewriteLiteral(host) => host,
        other => panic!("{other:?}"),
    });
    let path = action
        .regex_rewrite
        .map(|rule| (rule.pattern.expect("a pattern").regex, rule.substitution));
    (host, path)
}

#[test]
fn envoy_is_told_host_and_path() {
    let of = |path: &str| format!("filters: [{{type: URLRewrite, urlRewrite: {{{path}}}}}]");
    let prefix = |new: &str| {
        of(&format!(
            "path: {{type: ReplacePrefixMatch, replacePrefixMatch: \"{new}\"}}"
        ))
    };
    let path = |regex: &str, new: &str| (None, Some((regex.to_owned(), new.to_owned())));
    assert_eq!(
        on_envoy(&of("hostname: A.b"), None),
        (Some("a.b".to_owned()), None)
    );
    let full = of("path: {type: ReplaceFullPath, replaceFullPath: /x}");
    assert_eq!(on_envoy(&full, None), path("^/.*$", "/x"));
    assert_eq!(on_envoy(&prefix("/x"), Some("/a.b")), path("^/a\\.b", "/x"));
    assert_eq!(on_envoy(&prefix("/"), Some("/foo")), path("^/foo/?", "/"));
    assert_eq!(
        on_envoy(&prefix("/x/"), Some("/foo")),
        path("^/foo/?", "/x/")
    );
    assert_eq!(on_envoy(&prefix("/x"), Some("")), path("^/", "/x/"));
    assert_eq!(on_envoy(&prefix("/"), Some("")), (None, None));
    assert_eq!(on_envoy(&prefix("/x"), None), (None, None));
}

#[test]
fn the_rewrite_of_a_backend_stands_in_for_that_of_its_rule() {
    let of_rule = "filters: [{type: URLRewrite, urlRewrite: {hostname: rule.com, \
                   path: {type: ReplaceFullPath, replaceFullPath: /rule}}}]";
    let of_backend = set(
        "filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /own}}}]",
    );
    let (share, outcome) = shared(&of_backend);
    assert!(outcome.wants_own, "a share has no path");
    assert_eq!(share.host_rewrite_specifier, None);
    let route = accepted(of_rule, SITE).route;
    let own = written_alone(&of_backend, route);
    let action = forward(&own.route);
    assert!(!own.outcome.wants_own);
    let host = HostRewriteSpecifier::HostRewriteLiteral("rule.com".to_owned());
    assert_eq!(action.host_rewrite_specifier, Some(host));
    let path = action.regex_rewrite.as_ref().expect("a path");
    assert_eq!(path.substitution, "/own");
}
