//! A child process that is pinned to a core, measured, and ended with its children when dropped.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::http;

/// Descriptors that every process of the benchmark may open: ten thousand connections on each side, and room.
const DESCRIPTORS: u32 = 65_536;

/// How long a process has to end after SIGTERM before it is killed.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long a proxy has until it answers.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A process that this run started. Dropping it ends it and what it started.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; with a core, it and its children run on that core only. Its output goes to `log`.
    pub(crate) fn start(
        name: &str,
        core: Option<u32>,
        command: &[OsString],
        log: &Path,
    ) -> anyhow::Result<Self> {
        let output =
            File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let script = format!(
            "ulimit -n {DESCRIPTORS} 2>/dev/null || ulimit -n \"$(ulimit -H -n)\"; exec \"$@\""
        );
        let mut shell = Command::new("sh");
        shell.args(["-c", &script, "sh"]);
        if let Some(core) = core {
            shell.args(["taskset", "-c", &core.to_string()]);
        }
        let child = shell
            .args(command)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
        })
    }

    /// Waits until `GET path` on `address` is answered 200; an error if the process ends or takes too long.
    pub(crate) fn wait_until_ok(
        &mut self,
        address: SocketAddr,
        host: &str,
        path: &str,
    ) -> anyhow::Result<()> {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status}:\n{}", self.name, self.last_words());
            }
            let last = match http::get_once(address, host, path) {
                Ok(reply) if reply.status == 200 => return Ok(()),
                Ok(reply) => format!("status {}", reply.status),
                Err(error) => format!("{error:#}"),
            };
            if begin.elapsed() > START_LIMIT {
                bail!(
                    "{} does not answer http://{address}{path}: {last}\n{}",
                    self.name,
                    self.last_words()
                );
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until a probe succeeds; an error if the process ends or takes too long.
    pub(crate) fn wait_until(
        &mut self,
        probe: impl Fn() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status}:\n{}", self.name, self.last_words());
            }
            let Err(error) = probe() else { return Ok(()) };
            if begin.elapsed() > START_LIMIT / 4 {
                bail!(
                    "{} does not answer: {error:#}\n{}",
                    self.name,
                    self.last_words()
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The end of what the process printed.
    fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines
            .iter()
            .skip(lines.len().saturating_sub(15))
            .map(|line| format!("  {line}\n"))
            .collect()
    }

    /// CPU time of the process and all its descendants so far, of threads that have ended too. The kernel keeps the
    /// sum exactly and gives it in hundredths of a second.
    pub(crate) fn cpu_time(&self) -> anyhow::Result<Duration> {
        let mut ticks = 0;
        for pid in self.tree() {
            let line = fs::read_to_string(format!("/proc/{pid}/stat"))?;
            // After the name in brackets: the state is the third field of the line, utime and stime are 14 and 15.
            let (_, rest) = line.rsplit_once(')').context("an odd stat line")?;
            for field in rest.split_whitespace().skip(11).take(2) {
                ticks += field.parse::<u64>()?;
            }
        }
        Ok(Duration::from_millis(ticks * 10))
    }

    /// Proportional set size of the process and all its descendants, in KiB.
    pub(crate) fn pss(&self) -> anyhow::Result<u64> {
        let mut sum = 0;
        for pid in self.tree() {
            let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("Pss:"))
                .context("no Pss line")?;
            sum += line
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .parse::<u64>()?;
        }
        Ok(sum)
    }

    /// PSS once it has stopped moving, in KiB: less than one percent of change in two seconds, at most 40 seconds.
    pub(crate) fn settled_pss(&self) -> anyhow::Result<u64> {
        let mut last = self.pss()?;
        for _ in 0..20 {
            std::thread::sleep(Duration::from_secs(2));
            let now = self.pss()?;
            if now.abs_diff(last) * 100 <= last {
                return Ok(now);
            }
            last = now;
        }
        Ok(last)
    }

    /// The process and its descendants.
    fn tree(&self) -> Vec<u32> {
        let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(|pid| Some((pid, parent_of(pid)?)))
            .collect();
        let mut tree = vec![self.child.id()];
        let mut next = 0;
        while let Some(&parent) = tree.get(next) {
            tree.extend(
                parents
                    .iter()
                    .filter(|(_, of)| *of == parent)
                    .map(|(pid, _)| *pid),
            );
            next += 1;
        }
        tree
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        let tree = self.tree();
        signal("TERM", &tree[..1]);
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        signal("KILL", &tree);
        // The child is ours and was just killed: nothing to do about an error here.
        let _ = self.child.wait();
    }
}

