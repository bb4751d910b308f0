//! Edges that the examples of the README do not show.

use std::time::Duration;

use envoy_types::pb::envoy::config::route::v3::RouteAction;
use envoy_types::pb::google::protobuf::Duration as PbDuration;
use fg_api::http_route::HttpRouteTimeouts;
use fg_base::Text;

use super::{Ir, parse_duration, translate};
use crate::envoy::testing::{SITE, accepted, forward};

#[test]
fn durations_follow_gep_2257() {
    assert_eq!(
        parse_duration("1h2m3s4ms"),
        Some(Duration::from_millis(3_723_004))
    );
    assert_eq!(parse_duration("0s"), Some(Duration::ZERO));
    for bad in [
        "",
        "s",
        "1",
        "1d",
        "-1s",
        "1.5s",
        "100000s",
        "1s1s1s1s1s",
        "1 s",
    ] {
        assert_eq!(parse_duration(bad), None, "{bad}");
    }
}

fn timeouts(request: Option<&str>, backend_request: Option<&str>) -> HttpRouteTimeouts {
    HttpRouteTimeouts {
        request: request.map(Text::from),
        backend_request: backend_request.map(Text::from),
    }
}

#[test]
fn zero_is_no_limit_and_nothing_written_is_no_policy() {
    let mut findings = Vec::new();
    let some = Some(Duration::from_millis(1500));
    for (written, expected) in [
        (timeouts(None, None), None),
        (timeouts(Some("0s"), None), Some((None, None))),
        (timeouts(Some("0h0ms"), Some("1s500ms")), Some((None, some))),
        (timeouts(Some("1500ms"), None), Some((some, None))),
    ] {
        let expected = expected.map(|(request, backend_request)| Ir {
            request,
            backend_request,
        });
        assert_eq!(translate(&written, &mut findings), expected, "{written:?}");
    }
    assert!(findings.is_empty(), "{findings:?}");
}

#[test]
fn what_is_no_duration_is_reported_and_the_other_limit_stays() {
    let mut findings = Vec::new();
    let ir = translate(&timeouts(Some("10"), Some("2s")), &mut findings);
    let expected = Ir {
        request: None,
        backend_request: Some(Duration::from_secs(2)),
    };
    assert_eq!(ir, Some(expected));
    let places: Vec<&str> = findings.iter().map(|(place, ..)| place.as_str()).collect();
    assert_eq!(places, ["timeouts.request"]);
}

fn on_envoy(yaml: &str) -> RouteAction {
    forward(&accepted(yaml, SITE).route).clone()
}

fn millis(limit: Option<PbDuration>) -> Option<i64> {
    limit.map(|limit| limit.seconds * 1000 + i64::from(limit.nanos) / 1_000_000)
}

#[test]
fn without_limits_envoy_has_none_but_the_callers() {
    let action = on_envoy("{}");
    let stream = action
        .max_stream_duration
        .expect("without it, Envoy's own 15 s hold");
    assert_eq!(stream.max_stream_duration, None);
    assert_eq!(
        millis(stream.grpc_timeout_header_max),
        Some(0),
        "as the caller says"
    );
}

#[test]
fn envoy_limits_the_exchange_and_the_try() {
    let action = on_envoy("timeouts: {request: 1m30s, backendRequest: 500ms}");
    let stream = action.max_stream_duration.expect("streams");
    assert_eq!(millis(stream.max_stream_duration), Some(90_000));
    assert_eq!(
        millis(stream.grpc_timeout_header_max),
        Some(90_000),
        "not longer"
    );
    let retries = action.retry_policy.expect("tries");
    assert_eq!(millis(retries.per_try_timeout), Some(500));
    assert!(!retries.retry_on.contains("503") && !retries.retry_on.ends_with(",reset"));

    let none = on_envoy("timeouts: {request: 0s, backendRequest: 0s}");
    assert_eq!(none, on_envoy("{}"));
}

#[test]
fn a_try_that_took_too_long_is_tried_again_where_its_status_is() {
    let retry_on = |yaml: &str| on_envoy(yaml).retry_policy.expect("tries").retry_on;
    let timeouts = "timeouts: {backendRequest: 500ms}";
    let with = |retry: &str| retry_on(&format!("{timeouts}\nretry: {retry}"));
    assert!(with("{codes: [504]}").ends_with(",reset"));
    assert!(!with("{codes: [503]}").ends_with(",reset"));
    assert!(!with("{codes: [504], attempts: 0}").ends_with(",reset"));
    assert!(!retry_on("retry: {codes: [504]}").ends_with(",reset"));
}
