//! Instruction counts of hot paths, as a test: no clock, so that a busy machine gives the same answer.
//!
//! A crate that wants its paths counted has an example whose name ends in `_instructions`. Without words it prints the
//! names of its cases, a line each; with `CASE N` it does that case N times. Each case is run under valgrind with two
//! numbers of repetitions, and the difference is the cost of one, start-up and set-up excluded. The cost may not exceed
//! the one in the text file of the same name beside it by more than a tenth; `UPDATE=1 cargo xtask instructions` writes
//! that file anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::packages;
use crate::steps::{Counts, Steps};
use crate::workspace::{self, Crate, cargo, output};

/// How the summary calls this part.
const NAME: &str = "instruction counts";

/// What the name of an example that counts ends in.
const SUFFIX: &str = "_instructions";

/// Repetitions of the short and of the long run. Apart far enough that one stray page fault does not show.
const SHORT: u64 = 100;
const LONG: u64 = 1_100;

/// How much a count may exceed the recorded one, in percent: what another minor version of the compiler may change.
const TOLERANCE_PERCENT: u64 = 10;

/// Counts, and nothing else. `args` must be empty.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    ensure!(args.is_empty(), "`instructions` takes no words");
    let mut steps = Steps::default();
    steps_of_instructions(&mut steps, &workspace::crates()?);
    steps.end_with_counts(false)
}

/// One step for the build of all examples, and one for the cases of each.
pub(crate) fn steps_of_instructions(steps: &mut Steps, crates: &[Crate]) {
    let records = records(crates);
    if records.is_empty() {
        steps.not_run(NAME, "there is no such test yet");
        return;
    }
    if let Err(missing) = packages::ensure("valgrind", "valgrind") {
        steps.not_run(NAME, missing);
        return;
    }
    let mut programs = BTreeMap::new();
    steps.step(
        "build for instruction counts",
        "release, as it ships",
        || {
            programs = build(records.keys())?;
            Ok(())
        },
    );
    let mut counts = Counts::default();
    steps.step(NAME, "each case under valgrind, twice", || {
        let mut complaints = Vec::new();
        for (example, record) in &records {
            let program = programs
                .get(example)
                .with_context(|| format!("{example} was not built"))?;
            complaints.extend(count_example(program, record, &mut counts)?);
        }
        ensure!(complaints.is_empty(), "{}", complaints.join("; "));
        Ok(())
    });
    if counts == Counts::default() {
        // No case got as far as a count.
        counts.failed = 1;
    }
    steps.counted(NAME, counts);
}

/// The record of each example that counts, by the example's name.
fn records(crates: &[Crate]) -> BTreeMap<String, PathBuf> {
    let mut records = BTreeMap::new();
    for each in crates {
        for example in each
            .targets_of("example")
            .filter(|name| name.ends_with(SUFFIX))
        {
            let record = each
                .manifest_path
                .with_file_name("examples")
                .join(format!("{example}.txt"));
            records.insert(example.to_owned(), record);
        }
    }
    records
}

/// Builds all examples in one go, so that their dependencies are built once. Returns where each is.
fn build<'a>(
    examples: impl Iterator<Item = &'a String>,
) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut command = cargo([
        "build",
        "--quiet",
        "--release",
        "--workspace",
        "--all-features",
    ])?;
    command.arg("--message-format=json-render-diagnostics");
    for example in examples {
        command.args(["--example", example]);
    }
    let mut programs = BTreeMap::new();
    for line in output(&mut command)?.lines() {
        let message: serde_json::Value =
            serde_json::from_str(line).context("message of cargo build")?;
        let target = message["target"]["name"].as_str();
        if let (Some(name), Some(path)) = (target, message["executable"].as_str()) {
            programs.insert(name.to_owned(), path.into());
        }
    }
    Ok(programs)
}

/// Counts every case of one example. Returns what is wrong with the counts.
fn count_example(
    program: &Path,
    record: &Path,
    counts: &mut Counts,
) -> anyhow::Result<Vec<String>> {
    let mut found = BTreeMap::new();
    for case in output(&mut Command::new(program))?.lines() {
        let cost = cost(program, case)?;
        println!("    {case}: {cost} instructions");
        found.insert(case.to_owned(), cost);
    }
    let mut recorded = from_text(&std::fs::read_to_string(record).unwrap_or_default())?;
    if std::env::var_os("UPDATE").is_some() {
        recorded = updated(&recorded, &found);
        std::fs::write(record, to_text(&recorded))?;
    }
    let complaints = judge(&recorded, &found);
    let complained = u64::try_from(complaints.len()).unwrap_or(u64::MAX);
    let cases = u64::try_from(found.len()).unwrap_or(u64::MAX);
    counts.failed += complained;
    counts.passed += cases.saturating_sub(complained);
    Ok(complaints)
}

