//! What Envoy is told.

use envoy_types::pb::envoy::config::route::v3::{
    RetryPolicy, RouteAction, route_action::MaxStreamDuration,
};
use envoy_types::pb::google::protobuf::Duration;

use super::Ir;
use crate::envoy::{Sink, Standing, duration};

/// Writes the policy.
///
/// The time for the whole exchange is that of the stream, which begins with the request's head:
/// Envoy's route timeout would begin with the end of its body, and is nothing where streams have a
/// time. One try has Envoy's time per try, which ends with the head of the reply.
pub fn map(ir: &Ir, sink: &mut Sink<'_>) {
    let Some(action) = sink.forward() else {
        return;
    };
    if let Some(limit) = ir.request.map(duration) {
        let stream = action.max_stream_duration.get_or_insert_default();
        stream.max_stream_duration = Some(limit);
        // What the caller of a gRPC method waits, but not longer.
        stream.grpc_timeout_header_max = Some(limit);
    }
    let Some(limit) = ir.backend_request.map(duration) else {
        return;
    };
    let retries = action.retry_policy.get_or_insert_default();
    retries.per_try_timeout = Some(limit);
    if tries_again(retries, 504) {
        // A try that takes too long counts as its status. Envoy's word for that is wider: it also
        // has connections that break.
        retries.retry_on.push_str(",reset");
    }
}

/// No filter.
pub fn standing() -> Vec<Standing> {
    Vec::new()
}

fn tries_again(retries: &RetryPolicy, status: u32) -> bool {
    let often = retries.num_retries.is_some_and(|count| count.value > 0);
    often && retries.retriable_status_codes.contains(&status)
}

/// How long requests of a rule take that has no such policy: as long as they take, or as the
/// caller of a gRPC method says.
///
/// One of the two is enough: Envoy's 15 s do not hold for routes that say anything of streams. Envoy
/// builds all routes of a port anew for each edit, and each message in them takes time.
pub(crate) fn without(calls: bool, action: &mut RouteAction) {
    if calls {
        action.max_stream_duration = Some(MaxStreamDuration {
            // 0 is no limit to what the caller says.
            grpc_timeout_header_max: Some(Duration::default()),
            ..MaxStreamDuration::default()
        });
    } else {
        action.timeout = Some(Duration::default());
    }
}
