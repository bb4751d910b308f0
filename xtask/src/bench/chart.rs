//! `chart.svg`: bars of CPU time a request, by proxy, readable on a light and on a dark page.

use std::fmt::Write as _;

use super::options::PEERS;
use super::results::Results;
use super::scenarios::cpu;
use super::targets::{figure, name, title};

/// The panels, from left to right and down.
const PANELS: [&str; 6] = [
    "keep-alive-16",
    "keep-alive-128",
    "keep-alive-512",
    "large-64k",
    cpu::ONE_ROUTE,
    cpu::ONE_HOST,
];

const WIDTH: f64 = 860.0;
const COLUMNS: usize = 2;
const MARGIN: f64 = 24.0;
/// Above the panels, for the heading.
const TOP: f64 = 64.0;
const PANEL_HEIGHT: f64 = 152.0;
/// Of a panel's width: the names of the proxies, and the number behind a bar.
const NAMES: f64 = 82.0;
const NUMBERS: f64 = 66.0;
const BAR: f64 = 18.0;
const STEP: f64 = 26.0;

/// Colours: one accent for Ferrogate, greys for the others, and text that turns with the page.
const STYLE: &str = "
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .heading { font-size: 17px; font-weight: 600; }
  .panel { font-weight: 600; }
  .small { font-size: 12px; fill: #59636e; }
  .bar { fill: #a3adb8; }
  .ours { fill: #d9622b; }
  .ours-text { font-weight: 600; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .small { fill: #9198a1; }
    .bar { fill: #59636e; }
    .ours { fill: #f0834d; }
  }
";

/// The whole picture. A panel whose scenario was not measured is left out.
pub(crate) fn draw(results: &Results) -> String {
    let panels: Vec<(&str, Vec<(&str, f64)>)> = PANELS
        .iter()
        .map(|scenario| {
            let cost = |peer: &&'static str| Some((*peer, figure(results, scenario, peer)?.median));
            (*scenario, PEERS.iter().filter_map(cost).collect::<Vec<_>>())
        })
        .filter(|(_, costs)| !costs.is_empty())
        .collect();
    let lines = panels.len().div_ceil(COLUMNS);
    let height = TOP + PANEL_HEIGHT * lines as f64 + 8.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" aria-labelledby=\"title\">\n\
         <title id=\"title\">CPU time for a proxied request, by proxy</title>\n<style>{STYLE}</style>\n\
         <text class=\"heading\" x=\"{MARGIN}\" y=\"28\">CPU time for a proxied request, in µs (less is better)</text>\n\
         <text class=\"small\" x=\"{MARGIN}\" y=\"48\">HTTP/1.1 keep-alive, 9 request fields, 128-byte replies; one worker on one core; each panel has its own scale</text>\n"
    );
    for (index, (scenario, costs)) in panels.iter().enumerate() {
        let column = (index % COLUMNS) as f64;
        let line = (index / COLUMNS) as f64;
        let width = (WIDTH - MARGIN * 3.0) / COLUMNS as f64;
        let x = MARGIN + column * (width + MARGIN);
        let y = TOP + line * PANEL_HEIGHT;
        svg.push_str(&panel(scenario, costs, x, y, width));
    }
    svg.push_str("</svg>\n");
    svg
}

fn panel(scenario: &str, costs: &[(&str, f64)], x: f64, y: f64, width: f64) -> String {
    let longest = costs
        .iter()
        .map(|(_, cost)| *cost)
        .fold(f64::MIN_POSITIVE, f64::max);
    let heading = match scenario {
        cpu::ONE_ROUTE | cpu::ONE_HOST => format!("{}, 128 connections", title(scenario)),
        "large-64k" => "64 KiB replies, 128 connections".to_owned(),
        other => title(other).to_owned(),
    };
    let mut svg = format!(
        "<text class=\"panel\" x=\"{x}\" y=\"{}\">{heading}</text>\n",
        y + 20.0
    );
    for (index, (peer, cost)) in costs.iter().enumerate() {
        let top = y + 32.0 + index as f64 * STEP;
        let middle = top + BAR / 2.0 + 4.5;
        let length = (width - NAMES - NUMBERS) * cost / longest;
        let (bar, text) = if *peer == "ferrogate" {
            ("bar ours", "ours-text")
        } else {
            ("bar", "")
        };
        let start = x + NAMES;
        // Writing to a string cannot fail.
        let _ = writeln!(
            svg,
            "<text class=\"{text}\" x=\"{}\" y=\"{middle:.1}\" text-anchor=\"end\">{}</text>\n\
             <rect class=\"{bar}\" x=\"{start}\" y=\"{top:.1}\" width=\"{length:.1}\" height=\"{BAR}\" rx=\"3\"/>\n\
             <text class=\"{text}\" x=\"{:.1}\" y=\"{middle:.1}\">{cost:.1}</text>",
            start - 8.0,
            name(peer),
            start + length + 7.0,
        );
    }
    svg
}
