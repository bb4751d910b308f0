//! The suite's process: its flags, what of its output is shown, its exit code.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use super::Conformance;
use crate::cache::GATEWAY_API;
use crate::cluster::{Cluster, runtime};
use crate::process::GLANCE;

/// The suite's name among the processes of the cluster.
pub(super) const NAME: &str = "suite";
/// An address of the pool that the node gives to none that does not ask for it.
const USABLE: &str = "10.99.0.250";
/// An address outside of the pool. Source: RFC 5737, for documentation.
const UNUSABLE: &str = "192.0.2.250";
/// More than a whole run needs whose every second test fails by its full time.
const LONGEST: &str = "90m";
/// The exit code of a run that was broken off.
const BROKEN_OFF: u8 = 130;
/// Waits that a healthy implementation never uses up. Units: seconds.
const IMPATIENT: [&str; 12] = [
    "GatewayMustHaveAddress:10",
    "GatewayMustHaveCondition:10",
    "GatewayStatusMustHaveListeners:10",
    "GatewayListenersMustHaveConditions:10",
    "ListenerSetMustHaveCondition:10",
    "ListenerSetListenersMustHaveConditions:10",
    "GWCMustBeAccepted:10",
    "HTTPRouteMustHaveCondition:10",
    "RouteMustHaveParents:10",
    "MaxTimeToConsistency:10",
    "NamespacesMustBeReady:60",
    "DefaultTestTimeout:20",
];

/// The file's name of a report. Source: the Gateway API's rules for published reports.
pub(super) fn report_name(wish: &Conformance) -> String {
    format!(
        "experimental-v{}-{}-report.yaml",
        env!("CARGO_PKG_VERSION"),
        if wish.class == "ferrogate" {
            "default"
        } else {
            &wish.class
        }
    )
}

/// Runs the suite. Gives its exit code.
pub(super) fn run(wish: &Conformance, cluster: &Cluster, report: &Path) -> anyhow::Result<u8> {
    println!(
        "conformance suite v{GATEWAY_API}: {}",
        wish.profiles.join(", ")
    );
    let child = cluster
        .processes()
        .start(NAME, command(wish, cluster, report))?;
    let log = cluster.processes().log(NAME);
    let process = cluster.processes().get(NAME);
    std::thread::spawn(move || {
        if wait_for_signal().is_ok()
            && let Some(process) = process
        {
            process.end(Duration::from_secs(5));
        }
    });
    let (status, tally) = follow(child, &log)?;
    cluster.processes().end(NAME, Duration::ZERO);
    println!(
        "{} passed, {} failed, {} skipped",
        tally.passed.len(),
        tally.failed.len(),
        tally.skipped.len()
    );
    for name in &tally.failed {
        println!("  failed: {name}");
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.unwrap_or(BROKEN_OFF))
}

fn wait_for_signal() -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    })
}

fn command(wish: &Conformance, cluster: &Cluster, report: &Path) -> Command {
    let mut command = cluster.enter(cluster.programs().program("conformance.test"));
    command.args(["-test.v", "-test.run", "^TestConformance$"]);
    command.args(["-test.timeout", LONGEST]);
    command.arg("-test.parallel").arg(wish.parallel.to_string());
    let mut flag = |name: &str, value: &str| {
        command.arg(format!("--{name}={value}"));
    };
    flag("gateway-class", &wish.class);
    flag("conformance-profiles", &wish.profiles.join(","));
    flag("report-output", &report.display().to_string());
    flag("organization", "ferrogate");
    flag("project", "ferrogate");
    flag("url", "https://ferrogate.dev");
    flag("version", concat!("v", env!("CARGO_PKG_VERSION")));
    flag("contact", "https://ferrogate.dev/contact");
    flag("usable-address", USABLE);
    flag("unusable-address", UNUSABLE);
    if !wish.features.is_empty() {
        flag("supported-features", &wish.features.join(","));
    }
    if !wish.skip.is_empty() {
        flag("skip-tests", &wish.skip.join(","));
    }
    if let Some(test) = &wish.test {
        flag("run-test", test);
    }
    if wish.keep {
        flag("cleanup-base-resources", "false");
    }
    if wish.impatient {
        flag("timeout-config-overrides", &IMPATIENT.join(";"));
    }
    command
}

