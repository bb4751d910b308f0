//! Edges that the examples of the README do not show.

use envoy_types::pb::envoy::config::route::v3::{
    RedirectAction, Route,
    redirect_action::{PathRewriteSpecifier, RedirectResponseCode},
    route::Action,
};
use fg_api::http_route::HttpRequestRedirect;

use super::translate;
use crate::envoy::Site;
use crate::envoy::testing::{SITE, accepted};

#[test]
fn everything_wrong_is_reported_at_once_and_nothing_is_kept() {
    let mut findings = Vec::new();
    let wrong = HttpRequestRedirect {
        scheme: Some("ftp".into()),
        hostname: Some("*.example.com".into()),
        path: None,
        port: Some(0),
        status_code: Some(200),
    };
    assert_eq!(translate(&wrong, &mut findings), None);
    let places: Vec<&str> = findings.iter().map(|(place, ..)| place.as_str()).collect();
    let expected = ["scheme", "hostname", "port", "statusCode"];
    assert_eq!(
        places,
        expected.map(|field| format!("requestRedirect.{field}"))
    );
}

#[test]
fn the_default_is_302_and_nothing_else_changes() {
    let ir = translate(&HttpRequestRedirect::default(), &mut Vec::new()).expect("a redirect");
    assert_eq!(
        (ir.status, ir.port, ir.scheme, ir.hostname, ir.path),
        (302, None, None, None, None)
    );
}

#[cfg(feature = "native")]
mod native {
    use fg_exchange::{Facts, LocalReply, Part, Request, Scheme, Verdict};

    use crate::path_modifier::PathChange;
    use crate::request_redirect::{Ir, native::build};

    /// Where a redirect to `ir` leads a request for this authority and target.
    fn location(ir: &Ir, authority: &str, target: &str, scheme: Scheme, port: u16) -> String {
        let mut request = Request::new();
        request.set_authority(authority.as_bytes());
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let query = query.map(|query| request.head.keep(query.as_bytes()));
        let path = request.head.keep(path.as_bytes());
        request.set_target(path, query);
        let facts = Facts {
            client: [127, 0, 0, 1].into(),
            scheme,
            listener_port: port,
            matched_prefix: Some(0),
        };
        let parts = build(ir);
        let Some(Part::Filter(filter)) = parts.first() else {
            panic!("a redirect is a filter");
        };
        let Verdict::Reply(reply) = filter.request(&mut request, &facts) else {
            panic!("a redirect answers");
        };
        let LocalReply { headers, .. } = *reply;
        let value = headers.into_iter().find(|(name, _)| *name == "location");
        String::from_utf8(value.expect("a location").1).expect("text")
    }

    fn ir(scheme: Option<&str>, port: Option<u16>) -> Ir {
        Ir {
            scheme: scheme.map(Into::into),
            hostname: None,
            path: None,
            port,
            status: 302,
        }
    }

    #[test]
    fn the_port_is_written_unless_it_is_that_of_the_scheme() {
        use Scheme::{Http, Https};
        for (scheme, port, (from, listener), expected) in [
            (None, None, (Http, 80), "http://a.com/"),
            (None, None, (Http, 8080), "http://a.com:8080/"),
            (None, None, (Https, 443), "https://a.com/"),
            (None, None, (Https, 8443), "https://a.com:8443/"),
            (None, None, (Https, 80), "https://a.com:80/"),
            (Some("https"), None, (Http, 80), "https://a.com/"),
            (Some("https"), None, (Http, 8080), "https://a.com/"),
            (Some("http"), None, (Http, 8080), "http://a.com/"),
            (Some("http"), None, (Https, 443), "http://a.com/"),
            (None, Some(80), (Http, 8080), "http://a.com/"),
            (None, Some(443), (Http, 80), "http://a.com:443/"),
            (None, Some(443), (Https, 8443), "https://a.com/"),
            (Some("https"), Some(443), (Http, 80), "https://a.com/"),
            (Some("https"), Some(80), (Http, 80), "https://a.com:80/"),
            (Some("https"), Some(8443), (Http, 80), "https://a.com:8443/"),
            (Some("http"), Some(8080), (Https, 443), "http://a.com:8080/"),
        ] {
            let to = location(&ir(scheme, port), "a.com:1234", "/", from, listener);
            assert_eq!(to, expected, "{scheme:?} {port:?} from {from:?} {listener}");
        }
    }