/// How long a core has been busy.
pub(crate) struct CoreTime {
    at: Instant,
    busy: Duration,
}

impl CoreTime {
    /// Reads the kernel's count for a core. Its unit is a hundredth of a second, so it is of use over seconds only.
    pub(crate) fn read(core: u32) -> anyhow::Result<Self> {
        let text = fs::read_to_string("/proc/stat")?;
        let name = format!("cpu{core} ");
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&name))
            .with_context(|| format!("the kernel counts no time for core {core}"))?;
        // user, nice, system, idle, waiting for a disk, interrupts, soft interrupts, stolen by the host, …
        let fields = line.split_whitespace().map(str::parse);
        let fields: Vec<u64> = fields.collect::<Result<_, _>>()?;
        let idle = fields.iter().skip(3).take(2).sum::<u64>();
        let all = fields.iter().take(8).sum::<u64>();
        Ok(Self {
            at: Instant::now(),
            busy: Duration::from_millis((all - idle) * 10),
        })
    }

    /// The share of the time since this was read that the core was busy with something other than `own`, in percent.
    pub(crate) fn taken_by_others(&self, core: u32, own: Duration) -> anyhow::Result<f64> {
        let end = Self::read(core)?;
        let elapsed = end.at.duration_since(self.at).as_secs_f64();
        let others = end.busy.saturating_sub(self.busy).saturating_sub(own);
        Ok((others.as_secs_f64() / elapsed * 100.0).min(100.0))
    }
}

/// Sends a signal to processes of ours, by the shell's own `kill` (the standard library only knows SIGKILL).
fn signal(name: &str, pids: &[u32]) {
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    let command = format!("kill -{name} {} 2>/dev/null", pids.join(" "));
    // A process that has ended meanwhile is what we want.
    let _ = Command::new("sh").args(["-c", &command]).status();
}

/// The parent of a process; `None` if it has ended. The name in the second field may contain blanks and brackets.
fn parent_of(pid: u32) -> Option<u32> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = line.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

/// How many connections are established at a local address (IPv4), by the kernel's table.
pub(crate) fn established(address: SocketAddr) -> anyhow::Result<usize> {
    let port = format!(":{:04X}", address.port());
    let table = fs::read_to_string("/proc/net/tcp")?;
    // Number, local address, remote address, state, …; 01 is established.
    let open = table.lines().filter(|line| {
        let mut words = line.split_whitespace().skip(1);
        words.next().is_some_and(|local| local.ends_with(&port)) && words.nth(1) == Some("01")
    });
    Ok(open.count())
}

/// Lets this process itself open as many descriptors as its children may: the hard limit, if that is less. Errors: the
/// limit is below `needed`.
pub(crate) fn raise_own_descriptor_limit(needed: u32) -> anyhow::Result<()> {
    let own = std::process::id();
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .context("the kernel names no descriptor limit")?;
    // Soft limit, hard limit, unit.
    let hard = line.split_whitespace().nth(1).unwrap_or_default();
    let hard = hard.parse::<u32>().unwrap_or(DESCRIPTORS);
    let limit = hard.min(DESCRIPTORS);
    if limit < needed {
        bail!("{needed} descriptors are needed, and the hard limit is {hard}");
    }
    let status = Command::new("prlimit")
        .args([format!("--pid={own}"), format!("--nofile={limit}:")])
        .status()
        .context("cannot run prlimit")?;
    if !status.success() {
        bail!("cannot raise the descriptor limit to {limit}");
    }
    Ok(())
}
