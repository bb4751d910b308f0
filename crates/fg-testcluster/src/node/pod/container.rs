//! One container: started, watched, restarted, ended.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus, sync::Arc, time::Duration};

use k8s_openapi::{
    api::core::v1::{Container as Spec, LifecycleHandler},
    jiff::Timestamp,
};
use rustix::process::Signal;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    sync::{mpsc, watch},
    task::JoinSet,
    time::Instant,
};

use super::{
    Told, env,
    fields::expand,
    place::{Place, Process},
    probe::{self, Health, Target},
    root,
    status::{ContainerState, Ended, Now},
};
use crate::node::{
    enter::Entry,
    images::Program,
    logs::{LINE, Log},
};

/// How often what is missing is looked for when nothing says that it came.
const RETRY: Duration = Duration::from_millis(200);
/// Waits before the second restart, the third and so on: doubled up to the longest.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);
/// A container that ran this long is restarted at once.
const HEALTHY_RUN: Duration = Duration::from_secs(10);
/// What a process gets after SIGTERM even if its hook took all of the grace period.
const LEAST_GRACE: Duration = Duration::from_secs(2);
/// How long the last lines may take to arrive after the end of a process.
const LAST_LINES: Duration = Duration::from_millis(200);

/// Which of a pod's containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Init(usize),
    Main(usize),
}

/// When to start a container again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Restart {
    Always,
    OnFailure,
    Never,
}

/// The task of one container.
pub(super) struct Container {
    pub(super) place: Arc<Place>,
    pub(super) spec: Arc<Spec>,
    pub(super) which: Which,
    pub(super) restart: Restart,
    pub(super) told: watch::Receiver<Told>,
    /// Set when the container has to end, to the time at which it is killed. It may be moved.
    pub(super) stop: watch::Receiver<Option<Instant>>,
    pub(super) reports: mpsc::Sender<(Which, ContainerState)>,
    pub(super) log: Arc<Log>,
    pub(super) state: ContainerState,
}

struct Run {
    process: Process,
    entry: Arc<Entry>,
    readers: JoinSet<()>,
    since: Timestamp,
    begun: Instant,
}

impl Container {
    /// Runs the container until it has ended for good.
    pub(super) async fn run(mut self) {
        let mut backoff = Duration::ZERO;
        let mut stop = self.stop.clone();
        loop {
            let run = tokio::select! {
                run = self.start() => run,
                () = stopped(&mut stop) => return self.never_again().await,
            };
            let begun = run.begun;
            let ended = self.live(run).await;
            self.state.ready = false;
            self.state.started = false;
            let again = match self.restart {
                Restart::Always => true,
                Restart::OnFailure => ended.code != 0,
                Restart::Never => false,
            };
            let stopping = self.stop.borrow().is_some();
            self.state.done = stopping || !again;
            self.state.now = Now::Ended(ended.clone());
            self.report().await;
            if self.state.done {
                return;
            }
            if begun.elapsed() > HEALTHY_RUN {
                backoff = Duration::ZERO;
            }
            self.state.last = Some(ended);
            self.state.restarts += 1;
            if !backoff.is_zero() {
                let words = format!(
                    "back-off {backoff:?} restarting failed container {}",
                    self.spec.name
                );
                self.state.now = Now::waiting("CrashLoopBackOff", &words);
                self.report().await;
            }
            tokio::select! {
                () = tokio::time::sleep(backoff) => {}
                () = stopped(&mut stop) => return self.never_again().await,
            }
            backoff = (backoff * 2).clamp(FIRST_BACKOFF, LONGEST_BACKOFF);
        }
    }

    async fn never_again(&mut self) {
        self.state.done = true;
        self.report().await;
    }

    async fn report(&self) {
        self.reports
            .send((self.which, self.state.clone()))
            .await
            .ok();
    }

    async fn wait(&mut self, reason: &str, message: &str) {
        let now = Now::waiting(reason, message);
        if self.state.now != now {
            self.log.note(&format!("{reason}: {message}"));
            self.state.now = now;
            self.report().await;
        }
        let mut changes = self.place.node.objects.follow();
        tokio::time::timeout(RETRY, changes.changed()).await.ok();
    }

