//! Steps of a verb: each is announced, timed, and remembered; the end tells what failed and what did not run.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// How many tests ran.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed.
    pub(crate) failed: u64,
}

impl Counts {
    /// Adds the numbers of a line `test result: ok. 3 passed; 0 failed; …`, or, as the conformance suite is summed up,
    /// `3 passed, 0 failed, 2 skipped`. Any other line changes nothing.
    pub(crate) fn add_line(&mut self, line: &str) {
        let of_suite = line.ends_with(" skipped") && line.contains(" passed, ");
        let numbers = match line.split_once("test result: ") {
            Some((_, numbers)) => numbers,
            None if of_suite => line,
            None => return,
        };
        let before = |word: &str| -> u64 {
            let mut parts = numbers.split([';', '.', ',']).map(str::trim);
            let number = parts.find_map(|part| part.strip_suffix(word)?.trim().parse().ok());
            number.unwrap_or(0)
        };
        self.passed += before(" passed");
        self.failed += before(" failed");
    }
}

/// The steps of one run of a verb, so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    failed: Vec<String>,
    not_run: Vec<(String, String)>,
    tests: Vec<(String, Counts)>,
}

impl Steps {
    /// Does one step: says what it is, runs it, says how long it took. An error is printed and the verb goes on.
    pub(crate) fn step(
        &mut self,
        name: &str,
        does: &str,
        run: impl FnOnce() -> anyhow::Result<()>,
    ) {
        println!("==> {name}: {does}");
        let start = Instant::now();
        let outcome = run();
        let took = seconds(start.elapsed());
        match outcome {
            Ok(()) => println!("    {name}: ok, {took}"),
            Err(error) => {
                println!("    {name}: FAILED, {took}: {error:#}");
                self.failed.push(name.to_owned());
            }
        }
    }

    /// Does a step that is one command; its output is shown as it comes.
    pub(crate) fn command(&mut self, name: &str, does: &str, command: anyhow::Result<Command>) {
        self.step(name, does, || {
            let status = command?
                .stdin(Stdio::null())
                .status()
                .context("cannot start")?;
            if !status.success() {
                bail!("{status}");
            }
            Ok(())
        });
    }

    /// Does a step that is a `cargo test`: shows everything but the tests that passed, and counts.
    pub(crate) fn tests(&mut self, name: &str, does: &str, command: anyhow::Result<Command>) {
        let mut counts = Counts::default();
        self.step(name, does, || {
            let succeeded = run_tests(command?, &mut counts);
            if !matches!(succeeded, Ok(true)) && counts.failed == 0 {
                // It did not get as far as a result: no test may count as passed in silence.
                counts.failed = 1;
            }
            if counts.failed > 0 {
                succeeded?;
                bail!("{} passed, {} failed", counts.passed, counts.failed);
            }
            println!("    {} passed", counts.passed);
            Ok(())
        });
        self.tests.push((name.to_owned(), counts));
    }

    /// Adds tests that a step counted itself.
    pub(crate) fn counted(&mut self, name: &str, counts: Counts) {
        self.tests.push((name.to_owned(), counts));
    }

    /// Notes a part that this machine cannot run, and why.
    pub(crate) fn not_run(&mut self, name: &str, why: impl Into<String>) {
        let why = why.into();
        println!("==> {name}: not run: {why}");
        self.not_run.push((name.to_owned(), why));
    }

    /// Ends the verb: tells what did not run and what failed. `strict` makes a part that did not run a failure.
    pub(crate) fn end(self, strict: bool) -> anyhow::Result<()> {
        for (name, why) in &self.not_run {
            println!("not run: {name}: {why}");
        }
        let mut reasons = Vec::new();
        if !self.failed.is_empty() {
            reasons.push(format!("failed: {}", self.failed.join(", ")));
        }
        if strict && !self.not_run.is_empty() {
            let names: Vec<&str> = self.not_run.iter().map(|(name, _)| name.as_str()).collect();
            reasons.push(format!("not run, though CI is set: {}", names.join(", ")));
        }
        if reasons.is_empty() {
            Ok(())
        } else {
            bail!("{}", reasons.join("; "))
        }
    }

    /// Ends the verb as `end` does, but its last line is how many tests ran, also when it failed.
    pub(crate) fn end_with_counts(self, strict: bool) -> anyhow::Result<()> {
        let counts = self.counts_text();
        println!();
        let end = self.end(strict);
        if let Err(error) = &end {
            println!("{error:#}");
        }
        println!("{counts}");
        if end.is_err() {
            // Returning the error would print it once more, below the counts.
            std::process::exit(1);
        }
        Ok(())
    }

    /// How many tests ran, a line a kind, then the sum alone on a line.
    fn counts_text(&self) -> String {
        let mut sum = Counts::default();
        let mut lines = Vec::new();
        for (name, counts) in &self.tests {
            let Counts { passed, failed } = counts;
            lines.push(format!("{name}: {passed} passed, {failed} failed"));
            sum.passed += passed;
            sum.failed += failed;
        }
        lines.push(format!("{} passed, {} failed", sum.passed, sum.failed));
        lines.join("\n")
    }
}

/// Runs a `cargo test`; `true` if it succeeded. Lines of tests that passed are not shown.
fn run_tests(mut command: Command, counts: &mut Counts) -> anyhow::Result<bool> {
    let (reader, writer) = std::io::pipe()?;
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer);
    let mut child = command.spawn().context("cannot start")?;
    // Our own copies of the writing end must go, or the reading below would never end.
    drop(command);
    for line in BufReader::new(reader).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        counts.add_line(&line);
        if is_news(&line) {
            println!("{line}");
        }
    }
    Ok(child.wait()?.success())
}

/// Whether a line of `cargo test` is worth showing.
fn is_news(line: &str) -> bool {
    let passed = line.starts_with("test ") && line.ends_with(" ... ok");
    let frame = line.starts_with("running ") || line.starts_with("test result: ok.");
    !(line.is_empty() || passed || frame)
}

/// A duration for people: `0.3 s`, `75 s`.
pub(crate) fn seconds(took: Duration) -> String {
    let seconds = took.as_secs_f64();
    if seconds < 10.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{seconds:.0} s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_from_result_lines() {
        let mut counts = Counts::default();
        counts.add_line("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.1s");
        counts.add_line(
            "test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
        );
        counts.add_line("test a::b ... ok");
        assert_eq!(
            counts,
            Counts {
                passed: 16,
                failed: 2
            }
        );
    }

    #[test]
    fn passed_tests_are_not_shown_and_failed_ones_are() {
        assert!(!is_news("test router::exact ... ok"));
        assert!(is_news("test router::exact ... FAILED"));
        assert!(is_news("error[E0308]: mismatched types"));
    }

    #[test]
    fn a_failed_step_fails_the_verb_and_a_part_not_run_only_when_strict() {
        let mut failing = Steps::default();
        failing.step("lints", "", || bail!("one warning"));
        assert!(failing.end(false).is_err());
        let lacking = || {
            let mut steps = Steps::default();
            steps.not_run("stack", "no root");
            steps
        };
        assert!(lacking().end(false).is_ok());
        assert!(lacking().end(true).is_err());
    }
}
