//! When a listener that Envoy could not bind is tried again: soon, and then ever less often.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fg_envoy::{Fence, Kind};

/// After the first attempt.
const FIRST: Duration = Duration::from_secs(1);
/// At most.
const LONGEST: Duration = Duration::from_secs(60);

/// The listeners that were tried again, by name.
#[derive(Debug, Default)]
pub(super) struct Retries(BTreeMap<Arc<str>, Next>);

#[derive(Debug)]
struct Next {
    at: Instant,
    pause: Duration,
}

impl Retries {
    /// Whether one may be tried again.
    pub(super) fn is_due(&self, name: &str, now: Instant) -> bool {
        self.0.get(name).is_none_or(|next| next.at <= now)
    }

    /// It is tried again.
    pub(super) fn tried(&mut self, name: &Arc<str>, now: Instant) {
        let before = self.0.get(name);
        let pause = before.map_or(FIRST, |next| (next.pause * 2).min(LONGEST));
        let at = now + pause;
        self.0.insert(name.clone(), Next { at, pause });
    }

    /// All is answered; these are what Envoy refuses still.
    pub(super) fn keep(&mut self, fences: &[Fence]) {
        self.0.retain(|name, _| {
            let mut resources = fences.iter().map(|fence| &fence.resource);
            resources.any(|one| one.kind == Kind::Listener && one.name == *name)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute_and_end_with_success() {
        let mut retries = Retries::default();
        let name: Arc<str> = "80".into();
        let mut now = Instant::now();
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert!(retries.is_due(&name, now));
            retries.tried(&name, now);
            let short = now + Duration::from_secs(pause) - Duration::from_millis(1);
            assert!(!retries.is_due(&name, short), "{pause}");
            assert!(retries.is_due("81", short));
            now += Duration::from_secs(pause);
        }
        retries.tried(&name, now);
        retries.keep(&[]);
        assert!(retries.is_due(&name, now));
    }
}
