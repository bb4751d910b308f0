//! `RESULTS.md`: the measurements as tables.

use std::fmt::Write as _;

use super::control;
use super::options::PEERS;
use super::results::{Cpu, Live, Results, Stamp};
use super::scenarios::{cpu, live, memory};
use super::targets::{self, name, ratio, title};

/// The scenarios of CPU time, in the order in which they are shown.
const CPU: [&str; 14] = [
    "keep-alive-16",
    "keep-alive-128",
    "keep-alive-512",
    "large-64k",
    cpu::LARGE_BUFFERS,
    cpu::ONE_ROUTE,
    cpu::ONE_HOST,
    cpu::MANY_HOSTS,
    cpu::TLS,
    cpu::TLS_NEW,
    cpu::HTTP2,
    cpu::GRPC,
    cpu::ONE_WORKER,
    cpu::TWO_WORKERS,
];
const MEMORY: [&str; 6] = [
    memory::IDLE,
    memory::ROUTES,
    memory::CONNECTION,
    memory::IDLE_TLS,
    memory::IDLE_H2C,
    memory::IDLE_H2_TLS,
];
const LIVE: [&str; 2] = [live::ONE_A_FILE, live::HUNDRED_A_FILE];

/// What other processes may have of the proxy's core before the page warns, in percent: the kernel's own work, rounding.
const NOISE_PERCENT: f64 = 8.0;

/// The whole page.
pub(crate) fn text(results: &Results) -> String {
    let mut page = String::from(
        "# Measured\n\nMade by `cargo xtask bench`; [README.md](README.md) says how. Do not edit by hand.\n\n",
    );
    page.push_str("![CPU time for a request, by proxy](chart.svg)\n\n");
    page.push_str(&ground(results));
    page.push_str(&cpu_tables(results));
    page.push_str(&latency_table(results));
    page.push_str(&memory_table(results));
    page.push_str(&live_table(results));
    page.push_str(&control::report::text(results));
    page.push_str(&control::envoy::text(results));
    page.push_str(&target_table(results));
    let failures = failures(results);
    if !failures.is_empty() {
        page.push_str("\n## Failed\n\n");
        for failure in failures {
            // The last words of a program may have many lines.
            let _ = writeln!(page, "- {}", failure.replace('\n', " "));
        }
    }
    page
}

/// What went wrong, a line each.
pub(crate) fn failures(results: &Results) -> Vec<String> {
    let cpu = results
        .cpu
        .iter()
        .filter_map(|(name, cpu)| Some(format!("{name}: {}", cpu.failed.as_ref()?)));
    let memory = results.memory.iter().flat_map(|(name, memory)| {
        memory
            .failed
            .iter()
            .map(move |(peer, reason)| format!("{name}, {peer}: {reason}"))
    });
    let live = results
        .live
        .iter()
        .filter_map(|(name, live)| Some(format!("{name}: {}", live.failed.as_ref()?)));
    let latency = results.latency.iter();
    let latency =
        latency.filter_map(|latency| Some(format!("latency: {}", latency.failed.as_ref()?)));
    let control = control::report::failures(results).chain(control::envoy::failures(results));
    cpu.chain(latency)
        .chain(memory)
        .chain(live)
        .chain(control)
        .collect()
}

fn ground(results: &Results) -> String {
    let machine = &results.machine;
    let mut text = format!(
        "Machine: {} ({} cores), {}, Linux {}, TCP congestion control {}.\n",
        machine.cpu, machine.cores, machine.system, machine.kernel, machine.congestion_control
    );
    let mut programs: Vec<String> = PEERS
        .iter()
        .filter_map(|peer| Some(format!("{} {}", name(peer), results.versions.get(*peer)?)))
        .collect();
    programs.extend(results.versions.get("wrk").cloned());
    let _ = writeln!(text, "Programs: {}.", programs.join(", "));
    let stamps = results.cpu.values().map(|cpu| &cpu.stamp);
    let stamps = stamps.chain(results.memory.values().map(|memory| &memory.stamp));
    let mut stamps: Vec<&Stamp> = stamps
        .chain(results.live.values().map(|live| &live.stamp))
        .collect();
    stamps.sort_by(|a, b| a.date.cmp(&b.date));
    let mut commits: Vec<&str> = stamps.iter().map(|stamp| stamp.commit.as_str()).collect();
    commits.dedup();
    if let (Some(first), Some(last)) = (stamps.first(), stamps.last()) {
        let _ = writeln!(
            text,
            "Measured: {} to {} UTC, commit {}.",
            first.date,
            last.date,
            commits.join(", ")
        );
    }
    text
}

/// The proxies that have a figure anywhere.
fn shown(results: &Results) -> Vec<&'static str> {
    let is_measured = |peer: &&str| {
        results
            .cpu
            .values()
            .any(|cpu| cpu.peers.contains_key(*peer))
            || results
                .memory
                .values()
                .any(|memory| memory.kib.contains_key(*peer))
    };
    PEERS.iter().copied().filter(is_measured).collect()
}

