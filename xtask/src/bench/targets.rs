//! What the project set itself to reach, beside what was measured.

use super::control;
use super::results::{CpuFigure, Results};
use super::scenarios::{cpu, live, memory};

/// One figure that is to stay at or below a limit.
#[derive(Debug)]
pub(crate) struct Target {
    /// What is compared.
    pub(crate) what: String,
    limit: f64,
    /// `None` if it was not measured, or the measurement failed.
    measured: Option<f64>,
    /// What both numbers are in: `×`, `MiB`, ….
    unit: &'static str,
}

impl Target {
    /// What is compared, the limit, what was measured if it was, and what both are in.
    pub(crate) fn new(what: String, limit: f64, measured: Option<f64>, unit: &'static str) -> Self {
        Self {
            what,
            limit,
            measured,
            unit,
        }
    }

    /// The whole of it as a line to print.
    pub(crate) fn line(&self) -> String {
        format!(
            "{:7} {}: {} (at most {})",
            self.verdict(),
            self.what,
            self.measured_text(),
            self.limit_text()
        )
    }

    /// `met`, `missed` or `open`.
    pub(crate) fn verdict(&self) -> &'static str {
        match self.measured {
            None => "open",
            Some(measured) if measured <= self.limit => "met",
            Some(_) => "missed",
        }
    }

    /// The measured number with its unit.
    pub(crate) fn measured_text(&self) -> String {
        self.measured.map_or_else(
            || "not measured".to_owned(),
            |measured| self.with_unit(measured),
        )
    }

    /// The limit with its unit.
    pub(crate) fn limit_text(&self) -> String {
        self.with_unit(self.limit)
    }

    fn with_unit(&self, number: f64) -> String {
        match self.unit {
            "×" => format!("{number:.2} ×"),
            "" => format!("{number:.0}"),
            unit => format!("{number:.1} {unit}"),
        }
    }
}

/// All targets, in the order of the scenarios.
pub(crate) fn all(results: &Results) -> Vec<Target> {
    let mut targets = Vec::new();
    for (scenario, peer, limit) in AGAINST_PEERS {
        targets.push(Target {
            what: format!("{}, against {}", title(scenario), name(peer)),
            limit: *limit,
            measured: ratio(
                cost(results, scenario, "ferrogate"),
                cost(results, scenario, peer),
            ),
            unit: "×",
        });
    }
    for scenario in [cpu::ONE_HOST, cpu::MANY_HOSTS] {
        targets.push(Target {
            what: format!("{}, against one route", title(scenario)),
            limit: 1.05,
            measured: ratio(
                cost(results, scenario, "ferrogate"),
                cost(results, cpu::ONE_ROUTE, "ferrogate"),
            ),
            unit: "×",
        });
    }
    targets.push(Target {
        what: format!("{}, against one worker", title(cpu::TWO_WORKERS)),
        limit: 1.05,
        measured: ratio(
            cost(results, cpu::TWO_WORKERS, "ferrogate"),
            cost(results, cpu::ONE_WORKER, "ferrogate"),
        ),
        unit: "×",
    });
    for (scenario, limit, unit, kib_in_unit) in [
        (memory::IDLE, 15.0, "MiB", 1024.0),
        (memory::ROUTES, 64.0, "MiB", 1024.0),
        (memory::CONNECTION, 8.0, "KiB", 1.0),
        (memory::IDLE_TLS, 24.0, "KiB", 1.0),
        (memory::IDLE_H2C, 48.0, "KiB", 1.0),
        (memory::IDLE_H2_TLS, 60.0, "KiB", 1.0),
    ] {
        let kib = results
            .memory
            .get(scenario)
            .and_then(|memory| memory.kib.get("ferrogate"));
        targets.push(Target {
            what: title(scenario).to_owned(),
            limit,
            measured: kib.map(|kib| kib / kib_in_unit),
            unit,
        });
    }
    for scenario in [live::ONE_A_FILE, live::HUNDRED_A_FILE] {
        // A layout whose edits failed may still have started.
        let live = results.live.get(scenario).filter(|live| live.edits > 0);
        for (what, limit, measured, unit) in [
            (
                "an edit is live, median",
                50.0,
                live.map(|live| live.median_ms),
                "ms",
            ),
            (
                "failed requests during the edits",
                0.0,
                live.map(|live| live.failed_requests as f64),
                "",
            ),
            ("cold start", 3.0, live.map(|live| live.cold_start_s), "s"),
        ] {
            targets.push(Target {
                what: format!("{}: {what}", title(scenario)),
                limit,
                measured,
                unit,
            });
        }
    }
    targets.extend(control::targets::all(results));
    targets.extend(control::envoy::targets(results));
    targets
}

