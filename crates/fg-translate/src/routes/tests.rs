//! Routes: parents, hostnames, matches, filters, backends; what each mistake costs, and no more.

use fg_ir::Attachment;
use fg_model::{HostPattern, PathMatch};

use crate::testing::{
    BASE, action, findings, line, listeners, only, put, remove, report, route, rule, translated,
};

/// A rule to `web` with `matches`.
fn matching(matches: &str) -> String {
    let rules =
        format!("  rules:\n  - matches: {matches}\n    backendRefs: [{{name: web, port: 80}}]");
    format!("{BASE}{}", route("r", &rules))
}

/// A rule with these backend references.
fn to(backends: &str) -> String {
    format!(
        "{BASE}{}",
        route("r", &format!("  rules:\n  - backendRefs: {backends}"))
    )
}

/// A rule to `web` with these filters.
fn filtering(filters: &str) -> String {
    let rules =
        format!("  rules:\n  - filters: {filters}\n    backendRefs: [{{name: web, port: 80}}]");
    format!("{BASE}{}", route("r", &rules))
}

#[test]
fn a_plain_route_is_attached_and_forwards() {
    let world = translated(&to("[{name: web, port: 80}]"));
    assert_eq!(findings(&world), Vec::<String>::new());
    let rule = rule(&world, "r", 0);
    assert_eq!(action(&rule), "web:80=1");
    assert_eq!(rule.matches.len(), 1);
    assert_eq!(rule.matches[0].1.path, PathMatch::Prefix("".into()));
    assert_eq!(rule.origin.path.as_ref(), "spec.rules[0]");
    assert_eq!(listeners(&world, "gw"), ["http=1"]);
    assert_eq!(world.ir().backends.len(), 1);
    let endpoints = world.ir().endpoints.values().next().expect("endpoints");
    assert_eq!(
        endpoints.addresses,
        ["10.0.0.1:8080".parse().expect("an address")]
    );
}

#[test]
fn paths_are_written_in_canonical_form() {
    for (written, expected) in [
        (
            "{type: PathPrefix, value: /foo/}",
            PathMatch::Prefix("/foo".into()),
        ),
        ("{type: PathPrefix, value: /}", PathMatch::Prefix("".into())),
        ("{value: /a}", PathMatch::Prefix("/a".into())),
        (
            "{type: Exact, value: /%7euser/%c3%a9}",
            PathMatch::Exact("/~user/%C3%A9".into()),
        ),
        ("{type: Exact, value: /a/}", PathMatch::Exact("/a/".into())),
        (
            "{type: Exact, value: /a/../b}",
            PathMatch::Exact("/b".into()),
        ),
    ] {
        let world = translated(&matching(&format!("[{{path: {written}}}]")));
        assert_eq!(
            rule(&world, "r", 0).matches[0].1.path,
            expected,
            "{written}"
        );
        assert_eq!(findings(&world), Vec::<String>::new(), "{written}");
    }
}

#[test]
fn the_first_of_two_equal_names_counts_and_order_does_not() {
    let a = translated(&matching(
        "[{headers: [{name: X-B, value: '1'}, {name: x-a, value: '2'}, {name: x-b, value: '3'}],
           queryParams: [{name: q, value: '1'}, {name: Q, value: '2'}, {name: q, value: '3'}], method: GET}]",
    ));
    let b = translated(&matching(
        "[{headers: [{name: x-a, value: '2'}, {name: x-b, value: '1'}],
           queryParams: [{name: Q, value: '2'}, {name: q, value: '1'}], method: GET}]",
    ));
    assert_eq!(rule(&a, "r", 0).matches, rule(&b, "r", 0).matches);
}

#[test]
fn a_match_that_cannot_work_is_left_out_and_the_rest_serves() {
    for (bad, path) in [
        (
            "{path: {type: RegularExpression, value: '/(a'}}",
            "path.value",
        ),
        ("{path: {type: Exact, value: '/a%2Fb'}}", "path.value"),
        ("{path: {type: Glob, value: '/a'}}", "path.type"),
        (
            "{headers: [{name: a, type: RegularExpression, value: '(?=x)'}]}",
            "headers[0].value",
        ),
        (
            "{queryParams: [{name: a, type: Prefix, value: x}]}",
            "queryParams[0].type",
        ),
    ] {
        let world = translated(&matching(&format!("[{bad}, {{path: {{value: /b}}}}]")));
        let expected =
            format!("Error RuleDropped HTTPRoute default/r spec.rules[0].matches[0].{path}");
        assert_eq!(findings(&world), [expected], "{bad}");
        let rule = rule(&world, "r", 0);
        assert_eq!(rule.matches.len(), 1);
        assert_eq!(rule.matches[0].0, 1, "the index in `matches` is kept");
        assert_eq!(action(&rule), "web:80=1");
        assert_eq!(listeners(&world, "gw"), ["http=1"]);
    }
}

