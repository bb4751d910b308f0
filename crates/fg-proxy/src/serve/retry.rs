//! Whether a request is sent again, and when.
//!
//! What may be sent again is decided where the failure is known; here is how often, after what
//! time, and how much of it a backend can bear: retries must not multiply an outage.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use fg_exchange::{Reply, Request, Retries};
use fg_lb::Random;

/// The time between two tries grows up to this many times the first.
const GROWTH: u32 = 10;
/// A budget gathers up to what it gets in this time at its lowest rate. Units: seconds.
const WINDOW: u32 = 10;
/// What one retry costs. Units: hundredths of a retry.
const ONE: u64 = 100;

/// How many retries a backend can bear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Retries for a hundred requests.
    pub(crate) percent: u32,
    /// Retries that are always allowed. Units: per second and worker.
    pub(crate) rate: u32,
}

/// The retries that the backends of one worker can still bear, by index of the backend.
#[derive(Debug, Default)]
pub(crate) struct Budgets(RefCell<HashMap<usize, Budget>>);

/// The retries that one backend can still bear.
#[derive(Clone, Copy, Debug)]
struct Budget {
    /// Units: hundredths of a retry.
    left: u64,
    /// When it was last filled. Units: milliseconds of the sweep's clock.
    at: u64,
}

impl Terms {
    /// What a budget holds at most. Units: hundredths of a retry.
    fn most(self) -> u64 {
        u64::from(self.rate) * u64::from(WINDOW) * ONE
    }
}

impl Budgets {
    /// Notes a request, not a retry, of a rule that retries.
    pub(crate) fn request(&self, backend: usize, terms: Terms, now: u64) {
        self.with(backend, terms, now, |budget| {
            budget.left = (budget.left + u64::from(terms.percent)).min(terms.most().max(ONE));
        });
    }

    /// Takes a retry out of the budget, if there is one.
    pub(crate) fn take(&self, backend: usize, terms: Terms, now: u64) -> bool {
        self.with(backend, terms, now, |budget| {
            let enough = budget.left >= ONE;
            if enough {
                budget.left -= ONE;
            }
            enough
        })
    }

    fn with<T>(
        &self,
        backend: usize,
        terms: Terms,
        now: u64,
        act: impl FnOnce(&mut Budget) -> T,
    ) -> T {
        let mut budgets = self.0.borrow_mut();
        let budget = budgets.entry(backend).or_insert(Budget {
            left: terms.most(),
            at: now,
        });
        let earned = now.saturating_sub(budget.at) * u64::from(terms.rate) * ONE / 1000;
        if earned > 0 {
            budget.left = (budget.left + earned).min(terms.most().max(budget.left));
            budget.at = now;
        }
        act(budget)
    }
}

/// The time before a retry, the first being number 1: it doubles, and up to a half of it is added
/// at random, so that what failed together does not come back together. Never less than written.
pub(crate) fn pause(retries: &Retries, number: u32, random: &Random) -> Duration {
    let base = retries.backoff.unwrap_or(Retries::BACKOFF);
    let factor = 1u32
        .checked_shl(number.saturating_sub(1))
        .map_or(GROWTH, |factor| factor.clamp(1, GROWTH));
    let pause = base.saturating_mul(factor);
    let half = u32::try_from(pause.as_micros() / 2).unwrap_or(u32::MAX);
    pause.saturating_add(Duration::from_micros(random.below(half).into()))
}

/// Whether a reply asks for a retry: its status is one of those named, or it says that a gRPC
/// service is unavailable and did nothing.
pub(crate) fn is_wanted(retries: &Retries, request: &Request, reply: &Reply) -> bool {
    retries.codes.binary_search(&reply.status).is_ok() || is_unavailable(request, reply)
}

/// `UNAVAILABLE` without any message: the call ended before it began.
/// Source: gRPC over HTTP/2, Trailers-Only.
fn is_unavailable(request: &Request, reply: &Reply) -> bool {
    reply.head.get_named("grpc-status") == Some(b"14")
        && request
            .head
            .get_named("content-type")
            .is_some_and(|kind| kind.starts_with(b"application/grpc"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms {
        percent: 20,
        rate: 10,
    };

    #[test]
    fn a_spent_budget_comes_back_with_time_and_with_requests() {
        let budgets = Budgets::default();
        let take_all = |now| (0..1000).filter(|_| budgets.take(7, TERMS, now)).count();
        assert_eq!(take_all(0), 100, "what ten seconds bring");
        assert_eq!(take_all(500), 5);
        assert!(!budgets.take(7, TERMS, 510));
        for _ in 0..10 {
            budgets.request(7, TERMS, 510);
        }
        assert_eq!(take_all(510), 2, "a fifth of ten requests");
        assert!(budgets.take(8, TERMS, 510), "another backend has its own");
        assert_eq!(take_all(60_000), 100, "it does not gather for ever");
    }

    #[test]
    fn an_outage_is_not_multiplied() {
        let budgets = Budgets::default();
        // A thousand requests a second fail for a minute, each would like three retries.
        let mut retries = 0;
        for now in 0..60_000 {
            budgets.request(1, TERMS, now);
            retries += (0..3).filter(|_| budgets.take(1, TERMS, now)).count();
        }
        assert!(retries < 60_000 * 22 / 100, "{retries}");
    }

    #[test]
    fn pauses_grow_within_bounds_and_are_never_shorter_than_written() {
        let random = Random::new(3);
        let retries = |backoff| Retries {
            codes: [].into(),
            attempts: 100,
            backoff,
        };
        let millis = Duration::from_millis;
        for (backoff, number, least) in [
            (None, 1, 25),
            (None, 3, 100),
            (Some(millis(100)), 1, 100),
            (Some(millis(100)), 2, 200),
            (Some(millis(100)), 5, 1000),
            (Some(millis(100)), 99, 1000),
        ] {
            for _ in 0..100 {
                let pause = pause(&retries(backoff), number, &random);
                assert!(pause >= millis(least), "{pause:?}");
                assert!(pause <= millis(least) * 3 / 2, "{pause:?}");
            }
        }
        assert_eq!(
            pause(&retries(Some(Duration::ZERO)), 4, &random),
            Duration::ZERO
        );
    }
}
