//! From a worker's buffer to the writer thread.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use super::{Entry, Format, write};

/// A worker hands its buffer over when it holds this much. Units: bytes.
const FLUSH_SIZE: usize = 32 * 1024;

/// Buffers that may wait for the writer; with the size above 8 MiB at most.
const QUEUE: usize = 256;

/// Where the log goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
    /// A file, appended to.
    File(PathBuf),
}

/// The access log of a process: the writer thread and the way to it.
///
/// Dropping it and all its sinks ends the thread when everything is written;
/// [`AccessLog::wait_written`] waits for that.
#[derive(Debug)]
pub struct AccessLog {
    format: Format,
    sender: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

/// What the writer is told.
#[derive(Debug)]
enum Message {
    /// Whole lines to write.
    Lines(Vec<u8>),
    /// Everything before this is to be written, then a word is to be sent.
    Written(SyncSender<()>),
}

impl AccessLog {
    /// Starts the writer; `None` for [`Format::Off`]. Lines that find no room are counted in
    /// `dropped` (see [`crate::Registry::log_dropped`]).
    ///
    /// # Errors
    /// When the file cannot be opened, or no thread can be started.
    pub fn start(
        format: Format,
        destination: &Destination,
        dropped: Arc<AtomicU64>,
    ) -> io::Result<Option<Self>> {
        let target: Box<dyn Write + Send> = match destination {
            _ if format == Format::Off => return Ok(None),
            Destination::Stdout => Box::new(io::stdout()),
            Destination::Stderr => Box::new(io::stderr()),
            Destination::File(path) => {
                Box::new(OpenOptions::new().create(true).append(true).open(path)?)
            }
        };
        Self::with_target(format, target, dropped).map(Some)
    }

    fn with_target(
        format: Format,
        target: Box<dyn Write + Send>,
        dropped: Arc<AtomicU64>,
    ) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE);
        let lost = dropped.clone();
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write_all(&receiver, target, &lost))?;
        Ok(Self {
            format,
            sender,
            dropped,
        })
    }

    /// A sink for one worker.
    pub fn sink(&self) -> Sink {
        Sink {
            format: self.format,
            buffer: Vec::new(),
            lines: 0,
            sender: self.sender.clone(),
            dropped: self.dropped.clone(),
        }
    }

    /// Waits until everything is written that sinks have handed over so far, but not longer than
    /// `timeout`. Says whether it is.
    pub fn wait_written(&self, timeout: Duration) -> bool {
        let end = Instant::now() + timeout;
        let (done, written) = sync_channel(1);
        let mut message = Message::Written(done);
        // A full queue means a slow target: room is looked for until the time is over.
        while let Err(full) = self.sender.try_send(message) {
            let TrySendError::Full(back) = full else {
                return false;
            };
            if Instant::now() >= end {
                return false;
            }
            message = back;
            std::thread::park_timeout(Duration::from_millis(1));
        }
        let left = end.saturating_duration_since(Instant::now());
        written.recv_timeout(left).is_ok()
    }
}

/// One worker's end of the log.
///
/// Gives what it holds to the writer when it is dropped.
#[derive(Debug)]
pub struct Sink {
    format: Format,
    buffer: Vec<u8>,
    lines: u64,
    sender: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

impl Sink {
    /// Adds a line. Never blocks; hands the buffer over when it is full.
    pub fn line(&mut self, entry: &Entry<'_>) {
        write(&mut self.buffer, self.format, entry);
        self.lines += 1;
        if self.buffer.len() >= FLUSH_SIZE {
            self.flush();
        }
    }

    /// Hands over what there is. To be called by the worker every second or so. Never blocks.
    pub fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        let full = std::mem::take(&mut self.buffer);
        let lines = std::mem::take(&mut self.lines);
        let Err(error) = self.sender.try_send(Message::Lines(full)) else {
            return;
        };
        self.dropped.fetch_add(lines, Ordering::Relaxed);
        let (TrySendError::Full(message) | TrySendError::Disconnected(message)) = error;
        if let Message::Lines(mut rejected) = message {
            rejected.clear();
            self.buffer = rejected;
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.flush();
    }
}

fn write_all(receiver: &Receiver<Message>, mut target: Box<dyn Write + Send>, lost: &AtomicU64) {
    while let Ok(message) = receiver.recv() {
        let buffer = match message {
            Message::Lines(buffer) => buffer,
            Message::Written(done) => {
                // Whoever asked may have given up waiting.
                let _ = done.try_send(());
                continue;
            }
        };
        let written = target.write_all(&buffer).and_then(|()| target.flush());
        if written.is_err() {
            // A closed pipe or full disk: count, and try again with the next buffer.
            let lines = buffer.iter().filter(|&&byte| byte == b'\n').count();
            lost.fetch_add(lines as u64, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Mutex;
    use std::sync::mpsc::{Sender, channel};
    use std::time::SystemTime;

    use super::*;

    fn entry() -> Entry<'static> {
        Entry {
            time: SystemTime::UNIX_EPOCH,
            client: IpAddr::from([127, 0, 0, 1]),
            method: b"GET",
            path: b"/",
            query: None,
            host: b"a",
            protocol: "HTTP/1.1",
            tls: [""; 3],
            status: 200,
            reason: "",
            gateway: "",
            listener: "",
            route: "",
            rule: "",
            backend: "",
            endpoint: None,
            attempts: 1,
            total: Duration::ZERO,
            upstream: None,
            bytes_in: 0,
            bytes_out: 0,
            request_id: b"",
            user_agent: b"",
            detail: "",
        }
    }

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0
                .lock()
                .expect("not poisoned")
                .extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_of_every_worker_arrives() {
        let memory = Memory::default();
        let dropped = Arc::new(AtomicU64::new(0));
        let log = AccessLog::with_target(Format::Text, Box::new(memory.clone()), dropped.clone())
            .expect("a thread");
        let mut sinks = [log.sink(), log.sink()];
        for sink in &mut sinks {
            for _ in 0..1_000 {
                sink.line(&entry());
            }
        }
        drop(sinks);
        assert!(log.wait_written(Duration::from_secs(60)));
        let written = memory.0.lock().expect("not poisoned");
        let lines = written.iter().filter(|&&b| b == b'\n').count();
        assert_eq!(lines, 2_000);
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
    }

    /// A target that waits for a word before each write.
    struct Stuck(Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stuck_target_costs_lines_and_never_blocks_a_worker() {
        let (go, wait): (Sender<()>, _) = channel();
        let dropped = Arc::new(AtomicU64::new(0));
        let log = AccessLog::with_target(Format::Json, Box::new(Stuck(wait)), dropped.clone())
            .expect("a thread");
        let mut sink = log.sink();
        for _ in 0..QUEUE + 10 {
            sink.line(&entry());
            sink.flush();
        }
        // One buffer may be in the writer's hand, the queue is full, the rest is lost.
        let lost = dropped.load(Ordering::Relaxed);
        assert!((9..=10).contains(&lost), "{lost}");
        assert!(!log.wait_written(Duration::from_millis(1)));
        drop(go);
        assert!(log.wait_written(Duration::from_secs(10)), "it goes on");
    }
}
