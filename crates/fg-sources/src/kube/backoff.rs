//! How long to wait before the API server is asked again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Waits that double from `first`, each shortened at random by up to a half, so that many clients
/// of one API server do not come back as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure. Default 100 ms.
    pub first: Duration,
    /// At most, while the API server cannot be reached. Default 1 s.
    pub unreachable: Duration,
    /// At most, for a kind that does not exist or may not be read. Default 30 s. The appearance of
    /// a CustomResourceDefinition ends that wait.
    pub refused: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            unreachable: Duration::from_secs(1),
            refused: Duration::from_secs(30),
        }
    }
}

impl Backoff {
    /// The wait after so many failures in a row, from 1.
    pub(super) fn after(&self, failures: u32, most: Duration) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        let whole = self.first.saturating_mul(1 << doublings).min(most);
        whole.mul_f64(1.0 - random() / 2.0)
    }
}

/// A number from 0 to below 1.
pub(super) fn random() -> f64 {
    // The hasher's keys are random.
    let number = RandomState::new().build_hasher().finish();
    (number >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_most_and_differ() {
        let backoff = Backoff::default();
        let most = Duration::from_secs(2);
        let within = |failures: u32, low: u64, high: u64| {
            let wait = backoff.after(failures, most).as_millis() as u64;
            assert!((low..=high).contains(&wait), "{failures}: {wait}");
        };
        for _ in 0..100 {
            within(1, 50, 100);
            within(2, 100, 200);
            within(5, 800, 1600);
            within(6, 1000, 2000);
            within(u32::MAX, 1000, 2000);
        }
        let some: Vec<_> = (0..10).map(|_| backoff.after(3, most)).collect();
        assert!(some.iter().any(|wait| *wait != some[0]));
    }
}
