//! What was measured, as it is kept in `results.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::workspace;

/// All results. Scenarios are replaced one by one: each says when and on which commit it was measured.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Results {
    /// The machine of the last run.
    pub(crate) machine: Machine,
    /// Names of the programs and their versions.
    pub(crate) versions: BTreeMap<String, String>,
    /// CPU time for a request, by scenario.
    pub(crate) cpu: BTreeMap<String, Cpu>,
    /// Answer times at a fixed rate.
    #[serde(default)]
    pub(crate) latency: Option<Latency>,
    /// Memory, by scenario.
    pub(crate) memory: BTreeMap<String, Memory>,
    /// Edits and starts of Ferrogate with 10,000 routes, by scenario.
    pub(crate) live: BTreeMap<String, Live>,
    /// The control plane on a real API server, by scenario.
    #[serde(default)]
    pub(crate) control: BTreeMap<String, ControlPlane>,
    /// Control planes of Envoy on a real API server, by side and scenario.
    #[serde(default)]
    pub(crate) envoy: BTreeMap<String, BTreeMap<String, ControlPlane>>,
}

/// Where it was measured.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// The processor's model, as the kernel names it.
    pub(crate) cpu: String,
    /// Its cores.
    pub(crate) cores: usize,
    /// The kernel's release.
    pub(crate) kernel: String,
    /// The distribution.
    pub(crate) system: String,
    /// How the kernel paces TCP, loopback too: it costs every proxy, and not the same on every machine.
    #[serde(default)]
    pub(crate) congestion_control: String,
}

/// When, and of what.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Stamp {
    /// Date and time, UTC.
    pub(crate) date: String,
    /// The commit, with `+` if the tree had changes.
    pub(crate) commit: String,
}

/// One scenario of CPU time.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Cpu {
    /// When it was measured.
    pub(crate) stamp: Stamp,
    /// Length of a round, in seconds.
    pub(crate) seconds: u64,
    /// Why there is no valid result, if so.
    pub(crate) failed: Option<String>,
    /// Figures by proxy.
    pub(crate) peers: BTreeMap<String, CpuFigure>,
}

/// One proxy in one scenario.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct CpuFigure {
    /// Microseconds of CPU time a request, round by round.
    pub(crate) rounds: Vec<f64>,
    /// Their median.
    pub(crate) median: f64,
    /// Median of the requests a second.
    pub(crate) requests_per_second: f64,
    /// Median of the 99th percentiles of the answer time, in microseconds, as seen by the closed-loop client.
    pub(crate) p99_us: f64,
    /// Median of the share of the proxy's core that other processes had, in percent: how quiet the machine was.
    pub(crate) others_percent: f64,
}

/// Answer times at a rate that is the same for all.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Latency {
    /// When it was measured.
    pub(crate) stamp: Stamp,
    /// Why there is no valid result, if so.
    pub(crate) failed: Option<String>,
    /// Requests a second.
    pub(crate) per_second: u32,
    /// By proxy: medians over the rounds of the median and of the 99th percentile, in microseconds.
    pub(crate) peers: BTreeMap<String, (f64, f64)>,
}

/// One figure of memory.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// When it was measured.
    pub(crate) stamp: Stamp,
    /// What was not to be had, by proxy.
    pub(crate) failed: BTreeMap<String, String>,
    /// KiB, by proxy.
    pub(crate) kib: BTreeMap<String, f64>,
}

/// Edits of one of 10,000 routes.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Live {
    /// When it was measured.
    pub(crate) stamp: Stamp,
    /// Why there is no valid result, if so.
    pub(crate) failed: Option<String>,
    /// From the start of the process to `/ready`, in seconds; the median of three.
    pub(crate) cold_start_s: f64,
    /// Edits made.
    pub(crate) edits: usize,
    /// From the file event to the first answer of the new edition, in milliseconds: median, 99th percentile, longest.
    pub(crate) median_ms: f64,
    /// The 99th percentile.
    pub(crate) p99_ms: f64,
    /// The longest.
    pub(crate) longest_ms: f64,
    /// Requests during the edits.
    pub(crate) requests: u64,
    /// Requests that failed.
    pub(crate) failed_requests: u64,
}

/// A scenario of the control plane.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct ControlPlane {
    /// When it was measured.
    pub(crate) stamp: Stamp,
    /// Why there is no valid result, if so.
    pub(crate) failed: Option<String>,
    /// Figures by name; units are part of the names.
    pub(crate) figures: BTreeMap<String, f64>,
}

impl Results {
    /// Reads the results of earlier runs; none if there is no such file.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        match fs::read_to_string(file) {
            Ok(text) => serde_json::from_str(&text)
                .with_context(|| format!("cannot read {}", file.display())),
            Err(_) => Ok(Self::default()),
        }
    }

    /// Keeps the results.
    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }
}

impl CpuFigure {
    /// The smallest and the largest round.
    pub(crate) fn spread(&self) -> (f64, f64) {
        let fold =
            |start, choose: fn(f64, f64) -> f64| self.rounds.iter().copied().fold(start, choose);
        (fold(f64::INFINITY, f64::min), fold(0.0, f64::max))
    }
}

impl Machine {
    /// This machine.
    pub(crate) fn read() -> Self {
        let text = |file| fs::read_to_string(file).unwrap_or_default();
        let after = |text: &str, name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name));
            value.map(|value| value.trim_matches(['\t', ' ', ':', '=', '"']).to_owned())
        };
        Self {
            cpu: after(&text("/proc/cpuinfo"), "model name")
                .unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            kernel: text("/proc/sys/kernel/osrelease").trim().to_owned(),
            system: after(&text("/etc/os-release"), "PRETTY_NAME")
                .unwrap_or_else(|| "unknown".to_owned()),
            congestion_control: text("/proc/sys/net/ipv4/tcp_congestion_control")
                .trim()
                .to_owned(),
        }
    }
}

impl Stamp {
    /// Now, and the commit that is checked out.
    pub(crate) fn now() -> anyhow::Result<Self> {
        let date = workspace::output(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M"]))?;
        let root = workspace::root()?;
        let git =
            |words: &[&str]| workspace::output(Command::new("git").current_dir(&root).args(words));
        let commit = git(&["rev-parse", "--short", "HEAD"]).unwrap_or_default();
        // Only what is built matters, not the results that the run itself writes.
        let changes = git(&[
            "status",
            "--porcelain",
            "--",
            "crates",
            "Cargo.toml",
            "Cargo.lock",
        ])
        .unwrap_or_default();
        let mark = if changes.trim().is_empty() { "" } else { "+" };
        Ok(Self {
            date: date.trim().to_owned(),
            commit: format!("{}{mark}", commit.trim()),
        })
    }
}

/// The middle value; 0 of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// The value below which a share of the values lies (nearest rank, the mean of two where it falls between); 0 of none.
pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else {
        return 0.0;
    };
    let rank = share * last as f64;
    (values[rank.floor() as usize] + values[rank.ceil() as usize]) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_odd_even_and_no_values() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(percentile(&[], 0.99), 0.0);
        let hundred: Vec<f64> = (0..=100).map(f64::from).collect();
        assert_eq!(percentile(&hundred, 0.99), 99.0);
    }
}
