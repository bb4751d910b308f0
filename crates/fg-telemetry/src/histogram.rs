//! How long things took, in fixed buckets.

use std::time::Duration;

use crate::Counter;

/// Upper bounds of the buckets, inclusive. Units: microseconds.
const BOUNDS: [u64; 13] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000,
];

/// One bucket more than bounds written out: up to 10 s, then everything above.
const BUCKETS: usize = BOUNDS.len() + 2;

/// The last finite bound. Units: microseconds.
const LAST_BOUND: u64 = 10_000_000;

/// A histogram of durations, written by one thread only.
///
/// Shape: buckets up to 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500 ms, 1, 2.5, 5, 10 s, and above.
#[derive(Debug)]
#[repr(C)]
pub struct Histogram {
    sum: Counter,
    buckets: [Counter; BUCKETS],
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// An empty histogram.
    pub const fn new() -> Self {
        Self {
            buckets: [const { Counter::new() }; BUCKETS],
            sum: Counter::new(),
        }
    }

    /// Counts one duration. Only the owning thread may call this.
    #[inline]
    pub fn record(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        // Most requests are quick, so the first few comparisons decide.
        let bucket = BOUNDS.iter().position(|&bound| micros <= bound);
        let bucket = bucket.unwrap_or(BOUNDS.len() + usize::from(micros > LAST_BOUND));
        self.buckets[bucket].increment();
        self.sum.add(micros);
    }
}

/// The sum of several histograms, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HistogramSum {
    buckets: [u64; BUCKETS],
    micros: u64,
}

impl HistogramSum {
    /// Adds what a histogram holds now.
    pub(crate) fn add(&mut self, histogram: &Histogram) {
        for (sum, bucket) in self.buckets.iter_mut().zip(&histogram.buckets) {
            *sum += bucket.get();
        }
        self.micros = self.micros.wrapping_add(histogram.sum.get());
    }

    /// Bounds in seconds with the count of everything up to there; the last bound is infinite.
    pub(crate) fn cumulated(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let bounds = BOUNDS.iter().copied().chain([LAST_BOUND]);
        let seconds = bounds.map(|micros| micros as f64 / 1e6);
        let mut total = 0;
        seconds
            .chain([f64::INFINITY])
            .zip(&self.buckets)
            .map(move |(bound, count)| {
                total += count;
                (bound, total)
            })
    }

    /// The sum of all durations. Units: seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.micros as f64 / 1e6
    }

    /// How many durations were counted.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_fall_into_the_bucket_whose_bound_holds_them() {
        let histogram = Histogram::new();
        for micros in [1, 500, 501, 5_000_001, 10_000_000, 10_000_001] {
            histogram.record(Duration::from_micros(micros));
        }
        let mut sum = HistogramSum::default();
        sum.add(&histogram);
        let cumulated: Vec<_> = sum.cumulated().collect();
        assert_eq!(cumulated[0], (0.0005, 2));
        assert_eq!(cumulated[1], (0.001, 3));
        assert_eq!(cumulated[12], (5.0, 3));
        assert_eq!(cumulated[13], (10.0, 5));
        assert_eq!(cumulated[14], (f64::INFINITY, 6));
        assert_eq!(sum.count(), 6);
        assert!((sum.seconds() - 25.001_004).abs() < 1e-9);
    }
}
