//! One run of the load generator `h2load` on its core: TLS without resumption, HTTP/2, gRPC, a fixed rate, and
//! connections that are left alone after a few requests.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use super::load::{Count, FIELDS};
use super::process::Process;
use super::results::percentile;
use super::site::{self, Way};
use super::upstream::LOAD_CORE;

/// Connections of one call that makes only new ones.
const NEW_AT_ONCE: u32 = 100;

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// One request on each connection, over HTTP/1.1; `h2load` does not resume sessions.
    New,
    /// Requests on one HTTP/2 connection, so many at a time.
    Http2 {
        /// Streams that are open at once.
        streams: u32,
    },
    /// gRPC calls with small messages on one HTTP/2 connection, so many at a time.
    Grpc {
        /// Streams that are open at once.
        streams: u32,
    },
    /// So many requests a second over HTTP/1.1.
    Rate {
        /// All connections together.
        per_second: u32,
        /// Connections.
        connections: u32,
    },
}

/// Loads `address` for some seconds; a single failed request is an error. Files go to `folder`.
pub(crate) fn run(
    address: SocketAddr,
    way: &Way,
    load: Load,
    seconds: u64,
    folder: &Path,
) -> anyhow::Result<Count> {
    let url = url(address, way);
    match load {
        Load::New => {
            let begin = Instant::now();
            let mut requests = 0;
            while begin.elapsed() < Duration::from_secs(seconds) {
                let count = NEW_AT_ONCE.to_string();
                requests += call(&["--h1", "-c", &count, "-n", &count, &url])?;
            }
            Ok(Count {
                requests,
                p99_us: 0,
            })
        }
        Load::Http2 { streams } => {
            let (duration, streams) = (seconds.to_string(), streams.to_string());
            let requests = call(&["-c", "1", "-m", &streams, "-D", &duration, &url])?;
            Ok(Count {
                requests,
                p99_us: 0,
            })
        }
        Load::Grpc { streams } => {
            let (duration, streams) = (seconds.to_string(), streams.to_string());
            let message = folder.join("message");
            fs::write(&message, message_of(64))?;
            let message = message.display().to_string();
            let words = [
                "-c",
                "1",
                "-m",
                &streams,
                "-D",
                &duration,
                "-d",
                &message,
                "-H",
                "te: trailers",
            ];
            let requests =
                call(&[&words[..], &["-H", "content-type: application/grpc", &url]].concat())?;
            Ok(Count {
                requests,
                p99_us: 0,
            })
        }
        Load::Rate {
            per_second,
            connections,
        } => {
            let times = rate(per_second, connections, seconds, folder, &url)?;
            Ok(Count {
                requests: times.len() as u64,
                p99_us: percentile(&times, 0.99) as u64,
            })
        }
    }
}

/// Sends so many requests a second and gives how long each took, in microseconds.
pub(crate) fn latencies(
    address: SocketAddr,
    (per_second, connections): (u32, u32),
    seconds: u64,
    folder: &Path,
) -> anyhow::Result<Vec<f64>> {
    rate(
        per_second,
        connections,
        seconds,
        folder,
        &url(address, &Way::Clear),
    )
}

fn rate(
    per_second: u32,
    connections: u32,
    seconds: u64,
    folder: &Path,
    url: &str,
) -> anyhow::Result<Vec<f64>> {
    let log = folder.join("h2load.log");
    // It appends to a file that is there.
    let _ = fs::remove_file(&log);
    let each = format!("{:.3}", f64::from(per_second) / f64::from(connections));
    let (count, duration, file) = (
        connections.to_string(),
        seconds.to_string(),
        log.display().to_string(),
    );
    call(&[
        "--h1",
        "-c",
        &count,
        "--rps",
        &each,
        "-D",
        &duration,
        "--log-file",
        &file,
        url,
    ])?;
    let times: Vec<f64> = finished(&log)?.into_iter().map(|(_, took)| took).collect();
    ensure!(!times.is_empty(), "h2load logged no request");
    Ok(times)
}

/// Whether one request is answered: for waiting until a proxy serves.
pub(crate) fn probe(address: SocketAddr, way: &Way) -> anyhow::Result<()> {
    let url = url(address, way);
    match way {
        Way::Clear => call(&["--h1", "-c", "1", "-n", "1", &url])?,
        Way::Grpc => call(&[
            "-c",
            "1",
            "-n",
            "1",
            "-H",
            "content-type: application/grpc",
            &url,
        ])?,
        _ => call(&["-c", "1", "-n", "1", &url])?,
    };
    Ok(())
}

/// Connections that have made some requests and stay open.
pub(crate) struct Idle {
    /// The load generator; the connections end with it.
    _process: Process,
    log: PathBuf,
    wanted: usize,
}

