//! A folder of YAML and JSON files (or one file, or texts in memory) as a source of objects.
//!
//! [`Folder`] remembers what each file gave, so that a change costs what changed: only changed
//! files are read again, and only the names they write are decided anew. What was good keeps
//! serving while its file does not parse or its new version is refused.

mod closing;
mod document;
mod keep;
mod links;
mod listing;
mod meant;
mod reading;
mod store;
mod words;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fg_api::Resource;
use fg_base::Text;
use fg_model::{Finding, FindingKind, ObjectRef, Place, kinds};

use crate::watch::Changes;
use crate::{Limits, yaml};
pub use closing::HARMLESS;
pub use document::Asks;
use document::{Others, about_file};
use keep::{keep_last_good, say_what_is_missing, unreadable};
pub use links::Links;
pub(crate) use listing::is_ours;
use listing::{Listing, Trouble, is_hidden, join, walk};
use reading::{File, Fresh, Reading, hash};
use store::Store;

/// What a change changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delta {
    /// Objects that are new or different, each with its whole new value.
    pub upserts: Vec<Resource>,
    /// Objects that are gone.
    pub removed: Vec<Arc<ObjectRef>>,
    /// Whether [`Folder::findings`] may give something else than before.
    pub findings_changed: bool,
    /// How many files were read for it.
    pub files_read: usize,
}

impl Delta {
    /// Whether nothing changed that anybody could see.
    pub fn is_empty(&self) -> bool {
        self.upserts.is_empty() && self.removed.is_empty() && !self.findings_changed
    }
}

/// A folder, its objects, and what is wrong with them.
#[derive(Debug)]
pub struct Folder {
    /// As the user gave it; `None` for texts in memory.
    root: Option<PathBuf>,
    limits: Limits,
    listing: Listing,
    files: BTreeMap<Arc<Path>, File>,
    store: Store,
}

impl Folder {
    /// A folder, or one file, on disk. Nothing is read before [`Folder::load`].
    ///
    /// # Errors
    /// The path does not exist or cannot be asked about.
    pub fn open(path: impl Into<PathBuf>, limits: Limits) -> io::Result<Self> {
        let path = path.into();
        std::fs::metadata(&path)?;
        Ok(Self::new(Some(path), limits))
    }

    /// Texts in memory instead of files; [`Folder::replace`] gives them.
    pub fn in_memory(limits: Limits) -> Self {
        Self::new(None, limits)
    }

    fn new(root: Option<PathBuf>, limits: Limits) -> Self {
        Self {
            root,
            limits,
            listing: Listing::default(),
            files: BTreeMap::new(),
            store: Store::new(),
        }
    }

    /// Looks at the whole folder, and reads what is new or, by its metadata, changed.
    pub fn load(&mut self) -> Delta {
        let Some(root) = self.root.clone() else {
            return self.finish(Vec::new(), 0, false);
        };
        let mut listing = walk(&root, Path::new(""), &self.limits);
        let kept = self.keep_unreadable(&mut listing);
        let troubles_changed = listing.troubles != self.listing.troubles;
        self.listing = listing;
        let mut chosen = self.listing.chosen();
        let gone = self.files.keys().filter(|path| !chosen.contains(*path));
        let gone: BTreeSet<Arc<Path>> = gone.cloned().collect();
        chosen.retain(|path| !kept.contains(path));
        self.settle(&chosen, gone, troubles_changed)
    }

