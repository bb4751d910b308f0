//! Our control plane with Envoy beside Envoy Gateway: their part of `RESULTS.md`, and what ours is to reach.

use std::fmt::Write as _;

use super::targets::{Limit, UNHARMED};
use crate::bench::report::{row, table_head};
use crate::bench::results::{ControlPlane, Results};
use crate::bench::targets::Target;

/// Both, in the order in which they are measured.
pub(super) const SIDES: [(&str, &str); 2] = [("envoy", OURS), ("envoy-gateway", PEER)];

const OURS: &str = "ferrogate-envoy";
const PEER: &str = "envoy-gateway";

/// Scenario, figure, what a reader calls it, unit.
const LINES: [(&str, &str, &str, &str); 28] = [
    ("idle", "median_ms", "a new route is live, median", "ms"),
    (
        "idle",
        "p99_ms",
        "a new route is live, 99th percentile",
        "ms",
    ),
    (
        "adding",
        "median_ms",
        "while 3,000 routes are added at 50 a second: live, median",
        "ms",
    ),
    ("adding", "p99_ms", "… 99th percentile", "ms"),
    (
        "adding",
        "cpu_ms",
        "… CPU of the control plane, a route",
        "ms",
    ),
    ("adding", "proxy_cpu_ms", "… CPU of Envoy, a route", "ms"),
    ("adding", "kib", "… to Envoy, a route", "KiB"),
    (
        "idle",
        "gaps",
        "answers of the new routes that were neither 404 nor 200",
        "",
    ),
    (
        "adding",
        "gaps",
        "… the same while 3,000 routes are added",
        "",
    ),
    ("few", "median_ms", "an edit among 100 routes, median", "ms"),
    (
        "edit",
        "median_ms",
        "an edit among 5,000 routes is live, median",
        "ms",
    ),
    (
        "edit",
        "first_ms",
        "… on the first connection that has it, median",
        "ms",
    ),
    ("edit", "p99_ms", "… 99th percentile", "ms"),
    ("edit", "cpu_ms", "… CPU of the control plane", "ms"),
    ("edit", "proxy_cpu_ms", "… CPU of Envoy", "ms"),
    ("edit", "kib", "… to Envoy", "KiB"),
    (
        "edit",
        "host_kib",
        "… the edited host's own size, as encoded by us",
        "KiB",
    ),
    (
        "memory",
        "control_mib",
        "5,000 routes: control plane (PSS)",
        "MiB",
    ),
    ("memory", "proxy_mib", "5,000 routes: Envoy (PSS)", "MiB"),
    (
        "memory",
        "proxy_used_mib",
        "… when each route has been asked for",
        "MiB",
    ),
    (
        "memory",
        "series",
        "… Prometheus series that Envoy shows",
        "",
    ),
    (
        "build",
        "cpu_s",
        "from none to 5,000 routes: CPU of the control plane",
        "s",
    ),
    (
        "adding",
        "failed_requests",
        "failed requests while 3,000 routes are added",
        "",
    ),
    (
        "traffic",
        "failed_requests",
        "failed requests while routes are added, edited, deleted",
        "",
    ),
    (
        "traffic",
        "scaling_failed_requests",
        "failed requests while backends are scaled 1 → 50 → 1",
        "",
    ),
    (
        "churn",
        "cpu_percent",
        "10 edits and 50 endpoint changes a second: share of a core",
        "%",
    ),
    (
        "many",
        "median_ms",
        "an edit among 10,000 routes is live, median",
        "ms",
    ),
    (
        "start",
        "after_lists_s",
        "control plane killed: ready after the lists arrived",
        "s",
    ),
];

/// Scenario, figure, what a reader calls it, limit: at most so many times the peer's.
const RATIOS: [(&str, &str, &str, f64); 5] = [
    (
        "adding",
        "median_ms",
        "a route is live while 3,000 are added",
        0.05,
    ),
    (
        "edit",
        "cpu_ms",
        "CPU of the control plane for an edit among 5,000 routes",
        0.02,
    ),
    (
        "memory",
        "control_mib",
        "memory of the control plane, 5,000 routes",
        0.3,
    ),
    (
        "build",
        "cpu_s",
        "CPU of the control plane from none to 5,000 routes",
        0.1,
    ),
    ("memory", "proxy_mib", "memory of Envoy, 5,000 routes", 0.5),
];

/// As those of our own proxy.
const LIMITS: [Limit; 3] = [
    (
        "idle",
        "median_ms",
        "a new route is live, median",
        30.0,
        "ms",
    ),
    (
        "edit",
        "median_ms",
        "an edit among 5,000 routes is live, median",
        50.0,
        "ms",
    ),
    (
        "memory",
        "series",
        "5,000 routes, series of Envoy",
        2000.0,
        "",
    ),
];

/// A figure of a side. The scenario `build` is all that leads from no route to 5,000.
fn figure(results: &Results, side: &str, scenario: &str, name: &str) -> Option<f64> {
    if scenario == "build" {
        let adding = figure(results, side, "adding", name)?;
        return Some(adding + figure(results, side, "memory", "made_cpu_s")?);
    }
    let scenario = results.envoy.get(side)?.get(scenario)?;
    scenario.figures.get(name).copied()
}

