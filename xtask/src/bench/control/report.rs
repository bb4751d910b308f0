//! The control plane's part of `RESULTS.md`.

use std::fmt::Write as _;

use crate::bench::report::{row, table_head};
use crate::bench::results::{ControlPlane, Results};

/// Scenarios in their order, and what a reader calls them.
const TITLES: [(&str, &str); 9] = [
    ("idle", "routes added one by one"),
    ("few", "edits among 100 routes"),
    ("adding", "3,000 routes added, 50 a second"),
    ("edit", "edits among 5,000 routes"),
    ("many", "edits among 10,000 routes"),
    ("churn", "10 route edits and 50 endpoint changes a second"),
    ("traffic", "requests while routes and pods come and go"),
    ("memory", "5,000 routes, 2,000 Services, 10,000 endpoints"),
    ("start", "the control plane killed, with all of these"),
];

/// What changes cost.
const CHANGES: [(&str, &str, &str); 10] = [
    ("changes", "changes", ""),
    ("median_ms", "live after, median", " ms"),
    ("p99_ms", "99th percentile", " ms"),
    ("longest_ms", "longest", " ms"),
    ("cpu_ms", "control plane's CPU, each", " ms"),
    ("cpu_percent", "share of a core", " %"),
    ("proxy_cpu_ms", "proxy's CPU, each", " ms"),
    ("kib", "sent, each", " KiB"),
    ("sent_ms", "event to sent", " ms"),
    ("confirmed_ms", "sent to confirmed", " ms"),
];

/// Scenarios of changes.
const OF_CHANGES: [&str; 6] = ["idle", "few", "adding", "edit", "many", "churn"];

/// The section; nothing if nothing was measured.
pub(crate) fn text(results: &Results) -> String {
    let control = &results.control;
    if control.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\n## Control plane: a real API server, one proxy\n\nMeasured by `cargo xtask bench --control` on {} ({} cores), which API \
         server, etcd, node and load share. {}\n\n",
        results.machine.cpu,
        results.machine.cores,
        stamps(results)
    );
    let mut head = vec![""];
    head.extend(CHANGES.iter().map(|(_, title, _)| *title));
    text.push_str(&table_head(&head));
    for name in OF_CHANGES {
        let Some(scenario) = control.get(name) else {
            continue;
        };
        let mut cells = vec![title(name).to_owned()];
        cells.extend(CHANGES.iter().map(|(figure, _, unit)| {
            let value = scenario.figures.get(*figure);
            value.map_or_else(|| "–".to_owned(), |value| number(*value, unit))
        }));
        text.push_str(&row(&cells));
    }
    text.push('\n');
    for name in ["traffic", "memory", "start"] {
        if let Some(scenario) = control.get(name) {
            let _ = writeln!(text, "- {}: {}", title(name), words(scenario));
        }
    }
    text
}

fn stamps(results: &Results) -> String {
    let mut all: Vec<String> = results
        .control
        .values()
        .map(|one| format!("{} UTC, commit {}", one.stamp.date, one.stamp.commit))
        .collect();
    all.sort();
    all.dedup();
    format!("Date and commit: {}.", all.join("; "))
}

fn title(name: &str) -> &str {
    let found = TITLES.iter().find(|(scenario, _)| *scenario == name);
    found.map_or(name, |(_, title)| title)
}

fn number(value: f64, unit: &str) -> String {
    if value.fract() == 0.0 {
        format!("{value:.0}{unit}")
    } else {
        format!("{value:.1}{unit}")
    }
}

/// All figures of a scenario, by their names.
fn words(scenario: &ControlPlane) -> String {
    let all = scenario.figures.iter().map(|(name, value)| {
        let (name, unit) = match name.rsplit_once('_') {
            Some((name, "mib")) => (name, " MiB"),
            Some((name, "s")) => (name, " s"),
            _ => (name.as_str(), ""),
        };
        format!("{} {}", name.replace('_', " "), number(*value, unit))
    });
    let mut text = all.collect::<Vec<_>>().join(", ");
    text.push('.');
    text
}

/// What went wrong, a line each, which begins with the scenario's name.
pub(crate) fn failures(results: &Results) -> impl Iterator<Item = String> {
    let all = results.control.iter();
    all.filter_map(|(name, one)| Some(format!("{name}: {}", one.failed.as_ref()?)))
}
