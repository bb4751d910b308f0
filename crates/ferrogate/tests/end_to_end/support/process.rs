//! A child process whose output is kept, and which ends with its owner.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};

use super::until;

/// The binary under test, without any `FERROGATE_*` setting of the machine.
pub(crate) fn ferrogate(args: &[&str]) -> Command {
    command(env!("CARGO_BIN_EXE_ferrogate"), args)
}

/// The same with a hard limit of open files, which it cannot raise.
pub(crate) fn ferrogate_with_open_files(limit: usize, args: &[&str]) -> Command {
    let limit = limit.to_string();
    let script = "ulimit -n \"$0\" && exec \"$@\"";
    let before = ["-c", script, &limit, env!("CARGO_BIN_EXE_ferrogate")];
    command("sh", &[&before, args].concat())
}

fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FERROGATE_")) {
        command.env_remove(name);
    }
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs the binary to its end.
pub(crate) fn output(args: &[&str]) -> Output {
    ferrogate(args).output().expect("the binary starts")
}

/// A running process.
pub(crate) struct Process {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

type Lines = Arc<Mutex<Vec<String>>>;

impl Process {
    /// Starts a command.
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let stdout = gather(child.stdout.take().expect("piped"));
        let stderr = gather(child.stderr.take().expect("piped"));
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// What it has printed so far.
    pub(crate) fn stdout(&self) -> Vec<String> {
        self.stdout.lock().expect("not poisoned").clone()
    }

    /// What it has said so far: findings and log.
    pub(crate) fn stderr(&self) -> Vec<String> {
        self.stderr.lock().expect("not poisoned").clone()
    }

    /// How many descriptors it has open.
    #[cfg(target_os = "linux")]
    pub(crate) fn open_files(&self) -> usize {
        let list = std::fs::read_dir(format!("/proc/{}/fd", self.id()));
        list.expect("the process is ours").count()
    }

    /// Memory that only it uses: what it has made itself. Pages of the program are the system's; those
    /// of one that was just linked count as written while the disk has not got them yet. Units: bytes.
    #[cfg(target_os = "linux")]
    pub(crate) fn private_memory(&self) -> usize {
        let path = format!("/proc/{}/smaps_rollup", self.id());
        let page = std::fs::read_to_string(path).expect("the process is ours");
        let fields = page
            .lines()
            .filter_map(|line| line.strip_prefix("Anonymous:"));
        let sizes = fields.filter_map(|field| field.split_whitespace().next()?.parse().ok());
        sizes.map(|kibibytes: usize| kibibytes * 1024).sum()
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let number = i32::try_from(self.child.id()).expect("process numbers fit");
        let id = Pid::from_raw(number).expect("process numbers are not 0");
        kill_process(id, signal).expect("the process is ours");
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the process is ours")
    }

    /// Waits for its end and gives its exit code.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        until("the end of the process", || self.ended()).code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let said = self.stderr();
            let last = said.len().saturating_sub(40);
            eprintln!("--- the process said:\n{}", said[last..].join("\n"));
        }
    }
}

fn gather(stream: impl Read + Send + 'static) -> Lines {
    let lines = Lines::default();
    let gathered = lines.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            gathered.lock().expect("not poisoned").push(line);
        }
    });
    lines
}