#[test]
fn a_route_none_of_whose_rules_can_work_is_not_accepted() {
    let world = translated(&matching("[{path: {type: RegularExpression, value: '['}}]"));
    assert_eq!(action(&rule(&world, "r", 0)), "refuse(InvalidRule)");
    assert!(rule(&world, "r", 0).matches.is_empty());
    assert!(
        findings(&world)
            .contains(&"Error UnsupportedValue HTTPRoute default/r spec.rules".to_owned())
    );
    assert_eq!(listeners(&world, "gw"), ["http=0"]);
}

#[test]
fn a_backend_that_cannot_be_used_keeps_its_share() {
    for (reference, kind, path) in [
        (
            "{name: wob, port: 80, weight: 3}",
            "BackendNotFound",
            ".name",
        ),
        (
            "{name: web, port: 81, weight: 3}",
            "BackendNotFound",
            ".port",
        ),
        ("{name: web, weight: 3}", "BackendNotFound", ".port"),
        (
            "{kind: Pod, name: web, port: 80, weight: 3}",
            "InvalidKind",
            ".kind",
        ),
        (
            "{group: other.io, kind: Service, name: web, port: 80, weight: 3}",
            "InvalidKind",
            ".kind",
        ),
        (
            "{name: web, namespace: else, port: 80, weight: 3}",
            "RefNotPermitted",
            "",
        ),
        (
            "{name: nothing, namespace: else, port: 80, weight: 3}",
            "RefNotPermitted",
            "",
        ),
        (
            "{group: gateway.kgateway.dev, kind: Backend, name: gone, weight: 3}",
            "BackendNotFound",
            ".name",
        ),
    ] {
        let world = translated(&to(&format!("[{{name: web, port: 80}}, {reference}]")));
        let expected =
            format!("Error {kind} HTTPRoute default/r spec.rules[0].backendRefs[1]{path}");
        assert_eq!(findings(&world), [expected]);
        assert_eq!(
            action(&rule(&world, "r", 0)),
            format!("web:80=1 broken({kind})=3")
        );
        assert_eq!(
            listeners(&world, "gw"),
            ["http=1"],
            "it is attached nevertheless"
        );
    }
}

#[test]
fn a_misspelt_service_is_guessed() {
    let world = translated(&to("[{name: wbe, port: 80}]"));
    assert_eq!(only(&world).hint.as_deref(), Some("did you mean `web`?"));
    let world = translated(&to("[{name: web, port: 8080}]"));
    assert_eq!(only(&world).hint.as_deref(), Some("it has port 80 (http)"));
}

#[test]
fn a_grant_permits_and_its_removal_revokes() {
    let other = "
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: else}
spec: {ports: [{port: 80}]}
";
    let grant = |from: &str, to: &str| {
        format!(
            "
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {{name: g, namespace: else}}
spec: {{from: [{from}], to: [{to}]}}
"
        )
    };
    let from = "{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}";
    let good = grant(from, "{group: '', kind: Service}");
    let yaml = format!("{}{other}", to("[{name: web, namespace: else, port: 80}]"));
    let mut world = translated(&yaml);
    assert_eq!(action(&rule(&world, "r", 0)), "broken(RefNotPermitted)=1");
    assert_eq!(put(&mut world, &good).translated_routes, 1);
    assert_eq!(action(&rule(&world, "r", 0)), "web:80=1");
    remove(&mut world, &good);
    assert_eq!(action(&rule(&world, "r", 0)), "broken(RefNotPermitted)=1");
    for bad in [
        grant(
            "{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: default}",
            "{group: '', kind: Service}",
        ),
        grant(
            "{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: else}",
            "{group: '', kind: Service}",
        ),
        grant(from, "{group: '', kind: Secret}"),
        grant(from, "{group: '', kind: Service, name: another}"),
    ] {
        put(&mut world, &bad);
        assert_eq!(
            action(&rule(&world, "r", 0)),
            "broken(RefNotPermitted)=1",
            "{bad}"
        );
    }
    put(
        &mut world,
        &grant(from, "{group: '', kind: Service, name: web}"),
    );
    assert_eq!(action(&rule(&world, "r", 0)), "web:80=1");
}

