//! How the process ends, and what it prints on the way.

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

/// Something failed, or errors were found.
pub(crate) const FAILED: ExitCode = ExitCode::FAILURE;

/// The command line is wrong, or what it names is not there.
const USAGE: u8 = 2;

/// Says what is wrong with the command line and gives its exit code.
pub(crate) fn usage(wrong: &dyn fmt::Display) -> ExitCode {
    say(&format!("ferrogate: {wrong}"));
    ExitCode::from(USAGE)
}

/// Says what failed and gives the exit code.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    say(&format!("ferrogate: {error:#}"));
    FAILED
}

/// Prints to standard output. Whoever closed it does not want to read on, which is no error.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _closed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints a line to standard error.
pub(crate) fn say(text: &str) {
    let _closed = writeln!(std::io::stderr().lock(), "{text}");
}
