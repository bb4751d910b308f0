//! Processes of a cluster that outlive the one that started them: found again by a file that names them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, Signal, WaitOptions};

/// How often a wait looks again.
pub(crate) const GLANCE: Duration = Duration::from_millis(20);

/// A process, and when it began: a number alone may come to name another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Process {
    number: i32,
    /// Units: clock ticks since the machine's start. Source: proc(5), field 22 of `stat`.
    begun: u64,
}

impl Process {
    /// The process that runs this.
    pub(crate) fn own() -> anyhow::Result<Self> {
        let number = i32::try_from(std::process::id())?;
        let begun = stat(number).context("/proc is not readable")?.begun;
        Ok(Self { number, begun })
    }

    /// Whether it runs: one that has ended and waits for its parent does not.
    pub(crate) fn runs(self) -> bool {
        if let Some(pid) = Pid::from_raw(self.number) {
            // Only a child of ours can be collected; for others this is an error that says nothing.
            rustix::process::waitpid(Some(pid), WaitOptions::NOHANG).ok();
        }
        stat(self.number).is_some_and(|stat| stat.begun == self.begun && !stat.has_ended())
    }

    /// Sends a signal to it and to its process group.
    pub(crate) fn signal(self, signal: Signal) {
        if self.runs()
            && let Some(pid) = Pid::from_raw(self.number)
        {
            // It may have ended since, which is what a signal is for.
            rustix::process::kill_process_group(pid, signal).ok();
            rustix::process::kill_process(pid, signal).ok();
        }
    }

    /// Asks it to end, waits up to `patience`, then kills it. Returns when it is gone.
    pub(crate) fn end(self, patience: Duration) {
        if !patience.is_zero() {
            self.signal(Signal::TERM);
            // A stopped process acts on nothing but this.
            self.signal(Signal::CONT);
            if self.gone_within(patience) {
                return;
            }
        }
        self.signal(Signal::KILL);
        // The kernel needs a moment; a process that hangs in it would hang us.
        self.gone_within(Duration::from_secs(10));
    }

    fn gone_within(self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        while self.runs() {
            if Instant::now() > until {
                return false;
            }
            std::thread::sleep(GLANCE);
        }
        true
    }
}

/// What the kernel says of a process.
struct Stat {
    state: char,
    threads: u32,
    begun: u64,
}

impl Stat {
    /// Whether it only waits for its parent. A first thread may have ended before the others, which hold
    /// the sockets of all until they have ended, too.
    fn has_ended(&self) -> bool {
        self.state == 'Z' && self.threads <= 1
    }
}

/// `None` if there is no such process.
fn stat(number: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    // The name before the last parenthesis may contain anything.
    let (_, rest) = text.rsplit_once(')')?;
    // State is field 3.
    let mut fields = rest.split_whitespace();
    Some(Stat {
        state: fields.next()?.chars().next()?,
        threads: fields.nth(20 - 4)?.parse().ok()?,
        begun: fields.nth(22 - 21)?.parse().ok()?,
    })
}

/// The processes of one cluster: each has a name, a file that says which it is, and a log.
#[derive(Debug, Clone)]
pub(crate) struct Processes {
    folder: PathBuf,
}

impl Processes {
    /// Those of the cluster whose run folder this is.
    pub(crate) fn of(run: &Path) -> Self {
        Self {
            folder: run.to_path_buf(),
        }
    }

