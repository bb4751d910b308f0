//! What containers write: the last lines in memory with their time, and all of it in a file.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use k8s_openapi::jiff::Timestamp;
use tokio::sync::watch;

/// Lines kept in memory for each container.
const LINES: usize = 20_000;
/// Bytes of text kept in memory for each container.
const BYTES: usize = 8 << 20;
/// A longer line is cut into pieces of this many bytes.
pub(super) const LINE: usize = 64 << 10;

/// One line and when it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) at: Timestamp,
    pub(super) text: Arc<str>,
}

/// What one container wrote, all of its restarts together.
#[derive(Debug)]
pub(super) struct Log {
    kept: Mutex<Kept>,
    /// Count of all lines ever; changes wake those who follow.
    written: watch::Sender<u64>,
}

#[derive(Debug)]
struct Kept {
    lines: VecDeque<Line>,
    bytes: usize,
    /// Serial number of the first line kept.
    first: u64,
    file: Option<File>,
}

/// Which lines of a log are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Only lines that arrived at this time or later.
    pub(super) since: Option<Timestamp>,
    /// Only the last so many lines.
    pub(super) tail: Option<usize>,
}

impl Log {
    fn new(path: &Path) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(path).ok();
        let kept = Kept {
            lines: VecDeque::new(),
            bytes: 0,
            first: 0,
            file,
        };
        Self {
            kept: Mutex::new(kept),
            written: watch::Sender::new(0),
        }
    }

    /// Adds the node's own words: to the file only, since nobody who asks for a log wants them.
    pub(super) fn note(&self, text: &str) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &mut kept.file {
            writeln!(file, "{:.6} node {text}", Timestamp::now()).ok();
        }
    }

    /// Adds a line of the container; `stream` is `stdout` or `stderr`.
    pub(super) fn add(&self, stream: &str, text: &str) {
        let line = Line {
            at: Timestamp::now(),
            text: text.into(),
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &mut kept.file {
            writeln!(file, "{:.6} {stream} {text}", line.at).ok();
        }
        kept.bytes += line.text.len();
        kept.lines.push_back(line);
        while kept.lines.len() > LINES || kept.bytes > BYTES {
            let Some(old) = kept.lines.pop_front() else {
                break;
            };
            kept.bytes -= old.text.len();
            kept.first += 1;
        }
        drop(kept);
        self.written.send_modify(|count| *count += 1);
    }

    /// The lines asked for, and the serial number of the line that comes next.
    pub(super) fn read(&self, wanted: &Wanted) -> (Vec<Line>, u64) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let next = kept.first + kept.lines.len() as u64;
        let young = |line: &&Line| wanted.since.is_none_or(|since| line.at >= since);
        let mut lines: Vec<Line> = kept.lines.iter().filter(young).cloned().collect();
        if let Some(tail) = wanted.tail {
            lines.drain(..lines.len().saturating_sub(tail));
        }
        (lines, next)
    }

    /// Lines from a serial number on, and the serial number that comes next.
    pub(super) fn read_from(&self, serial: u64) -> (Vec<Line>, u64) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let next = kept.first + kept.lines.len() as u64;
        let skip = usize::try_from(serial.saturating_sub(kept.first)).unwrap_or(usize::MAX);
        (kept.lines.iter().skip(skip).cloned().collect(), next)
    }

    /// The last lines as one text, for messages.
    pub(super) fn tail(&self, count: usize) -> String {
        let (lines, _) = self.read(&Wanted {
            since: None,
            tail: Some(count),
        });
        lines
            .iter()
            .map(|line| line.text.as_ref())
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Wakes up when lines are added.
    pub(super) fn follow(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }
}

/// The logs of all containers that the node has.
#[derive(Debug)]
pub(super) struct Logs {
    folder: PathBuf,
    open: Mutex<BTreeMap<(String, String, String), Arc<Log>>>,
}

impl Logs {
    /// Keeps files in a folder that exists.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            open: Mutex::default(),
        }
    }

    /// Starts the log of a container; the container of a former pod with the same name is forgotten.
    pub(super) fn start(&self, namespace: &str, pod: &str, container: &str) -> Arc<Log> {
        let log = Arc::new(Log::new(
            &self
                .folder
                .join(format!("{namespace}_{pod}_{container}.log")),
        ));
        let key = (namespace.to_owned(), pod.to_owned(), container.to_owned());
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, Arc::clone(&log));
        log
    }

    /// The log of a container.
    pub(super) fn get(&self, namespace: &str, pod: &str, container: &str) -> Option<Arc<Log>> {
        let key = (namespace.to_owned(), pod.to_owned(), container.to_owned());
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned()
    }

    /// Forgets a log; its file stays. Nothing happens if the container of another pod has the name by now.
    pub(super) fn end(&self, namespace: &str, pod: &str, container: &str, log: &Arc<Log>) {
        let key = (namespace.to_owned(), pod.to_owned(), container.to_owned());
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.get(&key).is_some_and(|known| Arc::ptr_eq(known, log)) {
            open.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gets_the_last_lines_and_then_what_follows() {
        let log = Log::new(Path::new("/dev/null"));
        for number in 0..5 {
            log.add("stdout", &format!("line {number}"));
        }
        let (lines, next) = log.read(&Wanted {
            since: None,
            tail: Some(2),
        });
        assert_eq!(
            lines.iter().map(|l| &*l.text).collect::<Vec<_>>(),
            ["line 3", "line 4"]
        );
        log.add("stderr", "later");
        let (lines, _) = log.read_from(next);
        assert_eq!(
            lines.iter().map(|l| &*l.text).collect::<Vec<_>>(),
            ["later"]
        );
        let since = lines[0].at;
        assert_eq!(
            log.read(&Wanted {
                since: Some(since),
                tail: None
            })
            .0
            .last(),
            lines.last()
        );
    }

    #[test]
    fn memory_is_bounded_and_serial_numbers_go_on() {
        let log = Log::new(Path::new("/dev/null"));
        for number in 0..LINES + 10 {
            log.add("stdout", &number.to_string());
        }
        let (lines, next) = log.read(&Wanted::default());
        assert_eq!((lines.len(), next), (LINES, LINES as u64 + 10));
        assert_eq!(&*log.read_from(0).0[0].text, "10");
    }
}
