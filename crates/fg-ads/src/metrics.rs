//! What a server counts. Read by whoever prints metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets of [`Metrics::ack_buckets`]; one more holds what took longer.
/// Units: milliseconds.
pub const ACK_BUCKETS: [u64; 11] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000];

/// Counters of a server, since its start.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Streams that are open now, past authentication.
    pub clients: AtomicU64,
    /// Responses sent.
    pub responses: AtomicU64,
    /// Resources sent, new and changed ones.
    pub resources: AtomicU64,
    /// Bytes of the responses sent, before framing and encryption.
    pub bytes: AtomicU64,
    /// Responses that were accepted.
    pub acks: AtomicU64,
    /// Responses that were refused, in part or in whole.
    pub nacks: AtomicU64,
    /// Unasked reports of clients.
    pub reports: AtomicU64,
    /// Streams that were refused: no token, the wrong one, or too many clients.
    pub refused: AtomicU64,
    /// Streams that were closed since the client did not answer in time.
    pub overdue: AtomicU64,
    /// Time from sending the first part to the answer to the last, summed. Units: microseconds.
    pub ack_micros: AtomicU64,
    /// How many answers took as long as [`ACK_BUCKETS`] says; not cumulated.
    pub ack_buckets: [AtomicU64; ACK_BUCKETS.len() + 1],
}

impl Metrics {
    /// Counts an answer.
    pub(crate) fn answered(&self, accepted: bool, took: Duration) {
        let which = if accepted { &self.acks } else { &self.nacks };
        add(which, 1);
        add(
            &self.ack_micros,
            u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        );
        let bucket = ACK_BUCKETS
            .iter()
            .position(|bound| took <= Duration::from_millis(*bound))
            .unwrap_or(ACK_BUCKETS.len());
        if let Some(count) = self.ack_buckets.get(bucket) {
            add(count, 1);
        }
    }
}

/// Counts.
pub(crate) fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

/// A number as it is counted.
pub(crate) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