#[test]
fn a_rule_without_a_positive_weight_is_answered_by_the_gateway() {
    for backends in ["[]", "[{name: web, port: 80, weight: 0}]"] {
        let world = translated(&to(backends));
        assert_eq!(action(&rule(&world, "r", 0)), "refuse(NoBackends)");
        assert_eq!(
            findings(&world),
            ["Warning NoBackends HTTPRoute default/r spec.rules[0].backendRefs"]
        );
        assert_eq!(listeners(&world, "gw"), ["http=1"]);
    }
    let world = translated(&to(
        "[{name: web, port: 80, weight: 0}, {name: gone, port: 1, weight: 2}]",
    ));
    assert_eq!(
        action(&rule(&world, "r", 0)),
        "web:80=0 broken(BackendNotFound)=2"
    );
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
fn what_is_not_supported_and_harmless_is_said_and_served() {
    let spec = "  useDefaultGateways: All
  rules:
  - timeouts: {request: soon}
    backendRefs: [{name: web, port: 80}]";
    let world = translated(&format!("{BASE}{}", route("r", spec)));
    let expected = ["spec.rules[0].timeouts.request", "spec.useDefaultGateways"]
        .map(|path| format!("Warning UnsupportedValue HTTPRoute default/r {path}"));
    assert_eq!(findings(&world), expected);
    assert_eq!(action(&rule(&world, "r", 0)), "web:80=1");
}

#[test]
fn timeouts_are_read_and_zero_is_none() {
    let spec = "  rules:\n  - timeouts: {request: 10s, backendRequest: 0s}\n    backendRefs: [{name: web, port: 80}]";
    let world = translated(&format!("{BASE}{}", route("r", spec)));
    let timeouts = rule(&world, "r", 0)
        .policies
        .timeouts
        .clone()
        .expect("timeouts");
    assert_eq!(timeouts.request, Some(std::time::Duration::from_secs(10)));
    assert_eq!(timeouts.backend_request, None);
}

/// A Gateway with three listeners, and a route to `web` with this head.
fn with_listeners(head: &str) -> String {
    format!(
        "{BASE}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: many}}
spec:
  gatewayClassName: ferrogate
  listeners:
  - {{name: any, port: 81, protocol: HTTP}}
  - {{name: wild, port: 81, protocol: HTTP, hostname: '*.example.com'}}
  - {{name: shop, port: 82, protocol: HTTP, hostname: shop.example.com}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r}}
spec:
  {head}
  rules: [{{backendRefs: [{{name: web, port: 80}}]}}]
"
    )
}

fn attachments(attachments: &[Attachment]) -> Vec<String> {
    let words = |attachment: &Attachment| {
        let hostnames: Vec<String> = attachment
            .hostnames
            .iter()
            .map(HostPattern::to_string)
            .collect();
        format!("{} {}", attachment.listener.section, hostnames.join(","))
    };
    attachments.iter().map(words).collect()
}

#[test]
fn section_port_and_hostnames_choose_the_listeners() {
    for (head, expected) in [
        (
            "parentRefs: [{name: many}]",
            vec!["any *", "shop *", "wild *"],
        ),
        (
            "parentRefs: [{name: many, sectionName: wild}]",
            vec!["wild *"],
        ),
        (
            "parentRefs: [{name: many, port: 81}]",
            vec!["any *", "wild *"],
        ),
        (
            "parentRefs: [{name: many, port: 82, sectionName: shop}]",
            vec!["shop *"],
        ),
        (
            "{parentRefs: [{name: many}], hostnames: [shop.example.com, a.org]}",
            vec![
                "any shop.example.com,a.org",
                "shop shop.example.com",
                "wild shop.example.com",
            ],
        ),
        // As written, not narrowed: precedence is by what the route says.
        (
            "{parentRefs: [{name: many, sectionName: shop}], hostnames: ['*.com']}",
            vec!["shop *.com"],
        ),
        (
            "{parentRefs: [{name: many, sectionName: any}, {name: many, sectionName: any}, {name: gw}]}",
            vec!["http *", "any *"],
        ),
    ] {
        let head = head
            .trim_start_matches('{')
            .trim_end_matches('}')
            .replace("], hostnames", "]\n  hostnames");
        let head = if head.ends_with(']') {
            head
        } else {
            format!("{head}}}]")
        };
        let world = translated(&with_listeners(&head));
        assert_eq!(findings(&world), Vec::<String>::new(), "{head}");
        assert_eq!(
            attachments(&rule(&world, "r", 0).attachments),
            expected,
            "{head}"
        );
    }
}

