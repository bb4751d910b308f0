//! Parents: which listeners a route is attached to, and why not to others.

use fg_ir::Attachment;
use fg_model::HostPattern;

use crate::testing::{BASE, findings, line, listeners, only, report, rule, translated};

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
