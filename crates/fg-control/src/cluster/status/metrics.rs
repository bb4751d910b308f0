//! Numbers of the writer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets of [`Metrics::latency`]. Units: seconds.
pub const LATENCY_BOUNDS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// What a writer has done so far, and what it has before it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// Objects whose status should say something. Units: objects.
    pub objects: usize,
    /// Statuses written.
    pub written: u64,
    /// Objects that were looked at and already said what they should.
    pub unchanged: u64,
    /// Objects that were read one by one to be compared; lists are not counted.
    pub read: u64,
    /// Writes that found the object changed meanwhile, and were made again.
    pub conflicts: u64,
    /// Requests that failed otherwise, each tried again later.
    pub errors: u64,
    /// Objects that were gone when they were to be written.
    pub gone: u64,
    /// Times that everything was compared.
    pub sweeps: u64,
    /// Objects that wait or are being written.
    pub queue_depth: usize,
    /// How long the oldest of those has waited.
    pub queue_age: Duration,
    /// How many were written within each of [`LATENCY_BOUNDS`] since there was something to
    /// write, and at the end the later ones; not cumulative.
    pub latency: [u64; LATENCY_BOUNDS.len() + 1],
    /// Sum of those times. Units: seconds.
    pub latency_sum: f64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    written: AtomicU64,
    unchanged: AtomicU64,
    read: AtomicU64,
    conflicts: AtomicU64,
    errors: AtomicU64,
    gone: AtomicU64,
    sweeps: AtomicU64,
    latency: [AtomicU64; LATENCY_BOUNDS.len() + 1],
    latency_micros: AtomicU64,
}

impl Counters {
    pub(super) fn written(&self, after: Duration) {
        add(&self.written, 1);
        let seconds = after.as_secs_f64();
        let bucket = LATENCY_BOUNDS.iter().position(|bound| seconds <= *bound);
        if let Some(bucket) = self.latency.get(bucket.unwrap_or(LATENCY_BOUNDS.len())) {
            add(bucket, 1);
        }
        let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        add(&self.latency_micros, micros);
    }

    pub(super) fn unchanged(&self, count: u64) {
        add(&self.unchanged, count);
    }

    pub(super) fn read_one(&self) {
        add(&self.read, 1);
    }

    pub(super) fn conflict(&self) {
        add(&self.conflicts, 1);
    }

    pub(super) fn error(&self) {
        add(&self.errors, 1);
    }

    pub(super) fn gone(&self) {
        add(&self.gone, 1);
    }

    pub(super) fn sweep(&self) {
        add(&self.sweeps, 1);
    }

    pub(super) fn read(&self, objects: usize, queue_depth: usize, queue_age: Duration) -> Metrics {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let micros = Duration::from_micros(get(&self.latency_micros));
        Metrics {
            objects,
            written: get(&self.written),
            unchanged: get(&self.unchanged),
            read: get(&self.read),
            conflicts: get(&self.conflicts),
            errors: get(&self.errors),
            gone: get(&self.gone),
            sweeps: get(&self.sweeps),
            queue_depth,
            queue_age,
            latency: std::array::from_fn(|at| self.latency.get(at).map_or(0, get)),
            latency_sum: micros.as_secs_f64(),
        }
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}
