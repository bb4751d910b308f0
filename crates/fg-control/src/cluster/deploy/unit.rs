//! What is done together, and how that stands: what is to be done, what is being done, what failed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fg_base::Text;
use fg_model::ObjectRef;

/// The pause after the first failure; doubled with each further one up to the other.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// From which failure in a row on those are told that may pass by themselves.
const TOLD: u32 = 3;

/// What is done together: the ConfigMap of a namespace comes before its Gateways.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    /// The ConfigMap of a namespace.
    Authority(Text),
    /// The objects of a Gateway.
    Gateway(Arc<ObjectRef>),
}

/// How a unit stands.
#[derive(Default)]
pub(super) struct Standing {
    /// There may be something to do.
    pub(super) is_dirty: bool,
    /// What was planned last is being done.
    pub(super) is_under_way: bool,
    /// Something else is wanted than what was planned last.
    pub(super) is_renewed: bool,
    /// Since the last success, or since something else is wanted: the pauses grow with them.
    pub(super) failures: u32,
    /// Since the last success, whatever is wanted meanwhile.
    pub(super) in_a_row: u32,
    pub(super) not_before: Option<Instant>,
    pub(super) last: Option<Instant>,
    /// What is to be told of the last try; `None` before there is anything to tell.
    pub(super) outcome: Option<Option<String>>,
}

impl Standing {
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let is_time = self.not_before.is_none_or(|not_before| not_before <= now);
        self.is_dirty && !self.is_under_way && is_time
    }

    /// What was begun has ended, with these failures: words, and whether the same may work the next
    /// time.
    pub(super) fn ended(&mut self, failures: Vec<(Option<String>, bool)>, now: Instant) {
        self.last = Some(now);
        self.is_under_way = false;
        self.is_dirty |= !failures.is_empty();
        if failures.is_empty() {
            self.failures = 0;
            self.in_a_row = 0;
            // What happened meanwhile keeps its time.
            self.not_before = self.not_before.filter(|_| self.is_dirty);
            self.outcome = Some(None);
        } else {
            let pause = PAUSE.saturating_mul(1_u32 << self.failures.min(16));
            self.failures += 1;
            let again = now + pause.min(LONGEST_PAUSE);
            self.not_before = (!self.is_renewed).then_some(again);
            self.in_a_row = self.in_a_row.saturating_add(1);
            let all = self.in_a_row >= TOLD;
            let told = failures.into_iter().filter(|(_, passes)| all || !passes);
            let told: Vec<String> = told.filter_map(|(words, _)| words).collect();
            if !told.is_empty() {
                self.outcome = Some(Some(told.join("; ")));
            }
        }
    }

    /// Something else is wanted: it is tried at once.
    pub(super) fn renew(&mut self) {
        self.is_dirty = true;
        self.is_renewed = true;
        self.failures = 0;
        self.not_before = None;
    }

    /// What is planned now is being done.
    pub(super) fn begin(&mut self) {
        self.is_dirty = false;
        self.is_renewed = false;
        self.is_under_way = true;
    }
}
