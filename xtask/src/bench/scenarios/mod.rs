//! The groups of measurements.

pub(crate) mod cpu;
pub(crate) mod latency;
pub(crate) mod live;
pub(crate) mod memory;

use std::path::PathBuf;

use super::options::Options;
use super::peers::Peer;

/// What every scenario needs to know.
pub(crate) struct Bench {
    /// The words of the command.
    pub(crate) options: Options,
    /// The proxies to measure.
    pub(crate) peers: Vec<Peer>,
    /// Where configurations and logs are written.
    pub(crate) folder: PathBuf,
}
