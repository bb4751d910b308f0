//! What Envoy is told.

use std::time::Duration;

use envoy_types::pb::envoy::config::route::v3::{
    RetryPolicy, RouteAction,
    retry_policy::{RetryBackOff, RetryHostPredicate, retry_host_predicate::ConfigType},
};
use envoy_types::pb::envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate;
use envoy_types::pb::google::protobuf::UInt32Value;

use super::Ir;
use crate::envoy::{Sink, Standing, duration, pack};

/// What no backend saw: failed connections, streams that a backend refused.
const UNSEEN: &str = "connect-failure,refused-stream,reset-before-request";
/// The least time between two tries when nothing is written, as in our own proxy.
const BACKOFF: Duration = Duration::from_millis(25);
/// The least time that Envoy can be told.
const SHORTEST: Duration = Duration::from_millis(1);
/// The time between two tries grows up to this many times the first.
const GROWTH: u32 = 10;
/// How often another endpoint is drawn when a try failed with the drawn one.
const DRAWS: i64 = 5;

/// Writes the policy.
pub fn map(ir: &Ir, sink: &mut Sink<'_>) {
    let Some(action) = sink.forward() else {
        return;
    };
    // `unavailable` is gRPC's, in a reply that is a head only.
    let mut retry_on = format!("{UNSEEN},unavailable");
    if !ir.codes.is_empty() {
        retry_on.push_str(",retriable-status-codes");
    }
    action.retry_policy = Some(RetryPolicy {
        retry_on,
        retriable_status_codes: ir.codes.iter().map(|code| u32::from(*code)).collect(),
        ..tries(ir.attempts, ir.backoff.unwrap_or(BACKOFF))
    });
}

/// No filter.
pub fn standing() -> Vec<Standing> {
    Vec::new()
}

/// Retries of a rule that has no such policy: what one endpoint did not see goes to another one.
pub(crate) fn without(action: &mut RouteAction) {
    action.retry_policy = Some(RetryPolicy {
        retry_on: UNSEEN.to_owned(),
        ..tries(1, SHORTEST)
    });
}

fn tries(count: u32, backoff: Duration) -> RetryPolicy {
    let backoff = backoff.max(SHORTEST);
    RetryPolicy {
        num_retries: Some(UInt32Value { value: count }),
        retry_back_off: Some(RetryBackOff {
            base_interval: Some(duration(backoff)),
            max_interval: Some(duration(backoff.saturating_mul(GROWTH))),
        }),
        retry_host_predicate: vec![RetryHostPredicate {
            name: "envoy.retry_host_predicates.previous_hosts".to_owned(),
            config_type: Some(ConfigType::TypedConfig(pack(&PreviousHostsPredicate {}))),
        }],
        host_selection_retry_max_attempts: DRAWS,
        ..RetryPolicy::default()
    }
}