/// Results so far.
#[derive(Debug, Default)]
struct Tally {
    // Names, since the suite's output may say a result twice.
    passed: BTreeSet<String>,
    skipped: BTreeSet<String>,
    failed: BTreeSet<String>,
    /// Whether the lines are those of an assertion that failed.
    in_error: bool,
}

impl Tally {
    /// Takes note of a line of the suite's output. Gives what is worth showing at once: results of whole tests, and
    /// what an assertion says that failed.
    fn note(&mut self, line: &str) -> Option<String> {
        let text = line.trim();
        // Source: the form in which testify prints; the trace comes before and says nothing to people.
        self.in_error = match text.split_once(':') {
            Some(("Error", _)) | Some(("Messages", _)) => true,
            Some(("Test", _)) | Some(("Error Trace", _)) => false,
            _ => self.in_error && line.starts_with("        "),
        };
        if self.in_error {
            return Some(format!("    {text}"));
        }
        let rest = text.strip_prefix("--- ")?;
        let (result, rest) = rest.split_once(": ")?;
        let (_, test) = rest.split_once('/')?;
        let (name, _) = test.split_once(' ')?;
        // Parts of a test are in the log.
        if name.contains('/') {
            return None;
        }
        let of_result = match result {
            "PASS" => &mut self.passed,
            "SKIP" => &mut self.skipped,
            _ => &mut self.failed,
        };
        if !of_result.insert(name.to_owned()) || result == "SKIP" {
            return None;
        }
        Some(format!("  {result} {test}"))
    }
}

/// Shows results as they come until the suite has ended.
fn follow(mut child: Child, log: &Path) -> anyhow::Result<(ExitStatus, Tally)> {
    let file = File::open(log).with_context(|| log.display().to_string())?;
    let mut reader = BufReader::new(file);
    let mut tally = Tally::default();
    let mut line = Vec::new();
    let mut ended = None;
    loop {
        // A line may come in pieces.
        if reader.read_until(b'\n', &mut line)? > 0 {
            if line.ends_with(b"\n") {
                if let Some(shown) = tally.note(&String::from_utf8_lossy(&line)) {
                    println!("{shown}");
                }
                line.clear();
            }
            continue;
        }
        // What it wrote last is read once more after its end.
        if let Some(status) = ended {
            return Ok((status, tally));
        }
        ended = child.try_wait()?;
        if ended.is_none() {
            std::thread::sleep(GLANCE * 5);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_tests_are_counted_and_their_parts_are_not() {
        let mut tally = Tally::default();
        for line in [
            "=== RUN   TestConformance/HTTPRouteWeight",
            "    --- PASS: TestConformance/HTTPRouteWeight (0.33s)",
            "    --- PASS: TestConformance/HTTPRouteWeight (0.33s)",
            "        --- PASS: TestConformance/HTTPRouteWeight/even (0.10s)",
            "--- FAIL: TestConformance/GRPCRouteWeight (9.00s)",
            "    --- SKIP: TestConformance/MeshBasic (0.00s)",
            "--- FAIL: TestConformance (12.00s)",
        ] {
            tally.note(line);
        }
        assert_eq!((tally.passed.len(), tally.skipped.len()), (1, 1));
        assert_eq!(Vec::from_iter(tally.failed), ["GRPCRouteWeight"]);
    }

    #[test]
    fn what_a_failed_assertion_says_is_shown() {
        let mut tally = Tally::default();
        let shown: Vec<String> = [
            "        \tError Trace:\t/some/where/conformance.go:95",
            "        \tError:      \tReceived unexpected error:",
            "        \t            \tcontext deadline exceeded",
            "        \tTest:       \tTestConformance",
            "        \tMessages:   \tnot ready",
            "    apply.go:255: deleting",
        ]
        .iter()
        .filter_map(|line| tally.note(line))
        .collect();
        let words: Vec<&str> = shown
            .iter()
            .flat_map(|line| line.split_whitespace())
            .collect();
        assert_eq!(
            words.join(" "),
            "Error: Received unexpected error: context deadline exceeded Messages: not ready"
        );
    }
}
