//! Who attaches: kinds of routes, namespaces, and labels.

use fg_api::gateway::LabelSelector;
use fg_api::report::Subject;

use super::gateway;
use crate::testing::{findings, listeners, put, remove, report, translated};

#[test]
fn kinds_of_routes_are_those_of_the_protocol_and_of_the_wish() {
    for (protocol, allowed, kinds, expected) in [
        ("HTTP", "{}", vec!["HTTPRoute", "GRPCRoute"], None),
        (
            "HTTP",
            "{kinds: [{kind: HTTPRoute}]}",
            vec!["HTTPRoute"],
            None,
        ),
        (
            "HTTP",
            "{kinds: [{kind: HTTPRoute}, {kind: TCPRoute}]}",
            vec!["HTTPRoute"],
            Some(1),
        ),
        (
            "HTTP",
            "{kinds: [{kind: GRPCRoute}]}",
            vec!["GRPCRoute"],
            None,
        ),
        (
            "HTTP",
            "{kinds: [{group: other.io, kind: HTTPRoute}]}",
            vec![],
            Some(0),
        ),
        ("HTTPS", "{}", vec!["HTTPRoute", "GRPCRoute"], None),
        ("TCP", "{}", vec![], None),
        ("own.io/x", "{}", vec![], None),
    ] {
        let rest = format!(
            "listeners: [{{name: l, port: 80, protocol: {protocol}, allowedRoutes: {allowed}}}]"
        );
        let world = translated(&gateway("g", &rest));
        let Subject::Gateway(gateway) = &report(&world, "Gateway", "g").subject.clone() else {
            panic!("a Gateway")
        };
        let found: Vec<&str> = gateway.listeners[0]
            .supported_kinds
            .iter()
            .map(|kind| &*kind.kind)
            .collect();
        assert_eq!(found, kinds, "{protocol} {allowed}");
        let bad = findings(&world)
            .into_iter()
            .find(|finding| finding.contains("InvalidRouteKinds"));
        let expected = expected
            .map(|at| format!("Error InvalidRouteKinds Gateway default/g spec.listeners[0].allowedRoutes.kinds[{at}]"));
        assert_eq!(bad, expected);
    }
}

/// A route in namespace `other`, which has the label `team: a`, attached to a listener with these
/// `allowedRoutes`.
fn from_elsewhere(allowed: &str) -> String {
    let rest =
        format!("listeners: [{{name: l, port: 80, protocol: HTTP, allowedRoutes: {allowed}}}]");
    format!(
        "{}
---
apiVersion: v1
kind: Namespace
metadata: {{name: other, labels: {{team: a}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r, namespace: other}}
spec: {{parentRefs: [{{name: g, namespace: default}}]}}
",
        gateway("g", &rest)
    )
}

#[test]
fn routes_of_other_namespaces_attach_when_allowed() {
    for (allowed, attached) in [
        ("{}", false),
        ("{namespaces: {from: Same}}", false),
        ("{namespaces: {from: All}}", true),
        (
            "{namespaces: {from: Selector, selector: {matchLabels: {team: a}}}}",
            true,
        ),
        (
            "{namespaces: {from: Selector, selector: {matchLabels: {team: b}}}}",
            false,
        ),
        (
            "{namespaces: {from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: other}}}}",
            true,
        ),
        ("{namespaces: {from: Selector, selector: {}}}", true),
        (
            "{namespaces: {from: All}, kinds: [{kind: GRPCRoute}]}",
            false,
        ),
    ] {
        let world = translated(&from_elsewhere(allowed));
        assert_eq!(
            listeners(&world, "g"),
            [format!("l={}", u32::from(attached))],
            "{allowed}"
        );
        let refused = findings(&world).contains(
            &"Error NotAllowedByListeners HTTPRoute other/r spec.parentRefs[0]".to_owned(),
        );
        assert_eq!(refused, !attached, "{allowed}");
    }
}

#[test]
fn a_selector_that_cannot_be_used_lets_nobody_in() {
    for (namespaces, path) in [
        ("{from: Selector}", "selector"),
        ("{from: Everyone}", "from"),
        (
            "{from: Selector, selector: {matchExpressions: [{key: a, operator: In}]}}",
            "selector.matchExpressions[0]",
        ),
        (
            "{from: Selector, selector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}",
            "selector.matchExpressions[0]",
        ),
        (
            "{from: Selector, selector: {matchExpressions: [{key: a, operator: Like, values: [b]}]}}",
            "selector.matchExpressions[0]",
        ),
    ] {
        let world = translated(&from_elsewhere(&format!("{{namespaces: {namespaces}}}")));
        let expected = format!(
            "Error InvalidSelector Gateway default/g spec.listeners[0].allowedRoutes.namespaces.{path}"
        );
        assert!(
            findings(&world).contains(&expected),
            "{:?}",
            findings(&world)
        );
        assert_eq!(listeners(&world, "g"), ["-l=0"]);
    }
}

#[test]
fn a_label_edit_lets_routes_in_and_out() {
    let mut world = translated(&from_elsewhere(
        "{namespaces: {from: Selector, selector: {matchExpressions: [{key: team, operator: NotIn, values: [a]}]}}}",
    ));
    assert_eq!(listeners(&world, "g"), ["l=0"]);
    let labelled = "
apiVersion: v1
kind: Namespace
metadata: {name: other, labels: {team: b}}
";
    assert_eq!(put(&mut world, labelled).translated_routes, 1);
    assert_eq!(listeners(&world, "g"), ["l=1"]);
    remove(&mut world, labelled);
    assert_eq!(
        listeners(&world, "g"),
        ["l=1"],
        "no label is not in the list either"
    );
}

#[test]
fn label_requirements() {
    let labels = [("a".into(), "1".into())].into();
    for (requirement, fits) in [
        ("{key: a, operator: In, values: ['1', '2']}", true),
        ("{key: a, operator: In, values: ['2']}", false),
        ("{key: b, operator: In, values: ['1']}", false),
        ("{key: a, operator: NotIn, values: ['1']}", false),
        ("{key: b, operator: NotIn, values: ['1']}", true),
        ("{key: a, operator: Exists}", true),
        ("{key: b, operator: Exists}", false),
        ("{key: a, operator: DoesNotExist}", false),
        ("{key: b, operator: DoesNotExist}", true),
    ] {
        let selector: LabelSelector =
            fg_testkit::objects::value(&format!("{{matchExpressions: [{requirement}]}}"));
        assert_eq!(selector.fits(&labels), fits, "{requirement}");
    }
}
