//! The child process: found, started, watched, started again when it ends by itself, and ended.

use std::io;
use std::path::PathBuf;
use std::process::{Child as Process, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::install;
use super::log::{self, LastError};
use super::program::{self, Lack, Program, Stamp};
use crate::cli::EnvoyArgs;
use crate::leash;

/// What is started.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    /// Which Envoy.
    pub(super) args: EnvoyArgs,
    /// Its bootstrap.
    pub(super) bootstrap: PathBuf,
    /// Its workers.
    pub(super) workers: usize,
    /// For how long listeners that are no more let their requests finish.
    pub(super) drain: Duration,
}

/// What became of the child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// There is no Envoy; it is looked for again when a file has changed where it is looked for.
    Missing(Lack),
    /// It was started.
    Started(Program),
    /// It ended by itself, or could not be started, and is started again after a while.
    Ended {
        /// How, and what it said last.
        words: String,
        /// When it is started again.
        pause: Duration,
    },
}

/// How long after a first end it is started again. Doubles with each end in a row, up to
/// [`LONGEST`].
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);

/// One that ran for this long was well: its end is a first one.
const WELL: Duration = Duration::from_secs(60);

/// How often a missing program is looked for.
const LOOK: Duration = Duration::from_secs(1);

/// The child, as long as it is wanted.
pub(super) struct Child {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The process that runs: there until it is reaped, so that a signal reaches no other.
    running: Option<Pid>,
    /// Whether it is to end.
    ends: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change of it is whole before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for so long. Says whether the end was asked for.
    fn ends_within(&self, time: Duration) -> bool {
        let ends = self
            .changed
            .wait_timeout_while(self.lock(), time, |state| !state.ends);
        ends.unwrap_or_else(PoisonError::into_inner).0.ends
    }

    /// Waits until nothing runs. Says whether that is so.
    fn is_gone_within(&self, time: Duration) -> bool {
        let gone = self
            .changed
            .wait_timeout_while(self.lock(), time, |state| state.running.is_some());
        let state = gone.unwrap_or_else(PoisonError::into_inner).0;
        state.running.is_none()
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.lock().running {
            // One that has ended is still there to be reaped.
            let _ended = kill_process(pid, signal);
        }
    }
}

impl Child {
    /// Starts it, and tells what becomes of it.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(super) fn start(launch: Launch, tell: impl Fn(News) + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let supervised = shared.clone();
        // One thread for the child's whole life: see `leash`.
        std::thread::Builder::new()
            .name("envoy".to_owned())
            .spawn(move || supervise(&launch, &supervised, &tell))?;
        Ok(Self { shared })
    }

    /// Ends it: by SIGTERM, and by SIGKILL when that takes too long. The thread may still wait for
    /// pip, or for an answer; nobody waits for it.
    pub(super) fn end(self) {
        const PATIENCE: Duration = Duration::from_secs(5);
        self.shared.lock().ends = true;
        self.shared.changed.notify_all();
        self.shared.signal(Signal::TERM);
        if !self.shared.is_gone_within(PATIENCE) {
            tracing::warn!("Envoy does not end by itself and is killed");
            self.shared.signal(Signal::KILL);
            self.shared.is_gone_within(PATIENCE);
        }
    }
}

fn supervise(launch: &Launch, shared: &Shared, tell: &dyn Fn(News)) {
    let Some((mut program, mut seen)) = look_for(&launch.args, true, shared, tell) else {
        return;
    };
    let mut pause = FIRST;
    loop {
        let begun = Instant::now();
        let words = match run(launch, &program, shared, tell) {
            Ok(words) => words,
            Err(error) => format!("{} cannot be started: {error}", program.path.display()),
        };
        if begun.elapsed() >= WELL {
            pause = FIRST;
        }
        if shared.lock().ends {
            return;
        }
        tell(News::Ended { words, pause });
        if shared.ends_within(pause) {
            return;
        }
        pause = (pause * 2).min(LONGEST);
        // Another version takes its resources in another shape.
        if program::candidates(&launch.args) != seen {
            match look_for(&launch.args, false, shared, tell) {
                Some(found) => (program, seen) = found,
                None => return,
            }
        }
    }
}

