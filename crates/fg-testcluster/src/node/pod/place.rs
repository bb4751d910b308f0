//! Where a pod is: its names, address, namespace and folder, and how processes get in there.

use std::{
    fs, io,
    net::Ipv4Addr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};

use super::fields::Facts;
use crate::{
    network::HOST,
    node::{Node, enter::Entry, network::Link, register},
};

/// One pod's place on the node, for as long as the pod lives.
pub(super) struct Place {
    pub(super) node: Arc<Node>,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) address: Ipv4Addr,
    /// None: the pod uses the node's own network.
    pub(super) link: Option<Link>,
    /// The pod's own folder.
    pub(super) folder: PathBuf,
    /// Host name inside the pod.
    pub(super) hostname: String,
    serial: AtomicU64,
}

impl Place {
    /// Takes an address and names; makes nothing yet. None: all addresses are taken.
    pub(super) fn new(node: Arc<Node>, pod: &Pod) -> Option<Self> {
        let uid = pod.uid().unwrap_or_default();
        let spec = pod.spec.as_ref();
        let mut hostname = spec
            .and_then(|spec| spec.hostname.clone())
            .unwrap_or_else(|| pod.name_any());
        hostname.truncate(63);
        let host_network = spec.and_then(|spec| spec.host_network) == Some(true);
        let (address, link) = if host_network {
            (HOST, None)
        } else {
            let address = node
                .addresses
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take()?;
            (address, Some(Link::named(&node.args.netns, address)))
        };
        let folder = node.pods.join(&uid);
        let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
        Some(Self {
            node,
            namespace,
            name,
            uid,
            address,
            link,
            folder,
            hostname,
            serial: AtomicU64::new(0),
        })
    }

    /// What fields about the pod refer to.
    pub(super) fn facts(&self) -> Facts {
        Facts {
            address: self.address,
            node: self.node.args.name.clone(),
            cpus: register::cpus(),
            memory_bytes: register::memory_kib() * 1024,
        }
    }

    /// Makes the folder and the network namespace.
    ///
    /// # Errors
    /// The file system or `ip` fails.
    pub(super) async fn make(&self) -> anyhow::Result<()> {
        fs::create_dir_all(&self.folder)?;
        if let Some(link) = &self.link {
            link.make(self.address).await?;
        }
        Ok(())
    }

    /// Kills what still runs and removes everything; may be called whatever exists.
    pub(super) async fn remove(&self) {
        if let Some(link) = &self.link {
            let path = link.path();
            tokio::task::spawn_blocking(move || crate::node::clean::kill_inside(&path))
                .await
                .ok();
            link.remove().await;
            self.node
                .addresses
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .release(self.address);
        }
        fs::remove_dir_all(&self.folder).ok();
    }

    /// Starts a process inside the pod, in a process group of its own; its output goes to pipes.
    ///
    /// # Errors
    /// The file system fails, or this machine cannot start processes.
    pub(super) fn spawn(&self, entry: &Entry, label: &str) -> io::Result<Process> {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let spec = self.folder.join(format!("{label}-{serial}.json"));
        let file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&spec)?;
        serde_json::to_writer(file, entry)?;
        // Not the path: the program may have been rebuilt since the node was started.
        let child = Command::new("/proc/self/exe")
            .arg("enter")
            .arg(&spec)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let group = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        Ok(Process { child, group, spec })
    }

    /// Runs a command inside the pod to its end: a probe or a hook.
    ///
    /// # Errors
    /// Words about why it did not succeed in time.
    pub(super) async fn exec(
        &self,
        entry: &Entry,
        command: &[String],
        limit: Duration,
    ) -> Result<(), String> {
        let entry = Entry {
            command: command.to_vec(),
            ..entry.clone()
        };
        let mut process = self.spawn(&entry, "exec").map_err(|why| why.to_string())?;
        let output = tokio::time::timeout(limit, process.output()).await;
        process.signal(Signal::KILL);
        match output {
            Ok(Ok((true, _))) => Ok(()),
            Ok(Ok((false, text))) => Err(format!("command failed: {}", text.trim())),
            Ok(Err(why)) => Err(why.to_string()),
            Err(_) => Err(format!("command did not end within {} s", limit.as_secs())),
        }
    }
}

/// A process inside a pod. Dropping it kills its group.
pub(super) struct Process {
    pub(super) child: Child,
    group: Option<Pid>,
    spec: PathBuf,
}

impl Process {
    /// Sends a signal to the whole process group.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            rustix::process::kill_process_group(group, signal).ok();
        }
    }

    /// The process's number.
    pub(super) fn id(&self) -> Option<u32> {
        self.group
            .map(|group| group.as_raw_nonzero().get().unsigned_abs())
    }

    async fn output(&mut self) -> io::Result<(bool, String)> {
        use tokio::io::AsyncReadExt;
        let mut text = Vec::new();
        let (mut out, mut err) = (self.child.stdout.take(), self.child.stderr.take());
        if let Some(stdout) = &mut out {
            stdout.take(16 << 10).read_to_end(&mut text).await?;
        }
        if let Some(stderr) = &mut err {
            stderr.take(16 << 10).read_to_end(&mut text).await?;
        }
        let status = self.child.wait().await?;
        Ok((
            status.success(),
            String::from_utf8_lossy(&text).into_owned(),
        ))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        fs::remove_file(&self.spec).ok();
    }
}

/// Writes a file so that a reader sees the old text or the new one.
///
/// # Errors
/// The file system fails.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let partial = path.with_extension("new");
    fs::write(&partial, text)?;
    fs::rename(partial, path)
}