impl Idle {
    /// Opens connections, five hundred a second; each makes `requests` requests, and then none for an hour.
    pub(crate) fn open(
        address: SocketAddr,
        way: &Way,
        http1: bool,
        (connections, requests): (u32, u32),
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let url = url(address, way);
        let script = folder.join("times");
        let log = folder.join("idle.log");
        let _ = fs::remove_file(&log);
        let mut lines: Vec<String> = (0..requests)
            .map(|number| format!("{}\t{url}", number * 100))
            .collect();
        lines.push(format!("3600000\t{url}\n"));
        fs::write(&script, lines.join("\n"))?;
        let mut command: Vec<OsString> = vec![
            "h2load".into(),
            "-t1".into(),
            "-c".into(),
            connections.to_string().into(),
        ];
        command.extend(["-r", "500", "--connection-inactivity-timeout", "2h"].map(OsString::from));
        command.extend([OsString::from("--log-file"), log.clone().into()]);
        command.push(format!("--timing-script-file={}", script.display()).into());
        if http1 {
            command.push("--h1".into());
        }
        let process = Process::start(
            "h2load",
            Some(LOAD_CORE),
            &command,
            &folder.join("idle-h2load.log"),
        )?;
        Ok(Self {
            _process: process,
            log,
            wanted: (connections * requests) as usize,
        })
    }

    /// Waits until every request was answered, and well.
    pub(crate) fn settle(&self) -> anyhow::Result<()> {
        let begin = Instant::now();
        loop {
            let done = finished(&self.log).unwrap_or_default();
            if done.len() >= self.wanted {
                let bad = done.iter().filter(|(status, _)| *status != 200).count();
                ensure!(bad == 0, "{bad} requests failed");
                return Ok(());
            }
            if begin.elapsed() > Duration::from_secs(180) {
                bail!("{} of {} requests were answered", done.len(), self.wanted);
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

/// The lines of a log: when a request began, its status, and how long it took, in microseconds. The last line may be
/// unfinished.
fn finished(log: &Path) -> anyhow::Result<Vec<(i32, f64)>> {
    let text = fs::read_to_string(log).context("h2load's log")?;
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole
        .lines()
        .map(|line| {
            let mut words = line.split_whitespace().skip(1);
            let mut next = || words.next().context("a short line in h2load's log");
            Ok((next()?.parse()?, next()?.parse()?))
        })
        .collect()
}

fn url(address: SocketAddr, way: &Way) -> String {
    let scheme = if matches!(way, Way::Tls(_)) {
        "https"
    } else {
        "http"
    };
    let path = if matches!(way, Way::Grpc) {
        "/shop.Orders/Get".to_owned()
    } else {
        site::target(&site::one_route()[0]).1
    };
    format!("{scheme}://{address}{path}")
}

/// A gRPC message: not compressed, its length, its bytes.
fn message_of(length: u8) -> Vec<u8> {
    let mut message = vec![0, 0, 0, 0, length];
    message.extend((0..length).map(|number| number % 32));
    message
}

/// Calls `h2load`; gives how many requests succeeded, and an error if one did not.
fn call(words: &[&str]) -> anyhow::Result<u64> {
    let mut command = Command::new("taskset");
    command.args(["-c", &LOAD_CORE.to_string(), "h2load", "-t1"]);
    for (name, value) in FIELDS {
        command.args(["-H", &format!("{}: {value}", name.to_ascii_lowercase())]);
    }
    let output = command.args(words).output().context("cannot run h2load")?;
    let text = String::from_utf8_lossy(&output.stdout);
    succeeded(&text).with_context(|| {
        format!(
            "h2load said:\n{text}{}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

/// The requests that succeeded, by the lines `requests: …` and `status codes: …` of the summary.
fn succeeded(text: &str) -> anyhow::Result<u64> {
    let number = |line: &str, word: &str| -> anyhow::Result<u64> {
        let line = text.lines().find_map(|each| each.strip_prefix(line));
        let part = line
            .context("no summary")?
            .split(',')
            .find_map(|part| part.trim().strip_suffix(word));
        Ok(part.context("another summary")?.trim().parse()?)
    };
    let (failed, errored, timeout) = (
        number("requests: ", " failed")?,
        number("requests: ", " errored")?,
        number("requests: ", " timeout")?,
    );
    ensure!(
        failed + errored + timeout == 0,
        "{failed} requests failed, {errored} errored, {timeout} timed out"
    );
    let good = number("status codes: ", " 2xx")?;
    let others = number("status codes: ", " 3xx")?
        + number("status codes: ", " 4xx")?
        + number("status codes: ", " 5xx")?;
    ensure!(
        good > 0 && others == 0,
        "{good} requests were answered with 2xx, {others} with something else"
    );
    Ok(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUMMARY: &str = "requests: 1010 total, 1010 started, 1000 done, 1000 succeeded, 0 failed, 0 errored, 0 timeout\nstatus codes: 1000 2xx, 0 3xx, 0 4xx, 0 5xx\n";

    #[test]
    fn a_summary_counts_only_when_nothing_failed() {
        assert_eq!(succeeded(SUMMARY).unwrap(), 1000);
        assert!(succeeded(&SUMMARY.replace("0 4xx", "1 4xx")).is_err());
        assert!(succeeded(&SUMMARY.replace("0 errored", "2 errored")).is_err());
        assert!(succeeded("").is_err());
    }
}
