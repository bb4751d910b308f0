//! Endpoints that could not be reached are left alone for a short, growing time.

use std::time::Duration;

/// The memory of one endpoint's failures to connect.
///
/// Time is given in milliseconds of any clock that only goes forward.
#[derive(Clone, Copy, Debug, Default)]
pub struct Avoidance {
    failures: u32,
    until: u64,
}

impl Avoidance {
    /// The longest avoidance, as a multiple of the first one.
    const MOST: u32 = 64;

    /// Whether the endpoint should be left alone now.
    #[inline]
    pub fn is_active(&self, now: u64) -> bool {
        now < self.until
    }

    /// It could not be reached: avoid it for `first`, twice that, and so on, up to 64 times.
    pub fn failed(&mut self, now: u64, first: Duration) {
        let times = (1u32 << self.failures.min(6)).min(Self::MOST);
        self.failures = self.failures.saturating_add(1);
        self.until = now + u64::try_from((first * times).as_millis()).unwrap_or(u64::MAX / 2);
    }

    /// It was reached.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn avoidance_grows_and_ends() {
        let mut avoidance = Avoidance::default();
        let first = Duration::from_millis(100);
        assert!(!avoidance.is_active(0));
        avoidance.failed(0, first);
        assert!(avoidance.is_active(99) && !avoidance.is_active(100));
        avoidance.failed(100, first);
        assert!(avoidance.is_active(299) && !avoidance.is_active(300));
        for _ in 0..100 {
            avoidance.failed(1000, first);
        }
        assert!(!avoidance.is_active(1000 + 6400));
        avoidance.succeeded();
        assert!(!avoidance.is_active(0));
    }
}
