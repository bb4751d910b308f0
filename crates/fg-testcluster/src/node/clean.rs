//! Removes processes and network namespaces of pods; what a crashed node left behind too.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal};

use super::network::pod_prefix;

const NAMESPACES: &str = "/run/netns";

/// Kills every process in the network namespaces of a cluster's pods and removes these namespaces.
///
/// `netns` is the name of the cluster's outer namespace, which stays as it is. May be called at any time and again; the
/// node calls it when it starts and when it ends.
pub fn clean(netns: &str) {
    let prefix = pod_prefix(netns);
    let mine = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(&prefix);
    let found: Vec<_> = fs::read_dir(NAMESPACES)
        .into_iter()
        .flatten()
        .flatten()
        .filter(mine)
        .collect();
    let inodes: BTreeSet<u64> = found
        .iter()
        .filter_map(|entry| fs::metadata(entry.path()).ok())
        .map(|m| m.ino())
        .collect();
    kill_all(&inodes);
    for entry in found {
        let name = entry.file_name();
        // `ip` unmounts and removes; a file that is no namespace is only removed.
        let removed = Command::new("ip")
            .args(["netns", "del"])
            .arg(&name)
            .output()
            .is_ok_and(|o| o.status.success());
        if !removed {
            fs::remove_file(entry.path()).ok();
        }
    }
}

/// Kills whatever still runs in one network namespace.
pub(super) fn kill_inside(path: &Path) {
    if let Ok(meta) = fs::metadata(path) {
        kill_all(&BTreeSet::from([meta.ino()]));
    }
}

/// Kills processes by the inode of their network namespace, and looks again until there is none.
fn kill_all(inodes: &BTreeSet<u64>) {
    if inodes.is_empty() {
        return;
    }
    let deadline = Instant::now() + Duration::from_secs(2);
    let mut found = processes(inodes);
    while !found.is_empty() && Instant::now() < deadline {
        for pid in found {
            rustix::process::kill_process(pid, Signal::KILL).ok();
        }
        std::thread::sleep(Duration::from_millis(5));
        found = processes(inodes);
    }
}

/// Live processes in one of these namespaces, never the caller itself.
fn processes(inodes: &BTreeSet<u64>) -> Vec<Pid> {
    let own = std::process::id();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        let inside = fs::metadata(entry.path().join("ns/net"))
            .is_ok_and(|meta| inodes.contains(&meta.ino()));
        if inside && id != own && !is_zombie(&entry.path()) {
            found.extend(i32::try_from(id).ok().and_then(Pid::from_raw));
        }
    }
    found
}

fn is_zombie(process: &Path) -> bool {
    let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
    stat.rsplit(") ")
        .next()
        .is_some_and(|rest| rest.starts_with('Z'))
}
