//! `RESULTS.md`: what came of the suites, as tables.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::results::{Outcome, Results};

/// Failures that the page shows of one suite; `results.json` has all.
const SHOWN: usize = 40;

/// The whole page.
pub(crate) fn text(results: &Results) -> String {
    let mut page = String::from(
        "# Outside suites\n\nMade by `cargo xtask suites`; [README.md](README.md) says what runs. Do not edit by hand.\n",
    );
    for (name, outcome) in &results.suites {
        let _ = write!(page, "\n## {name}\n\n{}", section(outcome));
    }
    page
}

fn section(outcome: &Outcome) -> String {
    let stamp = &outcome.stamp;
    let mut text = format!(
        "{}. Commit {}, {} UTC.\n\n| | passed | failed | excluded |\n| --- | --- | --- | --- |\n",
        outcome.programs.join(", "),
        stamp.commit,
        stamp.date
    );
    let mut sum = [0; 3];
    for group in &outcome.groups {
        let counts = [group.passed, group.failed, group.excluded];
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            group.name, counts[0], counts[1], counts[2]
        );
        for (sum, count) in sum.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    let _ = writeln!(
        text,
        "| **all** | **{}** | **{}** | **{}** |",
        sum[0], sum[1], sum[2]
    );
    if !outcome.failures.is_empty() {
        let _ = write!(text, "\nFailed:\n\n");
        for failure in outcome.failures.iter().take(SHOWN) {
            let line = failure.replace(['\n', '\r'], " ").replace('|', "\\|");
            let _ = writeln!(text, "- {line}");
        }
        if let Some(more) = outcome.failures.len().checked_sub(SHOWN + 1) {
            let _ = writeln!(text, "- and {} more, in `results.json`", more + 1);
        }
    }
    if !outcome.excluded.is_empty() {
        let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for line in &outcome.excluded {
            let (case, reason) = line.rsplit_once(": ").unwrap_or((line, ""));
            by_reason.entry(reason).or_default().push(case);
        }
        let _ = write!(text, "\nExcluded:\n\n");
        for (reason, cases) in by_reason {
            let _ = writeln!(text, "- {reason}: {}", cases.join("; "));
        }
    }
    text
}
