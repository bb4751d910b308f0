//! What the kernel and the metrics pages say of the control plane's process and the proxy's.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;

use super::http::{Connection, Target};
use super::plane::{Place, Program};
use crate::cluster::Cluster;

/// A process in a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Watched {
    number: u32,
}

impl Watched {
    /// The one process of a program in a pod of the cluster.
    /// Errors: there is none, or more than one.
    pub(super) fn find(cluster: &Cluster, program: Program) -> anyhow::Result<Self> {
        let spaces = namespaces(cluster)?;
        let mut found = fs::read_dir("/proc")?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
            .filter(|number| says(*number, program) && lives_in(*number, &spaces));
        let name = program.verb.unwrap_or(program.name);
        let number = found.next().with_context(|| format!("no {name} runs"))?;
        anyhow::ensure!(found.next().is_none(), "more than one {name} runs");
        Ok(Self { number })
    }

    /// CPU time so far, of all its threads. The kernel gives it in hundredths of a second.
    /// Errors: it has ended.
    pub(super) fn cpu(self) -> anyhow::Result<Duration> {
        let line = self.file("stat")?;
        // After the name in brackets: the state is the third field of the line, utime and stime are 14 and 15.
        let (_, rest) = line.rsplit_once(')').context("an odd stat line")?;
        let mut ticks = 0;
        for field in rest.split_whitespace().skip(11).take(2) {
            ticks += field.parse::<u64>()?;
        }
        Ok(Duration::from_millis(ticks * 10))
    }

    /// Proportional set size. Units: MiB. Errors: it has ended.
    pub(super) fn pss(self) -> anyhow::Result<f64> {
        let text = self.file("smaps_rollup")?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        Ok(number.context("no Pss line")?.parse::<f64>()? / 1024.0)
    }

    /// What came to it over its open connections to a port so far. Units: bytes, encryption included.
    /// Errors: `ss` fails.
    pub(super) fn received(self, port: u16) -> anyhow::Result<f64> {
        let said = Command::new("nsenter")
            .arg(format!("--net=/proc/{}/ns/net", self.number))
            .args(["ss", "-tinHO", "state", "established"])
            .args(["dport", "=", &format!(":{port}")])
            .output()
            .context("cannot run nsenter")?;
        anyhow::ensure!(said.status.success(), "ss: {}", said.status);
        let text = String::from_utf8_lossy(&said.stdout);
        let counts = text
            .split_whitespace()
            .filter_map(|word| word.strip_prefix("bytes_received:"));
        let counts = counts.map(|count| count.parse::<f64>().map_err(anyhow::Error::from));
        counts.sum()
    }

    /// Kills it, as a crash would.
    pub(super) fn kill(self) {
        let number = i32::try_from(self.number).ok();
        if let Some(pid) = number.and_then(rustix::process::Pid::from_raw) {
            // It may have ended by itself.
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
        }
    }

    fn file(self, name: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{name}", self.number);
        fs::read_to_string(&path).context(path)
    }
}

fn says(number: u32, program: Program) -> bool {
    let words = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
    let mut words = words.split(|byte| *byte == 0);
    let path = words.next().unwrap_or_default();
    let name = path.rsplit(|byte| *byte == b'/').next();
    let verb = program.verb.map(str::as_bytes);
    name == Some(program.name.as_bytes()) && (verb.is_none() || words.next() == verb)
}

/// The kernel's numbers of the network namespaces of the cluster's pods.
fn namespaces(cluster: &Cluster) -> anyhow::Result<BTreeSet<u64>> {
    let begin = format!("{}-pod", cluster.namespace());
    let entries = fs::read_dir("/run/netns")?.flatten();
    let pods = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&begin));
    // Not the entry's own metadata: the file is a mount.
    Ok(pods
        .filter_map(|entry| Some(fs::metadata(entry.path()).ok()?.ino()))
        .collect())
}

fn lives_in(number: u32, spaces: &BTreeSet<u64>) -> bool {
    let space = fs::metadata(format!("/proc/{number}/ns/net"));
    space.is_ok_and(|space| spaces.contains(&space.ino()))
}

/// The lines of a metrics page.
#[derive(Debug)]
pub(super) struct Page(String);

impl Page {
    /// Reads one. Blocks. Errors: no answer.
    pub(super) fn read(address: IpAddr, (port, path): Place) -> anyhow::Result<Self> {
        let target = Target {
            host: address.to_string(),
            path: path.to_owned(),
        };
        let reply = Connection::patient(SocketAddr::new(address, port)).get(&target)?;
        anyhow::ensure!(reply.status == 200, "{path}: {}", reply.status);
        Ok(Self(reply.body))
    }

    /// How many series there are.
    pub(super) fn series(&self) -> usize {
        let lines = self.0.lines();
        lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .count()
    }

    /// The value of a series, 0 if there is none.
    pub(super) fn value(&self, name: &str) -> f64 {
        let line = self.0.lines().find_map(|line| {
            let rest = line.strip_prefix(name)?;
            rest.strip_prefix(' ')
        });
        line.and_then(|line| line.trim().parse().ok())
            .unwrap_or_default()
    }
}
