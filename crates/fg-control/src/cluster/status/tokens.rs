//! A token bucket. Pure: time is handed in.

use std::time::Duration;

/// So many a second over time, and so many at once.
#[derive(Debug)]
pub(super) struct Tokens {
    each: Duration,
    most: Duration,
    /// Up to when the bucket is empty; in the past by as much as there are tokens in it.
    empty: Duration,
}

impl Tokens {
    pub(super) fn new(per_second: u32, burst: u32, now: Duration) -> Self {
        let each = Duration::from_secs(1) / per_second.max(1);
        let most = each * burst.max(1);
        Self {
            each,
            most,
            // Times begin at zero: shifted by a full bucket, it never has to be negative.
            empty: now,
        }
    }

    /// Takes a token, or says when there is one.
    pub(super) fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let shifted = now + self.most;
        // No fuller than full.
        self.empty = self.empty.max(now);
        let next = self.empty + self.each;
        if next <= shifted {
            self.empty = next;
            Ok(())
        } else {
            Err(next - self.most)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(tokens: &mut Tokens, now: Duration) -> u32 {
        let mut count = 0;
        while tokens.take(now).is_ok() {
            count += 1;
        }
        count
    }

    #[test]
    fn a_burst_then_a_steady_rate() {
        let at = Duration::from_millis;
        let mut tokens = Tokens::new(200, 50, at(0));
        assert_eq!(taken(&mut tokens, at(0)), 50);
        assert_eq!(tokens.take(at(0)), Err(at(5)));
        assert_eq!(taken(&mut tokens, at(5)), 1);
        assert_eq!(taken(&mut tokens, at(105)), 20);
        assert_eq!(taken(&mut tokens, at(60_000)), 50, "no more than a burst");
    }
}