#[test]
fn a_parent_that_does_not_take_the_route_says_why() {
    for (head, kind, path, hint) in [
        (
            "parentRefs: [{name: many, sectionName: wld}]",
            "NoMatchingParent",
            ".sectionName",
            "did you mean `wild`?",
        ),
        (
            "parentRefs: [{name: many, port: 99}]",
            "NoMatchingParent",
            ".port",
            "its listeners are any (port 81), wild (port 81), shop (port 82)",
        ),
        (
            "parentRefs: [{name: many, sectionName: shop, port: 81}]",
            "NoMatchingParent",
            "",
            "its listeners are any (port 81), wild (port 81), shop (port 82)",
        ),
        (
            "parentRefs: [{name: mny}]",
            "NoMatchingParent",
            "",
            "did you mean `many`?",
        ),
        (
            "parentRefs: [{name: many, sectionName: wild}]\n  hostnames: [example.com]",
            "NoMatchingListenerHostname",
            "",
            "add a fitting name to the route's `hostnames`, or attach to another listener",
        ),
        (
            "parentRefs: [{name: many}]\n  hostnames: ['']",
            "NoMatchingListenerHostname",
            "",
            "add a fitting name to the route's `hostnames`, or attach to another listener",
        ),
    ] {
        let world = translated(&with_listeners(head));
        let finding = only(&world);
        assert_eq!(
            line(&finding),
            format!("Error {kind} HTTPRoute default/r spec.parentRefs[0]{path}")
        );
        assert_eq!(finding.hint.as_deref(), Some(hint));
        assert!(world.ir().rules.is_empty(), "{head}");
        assert!(
            world.ir().backends.is_empty(),
            "nothing is kept for a route that is not served"
        );
        assert_eq!(listeners(&world, "many"), ["any=0", "wild=0", "shop=0"]);
    }
}

#[test]
fn one_parent_may_refuse_while_another_serves() {
    let world = translated(&with_listeners(
        "parentRefs: [{name: gw, sectionName: gone}, {name: many, sectionName: any}]",
    ));
    assert_eq!(
        findings(&world),
        ["Error NoMatchingParent HTTPRoute default/r spec.parentRefs[0].sectionName"]
    );
    assert_eq!(attachments(&rule(&world, "r", 0).attachments), ["any *"]);
    let fg_api::report::Subject::Route(route) = &report(&world, "HTTPRoute", "r").subject.clone()
    else {
        panic!("a route")
    };
    assert_eq!(
        route
            .parents
            .iter()
            .map(|parent| parent.index)
            .collect::<Vec<_>>(),
        [0, 1]
    );
}

#[test]
fn parents_that_are_not_ours_are_left_to_others() {
    let foreign = "
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: theirs}
spec: {controllerName: example.org/them}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: foreign}
spec: {gatewayClassName: theirs, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: foreign}, {group: other.io, kind: Thing, name: t}]
  rules: [{backendRefs: [{name: does-not-exist, port: 80}]}]
";
    let world = translated(&format!("{BASE}{foreign}"));
    assert_eq!(
        findings(&world),
        ["Info UnsupportedValue HTTPRoute default/r spec.parentRefs[1]"]
    );
    assert!(
        !world
            .reports()
            .keys()
            .any(|id| &*id.name == "r" || &*id.name == "foreign" || &*id.name == "theirs")
    );
}

#[test]
fn parents_that_are_not_supported_yet_are_named() {
    let service = "parentRefs: [{group: '', kind: Service, name: web}]";
    let world = translated(&with_listeners(service));
    assert_eq!(
        findings(&world),
        ["Warning UnsupportedValue HTTPRoute default/r spec.parentRefs[0]"]
    );
    let world = translated(&with_listeners("parentRefs: []"));
    assert_eq!(
        findings(&world),
        ["Warning NoMatchingParent HTTPRoute default/r spec.parentRefs"]
    );
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

#[test]
fn sessions_are_read_and_those_that_cannot_work_are_left_out() {
    let keeping = |session: &str| {
        let rules = format!(
            "  rules:\n  - sessionPersistence: {session}\n    backendRefs: [{{name: web, port: 80}}]"
        );
        translated(&format!("{BASE}{}", route("r", &rules)))
    };
    let world = keeping("{cookie: {name: cart}, absoluteTimeout: 1h}");
    assert_eq!(findings(&world), Vec::<String>::new());
    let session = rule(&world, "r", 0).policies.session_persistence.clone();
    let lifetime = session.expect("a policy").lifetime;
    assert_eq!(lifetime, Some(std::time::Duration::from_secs(3600)));

    let world = keeping("{type: Header, header: {name: 'a b'}}");
    assert_eq!(action(&rule(&world, "r", 0)), "web:80=1");
    assert!(rule(&world, "r", 0).policies.session_persistence.is_none());
    let place = "HTTPRoute default/r spec.rules[0].sessionPersistence.header.name";
    assert_eq!(
        findings(&world),
        [format!("Warning UnsupportedValue {place}")]
    );
}