/// Finds a program, and what there was to choose from; `None` when the end comes first. Only the first
/// time one is installed if there is none and the user lets us: later it may be away for a moment, and
/// nobody may be there to answer.
fn look_for(
    args: &EnvoyArgs,
    is_first: bool,
    shared: &Shared,
    tell: &dyn Fn(News),
) -> Option<(Program, Vec<Stamp>)> {
    let mut candidates = program::candidates(args);
    let mut found = program::find(args, &candidates);
    if let Err(lack) = &found
        && is_first
        && args.envoy.is_none()
        && install::is_allowed(args.install_envoy, &lack.words)
    {
        found = match install::install() {
            Ok(_) => {
                candidates = program::candidates(args);
                program::find(args, &candidates)
            }
            Err(words) => Err(Lack {
                words: format!("{}, and none can be installed: {words}", lack.words),
                hint: lack.hint.clone(),
            }),
        };
    }
    loop {
        match found {
            Ok(program) => return Some((program, candidates)),
            Err(lack) => tell(News::Missing(lack)),
        }
        loop {
            if shared.ends_within(LOOK) {
                return None;
            }
            let now = program::candidates(args);
            if now != candidates {
                candidates = now;
                break;
            }
        }
        found = program::find(args, &candidates);
    }
}

/// Runs it once, and says how it ended.
fn run(
    launch: &Launch,
    program: &Program,
    shared: &Shared,
    tell: &dyn Fn(News),
) -> io::Result<String> {
    let last = LastError::default();
    let mut process = {
        // Whoever ends us meanwhile waits until there is something to signal.
        let mut state = shared.lock();
        if state.ends {
            return Ok(String::new());
        }
        let process = spawn(launch, program)?;
        state.running = Some(Pid::from_child(&process));
        process
    };
    tell(News::Started(program.clone()));
    let log = process.stderr.take().map(|it| log::merge(it, last.clone()));
    let out = process.stdout.take().map(log::pass_on);
    let status = wait(&mut process, shared);
    for copying in [log, out].into_iter().flatten().flatten() {
        // It ends with the pipe.
        let _ = copying.join();
    }
    let words = how(status?);
    Ok(match last.take() {
        Some(last) => format!("{words}: {last}"),
        None => words,
    })
}

fn spawn(launch: &Launch, program: &Program) -> io::Result<Process> {
    use std::os::unix::process::CommandExt as _;
    let mut command = leash::command(&program.path)?;
    command
        .arg("--config-path")
        .arg(&launch.bootstrap)
        .args(["--concurrency", &launch.workers.to_string()])
        .args(["--drain-time-s", &launch.drain.as_secs().max(1).to_string()])
        .args(["--drain-strategy", "immediate"])
        .args(["--log-format", log::FORMAT, "--log-level", log_level()])
        // The access log is for somebody who looks on.
        .args(["--file-flush-interval-msec", "200"])
        .arg("--disable-hot-restart")
        // Nothing that is sent has fields unknown to it; to look for them takes longer than to build the rest.
        .arg("--ignore-unknown-dynamic-fields")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C on a terminal goes to all of a group: we drain it first.
        .process_group(0);
    command.spawn()
}

fn log_level() -> &'static str {
    if tracing::enabled!(target: "envoy", tracing::Level::TRACE) {
        "debug"
    } else {
        "info"
    }
}

/// Waits for its end, and reaps it when nobody can signal it any more.
fn wait(process: &mut Process, shared: &Shared) -> io::Result<ExitStatus> {
    let pid = Pid::from_child(process);
    let only_look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), only_look) {}
    shared.lock().running = None;
    shared.changed.notify_all();
    process.wait()
}

/// How a process ended, in words.
fn how(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (_, Some(signal)) => format!("Envoy was ended by signal {signal}"),
        (Some(code), _) => format!("Envoy ended with exit code {code}"),
        (None, None) => "Envoy ended".to_owned(),
    }
}
