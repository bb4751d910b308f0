//! One run of the load generator `wrk` on its core, with the requests of the benchmark, and what it counted.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use super::site::{self, Route, Way};
use super::upstream::LOAD_CORE;

/// The fields of each request besides `Host`: eight, as a browser's call to an API has them.
pub(crate) const FIELDS: [(&str, &str); 8] = [
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
    ),
    ("Accept", "application/json, text/plain, */*"),
    ("Accept-Language", "en-GB,en;q=0.9,de;q=0.7"),
    ("Accept-Encoding", "gzip, deflate, br"),
    ("Referer", "https://shop-00.example.com/basket?step=2"),
    (
        "Cookie",
        "session=8f14e45fceea167a5a36dedd4bea2543; theme=dark; consent=necessary",
    ),
    ("Cache-Control", "no-cache"),
    ("Sec-Fetch-Mode", "cors"),
];

/// Prints what was counted in one line that is easy to read back.
const DONE: &str = r#"
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("COUNTED %d %d %d %d %d %d %d\n", summary.requests,
    e.connect, e.read, e.write, e.timeout, e.status, latency:percentile(99)))
end
"#;

/// A script for `wrk` that asks for what the routes serve, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Script(PathBuf);

impl Script {
    /// Writes the script for these routes to `file`.
    pub(crate) fn write(routes: &[Route], file: &Path) -> anyhow::Result<Self> {
        let mut text = String::new();
        for (name, value) in FIELDS {
            writeln!(text, "wrk.headers[\"{name}\"] = \"{value}\"")?;
        }
        if let [only] = routes {
            let (host, path) = site::target(only);
            writeln!(
                text,
                "wrk.headers[\"Host\"] = \"{host}\"\nwrk.path = \"{path}\""
            )?;
        } else {
            text.push_str("local targets = {\n");
            for (host, path) in routes.iter().map(site::target) {
                writeln!(text, "  {{ \"{host}\", \"{path}\" }},")?;
            }
            text.push_str(
                "}
local requests, next = {}, 0
init = function(args)
  for i, target in ipairs(targets) do
    wrk.headers[\"Host\"] = target[1]
    requests[i] = wrk.format(\"GET\", target[2])
  end
end
request = function()
  next = next % #requests + 1
  return requests[next]
end
",
            );
        }
        text.push_str(DONE);
        fs::write(file, text)?;
        Ok(Self(file.to_owned()))
    }
}

/// What one run counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count {
    /// Requests that were answered whole.
    pub(crate) requests: u64,
    /// The 99th percentile of the answer time, in microseconds.
    pub(crate) p99_us: u64,
}

/// Loads `address` for some seconds; a single failed request is an error.
pub(crate) fn run(
    address: SocketAddr,
    script: &Script,
    connections: u32,
    seconds: u64,
    way: &Way,
) -> anyhow::Result<Count> {
    let scheme = if matches!(way, Way::Tls(_)) {
        "https"
    } else {
        "http"
    };
    let output = Command::new("taskset")
        .args([
            "-c",
            &LOAD_CORE.to_string(),
            "wrk",
            "-t1",
            "--timeout",
            "5s",
        ])
        .args([
            format!("-c{connections}"),
            format!("-d{seconds}s"),
            "-s".to_owned(),
        ])
        .arg(&script.0)
        .arg(format!("{scheme}://{address}"))
        .output()
        .context("cannot run wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let counted = text
        .lines()
        .find_map(|line| line.strip_prefix("COUNTED "))
        .with_context(|| {
            format!(
                "wrk gave no counts:\n{text}{}",
                String::from_utf8_lossy(&output.stderr)
            )
        })?;
    let counts: Vec<u64> = counted
        .split(' ')
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let [requests, connect, read, write, timeout, status, p99_us] = counts[..] else {
        bail!("wrk gave other counts than asked for: {counted}");
    };
    ensure!(
        connect + read + write + timeout + status == 0,
        "failed requests: {connect} at connect, {read} at read, {write} at write, {timeout} timeouts, {status} by status"
    );
    ensure!(requests > 0, "no request was answered");
    Ok(Count { requests, p99_us })
}
