//! What Envoy cannot do is said of the parents that it serves, and of no others.

use fg_model::{Finding, Scope};

use crate::testing::{BASE, findings, line, translated};

/// The Gateway `gw` of our own proxy, and `envoy` of Envoy.
fn world(rules: &str) -> String {
    let envoy = BASE
        .replace("name: gw", "name: envoy")
        .replace(
            "gatewayClassName: ferrogate",
            "gatewayClassName: ferrogate-envoy",
        )
        .replace("port: 80, protocol", "port: 81, protocol");
    let (gateway, _) = envoy.split_once("---").expect("the first document");
    format!(
        "{BASE}---{gateway}---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r}}
spec:
  parentRefs: [{{name: gw}}, {{name: envoy}}]
  rules:
{rules}
"
    )
}

/// A session that Envoy does not know the end of.
const LACKING: &str = "
  - backendRefs: [{name: web, port: 80}]
    sessionPersistence: {type: Header, absoluteTimeout: 1h, header: {name: x-s}}
";
const PLAIN: &str = "
  - backendRefs: [{name: web, port: 80}]
    sessionPersistence: {type: Header, header: {name: x-s}}
";

fn found(rules: &str) -> Vec<Finding> {
    let world = translated(&world(rules));
    world
        .findings()
        .map(|finding| (**finding).clone())
        .collect()
}

#[test]
fn a_rule_that_envoy_cannot_serve_is_said_of_that_parent() {
    let found = found(&format!("{LACKING}{PLAIN}"));
    let [one] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(
        line(one),
        "Error RuleDropped HTTPRoute default/r spec.rules[0].sessionPersistence"
    );
    assert_eq!(one.scope, Scope::Parent(1));
    assert!(
        one.text.contains("Envoy") && one.text.contains("500"),
        "{}",
        one.text
    );
    let hint = one.hint.as_deref().expect("what to do");
    assert!(
        hint.contains("cookie") && hint.contains("`ferrogate`"),
        "{hint}"
    );
}

#[test]
fn a_route_none_of_whose_rules_envoy_can_serve_is_not_accepted_there() {
    let lines: Vec<String> = found(LACKING).iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "Error UnsupportedValue HTTPRoute default/r spec.rules",
            "Error RuleDropped HTTPRoute default/r spec.rules[0].sessionPersistence",
        ]
    );
    assert!(
        found(LACKING)
            .iter()
            .all(|one| one.scope == Scope::Parent(1))
    );
}

#[test]
fn what_envoy_can_do_is_no_finding() {
    assert_eq!(findings(&translated(&world(PLAIN))), Vec::<String>::new());
}

#[test]
fn several_backends_count_when_they_get_requests() {
    let rule = |weight: u32| {
        let two = format!("[{{name: web, port: 80}}, {{name: web, port: 80, weight: {weight}}}]");
        PLAIN.replace("[{name: web, port: 80}]", &two)
    };
    assert_eq!(found(&rule(0)), []);
    let several = found(&rule(1));
    assert_eq!(several.len(), 2, "{several:?}");
    assert!(
        several
            .iter()
            .any(|one| one.text.contains("several backends"))
    );
}

#[test]
fn what_one_backend_of_several_lacks_leaves_the_rule() {
    let filter = "filters: [{type: CORS, cors: {allowOrigins: ['*'], exposeHeaders: ['*'], allowCredentials: true}}]";
    let one = format!("{{name: web, port: 80, {filter}}}");
    let lines = |backends: &str| -> Vec<String> {
        let rules = format!("  - backendRefs: [{backends}]\n");
        found(&rules).iter().map(line).collect()
    };
    let at = "Error RuleDropped HTTPRoute default/r spec.rules[0].backendRefs[0].filters[0]";
    assert_eq!(lines(&format!("{one}, {{name: web, port: 80}}")), [at]);
    assert_eq!(lines(&one).len(), 2, "the only one is all");
}

#[test]
fn an_expression_beyond_ascii_is_left_out_by_envoy() {
    let lines = |matches: &str| -> Vec<String> {
        let rules = format!("  - matches: {matches}\n    backendRefs: [{{name: web, port: 80}}]\n");
        found(&rules).iter().map(line).collect()
    };
    let beyond = "{headers: [{name: x, type: RegularExpression, value: 'é.*'}]}";
    let at = "Error RuleDropped HTTPRoute default/r spec.rules[0].matches[1]";
    assert_eq!(lines(&format!("[{{path: {{value: /a}}}}, {beyond}]")), [at]);
    assert_eq!(lines(&format!("[{beyond}]")).len(), 2, "none is left");
    let within = beyond.replace('é', "e");
    assert_eq!(lines(&format!("[{within}]")), Vec::<String>::new());
}