/// The section; nothing if nothing was measured.
pub(crate) fn text(results: &Results) -> String {
    if results.envoy.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\n## Control planes of Envoy: a real API server, one Envoy\n\nMeasured by `cargo xtask bench --control --plane envoy`, one after the \
         other, each on an API server of its own: the class `ferrogate-envoy`, and Envoy Gateway 1.9.1 as its chart installs it. The \
         Envoy is the same program. {} cores, which all share.\n\n",
        results.machine.cores
    );
    for (_, side) in SIDES {
        if let Some(scenarios) = results.envoy.get(side) {
            let _ = writeln!(text, "- {side}: {}", stamps(scenarios.values()));
        }
    }
    text.push('\n');
    text.push_str(&table_head(&["", OURS, PEER, "ratio"]));
    for (scenario, name, what, unit) in LINES {
        let of = |side| figure(results, side, scenario, name);
        let (ours, theirs) = (of(OURS), of(PEER));
        if ours.is_none() && theirs.is_none() {
            continue;
        }
        let ratio = ours
            .zip(theirs.filter(|theirs| *theirs > 0.0))
            .map(|(ours, theirs)| format!("{:.3} ×", ours / theirs));
        text.push_str(&row(&[
            what.to_owned(),
            number(ours, unit),
            number(theirs, unit),
            ratio.unwrap_or_default(),
        ]));
    }
    text
}

fn stamps<'a>(scenarios: impl Iterator<Item = &'a ControlPlane>) -> String {
    let mut all: Vec<String> = scenarios
        .map(|one| format!("{} UTC, commit {}", one.stamp.date, one.stamp.commit))
        .collect();
    all.sort();
    all.dedup();
    all.join("; ")
}

fn number(value: Option<f64>, unit: &str) -> String {
    let Some(value) = value else {
        return "–".to_owned();
    };
    let places = if value.fract() == 0.0 || value >= 1000.0 {
        0
    } else {
        1
    };
    format!("{value:.places$} {unit}").trim_end().to_owned()
}

/// What ours is to reach.
pub(crate) fn targets(results: &Results) -> Vec<Target> {
    if results.envoy.is_empty() {
        return Vec::new();
    }
    let ours = |scenario, name| figure(results, OURS, scenario, name);
    let mut targets: Vec<Target> = LIMITS
        .iter()
        .chain(&UNHARMED)
        .map(|(scenario, name, what, limit, unit)| {
            Target::new(format!("Envoy: {what}"), *limit, ours(scenario, name), unit)
        })
        .collect();
    targets.extend(RATIOS.iter().map(|(scenario, name, what, limit)| {
        let theirs = figure(results, PEER, scenario, name).filter(|theirs| *theirs > 0.0);
        let ratio = ours(scenario, name).zip(theirs);
        Target::new(
            format!("Envoy: {what}, against Envoy Gateway"),
            *limit,
            ratio.map(|(ours, theirs)| ours / theirs),
            "×",
        )
    }));
    let size = ours("edit", "kib").zip(ours("edit", "host_kib"));
    targets.push(Target::new(
        "Envoy: sent for an edit among 5,000 routes, against the edited host's own size".to_owned(),
        1.2,
        size.map(|(sent, host)| sent / host),
        "×",
    ));
    targets
}

/// What went wrong, a line each, which begins with the side and the scenario's name. Requests that fail at the peer's
/// are figures of its own.
pub(crate) fn failures(results: &Results) -> impl Iterator<Item = String> {
    results.envoy.iter().flat_map(|(side, scenarios)| {
        let counts = move |one: &ControlPlane| side == OURS || one.figures.is_empty();
        let wrong = scenarios.iter().filter(move |(_, one)| counts(one));
        wrong.filter_map(move |(name, one)| {
            Some(format!("{side}, {name}: {}", one.failed.as_ref()?))
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn side(figures: &[(&str, &str, f64)]) -> BTreeMap<String, ControlPlane> {
        let mut all: BTreeMap<String, ControlPlane> = BTreeMap::new();
        for (scenario, name, value) in figures {
            let one = all.entry((*scenario).to_owned()).or_default();
            one.figures.insert((*name).to_owned(), *value);
        }
        all
    }

    #[test]
    fn ours_is_compared_with_the_peers_figures() {
        let mut results = Results::default();
        assert!(targets(&results).is_empty() && text(&results).is_empty());
        let ours = [
            ("adding", "cpu_s", 4.0),
            ("memory", "made_cpu_s", 6.0),
            ("edit", "kib", 30.0),
            ("edit", "host_kib", 20.0),
        ];
        let theirs = [("adding", "cpu_s", 50.0), ("memory", "made_cpu_s", 50.0)];
        results.envoy.insert(OURS.to_owned(), side(&ours));
        results.envoy.insert(PEER.to_owned(), side(&theirs));
        let verdict = |words: &str| {
            let all = targets(&results);
            let found = all.iter().find(|target| target.what.contains(words));
            found.unwrap().verdict()
        };
        assert_eq!(verdict("from none to 5,000"), "met");
        assert_eq!(verdict("own size"), "missed");
        assert_eq!(verdict("memory of Envoy"), "open");
        assert!(text(&results).contains("0.100 ×"));
    }
}
