//! Matches: what is written in another form, and what is left out.

use fg_model::PathMatch;

use crate::testing::{BASE, action, findings, listeners, route, rule, translated};

/// A rule to `web` with `matches`.
fn matching(matches: &str) -> String {
    let rules =
        format!("  rules:\n  - matches: {matches}\n    backendRefs: [{{name: web, port: 80}}]");
    format!("{BASE}{}", route("r", &rules))
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
