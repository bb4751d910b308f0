//! The outer network namespace of a cluster: the bridge, no way out, and how to enter it.

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, anyhow, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::network::{BALANCERS, BRIDGE, HOST, SERVICES};
use crate::node;

/// Where names of network namespaces live.
const NAMED: &str = "/run/netns";

/// A network namespace with a name.
#[derive(Debug, Clone)]
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// The one of this name, which may not exist.
    pub(crate) fn named(name: String) -> Self {
        Self { name }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn path(&self) -> PathBuf {
        Path::new(NAMED).join(&self.name)
    }

    /// Makes it, with the bridge and the routes that Services need.
    /// Errors: this is not root, or `ip` is missing.
    pub(crate) fn make(&self) -> anyhow::Result<()> {
        succeed(Command::new("ip").args(["netns", "add", &self.name]))
            .context("a cluster needs root and `ip` (Debian package iproute2)")?;
        let lines = format!(
            "link set lo up\n\
             link add {BRIDGE} type bridge\n\
             link set {BRIDGE} up\n\
             addr add {HOST}/16 dev {BRIDGE}\n\
             route add {SERVICES} dev {BRIDGE}\n\
             route add {BALANCERS} dev {BRIDGE}\n"
        );
        for line in lines.lines() {
            succeed(self.enter("ip").args(line.split(' ')))?;
        }
        // Pods' traffic passes the IP stack for the sake of the Services' rules, and must not be told a shorter way.
        // Bridged traffic is none of it. These files are those of the namespace that the writer is in.
        self.inside(|| {
            for (file, value) in [
                ("ipv4/ip_forward", "1"),
                ("ipv4/conf/all/send_redirects", "0"),
                (&format!("ipv4/conf/{BRIDGE}/send_redirects"), "0"),
            ] {
                let path = Path::new("/proc/sys/net").join(file);
                fs::write(&path, value).with_context(|| path.display().to_string())?;
            }
            for file in ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables"] {
                let path = Path::new("/proc/sys/net/bridge").join(file);
                // Absent where the kernel has no filter on bridges.
                if path.exists() {
                    fs::write(&path, "0").with_context(|| path.display().to_string())?;
                }
            }
            Ok(())
        })
    }

    /// A command that runs inside of it.
    pub(crate) fn enter(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        // Not `ip netns exec`, whose child has mounts of its own and so makes namespaces that nobody else sees.
        command.arg(format!("--net={}", self.path().display()));
        command.arg("--").arg(program);
        command
    }

    /// Runs `work` on a thread of its own inside of it; sockets made there belong to it for good.
    /// Errors: the namespace cannot be entered; those of `work`.
    pub(crate) fn inside<T: Send>(
        &self,
        work: impl FnOnce() -> anyhow::Result<T> + Send,
    ) -> anyhow::Result<T> {
        let file = File::open(self.path())
            .with_context(|| format!("no network namespace {}", self.name))?;
        let thread = move || {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                .context("cannot enter a network namespace: not root?")?;
            work()
        };
        std::thread::scope(|scope| scope.spawn(thread).join())
            .map_err(|_| anyhow!("a thread in the namespace {} panicked", self.name))?
    }

    /// Removes it, and the namespaces of its pods with whatever runs in them.
    /// Errors: it is still there.
    pub(crate) fn remove(&self) -> anyhow::Result<()> {
        node::clean(&self.name);
        if !self.path().exists() {
            return Ok(());
        }
        succeed(Command::new("ip").args(["netns", "del", &self.name]))
    }
}

/// Runs a short command. Errors: what it said.
pub(crate) fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let output = command
        .output()
        .with_context(|| format!("cannot run {command:?}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        text.trim_end()
    );
    Ok(())
}