    /// Where a process writes what it has to say.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.folder.join("logs").join(format!("{name}.log"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join("processes").join(name)
    }

    /// Starts a process of its own group with a log. It goes on when the child is dropped. Errors: it cannot be started, or it runs already.
    pub(crate) fn start(&self, name: &str, mut command: Command) -> anyhow::Result<Child> {
        use std::os::unix::process::CommandExt as _;
        ensure!(!self.runs(name), "{name} runs already");
        for folder in ["logs", "processes"] {
            fs::create_dir_all(self.folder.join(folder))?;
        }
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log(name))?;
        command
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let number = i32::try_from(child.id())?;
        let stat = stat(number).with_context(|| format!("{name} ended at once"))?;
        let begun = stat.begun;
        let process = Process { number, begun };
        fs::write(self.file(name), serde_json::to_vec(&process)?)?;
        Ok(child)
    }

    /// A process that was started; it may have ended.
    pub(crate) fn get(&self, name: &str) -> Option<Process> {
        serde_json::from_slice(&fs::read(self.file(name)).ok()?).ok()
    }

    /// Whether one of this name runs.
    pub(crate) fn runs(&self, name: &str) -> bool {
        self.get(name).is_some_and(Process::runs)
    }

    /// Ends one as [`Process::end`] does, if there is one.
    pub(crate) fn end(&self, name: &str, patience: Duration) {
        if let Some(process) = self.get(name) {
            process.end(patience);
        }
        fs::remove_file(self.file(name)).ok();
    }

    /// The names of all that were started and not ended, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.folder.join("processes")) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    /// Waits until `ready`, which is asked again and again, says so.
    /// Errors: the process has ended, or `patience` is over; the text ends with the last lines of its log.
    pub(crate) fn wait(
        &self,
        name: &str,
        patience: Duration,
        mut ready: impl FnMut() -> bool,
    ) -> anyhow::Result<()> {
        let until = Instant::now() + patience;
        while !ready() {
            let runs = self.runs(name);
            ensure!(
                runs && Instant::now() < until,
                "{name} {}; the end of {}:\n{}",
                if runs {
                    "did not become ready in time"
                } else {
                    "has ended"
                },
                self.log(name).display(),
                last_lines(&self.log(name), 15)
            );
            std::thread::sleep(GLANCE);
        }
        Ok(())
    }
}

/// The last lines of a file, indented; empty if there is none.
pub(crate) fn last_lines(file: &Path, count: usize) -> String {
    let text = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines
        .iter()
        .skip(lines.len().saturating_sub(count))
        .map(|line| format!("    {line}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_found_again_by_its_file_and_ended() {
        let folder = std::env::temp_dir().join(format!("processes-{}", std::process::id()));
        let mut command = Command::new("cat");
        command.arg("/dev/zero");
        let processes = Processes::of(&folder);
        let mut child = processes.start("waiter", command).unwrap();

        let again = Processes::of(&folder);
        assert!(again.runs("waiter"));
        again.end("waiter", Duration::ZERO);
        assert!(!again.runs("waiter"));
        assert_eq!(again.names(), Vec::<String>::new());
        // Nothing is left to be collected.
        assert!(child.wait().is_err());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_process_runs_until_its_last_thread_has_ended() {
        let folder = std::env::temp_dir().join(format!("threads-{}", std::process::id()));
        let mut command = Command::new("python3");
        let text = "import ctypes, os, threading\n\
                    threading.Thread(target=lambda: os.read(os.pipe()[0], 1)).start()\n\
                    ctypes.CDLL(None).pthread_exit(None)";
        command.args(["-c", text]);
        let processes = Processes::of(&folder);
        let mut child = processes.start("half", command).unwrap();
        let number = i32::try_from(child.id()).unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        while stat(number).unwrap().state != 'Z' {
            assert!(Instant::now() < until, "its first thread goes on");
            std::thread::yield_now();
        }
        assert!(processes.runs("half"), "another thread has not ended");
        processes.end("half", Duration::ZERO);
        assert!(!processes.runs("half"));
        assert!(child.wait().is_err(), "it was collected");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_number_that_came_to_another_process_is_not_it() {
        let own = Process::own().unwrap();
        let other = Process {
            begun: own.begun + 1,
            ..own
        };
        assert!(own.runs());
        assert!(!other.runs());
    }

    #[test]
    fn what_ends_at_once_is_reported_with_its_words() {
        let folder = std::env::temp_dir().join(format!("ended-{}", std::process::id()));
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such thing; exit 3"]);
        let processes = Processes::of(&folder);
        let mut child = processes.start("short", command).unwrap();
        let wait = processes.wait("short", Duration::from_secs(60), || false);
        child.wait().ok();
        let text = wait.unwrap_err().to_string();
        assert!(
            text.contains("has ended") && text.contains("no such thing"),
            "{text}"
        );
        fs::remove_dir_all(folder).unwrap();
    }
}
