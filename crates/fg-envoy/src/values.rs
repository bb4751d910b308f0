//! Values as Envoy's messages have them.

use std::time;

use envoy_types::pb::google::protobuf::{BoolValue, Duration, UInt32Value};

/// A duration; one of more than 290 billion years is cut.
pub(crate) fn duration(duration: time::Duration) -> Duration {
    Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        // Below a billion.
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
    }
}

/// A flag that is said.
#[expect(clippy::unnecessary_wraps, reason = "fields of messages are options")]
pub(crate) const fn flag(value: bool) -> Option<BoolValue> {
    Some(BoolValue { value })
}

/// A number that is said.
#[expect(clippy::unnecessary_wraps, reason = "fields of messages are options")]
pub(crate) const fn number(value: u32) -> Option<UInt32Value> {
    Some(UInt32Value { value })
}
