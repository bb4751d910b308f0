//! Which files a folder holds: found by walking it, told apart by their canonical paths.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::links::trail;
use crate::Limits;

/// What tells that a file may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Units: seconds and nanoseconds since the epoch.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Units: bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// When the content or the entry changed last. Units: nanoseconds since the epoch.
    pub(crate) fn last_change(&self) -> i128 {
        let nanoseconds =
            |(seconds, rest): (i64, i64)| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        nanoseconds(self.modified).max(nanoseconds(self.changed))
    }
}

/// A file that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) canonical: PathBuf,
    /// Whether a symbolic link was followed on the way.
    pub(crate) linked: bool,
    pub(crate) stamp: Stamp,
}

/// What went wrong on the way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// This file or folder cannot be read.
    Unreadable(PathBuf, String),
    /// This link leads nowhere.
    DeadLink(PathBuf),
    /// Nested deeper than allowed.
    TooDeep(PathBuf),
    /// More files than allowed.
    TooMany,
}

/// The files below one folder, by path relative to the root of the walk.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) files: BTreeMap<Arc<Path>, Seen>,
    /// Folders outside of the root that links led to, or that hold files that links led to.
    pub(crate) outside: BTreeSet<PathBuf>,
    /// Links, those they lead on to, and where they end if nothing is there, absolute: whatever
    /// comes there matters. Without those whose names are ours.
    pub(crate) on_the_way: BTreeSet<PathBuf>,
    /// Whether there is any link: changes elsewhere may matter then.
    pub(crate) links: bool,
    pub(crate) troubles: BTreeSet<Trouble>,
}

impl Listing {
    /// The files to read: of several paths to one file, the one without links, else the first.
    pub(crate) fn chosen(&self) -> BTreeSet<Arc<Path>> {
        if !self.links {
            return self.files.keys().cloned().collect();
        }
        let mut best: BTreeMap<&Path, (bool, &Arc<Path>)> = BTreeMap::new();
        for (path, seen) in &self.files {
            let this = (seen.linked, path);
            let best = best.entry(&seen.canonical).or_insert(this);
            *best = this.min(*best);
        }
        best.into_values().map(|(_, path)| path.clone()).collect()
    }
}

/// Whether a file of that name is read.
pub(crate) fn is_ours(name: &OsStr) -> bool {
    let extension = Path::new(name).extension().and_then(OsStr::to_str);
    !is_hidden(name) && matches!(extension, Some("yaml" | "yml" | "json"))
}

/// Whether a file or folder of that name is passed over.
pub(crate) fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// Walks the folder `root/from` (`from` may be empty, and `root` may be a file then).
pub(crate) fn walk(root: &Path, from: &Path, limits: &Limits) -> Listing {
    let mut walk = Walk {
        root,
        canonical_root: root.canonicalize().unwrap_or_else(|_| root.to_path_buf()),
        limits,
        listing: Listing::default(),
        above: Vec::new(),
    };
    walk.start(from);
    walk.listing
}

struct Walk<'a> {
    root: &'a Path,
    canonical_root: PathBuf,
    limits: &'a Limits,
    listing: Listing,
    /// Canonical paths of the folders around the present one: a link back to one is a loop.
    above: Vec<PathBuf>,
}