    /// Looks at what changed, as [`watch`](crate::watch) tells it.
    pub fn apply(&mut self, changes: &Changes) -> Delta {
        let Some(root) = self.root.clone() else {
            return Delta::default();
        };
        let canonical = root.canonicalize().unwrap_or_else(|_| root.clone());
        let mut below = BTreeSet::new();
        // Behind a link, or beyond a limit, a change may matter elsewhere.
        let entangled = self.listing.links || self.listing.troubles.contains(&Trouble::TooMany);
        let links = self.links();
        let paths = changes
            .paths
            .iter()
            .filter(|path| !(entangled && links.pass_over(path)));
        let paths: Vec<&PathBuf> = paths.collect();
        let mut everything = changes.rescan || (entangled && !paths.is_empty());
        for path in paths {
            let path = path
                .strip_prefix(&canonical)
                .or_else(|_| path.strip_prefix(&root));
            match path {
                Ok(path) if path.as_os_str().is_empty() => everything = true,
                Ok(path) if path.iter().any(is_hidden) => {}
                Ok(path) => {
                    below.insert(path.to_path_buf());
                }
                Err(_) => everything = true,
            }
        }
        let troubles = self.listing.troubles.clone();
        let mut touched = BTreeSet::new();
        everything = everything
            || !below
                .iter()
                .all(|path| self.look(&root, path, &mut touched));
        if everything {
            for file in changes
                .paths
                .iter()
                .filter_map(|path| path.strip_prefix(&canonical).ok())
            {
                if let Some(file) = self.files.get_mut(file) {
                    // Whatever its metadata say, it was named.
                    file.stamp = None;
                }
            }
            return self.load();
        }
        let (there, gone) = touched
            .into_iter()
            .partition(|path| self.listing.files.contains_key(path));
        self.settle(&there, gone, troubles != self.listing.troubles)
    }