    #[test]
    fn the_host_is_that_of_the_request_in_whatever_form() {
        for (authority, expected) in [
            ("A.com", "http://a.com/x?y"),
            ("a.com.:80", "http://a.com/x?y"),
            ("[2001:db8::1]:8080", "http://[2001:db8::1]/x?y"),
            ("192.0.2.1", "http://192.0.2.1/x?y"),
            ("", "/x?y"),
        ] {
            let to = location(&ir(None, None), authority, "/x?y", Scheme::Http, 80);
            assert_eq!(to, expected, "{authority}");
        }
    }

    #[test]
    fn a_path_never_becomes_a_host() {
        let full = PathChange::Full("//evil.com/".into());
        let prefix = PathChange::Prefix("/".into());
        for (change, authority, target, expected) in [
            (None, "", "//evil.com/?a=//b", "/evil.com/?a=//b"),
            (None, "", "////evil.com//x", "/evil.com//x"),
            (None, "", "//", "/"),
            (Some(full), "", "/x", "/evil.com/"),
            (Some(prefix), "", "//evil.com", "/evil.com"),
            (None, "a.com", "//evil.com/", "http://a.com//evil.com/"),
        ] {
            let ir = Ir {
                path: change,
                ..ir(None, None)
            };
            let to = location(&ir, authority, target, Scheme::Http, 80);
            assert_eq!(to, expected, "{authority} {target}");
        }
    }

    #[test]
    fn an_asterisk_is_no_path() {
        let to = location(&ir(None, None), "a.com", "*", Scheme::Http, 80);
        assert_eq!(to, "http://a.com");
    }

    #[test]
    fn the_query_stays_with_every_path() {
        for (change, expected) in [
            (PathChange::Full("/new".into()), "http://a.com/new?q=1"),
            (
                PathChange::Prefix("/new".into()),
                "http://a.com/new/old?q=1",
            ),
        ] {
            let ir = Ir {
                path: Some(change),
                ..ir(None, None)
            };
            let to = location(&ir, "a.com", "/old?q=1", Scheme::Http, 80);
            assert_eq!(to, expected);
        }
    }
}

/// What Envoy is told: the redirect for hosts that need none of their own, and the one for hosts
/// with a port.
fn on_envoy(redirect: &str, site: Site<'_>) -> (RedirectAction, Option<RedirectAction>) {
    let yaml = format!("filters: [{{type: RequestRedirect, requestRedirect: {{{redirect}}}}}]");
    let written = accepted(&yaml, site);
    let action = |route: &Route| match &route.action {
        Some(Action::Redirect(action)) => action.clone(),
        other => panic!("{other:?}"),
    };
    let before = written.outcome.before;
    for route in &before {
        let headers = &route.r#match.as_ref().expect("a match").headers;
        assert!(headers.iter().all(|header| header.name == ":authority"));
    }
    assert!(before.len() < 2);
    (action(&written.route), before.first().map(action))
}

