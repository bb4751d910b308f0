//! The child's output among ours: its log with the levels of ours, its access log as it is.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::exit;

/// How the child is asked to write: level, logger, words.
pub(super) const FORMAT: &str = "[%l][%n] %v";

/// A longer line is cut. Units: bytes.
const LINE: usize = 8 << 10;

/// The last thing that the child called an error, for whoever must say why it ended.
#[derive(Clone, Debug, Default)]
pub(super) struct LastError(Arc<Mutex<Option<String>>>);

impl LastError {
    /// Takes it.
    pub(super) fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, words: &str) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(words.to_owned());
    }
}

/// Copies the child's log until it ends.
pub(super) fn merge(
    output: impl Read + Send + 'static,
    last: LastError,
) -> std::io::Result<JoinHandle<()>> {
    let merging = move || {
        let mut level = Level::Info;
        for_lines(output, |line| {
            let words = match parse(line) {
                Some((new, words)) => {
                    level = new;
                    words
                }
                // A message of several lines.
                None => line,
            };
            if level == Level::Critical || (level == Level::Error && !words.is_empty()) {
                last.set(words);
            }
            tell(level, words);
        });
    };
    std::thread::Builder::new()
        .name("envoy-log".to_owned())
        .spawn(merging)
}

/// Copies lines to our standard output until the child ends.
pub(super) fn pass_on(output: impl Read + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    let passing = move || for_lines(output, |line| exit::print(&format!("{line}\n")));
    std::thread::Builder::new()
        .name("envoy-out".to_owned())
        .spawn(passing)
}

fn for_lines(output: impl Read, mut each: impl FnMut(&str)) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match output.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        line.truncate(LINE);
        each(String::from_utf8_lossy(&line).trim_end());
    }
}

/// Envoy's levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Trace,
    Debug,
    Info,
    Warning,
    Error,
    Critical,
}

/// A line in [`FORMAT`].
fn parse(line: &str) -> Option<(Level, &str)> {
    let (level, rest) = line.strip_prefix('[')?.split_once("][")?;
    let level = match level {
        "trace" => Level::Trace,
        "debug" => Level::Debug,
        "info" => Level::Info,
        "warning" | "warn" => Level::Warning,
        "error" | "err" => Level::Error,
        "critical" | "off" => Level::Critical,
        _ => return None,
    };
    let (_, words) = rest.split_once("] ")?;
    Some((level, words))
}

/// What Envoy says of its start and of each update at its level `info` is for those who look for
/// something: `debug` here.
fn tell(level: Level, words: &str) {
    match level {
        Level::Trace | Level::Debug => tracing::trace!(target: "envoy", "{words}"),
        // What we send on purpose, so that nobody else can do anything about it.
        Level::Warning if words.contains("marked as work-in-progress") => {
            tracing::debug!(target: "envoy", "{words}");
        }
        Level::Info => tracing::debug!(target: "envoy", "{words}"),
        Level::Warning => tracing::warn!(target: "envoy", "{words}"),
        Level::Error | Level::Critical => tracing::error!(target: "envoy", "{words}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_levels_and_continuations_have_none() {
        let line = "[critical][main] error initializing configuration: no [such] file";
        let words = "error initializing configuration: no [such] file";
        assert_eq!(parse(line), Some((Level::Critical, words)));
        assert_eq!(parse("[info][config] "), Some((Level::Info, "")));
        for other in ["  at 1:2", "[loud][main] x", "[info] x", ""] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn the_last_error_is_kept_whole() {
        let log = "[error][config] first\n[info][main] fine\n[critical][main] second\n";
        let last = LastError::default();
        let merged = merge(log.as_bytes(), last.clone()).expect("a thread");
        merged.join().expect("it ends");
        assert_eq!(last.take().as_deref(), Some("second"));
        assert_eq!(last.take(), None);
    }
}
