//! A client as a child process: cases go in and results come out, a line of JSON each.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context as _, ensure};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Gives the cases to a client and collects what it says. Errors: it does not answer every case.
pub(crate) fn ask<C: Serialize, R: DeserializeOwned>(
    name: &str,
    command: &[OsString],
    cases: &[C],
) -> anyhow::Result<Vec<R>> {
    let (program, words) = command.split_first().context("an empty command")?;
    // The runners' own limits of a minute a case end a client that hangs.
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let mut input = child.stdin.take().context("no input")?;
    let output = child.stdout.take().context("no output")?;
    let lines = cases
        .iter()
        .map(serde_json::to_string)
        .collect::<Result<Vec<_>, _>>()?;
    let writer = thread::spawn(move || {
        for line in lines {
            // A client that ended says so by its results.
            if writeln!(input, "{line}").is_err() {
                break;
            }
        }
    });
    let mut results = Vec::new();
    for line in BufReader::new(output).lines() {
        let line = line?;
        results.push(serde_json::from_str(&line).with_context(|| format!("{name} said: {line}"))?);
    }
    let status = child.wait()?;
    // It writes to a pipe that is closed by now, if it has not ended.
    drop(writer.join());
    ensure!(
        results.len() == cases.len(),
        "{name} answered {} of {} cases ({status})",
        results.len(),
        cases.len()
    );
    Ok(results)
}
