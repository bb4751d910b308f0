//! Durations of Gateway API: what is read is within the format's bounds.

use std::time::Duration;

use fg_policies::timeouts::parse_duration;

/// Four parts of five digits in the largest unit each: GEP-2257 allows no more.
const LONGEST: Duration = Duration::from_secs(4 * 99_999 * 3_600);

/// A duration that is read is no longer than its format can say, and text with a sign or a point is not read.
pub(crate) fn promise(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Some(duration) = parse_duration(text) {
        assert!(duration <= LONGEST, "{text:?} is read as {duration:?}");
        assert!(!text.contains(['-', '+', '.', ' ']), "{text:?} is read");
    }
}
