//! The step between the node and a container: namespaces, mounts, chroot, user, then the program itself.
//!
//! The node starts its own binary again as `fg-testcluster enter SPEC`; that process has one thread, so it may change
//! its namespaces without touching anybody else, and ends by becoming the container's program.

use std::{
    collections::BTreeMap,
    fs,
    os::{fd::AsFd, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use clap::Args;
use rustix::{
    fs::Mode,
    mount::{MountFlags, MountPropagationFlags},
    thread::{LinkNameSpaceType, UnshareFlags},
};
use serde::{Deserialize, Serialize};

/// Arguments of `fg-testcluster enter`. For the node only.
#[derive(Debug, Clone, Args)]
pub struct EnterArgs {
    /// A file with an [`Entry`] as JSON.
    spec: PathBuf,
}

/// Everything about a process that is about to run inside a pod.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The pod's network namespace; none: stay in the node's (host network).
    pub(super) netns: Option<PathBuf>,
    /// Becomes `/`.
    pub(super) root: PathBuf,
    /// No writes below `/` other than in volumes and `/dev`, `/proc`.
    pub(super) read_only_root: bool,
    /// What is mounted below the root, in this order.
    pub(super) binds: Vec<Bind>,
    /// Host name, cut by the caller to 63 bytes.
    pub(super) hostname: String,
    /// Settings of the pod's network namespace, `net.ipv4.…`.
    pub(super) sysctls: BTreeMap<String, String>,
    /// User id; none: root.
    pub(super) user: Option<u32>,
    /// Group id; none: that of the user, or root.
    pub(super) group: Option<u32>,
    /// No set-user-id program may raise privileges.
    pub(super) no_new_privileges: bool,
    /// Working directory inside the root.
    pub(super) folder: PathBuf,
    /// Program and arguments; the program is searched in `PATH`.
    pub(super) command: Vec<String>,
    /// The whole environment.
    pub(super) env: BTreeMap<String, String>,
}

/// One file or folder of the host shown inside the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bind {
    /// Path on the host.
    pub(super) from: PathBuf,
    /// Absolute path inside the root; it exists already.
    pub(super) to: PathBuf,
    /// Refuse writes.
    pub(super) read_only: bool,
}

/// Runs `fg-testcluster enter`; returns only when the program cannot be started.
///
/// Must be called before the process has a second thread.
///
/// # Errors
/// Always: what kept the program from being started.
pub fn enter(args: &EnterArgs) -> Result<()> {
    let text = fs::read(&args.spec).with_context(|| format!("reading {}", args.spec.display()))?;
    let entry: Entry = serde_json::from_slice(&text).context("reading the container's entry")?;
    network(&entry)?;
    mounts(&entry)?;
    become_program(&entry)
}

fn network(entry: &Entry) -> Result<()> {
    if let Some(path) = &entry.netns {
        let file = fs::File::open(path).with_context(|| format!("opening {}", path.display()))?;
        rustix::thread::move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .context("entering the pod's network namespace")?;
        for (name, value) in &entry.sysctls {
            let path = Path::new("/proc/sys").join(name.replace('.', "/"));
            fs::write(&path, value).with_context(|| format!("setting {name}={value}"))?;
        }
    }
    Ok(())
}

fn mounts(entry: &Entry) -> Result<()> {
    #[expect(
        deprecated,
        reason = "unsafe code is denied here; the unsound flag (FILES) is not among ours"
    )]
    rustix::thread::unshare(UnshareFlags::NEWNS | UnshareFlags::NEWUTS)
        .context("making namespaces")?;
    rustix::mount::mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )
    .context("making mounts private")?;
    let root = &entry.root;
    rustix::mount::mount_bind(root, root).context("mounting the root on itself")?;
    for bind in &entry.binds {
        let inside = bind.to.strip_prefix("/").unwrap_or(&bind.to);
        let to = root.join(inside);
        rustix::mount::mount_bind_recursive(&bind.from, &to).with_context(|| {
            format!("mounting {} at {}", bind.from.display(), bind.to.display())
        })?;
        if bind.read_only {
            read_only(&to)?;
        }
    }
    if entry.read_only_root {
        read_only(root)?;
    }
    rustix::system::sethostname(entry.hostname.as_bytes()).context("setting the host name")?;
    rustix::process::chroot(root).context("changing the root")?;
    rustix::process::chdir("/").context("entering the root")?;
    rustix::process::chdir(&entry.folder)
        .with_context(|| format!("entering the working directory {}", entry.folder.display()))
}

fn read_only(path: &Path) -> Result<()> {
    rustix::mount::mount_remount(path, MountFlags::BIND | MountFlags::RDONLY, c"")
        .with_context(|| format!("making {} read-only", path.display()))
}

fn become_program(entry: &Entry) -> Result<()> {
    let Some((program, arguments)) = entry.command.split_first() else {
        bail!("the container has no command");
    };
    rustix::process::umask(Mode::from_raw_mode(0o022));
    let user = entry.user.unwrap_or(0);
    let group = entry.group.unwrap_or(0);
    if user != 0 {
        // A program may open /dev/stdout again by name.
        let (owner, owners) = (
            rustix::fs::Uid::from_raw(user),
            rustix::fs::Gid::from_raw(group),
        );
        rustix::fs::fchown(rustix::stdio::stdout(), Some(owner), Some(owners)).ok();
        rustix::fs::fchown(rustix::stdio::stderr(), Some(owner), Some(owners)).ok();
    }
    if entry.no_new_privileges {
        rustix::thread::set_no_new_privs(true).context("giving up new privileges")?;
    }
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(&entry.env);
    if user != 0 || group != 0 {
        command.gid(group).uid(user);
    }
    let why = command.exec();
    Err(why).with_context(|| format!("starting {program}"))
}
