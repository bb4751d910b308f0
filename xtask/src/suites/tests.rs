//! Tests of what the suites make of answers and reports.

use serde_json::json;

use super::h2spec::tests_of;
use super::results::Outcome;
use super::same::difference;

#[test]
fn an_answer_may_differ_in_what_belongs_to_the_hop_and_in_nothing_else() {
    let direct = json!({ "status": 200, "headers": [["X-A", "1"], ["date", "then"], ["connection", "keep-alive"]], "length": 3, "sha256": "abc" });
    let mut through = json!({ "status": 200, "headers": [["transfer-encoding", "chunked"], ["x-a", "1"], ["date", "now"]], "length": 3, "sha256": "abc" });
    assert_eq!(difference(&direct, &through, false), None);
    through["headers"] = json!([["x-a", "2"]]);
    assert!(difference(&direct, &through, false).is_some_and(|text| text.starts_with("headers:")));
    let lost = json!({ "error": "reset" });
    assert!(difference(&direct, &lost, false).is_some_and(|text| text.starts_with("error:")));
}

#[test]
fn a_backend_may_see_the_fields_of_the_gateway_and_must_see_the_clients() {
    let report = |headers: serde_json::Value| {
        let seen = json!({ "method": "GET", "target": "/report", "headers": headers, "length": 0 })
            .to_string();
        json!({ "status": 200, "headers": [["content-length", seen.len().to_string()]], "length": seen.len(), "sha256": seen.len(), "text": seen })
    };
    let direct = report(json!([["host", "localhost:1"], ["x-a", "1"]]));
    let through = report(json!([
        ["Host", "localhost:2"],
        ["x-forwarded-for", "127.0.0.1"],
        ["X-A", "1"]
    ]));
    assert_eq!(difference(&direct, &through, false), None);
    let without = report(json!([["host", "localhost:2"]]));
    assert!(
        difference(&direct, &without, false)
            .is_some_and(|text| text.contains("saw another headers"))
    );
}

#[test]
fn values_of_one_field_keep_their_order() {
    let direct = json!({ "headers": [["x", "a"], ["y", "1"], ["x", "b"]] });
    let same = json!({ "headers": [["y", "1"], ["x", "a"], ["x", "b"]] });
    let other = json!({ "headers": [["x", "b"], ["x", "a"], ["y", "1"]] });
    assert_eq!(difference(&direct, &same, false), None);
    assert!(difference(&direct, &other, false).is_some());
    let one = json!({ "headers": [["x", "a, b"], ["y", "1"]] });
    assert!(difference(&direct, &one, false).is_some());
    assert_eq!(difference(&direct, &one, true), None);
    assert!(difference(&other, &one, true).is_some());
}

#[test]
fn a_report_of_h2spec_is_read_test_by_test() {
    let xml = "<testsuite name=\"3.5\" tests=\"2\"><testcase package=\"http2/3.5\" classname=\"Sends &lt;x&gt;\" time=\"0.1\"></testcase>\
               <testcase package=\"http2/3.5\" classname=\"Sends bad\" time=\"1\"><failure>&#xA;GOAWAY\nTimeout</failure></testcase></testsuite>";
    let tests = tests_of(xml);
    assert_eq!(tests[0], ("http2/3.5 Sends <x>".to_owned(), None));
    assert_eq!(
        tests[1],
        (
            "http2/3.5 Sends bad".to_owned(),
            Some("failure: GOAWAY Timeout".to_owned())
        )
    );
}

#[test]
fn counts_go_to_the_group_that_was_begun_last() {
    let mut outcome = Outcome::default();
    outcome.group("one");
    outcome.count("pairwise", "a", None);
    outcome.group("two");
    outcome.count("pairwise", "b", Some("lost".to_owned()));
    let counts: Vec<_> = outcome
        .groups
        .iter()
        .map(|group| (group.passed, group.failed))
        .collect();
    assert_eq!(counts, [(1, 0), (0, 1)]);
    assert_eq!(outcome.failures, ["two: b: lost"]);
}
