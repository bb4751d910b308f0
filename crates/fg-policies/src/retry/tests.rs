//! What is read, and what is said about what cannot be.

use std::time::Duration;

use envoy_types::pb::envoy::config::route::v3::RetryPolicy;
use fg_api::retry::HttpRouteRetry;

use super::{Ir, translate};
use crate::envoy::testing::{SITE, accepted, forward};

fn read(yaml: &str) -> (Ir, Vec<String>) {
    let retry: HttpRouteRetry = serde_saphyr::from_str(yaml).expect("YAML");
    let mut findings = Vec::new();
    let ir = translate(&retry, &mut findings);
    (ir, findings.into_iter().map(|(path, ..)| path).collect())
}

#[test]
fn nothing_said_is_one_more_try_without_codes() {
    assert_eq!(
        read("{}"),
        (
            Ir {
                attempts: 1,
                ..Ir::default()
            },
            Vec::new()
        )
    );
}

#[test]
fn everything_said_is_taken() {
    let (ir, findings) = read("{codes: [503, 500, 503], attempts: 4, backoff: 100ms}");
    assert_eq!(
        ir,
        Ir {
            codes: vec![500, 503],
            attempts: 4,
            backoff: Some(Duration::from_millis(100)),
        }
    );
    assert_eq!(findings, Vec::<String>::new());
}

#[test]
fn zero_attempts_are_none() {
    assert_eq!(read("{codes: [500], attempts: 0}").0.attempts, 0);
}

#[test]
fn what_cannot_be_read_is_left_out_and_reported() {
    let (ir, findings) = read("{codes: [200, 500], attempts: -1, backoff: soon}");
    assert_eq!(
        ir,
        Ir {
            codes: vec![500],
            attempts: 0,
            backoff: None,
        }
    );
    assert_eq!(
        findings,
        ["retry.codes[0]", "retry.attempts", "retry.backoff"]
    );
}

fn on_envoy(yaml: &str) -> RetryPolicy {
    let written = accepted(yaml, SITE);
    forward(&written.route)
        .retry_policy
        .clone()
        .expect("retries")
}

#[test]
fn envoy_tries_again_what_our_own_proxy_does() {
    let plain = on_envoy("{}");
    assert_eq!(
        plain.retry_on,
        "connect-failure,refused-stream,reset-before-request"
    );
    assert_eq!(plain.num_retries.map(|count| count.value), Some(1));
    let policy = on_envoy("retry: {codes: [503, 500], attempts: 3, backoff: 100ms}");
    assert_eq!(
        policy.retry_on,
        "connect-failure,refused-stream,reset-before-request,unavailable,retriable-status-codes"
    );
    assert_eq!(policy.retriable_status_codes, [500, 503]);
    assert_eq!(policy.num_retries.map(|count| count.value), Some(3));
    let backoff = policy.retry_back_off.expect("a backoff");
    let nanos = |duration: Option<envoy_types::pb::google::protobuf::Duration>| {
        duration.map(|duration| (duration.seconds, duration.nanos))
    };
    assert_eq!(nanos(backoff.base_interval), Some((0, 100_000_000)));
    assert_eq!(nanos(backoff.max_interval), Some((1, 0)));
    assert_eq!(policy.retry_host_predicate.len(), 1, "another endpoint");
}

#[test]
fn envoy_is_told_that_nothing_is_tried_again() {
    let policy = on_envoy("retry: {attempts: 0, backoff: 0s}");
    assert_eq!(policy.num_retries.map(|count| count.value), Some(0));
    // Envoy refuses 0.
    let base = policy.retry_back_off.expect("a backoff").base_interval;
    assert_eq!(base.map(|base| base.nanos), Some(1_000_000));
}