    /// Brings the listing up to date below one path. `false` when only a look at everything helps.
    fn look(&mut self, root: &Path, path: &Path, touched: &mut BTreeSet<Arc<Path>>) -> bool {
        let absent = |error: &io::Error| {
            matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            )
        };
        let entry = match std::fs::symlink_metadata(join(root, path)) {
            Ok(entry) => Some(entry),
            Err(error) if absent(&error) => None,
            Err(_) => return false,
        };
        let named = path.file_name().is_some_and(is_ours);
        let mut found = match entry {
            Some(entry) if entry.is_symlink() => return false,
            Some(entry) if entry.is_dir() || named => walk(root, path, &self.limits),
            _ => Listing::default(),
        };
        if found.links || !found.troubles.is_empty() {
            return false;
        }
        self.forget_below(path, touched);
        if found.files.contains_key(path)
            && let Some(file) = self.files.get_mut(path)
        {
            // Whatever its metadata say, it was named.
            file.stamp = None;
        }
        touched.extend(found.files.keys().cloned());
        self.listing.files.append(&mut found.files);
        // Beyond the limit it matters which files come first.
        self.listing.files.len() <= self.limits.files
    }

    /// Takes the files at and below a path out of the listing.
    fn forget_below(&mut self, path: &Path, touched: &mut BTreeSet<Arc<Path>>) {
        let start: Arc<Path> = path.into();
        // Paths are ordered by component: what is below comes right behind.
        let below = self
            .listing
            .files
            .range(start..)
            .take_while(|(known, _)| known.starts_with(path));
        let below: Vec<Arc<Path>> = below.map(|(known, _)| known.clone()).collect();
        for known in below {
            self.listing.files.remove(&known);
            touched.insert(known);
        }
        self.listing.troubles.retain(|trouble| match trouble {
            Trouble::Unreadable(at, _) | Trouble::DeadLink(at) | Trouble::TooDeep(at) => {
                !at.starts_with(path)
            }
            Trouble::TooMany => true,
        });
    }

    /// Files of folders that cannot be read now stay as they were; gives those.
    fn keep_unreadable(&self, listing: &mut Listing) -> BTreeSet<Arc<Path>> {
        let closed: Vec<PathBuf> = listing
            .troubles
            .iter()
            .filter_map(|trouble| match trouble {
                Trouble::Unreadable(at, _) => Some(at.clone()),
                _ => None,
            })
            .collect();
        let mut kept = BTreeSet::new();
        let known = self.listing.files.iter().filter(|_| !closed.is_empty());
        for (path, seen) in known {
            if closed.iter().any(|closed| path.starts_with(closed)) {
                listing
                    .files
                    .entry(path.clone())
                    .or_insert_with(|| seen.clone());
                kept.insert(path.clone());
            }
        }
        kept
    }

    /// Reads those of the listed files whose metadata are not as known, and drops those that are
    /// gone.
    fn settle(
        &mut self,
        there: &BTreeSet<Arc<Path>>,
        gone: BTreeSet<Arc<Path>>,
        findings_changed: bool,
    ) -> Delta {
        let jobs = there.iter().filter_map(|path| {
            let seen = self.listing.files.get(path)?;
            let known = self.files.get(path);
            let unchanged = known.is_some_and(|file| file.stamp == Some(seen.stamp));
            (!unchanged).then(|| (path.clone(), seen.clone()))
        });
        let jobs: Vec<_> = jobs.collect();
        let fresh = self.reading(|reading| reading.read_all(&jobs));
        let mut changes: Vec<(Arc<Path>, Fresh)> =
            jobs.into_iter().map(|(path, _)| path).zip(fresh).collect();
        let count = changes.len();
        changes.extend(gone.into_iter().map(|path| (path, Fresh::Gone)));
        self.finish(changes, count, findings_changed)
    }

    fn reading<T>(&self, read: impl FnOnce(&Reading<'_>) -> T) -> T {
        read(&Reading {
            name: &|path| self.name(path),
            limits: &self.limits,
            files: &self.files,
        })
    }

    /// Puts what was read into the store.
    fn finish(
        &mut self,
        changes: Vec<(Arc<Path>, Fresh)>,
        files_read: usize,
        mut findings_changed: bool,
    ) -> Delta {
        let was_empty = self.is_empty();
        for (path, fresh) in changes {
            findings_changed |= self.put(path, fresh);
        }
        findings_changed |= was_empty != self.is_empty();
        let mut delta = self.store.settle();
        delta.findings_changed |= findings_changed;
        delta.files_read = files_read;
        delta
    }

    /// Puts one file into the store. Tells whether its findings, or counts, may be others now.
    fn put(&mut self, path: Arc<Path>, fresh: Fresh) -> bool {
        let old = self.files.remove(&path);
        let (stamp, hash, content) = match fresh {
            Fresh::Gone => {
                let Some(old) = old else { return false };
                self.store.remove(&path, &old.content.written);
                return !old.content.findings.is_empty() || !old.content.others.is_empty();
            }
            Fresh::Same { stamp } => {
                if let Some(mut old) = old {
                    old.stamp = stamp;
                    self.files.insert(path, old);
                }
                return false;
            }
            Fresh::Other {
                stamp,
                hash,
                content,
            } => (stamp, Some(hash), content),
            Fresh::Bad {
                stamp,
                hash,
                finding,
            } => (
                stamp,
                hash,
                unreadable(*finding, old.as_ref().map(|old| &old.content)),
            ),
        };
        let name = self.name(&path);
        let mut content = match &old {
            Some(old) => keep_last_good(content, &old.content),
            None => content,
        };
        say_what_is_missing(&mut content);
        let before = old.as_ref().map_or(&[][..], |old| &old.content.findings);
        let others = old.as_ref().map(|old| &old.content.others);
        let findings_changed = before != content.findings
            || others.is_some_and(|old| *old != content.others)
            || (others.is_none() && !content.others.is_empty());
        if let Some(old) = &old {
            self.store.remove(&path, &old.content.written);
        }
        self.store.insert(&path, &name, &content.written);
        let file = File {
            name,
            stamp,
            hash,
            content,
        };
        self.files.insert(path, file);
        findings_changed
    }

    /// Gives texts in memory, all of them, each with its name; names sort as paths do.
    ///
    /// Does nothing for a folder on disk.
    pub fn replace<'t>(&mut self, texts: impl IntoIterator<Item = (&'t str, &'t str)>) -> Delta {
        if self.root.is_some() {
            return Delta::default();
        }
        let mut changes = BTreeMap::new();
        for (name, text) in texts {
            let path: Arc<Path> = Path::new(name).into();
            let bytes = text.as_bytes().to_vec();
            let fresh =
                self.reading(|reading| reading.understand(&path, &name.into(), None, bytes));
            changes.insert(path, fresh);
        }
        for path in self.files.keys() {
            changes.entry(path.clone()).or_insert(Fresh::Gone);
        }
        let count = changes.len();
        self.finish(changes.into_iter().collect(), count, false)
    }

    /// Every object that exists now, ordered by name.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.store.resources()
    }

    /// The object of that name that exists now.
    pub fn resource(&self, id: &ObjectRef) -> Option<&Resource> {
        self.store.resource(id)
    }

    /// Routes that are written, and refused without ever having been good, each with what it asks for.
    pub fn refused_routes(&self) -> impl Iterator<Item = (&Arc<ObjectRef>, &Asks)> {
        let written = self.files.values().flat_map(|file| &file.content.written);
        let refused = written.filter(|object| object.refused && object.good.is_none());
        let is_route = |id: &ObjectRef| id.is(kinds::HTTP_ROUTE) || id.is(kinds::GRPC_ROUTE);
        refused
            .filter(move |object| is_route(&object.id))
            .map(|object| (&object.id, &object.asks))
    }

    /// Everything that is wrong now, ordered by file, line and field.
    pub fn findings(&self) -> Vec<Finding> {
        let of_files = self.files.values().flat_map(|file| &file.content.findings);
        let mut all: Vec<Finding> = of_files.chain(self.store.duplicates()).cloned().collect();
        all.extend(
            self.listing
                .troubles
                .iter()
                .map(|trouble| self.trouble(trouble)),
        );
        all.extend(self.other_kinds().iter().filter_map(words::unserved));
        all.extend(self.emptiness().filter(|_| all.is_empty()));
        all.sort_by(|a, b| (&a.place, a).cmp(&(&b.place, b)));
        all
    }

    /// Whether no file holds an object of any kind, or one that was meant to be one.
    fn is_empty(&self) -> bool {
        let mut contents = self.files.values().map(|file| &file.content);
        contents.all(|content| content.written.is_empty() && content.others.is_empty())
    }

    fn emptiness(&self) -> Option<Finding> {
        let root = self.root.as_ref().filter(|_| self.is_empty())?;
        let files = (!root.is_file()).then_some(self.files.len());
        Some(words::nothing(&self.name(Path::new("")), files))
    }

    fn trouble(&self, trouble: &Trouble) -> Finding {
        let nothing = Path::new("");
        let (path, kind, text) = match trouble {
            Trouble::Unreadable(path, error) => (
                path.as_path(),
                FindingKind::Unreadable,
                format!("cannot be read: {error}"),
            ),
            Trouble::DeadLink(path) => (
                path.as_path(),
                FindingKind::Unreadable,
                "is a link that leads nowhere".to_owned(),
            ),
            Trouble::TooDeep(path) => (
                path.as_path(),
                FindingKind::LimitExceeded,
                format!(
                    "is nested deeper than {} folders and is left out",
                    self.limits.folders
                ),
            ),
            Trouble::TooMany => (
                nothing,
                FindingKind::LimitExceeded,
                format!(
                    "holds more than {} files; those behind them are left out",
                    self.limits.files
                ),
            ),
        };
        about_file(&self.name(path), 0, kind, text)
    }

    /// Where an object is written: its file and the first line of its document. `None` for one
    /// that is written nowhere.
    pub fn place(&self, id: &ObjectRef) -> Option<&Place> {
        self.store.place(id)
    }

    /// Where a field of an object is written. Reads the file again; when it has changed meanwhile,
    /// or is in memory, this is the first line of the object's document.
    pub fn place_of(&self, id: &ObjectRef, path: &str) -> Option<Place> {
        let place = self.place(id)?.clone();
        let line = || {
            let (path_of, file) = self
                .files
                .iter()
                .find(|(_, file)| file.name == place.file)?;
            let seen = self.listing.files.get(path_of)?;
            let bytes = std::fs::read(&seen.canonical).ok()?;
            let text = std::str::from_utf8(&bytes).ok()?;
            let same = file.hash == Some(hash(&bytes));
            same.then(|| yaml::line_of(text, place.line, path, &self.limits))
        };
        let line = line().unwrap_or(place.line);
        Some(Place { line, ..place })
    }

    /// How many objects there are of each `(group, kind)` that is not read.
    pub fn other_kinds(&self) -> BTreeMap<(String, String), usize> {
        let mut all = Others::new();
        for (kind, count) in self.files.values().flat_map(|file| &file.content.others) {
            *all.entry(kind.clone()).or_default() += count;
        }
        all
    }

    /// The name of a file for people.
    fn name(&self, path: &Path) -> Text {
        match &self.root {
            Some(root) => join(root, path).to_string_lossy().into(),
            None => path.to_string_lossy().into(),
        }
    }
}