fn cpu_tables(results: &Results) -> String {
    let peers = shown(results);
    let measured: Vec<(&str, &Cpu)> = CPU
        .iter()
        .filter_map(|name| Some((*name, results.cpu.get(*name)?)))
        .collect();
    if measured.is_empty() {
        return String::new();
    }
    let rounds = measured
        .iter()
        .flat_map(|(_, cpu)| cpu.peers.values())
        .map(|figure| figure.rounds.len())
        .max();
    let seconds = measured.iter().map(|(_, cpu)| cpu.seconds).max();
    let mut text = format!(
        "\n## CPU time for a request, in µs\n\nMedian of {} interleaved rounds of {} s, one worker, one core \
         (smallest and largest round); then Ferrogate's share of each other's.\n\n",
        rounds.unwrap_or(0),
        seconds.unwrap_or(0)
    );
    let figures = measured.iter().flat_map(|(_, cpu)| cpu.peers.values());
    let others = figures
        .map(|figure| figure.others_percent)
        .fold(0.0, f64::max);
    if others > NOISE_PERCENT {
        let _ = writeln!(
            text,
            "**The machine was not quiet:** others had up to {others:.0} % of the proxy's core. Read the figures as rough.\n"
        );
    }
    let mut head = vec![String::new()];
    head.extend(peers.iter().map(|peer| name(peer).to_owned()));
    let others: Vec<&str> = peers
        .iter()
        .copied()
        .filter(|peer| *peer != "ferrogate")
        .collect();
    let compared: &[&str] = if peers.contains(&"ferrogate") {
        &others
    } else {
        &[]
    };
    head.extend(compared.iter().map(|peer| format!("÷ {}", name(peer))));
    text.push_str(&table_head(&head));
    for (scenario, cpu) in &measured {
        let mut cells = vec![title(scenario).to_owned()];
        let median = |peer: &str| cpu.peers.get(peer).map(|figure| figure.median);
        cells.extend(peers.iter().map(|peer| match cpu.peers.get(*peer) {
            None => "–".to_owned(),
            Some(figure) => {
                let (low, high) = figure.spread();
                format!("**{:.2}** ({low:.2}–{high:.2})", figure.median)
            }
        }));
        cells.extend(compared.iter().map(|peer| {
            ratio(median("ferrogate"), median(peer))
                .map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"))
        }));
        text.push_str(&row(&cells));
    }
    text
}

fn latency_table(results: &Results) -> String {
    let Some(latency) = results
        .latency
        .as_ref()
        .filter(|latency| !latency.peers.is_empty())
    else {
        return String::new();
    };
    let mut text = format!(
        "\n## Answer times at {} requests a second\n\n60 % of what the slowest serves on one core; HTTP/1.1, 64 connections.\n\n",
        latency.per_second
    );
    text.push_str(&table_head(&["", "median", "99th percentile"]));
    for peer in PEERS {
        if let Some((median, p99)) = latency.peers.get(peer) {
            text.push_str(&row(&[
                name(peer).to_owned(),
                format!("{median:.0} µs"),
                format!("{p99:.0} µs"),
            ]));
        }
    }
    text
}

fn memory_table(results: &Results) -> String {
    let peers = shown(results);
    if results.memory.is_empty() {
        return String::new();
    }
    let mut text = "\n## Memory (PSS), two workers\n\n".to_owned();
    let mut head = vec![String::new()];
    head.extend(peers.iter().map(|peer| name(peer).to_owned()));
    text.push_str(&table_head(&head));
    for scenario in MEMORY {
        let Some(memory) = results.memory.get(scenario) else {
            continue;
        };
        let mut cells = vec![title(scenario).to_owned()];
        cells.extend(peers.iter().map(|peer| match memory.kib.get(*peer) {
            None => "–".to_owned(),
            Some(kib) if *kib < 1024.0 => format!("{kib:.1} KiB"),
            Some(kib) => format!("{:.1} MiB", kib / 1024.0),
        }));
        text.push_str(&row(&cells));
    }
    text
}

fn live_table(results: &Results) -> String {
    let measured: Vec<(&str, &Live)> = LIVE
        .iter()
        .filter_map(|name| Some((*name, results.live.get(*name)?)))
        .collect();
    if measured.is_empty() {
        return String::new();
    }
    let mut text =
        "\n## Ferrogate with 10,000 routes: one route edited, under light load\n\n".to_owned();
    let head = [
        "",
        "cold start",
        "edits",
        "live after, median",
        "99th percentile",
        "longest",
        "requests",
        "failed",
    ];
    text.push_str(&table_head(&head));
    for (scenario, live) in measured {
        text.push_str(&row(&[
            title(scenario).to_owned(),
            format!("{:.2} s", live.cold_start_s),
            live.edits.to_string(),
            format!("{:.1} ms", live.median_ms),
            format!("{:.1} ms", live.p99_ms),
            format!("{:.1} ms", live.longest_ms),
            live.requests.to_string(),
            live.failed_requests.to_string(),
        ]));
    }
    text
}

fn target_table(results: &Results) -> String {
    let mut text = "\n## Targets\n\n".to_owned();
    text.push_str(&table_head(&["", "at most", "measured", ""]));
    for target in targets::all(results) {
        text.push_str(&row(&[
            target.what.clone(),
            target.limit_text(),
            target.measured_text(),
            target.verdict().to_owned(),
        ]));
    }
    text
}

/// The first two lines of a table.
pub(crate) fn table_head<S: AsRef<str>>(cells: &[S]) -> String {
    let line: Vec<&str> = cells.iter().map(|_| "---").collect();
    row(cells) + &row(&line)
}

/// A line of a table.
pub(crate) fn row<S: AsRef<str>>(cells: &[S]) -> String {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    format!("| {} |\n", cells.join(" | "))
}
