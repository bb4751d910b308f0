//! What a running gateway tells about itself: counters that one worker writes and the metrics page
//! sums, and the access log.
//!
//! The model: every worker owns its own cells, so a request costs a few plain loads and stores and
//! no shared cache line. The [`Registry`] holds all of them and adds them up when somebody asks.
//! The names and units of all metrics stand in one table, [`names`].

pub mod access_log;
mod cells;
mod control;
mod histogram;
pub mod names;
mod outcome;
mod registry;
mod series;
mod text_format;
mod worker;

pub use cells::{Counter, Gauge};
pub use control::{ControlStats, FindingCounts};
pub use histogram::Histogram;
pub use outcome::{MirrorOutcome, RetryOutcome};
pub use registry::{DEFAULT_SERIES_CAP, Registry};
pub use series::{Outcome, Series, SeriesLabels, SeriesSlots};
pub use worker::{Http2Failure, TlsFailure, WorkerStats};
