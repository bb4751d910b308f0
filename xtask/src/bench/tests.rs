//! Tests of what the page and the picture say of given measurements.

use std::collections::BTreeMap;

use super::results::{Cpu, CpuFigure, Live, Memory, Results};
use super::{chart, report, targets};

fn measured(costs: &[(&str, f64)]) -> Cpu {
    let figure = |median: f64| CpuFigure {
        rounds: vec![median - 1.0, median, median + 1.0],
        median,
        ..CpuFigure::default()
    };
    let peers = costs
        .iter()
        .map(|(peer, median)| ((*peer).to_owned(), figure(*median)));
    Cpu {
        peers: peers.collect(),
        ..Cpu::default()
    }
}

fn some_results() -> Results {
    let mut results = Results::default();
    let small = measured(&[("ferrogate", 8.0), ("nginx", 10.0), ("envoy", 40.0)]);
    results.cpu.insert("keep-alive-128".to_owned(), small);
    let large = measured(&[("ferrogate", 7.0), ("nginx", 10.0)]);
    results.cpu.insert("large-64k".to_owned(), large);
    let idle = Memory {
        kib: BTreeMap::from([("ferrogate".to_owned(), 10.0 * 1024.0)]),
        ..Memory::default()
    };
    results.memory.insert("idle".to_owned(), idle);
    results
}

/// The verdict on the target with these words.
fn verdict(results: &Results, words: &str) -> &'static str {
    let targets = targets::all(results);
    let target = targets.iter().find(|target| target.what == words);
    target.expect("there is such a target").verdict()
}

#[test]
fn targets_are_met_at_the_limit_missed_above_it_and_open_without_a_figure() {
    let results = some_results();
    assert_eq!(verdict(&results, "128 connections, against nginx"), "met");
    assert_eq!(verdict(&results, "64 KiB replies, against nginx"), "missed");
    assert_eq!(
        verdict(&results, "128 connections, against HAProxy"),
        "open"
    );
    assert_eq!(verdict(&results, "memory, idle, two workers"), "met");
}

#[test]
fn one_failed_request_during_the_edits_misses_the_target_and_fails_the_run() {
    let mut results = some_results();
    let live = Live {
        edits: 200,
        failed_requests: 1,
        failed: Some("1 failed request".to_owned()),
        ..Live::default()
    };
    results.live.insert("10000-files".to_owned(), live);
    let words = "10,000 routes in 10,000 files: failed requests during the edits";
    assert_eq!(verdict(&results, words), "missed");
    assert_eq!(
        report::failures(&results),
        ["10000-files: 1 failed request"]
    );
}

#[test]
fn the_page_has_medians_spread_and_shares() {
    let page = report::text(&some_results());
    let row = "| 128 connections | **8.00** (7.00–9.00) | **10.00** (9.00–11.00) | **40.00** (39.00–41.00) | 0.80 | 0.20 |";
    assert!(page.contains(row), "{page}");
}

#[test]
fn the_chart_has_a_bar_for_each_figure_and_no_panel_without_one() {
    let svg = chart::draw(&some_results());
    assert_eq!(svg.matches("<rect ").count(), 5);
    assert_eq!(svg.matches("class=\"panel\"").count(), 2);
}
