//! What is written down of a cluster, so that it can be found, used and ended by another program, also after a crash.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use crate::folders;
use crate::namespace::Namespace;
use crate::plane;
use crate::process::{Process, Processes};

/// The node's name among the processes.
pub(crate) const NODE: &str = "node";
/// How long the node may take to end its pods, and a process of somebody else's to end.
const PATIENCE: Duration = Duration::from_secs(10);
/// The file's name in the run folder.
const FILE: &str = "cluster.json";

/// A cluster that is up, or was when something crashed.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// Its folder: keys, logs, data, the node's folder.
    pub folder: PathBuf,
    /// The process with which it ends; without one it stays until `down`.
    owner: Option<Process>,
}

impl Record {
    /// Makes the folder of a new cluster and writes it down.
    /// Errors: the id is not of 1 to 16 lower-case letters and digits, or there is such a cluster.
    pub(crate) fn make(id: &str, owned: bool) -> anyhow::Result<Self> {
        let fits = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        ensure!(
            (1..=16).contains(&id.len()) && id.bytes().all(fits),
            "{id:?} is no id of a cluster: 1 to 16 lower-case letters and digits"
        );
        let runs = folders::runs()?;
        fs::create_dir_all(&runs).with_context(|| runs.display().to_string())?;
        let record = Self {
            id: id.to_owned(),
            folder: runs.join(id),
            owner: owned.then(Process::own).transpose()?,
        };
        // Whoever makes the folder has the id.
        if fs::create_dir(&record.folder).is_err() {
            bail!(
                "the cluster {id} is up, or being started: {}",
                record.folder.display()
            );
        }
        record.write()?;
        Ok(record)
    }

    fn write(&self) -> anyhow::Result<()> {
        fs::write(self.folder.join(FILE), serde_json::to_vec_pretty(self)?)?;
        Ok(())
    }

    /// Lets a cluster outlive the process that started it.
    pub(crate) fn disown(&mut self) -> anyhow::Result<()> {
        self.owner = None;
        self.write()
    }

    /// The cluster of this id; `None` if there is none, not even remains of one.
    /// Errors: no cache folder is known.
    pub fn find(id: &str) -> anyhow::Result<Option<Self>> {
        let folder = folders::runs()?.join(id);
        if !folder.is_dir() {
            return Ok(None);
        }
        Ok(Some(Self::read(&folder, id)))
    }

    fn read(folder: &Path, id: &str) -> Self {
        // A start that was broken off may have left a folder without a record.
        let written = fs::read(folder.join(FILE)).ok();
        let found: Option<Self> = written.and_then(|text| serde_json::from_slice(&text).ok());
        Self {
            id: id.to_owned(),
            folder: folder.to_path_buf(),
            owner: found.and_then(|record| record.owner),
        }
    }

    /// All clusters of this machine and user, by id.
    /// Errors: no cache folder is known.
    pub fn all() -> anyhow::Result<Vec<Self>> {
        let Ok(entries) = fs::read_dir(folders::runs()?) else {
            return Ok(Vec::new());
        };
        let mut all: Vec<Self> = entries
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .filter_map(|entry| Some(Self::read(&entry.path(), entry.file_name().to_str()?)))
            .collect();
        all.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(all)
    }

    /// Its outer namespace.
    pub(crate) fn namespace(&self) -> Namespace {
        Namespace::named(format!("fg-{}", self.id))
    }

    /// Its processes.
    pub(crate) fn processes(&self) -> Processes {
        Processes::of(&self.folder)
    }

    /// Its processes, by name, each with whether it runs.
    pub fn parts(&self) -> Vec<(String, bool)> {
        let processes = self.processes();
        let names = processes.names();
        names
            .into_iter()
            .map(|name| {
                let runs = processes.runs(&name);
                (name, runs)
            })
            .collect()
    }
}

/// Whether a cluster of this id is up with all its parts.
/// Errors: no cache folder is known.
pub fn is_up(id: &str) -> anyhow::Result<bool> {
    let Some(record) = Record::find(id)? else {
        return Ok(false);
    };
    let parts = record.parts();
    let runs = |name: &str| parts.iter().any(|(part, runs)| part == name && *runs);
    Ok([plane::ETCD, plane::API, plane::MANAGER, NODE]
        .iter()
        .all(|name| runs(name)))
}

/// Ends a cluster and removes all of it; `false` if there was nothing. May be repeated, also after a crash.
/// Errors: something of it could not be removed.
pub fn down(id: &str) -> anyhow::Result<bool> {
    let Some(record) = Record::find(id)? else {
        return Ok(false);
    };
    let lock = File::create(folders::runs()?.join(format!("{id}.lock")))?;
    lock.lock()?;
    let processes = record.processes();
    let ours = [NODE, plane::MANAGER, plane::API, plane::ETCD];
    for name in processes.names() {
        if !ours.contains(&name.as_str()) {
            processes.end(&name, PATIENCE);
        }
    }
    // The node ends its pods. Of the rest nothing is kept, so nothing needs to end well; but an API server whose etcd
    // went first would hang.
    for (name, patience) in [
        (NODE, PATIENCE),
        (plane::MANAGER, Duration::ZERO),
        (plane::API, Duration::ZERO),
        (plane::ETCD, Duration::ZERO),
    ] {
        processes.end(name, patience);
    }
    record.namespace().remove()?;
    remove_folder(&record.folder)?;
    fs::remove_file(folders::runs()?.join(format!("{id}.lock"))).ok();
    Ok(true)
}

/// Ends clusters whose owner has ended without doing so.
/// Errors: as [`down`].
pub fn sweep() -> anyhow::Result<()> {
    for record in Record::all()? {
        if record.owner.is_some_and(|owner| !owner.runs()) {
            down(&record.id)?;
        }
    }
    Ok(())
}

/// Removes a folder, but nothing that is mounted below it.
fn remove_folder(folder: &Path) -> anyhow::Result<()> {
    let folder = fs::canonicalize(folder)?;
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    // Field 5 is the place.
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(4));
    let mut inside = places.filter(|place| Path::new(place).starts_with(&folder));
    if let Some(place) = inside.next() {
        bail!("something is still mounted at {place}: unmount it and try again");
    }
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))
}