#[test]
fn envoy_writes_the_port_that_our_own_proxy_writes() {
    let http = |port| Site { port, ..SITE };
    let https = |port| Site {
        port,
        https: true,
        ..SITE
    };
    for (redirect, site, port, with_port) in [
        ("hostname: a.com", http(80), 0, None),
        ("hostname: a.com", http(8080), 8080, None),
        ("hostname: a.com", https(443), 0, None),
        ("hostname: a.com", https(80), 80, None),
        ("hostname: a.com, scheme: https", http(8080), 0, None),
        ("hostname: a.com, port: 443", https(8443), 0, None),
        ("hostname: a.com, port: 443", http(80), 443, None),
        ("port: 8080", http(80), 8080, None),
        ("statusCode: 301", http(8080), 8080, None),
        ("statusCode: 301", http(80), 0, Some(80)),
        ("scheme: https", http(8080), 0, Some(443)),
        ("scheme: https, port: 443", http(8080), 0, Some(443)),
        ("scheme: http", https(443), 0, Some(80)),
    ] {
        let (action, before) = on_envoy(redirect, site);
        let before = before.map(|action| action.port_redirect);
        assert_eq!(
            (action.port_redirect, before),
            (port, with_port),
            "{redirect} {site:?}"
        );
    }
    let known = Site {
        host: Some("a.com"),
        ..SITE
    };
    let (action, before) = on_envoy("scheme: https", known);
    assert_eq!((&*action.host_redirect, action.port_redirect), ("a.com", 0));
    assert_eq!(before, None);
}

#[test]
fn envoy_has_every_status_and_keeps_the_query() {
    for (status, expected) in [
        (301, RedirectResponseCode::MovedPermanently),
        (302, RedirectResponseCode::Found),
        (303, RedirectResponseCode::SeeOther),
        (307, RedirectResponseCode::TemporaryRedirect),
        (308, RedirectResponseCode::PermanentRedirect),
    ] {
        let (action, _) = on_envoy(&format!("statusCode: {status}"), SITE);
        assert_eq!(action.response_code(), expected);
        assert!(!action.strip_query);
    }
    let (action, _) = on_envoy("path: {type: ReplaceFullPath, replaceFullPath: /x}", SITE);
    let full = PathRewriteSpecifier::PathRedirect("/x".to_owned());
    assert_eq!(action.path_rewrite_specifier, Some(full));
    let site = Site {
        prefix: Some("/old"),
        ..SITE
    };
    let (action, _) = on_envoy(
        "path: {type: ReplacePrefixMatch, replacePrefixMatch: /new/}",
        site,
    );
    let Some(PathRewriteSpecifier::RegexRewrite(rule)) = action.path_rewrite_specifier else {
        panic!("{action:?}");
    };
    let regex = rule.pattern.expect("a pattern").regex;
    assert_eq!((&*regex, &*rule.substitution), ("^/old/?", "/new/"));
}

#[test]
fn on_envoy_the_redirect_of_hosts_with_a_port_has_the_rules_other_filters() {
    let yaml = "
filters:
- {type: RequestRedirect, requestRedirect: {scheme: https}}
- {type: ResponseHeaderModifier, responseHeaderModifier: {remove: [server]}}
- {type: CORS, cors: {allowOrigins: ['https://a.com']}}
";
    let written = accepted(yaml, SITE);
    // The first and the last are for pages of the listed origin.
    let [_, with_port, _] = written.outcome.before.as_slice() else {
        panic!("{:?}", written.outcome);
    };
    assert_eq!(
        with_port.typed_per_filter_config,
        written.route.typed_per_filter_config
    );
    assert_eq!(with_port.typed_per_filter_config.len(), 3);
    assert_eq!(written.outcome.preflights.len(), 2, "one set for both");

    // For pages of all origins each of the two has a copy, the narrower ones first.
    let open = yaml.replace("https://a.com", "*");
    let before = accepted(&open, SITE).outcome.before;
    let asked = before.iter().map(|route| {
        let headers = &route.r#match.as_ref().expect("a match").headers;
        headers.iter().map(|field| &*field.name).collect::<Vec<_>>()
    });
    let [authority, origin] = [":authority", "origin"];
    assert_eq!(
        asked.collect::<Vec<_>>(),
        [
            vec![authority, authority, origin],
            vec![authority, authority],
            vec![origin],
        ]
    );
}