const AGAINST_PEERS: &[(&str, &str, f64)] = &[
    ("keep-alive-16", "nginx", 0.80),
    ("keep-alive-16", "haproxy", 0.70),
    ("keep-alive-16", "envoy", 0.25),
    ("keep-alive-128", "nginx", 0.80),
    ("keep-alive-128", "haproxy", 0.70),
    ("keep-alive-128", "envoy", 0.25),
    ("keep-alive-512", "nginx", 0.80),
    ("keep-alive-512", "haproxy", 0.70),
    ("keep-alive-512", "envoy", 0.25),
    ("large-64k", "nginx", 0.65),
    (cpu::TLS, "nginx", 0.65),
    (cpu::TLS, "envoy", 0.25),
    (cpu::TLS_NEW, "nginx", 0.50),
    (cpu::TLS_NEW, "envoy", 0.60),
    (cpu::HTTP2, "nginx", 1.10),
    (cpu::HTTP2, "envoy", 0.35),
    (cpu::GRPC, "envoy", 0.40),
];

/// What a reader calls a scenario.
pub(crate) fn title(scenario: &str) -> &str {
    match scenario {
        "keep-alive-16" => "16 connections",
        "keep-alive-128" => "128 connections",
        "keep-alive-512" => "512 connections",
        "large-64k" => "64 KiB replies",
        cpu::LARGE_BUFFERS => "64 KiB replies, nginx with large buffers",
        cpu::ONE_ROUTE => "1 route",
        cpu::ONE_HOST => "5,000 routes on one host",
        cpu::MANY_HOSTS => "5,000 routes on 50 hosts",
        cpu::TLS => "TLS 1.3, 128 connections",
        cpu::TLS_NEW => "a new TLS 1.3 connection for each request",
        cpu::HTTP2 => "HTTP/2 to HTTP/1.1, 100 streams",
        cpu::GRPC => "gRPC, HTTP/2 on both sides, 100 streams",
        cpu::ONE_WORKER => "limited load, one worker",
        cpu::TWO_WORKERS => "limited load, two workers",
        memory::IDLE => "memory, idle, two workers",
        memory::ROUTES => "memory with 5,000 routes",
        memory::CONNECTION => "memory of an idle connection",
        memory::IDLE_TLS => "memory of an idle connection, HTTP/1.1 over TLS",
        memory::IDLE_H2C => "memory of an idle connection, HTTP/2 in clear",
        memory::IDLE_H2_TLS => "memory of an idle connection, HTTP/2 over TLS",
        live::ONE_A_FILE => "10,000 routes in 10,000 files",
        live::HUNDRED_A_FILE => "10,000 routes in 100 files",
        other => other,
    }
}

/// What a reader calls a proxy.
pub(crate) fn name(peer: &str) -> &str {
    match peer {
        "ferrogate" => "Ferrogate",
        "haproxy" => "HAProxy",
        "envoy" => "Envoy",
        other => other,
    }
}

/// The figure of a proxy in a scenario.
pub(crate) fn figure<'a>(
    results: &'a Results,
    scenario: &str,
    peer: &str,
) -> Option<&'a CpuFigure> {
    results.cpu.get(scenario)?.peers.get(peer)
}

fn cost(results: &Results, scenario: &str, peer: &str) -> Option<f64> {
    figure(results, scenario, peer).map(|figure| figure.median)
}

/// The one as a share of the other.
pub(crate) fn ratio(ours: Option<f64>, theirs: Option<f64>) -> Option<f64> {
    let theirs = theirs.filter(|cost| *cost > 0.0)?;
    Some(ours? / theirs)
}
