//! The counters of requests by listener, rule and backend.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use fg_base::Text;

use crate::histogram::HistogramSum;
use crate::{Counter, Histogram};

/// The labels of status classes, in the order of their cells.
pub(crate) const CLASSES: [&str; 7] = ["1xx", "2xx", "3xx", "4xx", "499", "5xx", "other"];

/// What one series counts apart from others.
///
/// Shape: an empty text where there is none, such as the backend of a redirect.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesLabels {
    /// The Gateway, `namespace/name`.
    pub gateway: Text,
    /// The listener's name.
    pub listener: Text,
    /// The route, `namespace/name`.
    pub route: Text,
    /// The rule: its name, or its index.
    pub rule: Text,
    /// The backend, such as `Service shop/cart:80`.
    pub backend: Text,
}

/// How one exchange ended.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The status sent to the client; 499 when it went away before.
    pub status: u16,
    /// The number of the reason in the registry's list, when the gateway answered by itself.
    pub reason: Option<usize>,
    /// From the complete request head to the last byte of the reply.
    pub duration: Duration,
    /// Size of the request's body. Units: bytes.
    pub bytes_in: u64,
    /// Size of the reply's body. Units: bytes.
    pub bytes_out: u64,
}

/// The counters of one label set on one worker.
///
/// Written by that worker only; see [`crate::Registry::series`].
///
/// Laid out so that a request touches two cache lines: what every request writes comes first, with
/// the buckets of quick requests.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Series {
    classes: [Counter; CLASSES.len()],
    bytes_out: Counter,
    pub(crate) duration: Histogram,
    bytes_in: Counter,
    /// Most label sets never see a failure, so the cells are made with the first one.
    reasons: OnceLock<Box<[Counter]>>,
    reason_count: usize,
}

impl Series {
    pub(crate) fn new(reason_count: usize) -> Self {
        Self {
            classes: [const { Counter::new() }; CLASSES.len()],
            duration: Histogram::new(),
            bytes_in: Counter::new(),
            bytes_out: Counter::new(),
            reasons: OnceLock::new(),
            reason_count,
        }
    }

    /// Counts one exchange. Only the owning worker may call this.
    ///
    /// Cost: plain loads and stores; the first failure of the series allocates once.
    #[inline]
    pub fn record(&self, outcome: &Outcome) {
        self.classes[class(outcome.status)].increment();
        self.duration.record(outcome.duration);
        if outcome.bytes_in > 0 {
            self.bytes_in.add(outcome.bytes_in);
        }
        self.bytes_out.add(outcome.bytes_out);
        if let Some(reason) = outcome.reason {
            self.record_reason(reason);
        }
    }

    #[cold]
    fn record_reason(&self, reason: usize) {
        let cells = self
            .reasons
            .get_or_init(|| (0..self.reason_count).map(|_| Counter::new()).collect());
        if let Some(cell) = cells.get(reason) {
            cell.increment();
        }
    }
}

/// The index in [`CLASSES`] of a status.
fn class(status: u16) -> usize {
    match status {
        499 => 4,
        100..=199 => 0,
        200..=299 => 1,
        300..=399 => 2,
        400..=498 => 3,
        500..=599 => 5,
        _ => 6,
    }
}

/// The sum of several series of one label set.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeriesSum {
    pub(crate) classes: [u64; CLASSES.len()],
    pub(crate) duration: HistogramSum,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    /// By number of the reason; empty when none ever happened.
    pub(crate) reasons: Vec<u64>,
}

impl SeriesSum {
    /// Adds what a series holds now.
    pub(crate) fn add(&mut self, series: &Series) {
        for (sum, cell) in self.classes.iter_mut().zip(&series.classes) {
            *sum += cell.get();
        }
        self.duration.add(&series.duration);
        self.bytes_in += series.bytes_in.get();
        self.bytes_out += series.bytes_out.get();
        if let Some(cells) = series.reasons.get() {
            self.reasons.resize(cells.len(), 0);
            for (sum, cell) in self.reasons.iter_mut().zip(cells) {
                *sum += cell.get();
            }
        }
    }
}

/// The series of one label set for each worker, made when a worker first needs its own.
///
/// Lives beside what it counts (a rule, a backend of a rule), so that a request finds its series by
/// one index.
#[derive(Debug)]
pub struct SeriesSlots(Slots);

/// A few stand in place, so that a request touches one piece of memory less.
#[derive(Debug)]
enum Slots {
    Few([OnceLock<Arc<Series>>; FEW]),
    Many(Box<[OnceLock<Arc<Series>>]>),
}

/// How many slots stand in place.
const FEW: usize = 2;

impl SeriesSlots {
    /// Empty slots for that many workers.
    pub fn new(workers: usize) -> Self {
        Self(if workers <= FEW {
            Slots::Few([const { OnceLock::new() }; FEW])
        } else {
            Slots::Many((0..workers).map(|_| OnceLock::new()).collect())
        })
    }

    /// The series of a worker; `make` is called the first time. `None` for a worker that there is
    /// no slot for.
    #[inline]
    pub fn get(&self, worker: usize, make: impl FnOnce() -> Arc<Series>) -> Option<&Series> {
        let slot = match &self.0 {
            Slots::Few(slots) => slots.get(worker)?,
            Slots::Many(slots) => slots.get(worker)?,
        };
        Some(slot.get_or_init(make))
    }
}