    /// Starts the container's program, as soon as everything for it is there.
    async fn start(&mut self) -> Run {
        loop {
            let image = self.spec.image.clone().unwrap_or_default();
            let Some(path) = self.place.node.images.find(&image).map(ToOwned::to_owned) else {
                let known = self.place.node.images.names();
                let words = format!(
                    "this node has no program for image {image:?}; it has some for: {known}"
                );
                self.wait("ErrImageNeverPull", &words).await;
                continue;
            };
            let node = Arc::clone(&self.place.node);
            let prepared = tokio::task::spawn_blocking(move || node.images.prepare(&path)).await;
            let program = match prepared.map_err(anyhow::Error::from).flatten() {
                Ok(program) => program,
                Err(why) => {
                    self.wait("ErrImagePull", &format!("{why:#}")).await;
                    continue;
                }
            };
            let entry = match self.entry(&program) {
                Ok(entry) => entry,
                Err(words) => {
                    self.wait("CreateContainerConfigError", &words).await;
                    continue;
                }
            };
            match self.place.spawn(&entry, &self.spec.name) {
                Ok(process) => return self.started(process, entry, &program).await,
                Err(why) => self.wait("RunContainerError", &why.to_string()).await,
            }
        }
    }

    fn entry(&self, program: &Program) -> Result<Entry, String> {
        let pod = Arc::clone(&self.told.borrow().pod);
        let place = &self.place;
        let env = env::env(
            &pod,
            &self.spec,
            &place.facts(),
            &place.hostname,
            &place.node.objects,
        )
        .map_err(|missing| missing.0)?;
        let mut entry = root::make(place, &pod, &self.spec, program)
            .map_err(|why| format!("making its root: {why}"))?;
        let words = |list: &Option<Vec<String>>| -> Vec<String> {
            list.iter()
                .flatten()
                .map(|word| expand(word, &env))
                .collect()
        };
        entry.command = root::command_line(program, &words(&self.spec.command));
        entry.command.extend(words(&self.spec.args));
        entry.env = env;
        Ok(entry)
    }

    async fn started(&mut self, mut process: Process, entry: Entry, program: &Program) -> Run {
        let mut readers = JoinSet::new();
        if let Some(out) = process.child.stdout.take() {
            readers.spawn(read_lines(out, "stdout", Arc::clone(&self.log)));
        }
        if let Some(err) = process.child.stderr.take() {
            readers.spawn(read_lines(err, "stderr", Arc::clone(&self.log)));
        }
        let since = Timestamp::now();
        self.state.now = Now::Running { since };
        self.state.id = format!(
            "process://{}-{}",
            process.id().unwrap_or_default(),
            since.as_millisecond()
        );
        self.state.image_id = format!("process://{}@{}", program.name, program.version);
        self.report().await;
        Run {
            process,
            entry: Arc::new(entry),
            readers,
            since,
            begun: Instant::now(),
        }
    }

    /// Watches a running container until it ends, and sees to it that it does when it should.
    async fn live(&mut self, mut run: Run) -> Ended {
        let (sender, mut health) = mpsc::channel(16);
        let target = Target {
            place: Arc::clone(&self.place),
            container: Arc::clone(&self.spec),
            entry: Arc::clone(&run.entry),
            process: run.process.id(),
        };
        let probes = probe::start(target.clone(), sender);
        let mut stop = self.stop.clone();
        let status = loop {
            tokio::select! {
                status = run.process.child.wait() => break status,
                Some(found) = health.recv() => {
                    if let Some(why) = self.feel(found).await {
                        self.log.note(&format!("{why}: restarting the container"));
                        let latest = Instant::now() + self.told.borrow().grace();
                        break self.end(&mut run, &target, Some(latest), &mut health).await;
                    }
                }
                () = stopped(&mut stop) => {
                    break self.end(&mut run, &target, None, &mut health).await;
                }
            }
        };
        drop(probes);
        // Children of the program that outlived it.
        run.process.signal(Signal::KILL);
        let readers = &mut run.readers;
        let all_read = async { while readers.join_next().await.is_some() {} };
        tokio::time::timeout(LAST_LINES, all_read).await.ok();
        self.ended(&run, status.ok())
    }

    /// Takes what a probe found out; some words: the container has to be restarted.
    async fn feel(&mut self, health: Health) -> Option<String> {
        match health {
            Health::Started => self.state.started = true,
            Health::Ready(ready) => self.state.ready = ready,
            Health::Dead(why) => return Some(why),
            Health::Failed(why) => {
                self.log.note(&why);
                return None;
            }
        }
        self.report().await;
        None
    }