impl Walk<'_> {
    fn start(&mut self, from: &Path) {
        let path = join(self.root, from);
        let found = path
            .canonicalize()
            .and_then(|canonical| Ok((canonical, std::fs::metadata(&path)?)));
        match found {
            Ok((canonical, metadata)) if metadata.is_dir() => {
                let depth = from.components().count();
                self.folder(from, &canonical, false, depth);
            }
            Ok((canonical, metadata)) => {
                let linked = std::fs::symlink_metadata(&path).is_ok_and(|entry| entry.is_symlink());
                self.listing.links |= linked;
                self.file(from, canonical, linked, &metadata);
            }
            Err(error) => self.unreadable(from, &error),
        }
    }

    fn folder(&mut self, path: &Path, canonical: &Path, linked: bool, depth: usize) {
        if self.above.iter().any(|above| above == canonical) {
            return;
        }
        if depth > self.limits.folders {
            self.listing
                .troubles
                .insert(Trouble::TooDeep(path.to_path_buf()));
            return;
        }
        let names = std::fs::read_dir(join(self.root, path)).and_then(|entries| {
            entries
                .map(|entry| entry.and_then(|entry| Ok((entry.file_name(), entry.file_type()?))))
                .collect::<io::Result<Vec<_>>>()
        });
        let mut names = match names {
            Ok(names) => names,
            Err(error) => return self.unreadable(path, &error),
        };
        names.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.above.push(canonical.to_path_buf());
        if linked {
            self.follow(canonical.to_path_buf());
        }
        for (name, kind) in names {
            if is_hidden(&name) || !(is_ours(&name) || kind.is_dir() || kind.is_symlink()) {
                continue;
            }
            let entry = path.join(&name);
            let place = match kind.is_symlink() {
                true => join(self.root, &entry).canonicalize(),
                false => Ok(canonical.join(&name)),
            };
            self.listing.links |= kind.is_symlink();
            let linked = linked || kind.is_symlink();
            let found = place.and_then(|place| {
                let metadata = std::fs::metadata(&place)?;
                Ok((place, metadata))
            });
            if kind.is_symlink() {
                self.trail(canonical, &name, found.is_ok());
            }
            match found {
                Ok((place, metadata)) if metadata.is_dir() => {
                    self.folder(&entry, &place, linked, depth + 1)
                }
                Ok((place, metadata)) if is_ours(&name) => {
                    self.file(&entry, place, linked, &metadata)
                }
                Ok(_) => {}
                // Nowhere, or in a circle.
                Err(error)
                    if kind.is_symlink() && error.kind() != io::ErrorKind::PermissionDenied =>
                {
                    if is_ours(&name) {
                        self.listing.troubles.insert(Trouble::DeadLink(entry));
                    }
                }
                // Gone since the folder was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.unreadable(&entry, &error),
            }
        }
        self.above.pop();
    }

    fn file(&mut self, path: &Path, canonical: PathBuf, linked: bool, metadata: &Metadata) {
        // Neither pipes, which would block, nor devices.
        if !metadata.is_file() {
            return;
        }
        if self.listing.files.len() >= self.limits.files {
            self.listing.troubles.insert(Trouble::TooMany);
            return;
        }
        if linked && let Some(folder) = canonical.parent() {
            self.follow(folder.to_path_buf());
        }
        let seen = Seen {
            canonical,
            linked,
            stamp: Stamp::of(metadata),
        };
        self.listing.files.insert(path.into(), seen);
    }

    fn follow(&mut self, folder: PathBuf) {
        if !folder.starts_with(&self.canonical_root) {
            self.listing.outside.insert(folder);
        }
    }

    /// Notes what matters of the way a link goes.
    fn trail(&mut self, folder: &Path, name: &OsStr, leads_somewhere: bool) {
        let (mut passed, end) = trail(folder, name);
        if !leads_somewhere {
            if let Some(folder) = end.parent().filter(|folder| folder.is_dir()) {
                self.follow(folder.to_path_buf());
            }
            passed.push(end);
        }
        passed.retain(|path| !path.file_name().is_some_and(is_ours));
        self.listing.on_the_way.extend(passed);
    }

    fn unreadable(&mut self, path: &Path, error: &io::Error) {
        let trouble = Trouble::Unreadable(path.to_path_buf(), error.to_string());
        self.listing.troubles.insert(trouble);
    }
}

/// A path below the root; the root itself for the empty path.
pub(crate) fn join(root: &Path, path: &Path) -> PathBuf {
    match path.as_os_str().is_empty() {
        true => root.to_path_buf(),
        false => root.join(path),
    }
}
