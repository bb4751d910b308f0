//! What links lead to, and which changed files matter to nobody.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Folder;
use super::listing::is_ours;

/// What links in a folder lead to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// Folders outside of it, absolute: linked ones, and those of linked files.
    pub folders: BTreeSet<PathBuf>,
    /// Linked files whose own names do not tell that they are read, absolute.
    pub files: BTreeSet<PathBuf>,
}

impl Links {
    /// Whether nothing is read of a changed file, whatever links there are.
    pub(super) fn pass_over(&self, path: &Path) -> bool {
        let is_plain = || std::fs::symlink_metadata(path).is_ok_and(|entry| entry.is_file());
        !is_named(path) && !self.files.contains(path) && is_plain()
    }
}

impl Folder {
    /// What links led to: it wants to be watched, too.
    pub fn links(&self) -> Links {
        let linked = self.listing.files.values().filter(|seen| seen.linked);
        let targets = linked.map(|seen| &seen.canonical);
        Links {
            folders: self.listing.outside.clone(),
            files: targets.filter(|path| !is_named(path)).cloned().collect(),
        }
    }
}

/// Whether a file is read for its name.
fn is_named(path: &Path) -> bool {
    path.file_name().is_some_and(is_ours)
}