    /// The hook before the end, SIGTERM, and SIGKILL at the deadline: `latest`, or when the pod's own comes before it.
    /// Readiness is still watched.
    async fn end(
        &mut self,
        run: &mut Run,
        target: &Target,
        latest: Option<Instant>,
        health: &mut mpsc::Receiver<Health>,
    ) -> std::io::Result<ExitStatus> {
        let mut stop = self.stop.clone();
        let hook = self
            .spec
            .lifecycle
            .as_ref()
            .and_then(|lifecycle| lifecycle.pre_stop.clone());
        let hooked = hook.is_some();
        if let Some(hook) = hook {
            let called = call(target, &hook);
            tokio::pin!(called);
            loop {
                tokio::select! {
                    status = run.process.child.wait() => return status,
                    outcome = &mut called => {
                        if let Err(why) = outcome {
                            self.log.note(&format!("preStop hook: {why}"));
                        }
                        break;
                    }
                    () = until(latest, &mut stop) => {
                        self.log.note("preStop hook: the grace period is over");
                        break;
                    }
                    Some(Health::Ready(ready)) = health.recv() => { self.feel(Health::Ready(ready)).await; }
                }
            }
        }
        run.process.signal(Signal::TERM);
        let least = Instant::now() + if hooked { LEAST_GRACE } else { Duration::ZERO };
        loop {
            let over = async {
                until(latest, &mut stop).await;
                tokio::time::sleep_until(least).await;
            };
            tokio::select! {
                status = run.process.child.wait() => return status,
                () = over => break,
                Some(Health::Ready(ready)) = health.recv() => { self.feel(Health::Ready(ready)).await; }
            }
        }
        run.process.signal(Signal::KILL);
        run.process.child.wait().await
    }

    fn ended(&self, run: &Run, status: Option<ExitStatus>) -> Ended {
        let signal = status.and_then(|status| status.signal());
        let code = status
            .and_then(|status| status.code())
            .unwrap_or_else(|| 128 + signal.unwrap_or_default());
        let message = if code == 0 {
            String::new()
        } else {
            self.log.tail(5)
        };
        self.log
            .note(&format!("the container ended: exit code {code}"));
        Ended {
            code,
            signal,
            started: run.since,
            finished: Timestamp::now(),
            message,
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<Option<Instant>>) {
    stop.wait_for(Option::is_some).await.ok();
}

/// Returns at a time, or when the pod's deadline is over if that comes first, wherever it is moved to.
async fn until(latest: Option<Instant>, stop: &mut watch::Receiver<Option<Instant>>) {
    loop {
        let own = *stop.borrow_and_update();
        let at = latest.into_iter().chain(own).min();
        let sleep = async {
            match at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = sleep => return,
            Ok(()) = stop.changed() => {}
        }
    }
}

async fn call(target: &Target, hook: &LifecycleHandler) -> Result<(), String> {
    if let Some(action) = &hook.exec {
        probe::exec(target, action, Duration::from_secs(3600)).await
    } else if let Some(action) = &hook.http_get {
        probe::http_get(target, action, "kube-lifecycle/1.37").await
    } else if let Some(action) = &hook.sleep {
        tokio::time::sleep(Duration::from_secs(
            u64::try_from(action.seconds).unwrap_or_default(),
        ))
        .await;
        Ok(())
    } else {
        Err("this node does not know its kind".to_owned())
    }
}

/// Copies what a program writes into its log, a line at a time; a line too long is cut into pieces.
async fn read_lines(pipe: impl AsyncRead + Unpin, stream: &'static str, log: Arc<Log>) {
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut reader)
            .take(LINE as u64)
            .read_until(b'\n', &mut line)
            .await;
        if !matches!(read, Ok(count) if count > 0) {
            return;
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        log.add(stream, &String::from_utf8_lossy(&line));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::node::logs::{Logs, Wanted};

    #[tokio::test]
    async fn a_line_without_end_is_kept_and_a_long_one_is_cut() {
        let log = Logs::new(Path::new("/nonexistent").to_owned()).start("n", "p", "c");
        let text = format!("one\n{}\nlast", "x".repeat(LINE + 5));
        read_lines(text.as_bytes(), "stdout", Arc::clone(&log)).await;
        let lengths: Vec<usize> = log
            .read(&Wanted::default())
            .0
            .iter()
            .map(|line| line.text.len())
            .collect();
        assert_eq!(lengths, [3, LINE, 5, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_can_be_moved_closer() {
        let begin = Instant::now();
        let (sender, mut deadline) = watch::channel(Some(begin + Duration::from_secs(30)));
        let waiting = tokio::spawn(async move {
            until(None, &mut deadline).await;
            Instant::now()
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        sender.send_replace(Some(begin + Duration::from_secs(2)));
        assert_eq!(
            waiting.await.unwrap().duration_since(begin),
            Duration::from_secs(2)
        );
    }
}
