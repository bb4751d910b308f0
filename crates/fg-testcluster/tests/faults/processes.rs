//! Our processes in the cluster's pods, as the kernel sees them.

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;

use anyhow::Context as _;
use fg_testcluster::Cluster;
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The process of `ferrogate VERB` in a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process(i32);

impl Process {
    /// The one in this pod of the cluster. Errors: there is none.
    pub(crate) fn of(cluster: &Cluster, verb: &str, pod: &str) -> anyhow::Result<Self> {
        let begin = format!("{}-pod", cluster.namespace());
        let spaces: Vec<u64> = fs::read_dir("/run/netns")?
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(&begin))
            // Not the entry's own metadata: the file is a mount.
            .filter_map(|entry| Some(fs::metadata(entry.path()).ok()?.ino()))
            .collect();
        let numbers = fs::read_dir("/proc")?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
        let mut found = numbers.filter(|number| {
            let words = read(*number, "cmdline");
            let space = fs::metadata(format!("/proc/{number}/ns/net"));
            words.get(1).is_some_and(|word| word == verb)
                && words[0].ends_with("ferrogate")
                && space.is_ok_and(|space| spaces.contains(&space.ino()))
                && read(*number, "environ").contains(&format!("POD_NAME={pod}"))
        });
        let found = found.next();
        Ok(Self(found.with_context(|| format!("no {verb} in {pod}"))?))
    }

    pub(crate) fn kill(self) -> anyhow::Result<()> {
        self.signal(Signal::KILL)
    }

    pub(crate) fn freeze(self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    pub(crate) fn thaw(self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(self, signal: Signal) -> anyhow::Result<()> {
        let pid = Pid::from_raw(self.0).context("a process number")?;
        Ok(kill_process(pid, signal)?)
    }

    /// A variable of its environment.
    pub(crate) fn variable(self, name: &str) -> anyhow::Result<String> {
        let all = read(self.0, "environ");
        let mut all = all.iter().filter_map(|line| line.split_once('='));
        let found = all.find(|(key, _)| *key == name);
        Ok(found.context(name.to_owned())?.1.to_owned())
    }

    /// A file of its pod.
    pub(crate) fn file(self, path: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/root{path}", self.0);
        fs::read_to_string(&path).context(path)
    }

    /// Runs `work` on a thread in the pod's network namespace; sockets made there stay in it.
    pub(crate) fn inside<T: Send>(
        self,
        work: impl FnOnce() -> anyhow::Result<T> + Send,
    ) -> anyhow::Result<T> {
        let space = File::open(format!("/proc/{}/ns/net", self.0))?;
        let thread = move || {
            move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network))?;
            work()
        };
        std::thread::scope(|scope| scope.spawn(thread).join()).expect("work does not panic")
    }
}

/// The parts of a file of a process that NULs end.
fn read(number: i32, name: &str) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{number}/{name}")).unwrap_or_default();
    let parts = bytes.split(|byte| *byte == 0);
    parts
        .map(|part| String::from_utf8_lossy(part).into_owned())
        .collect()
}
