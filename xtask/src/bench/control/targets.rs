//! What the control plane is to reach.

use crate::bench::results::Results;
use crate::bench::targets::Target;

/// Scenario, figure, what a reader calls it, limit, unit.
pub(super) type Limit = (&'static str, &'static str, &'static str, f64, &'static str);

/// No request may suffer from a change, whichever the data plane.
pub(super) const UNHARMED: [Limit; 6] = [
    (
        "idle",
        "gaps",
        "idle: wrong answers of routes becoming live",
        0.0,
        "",
    ),
    (
        "adding",
        "gaps",
        "adding 3,000: wrong answers of routes becoming live",
        0.0,
        "",
    ),
    (
        "edit",
        "gaps",
        "edits among 5,000: wrong answers of edited routes",
        0.0,
        "",
    ),
    (
        "adding",
        "failed_requests",
        "adding 3,000: failed requests",
        0.0,
        "",
    ),
    (
        "traffic",
        "failed_requests",
        "routes added, edited and deleted: failed requests",
        0.0,
        "",
    ),
    (
        "traffic",
        "scaling_failed_requests",
        "backends scaled 1 → 50 → 1: failed requests",
        0.0,
        "",
    ),
];

const LIMITS: [Limit; 14] = [
    (
        "idle",
        "median_ms",
        "a new route is live, median",
        20.0,
        "ms",
    ),
    (
        "idle",
        "p99_ms",
        "a new route is live, 99th percentile",
        60.0,
        "ms",
    ),
    (
        "adding",
        "median_ms",
        "a new route is live while 3,000 are added, median",
        50.0,
        "ms",
    ),
    (
        "adding",
        "p99_ms",
        "a new route is live while 3,000 are added, 99th percentile",
        300.0,
        "ms",
    ),
    (
        "edit",
        "median_ms",
        "an edit among 5,000 routes is live, median",
        20.0,
        "ms",
    ),
    (
        "edit",
        "cpu_ms",
        "an edit among 5,000 routes, CPU of the control plane",
        10.0,
        "ms",
    ),
    (
        "edit",
        "kib",
        "an edit among 5,000 routes, sent to the proxy",
        8.0,
        "KiB",
    ),
    (
        "memory",
        "control_mib",
        "5,000 routes, control plane (PSS)",
        150.0,
        "MiB",
    ),
    (
        "memory",
        "proxy_mib",
        "5,000 routes, proxy (PSS)",
        60.0,
        "MiB",
    ),
    (
        "memory",
        "series",
        "5,000 routes, series of the proxy",
        5000.0,
        "",
    ),
    (
        "start",
        "after_lists_s",
        "control plane ready after the lists arrived",
        3.0,
        "s",
    ),
    (
        "start",
        "failed_requests",
        "control plane restarted: failed requests",
        0.0,
        "",
    ),
    (
        "churn",
        "cpu_percent",
        "steady churn, CPU of the control plane",
        10.0,
        "% of a core",
    ),
    (
        "churn",
        "failed_requests",
        "steady churn: failed requests",
        0.0,
        "",
    ),
];

/// All of them.
pub(crate) fn all(results: &Results) -> Vec<Target> {
    let figure = |scenario: &str, name: &str| {
        let scenario = results.control.get(scenario)?;
        scenario.figures.get(name).copied()
    };
    let mut targets: Vec<Target> = LIMITS
        .iter()
        .chain(&UNHARMED)
        .map(|(scenario, name, what, limit, unit)| {
            Target::new((*what).to_owned(), *limit, figure(scenario, name), unit)
        })
        .collect();
    let growth = || Some(figure("many", "cpu_ms")? / figure("few", "cpu_ms")?);
    targets.push(Target::new(
        "CPU of the control plane for an edit, from 100 to 10,000 routes".to_owned(),
        1.5,
        growth(),
        "×",
    ));
    targets
}