/// The instructions that one repetition of a case takes.
fn cost(program: &Path, case: &str) -> anyhow::Result<u64> {
    let short = count(program, case, SHORT)?;
    let long = count(program, case, LONG)?;
    Ok(long.saturating_sub(short) / (LONG - SHORT))
}

/// The instructions of one whole run.
fn count(program: &Path, case: &str, repetitions: u64) -> anyhow::Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args([
        "--tool=cachegrind",
        "--cache-sim=no",
        "--cachegrind-out-file=/dev/null",
    ]);
    valgrind.arg(program).arg(case).arg(repetitions.to_string());
    let run = valgrind.output().context("cannot start valgrind")?;
    let text = String::from_utf8_lossy(&run.stderr);
    ensure!(run.status.success(), "case {case}: {}\n{text}", run.status);
    references(&text).with_context(|| format!("case {case}: valgrind printed no count"))
}

/// The number of a line `==1== I refs:        1,234,567`.
fn references(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.split_once("refs:"))?.1;
    line.trim().replace(',', "").parse().ok()
}

/// What is wrong with the counts found, in words.
fn judge(recorded: &BTreeMap<String, u64>, found: &BTreeMap<String, u64>) -> Vec<String> {
    let mut complaints = Vec::new();
    for (case, cost) in found {
        match recorded.get(case) {
            None => complaints.push(format!("{case} has no recorded count: run with UPDATE=1")),
            Some(before) if cost * 100 > before * (100 + TOLERANCE_PERCENT) => {
                complaints.push(format!(
                    "{case} takes {cost} instructions, recorded are {before}"
                ));
            }
            Some(_) => {}
        }
    }
    for case in recorded.keys().filter(|case| !found.contains_key(*case)) {
        complaints.push(format!("{case} is recorded but no case of that name runs"));
    }
    complaints
}

/// The record anew: what was found, but for counts that moved by less than a hundredth, which is no news.
fn updated(
    recorded: &BTreeMap<String, u64>,
    found: &BTreeMap<String, u64>,
) -> BTreeMap<String, u64> {
    let news = |(case, cost): (&String, &u64)| {
        let before = recorded
            .get(case)
            .filter(|before| before.abs_diff(*cost) * 100 < **before);
        (case.clone(), *before.unwrap_or(cost))
    };
    found.iter().map(news).collect()
}

/// The record: a line `case count` each.
fn to_text(counts: &BTreeMap<String, u64>) -> String {
    let mut text = String::new();
    for (case, count) in counts {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{case} {count}");
    }
    text
}

fn from_text(text: &str) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    for line in text.lines() {
        let (case, count) = line
            .split_once(' ')
            .with_context(|| format!("not `case count`: {line}"))?;
        counts.insert(
            case.to_owned(),
            count
                .trim()
                .parse()
                .with_context(|| format!("not a count: {line}"))?,
        );
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> BTreeMap<String, u64> {
        from_text(text).unwrap()
    }

    #[test]
    fn a_tenth_more_passes_and_beyond_that_fails() {
        let recorded = counts("head 1000\nroute 200\n");
        assert_eq!(
            judge(&recorded, &counts("head 1100\nroute 10\n")),
            Vec::<String>::new()
        );
        assert_eq!(judge(&recorded, &counts("head 1101\nroute 200\n")).len(), 1);
    }

    #[test]
    fn cases_and_record_have_the_same_names() {
        assert_eq!(judge(&counts("head 10\n"), &counts("chain 10\n")).len(), 2);
    }

    #[test]
    fn the_count_is_read_from_what_valgrind_prints() {
        assert_eq!(
            references("==7== \n==7== I   refs:      1,234,567\n"),
            Some(1_234_567)
        );
        assert_eq!(references("nothing"), None);
    }

    #[test]
    fn a_record_moves_only_by_a_hundredth_or_more() {
        let found = counts("chain 50\nhead 1009\nroute 210\n");
        let kept = updated(&counts("gone 1\nhead 1000\nroute 200\n"), &found);
        assert_eq!(kept, counts("chain 50\nhead 1000\nroute 210\n"));
    }

    #[test]
    fn the_record_reads_back() {
        let some = counts("chain 7\nhead 9\n");
        assert_eq!(counts(&to_text(&some)), some);
    }
}
