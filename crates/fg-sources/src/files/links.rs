//! What links lead to, and which changed files matter to nobody.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use super::Folder;
use super::listing::is_ours;

/// A way of more links than these is a circle: Linux follows no more, either.
const MOST: usize = 40;

/// What links in a folder lead to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// Folders outside of it, absolute: linked ones, and those of linked files, whether these are
    /// there or only awaited.
    pub folders: BTreeSet<PathBuf>,
    /// Files whose own names do not tell that they matter, absolute: linked ones, links on the way
    /// to them, and what is awaited where links lead nowhere.
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
        let targets = targets.filter(|path| !is_named(path));
        Links {
            folders: self.listing.outside.clone(),
            files: targets.chain(&self.listing.on_the_way).cloned().collect(),
        }
    }
}

/// The way of the link of that name in a folder, which is canonical: the links that are passed, this
/// one first, and the end, whether anything is there or not.
pub(super) fn trail(folder: &Path, name: &OsStr) -> (Vec<PathBuf>, PathBuf) {
    let mut passed = Vec::new();
    let mut at = folder.to_path_buf();
    let mut rest = PathBuf::from(name);
    loop {
        let mut parts = rest.components();
        let Some(part) = parts.next() else {
            return (passed, at);
        };
        let mut behind = parts.as_path().to_path_buf();
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                at.pop();
            }
            // The root replaces what was there.
            Component::Prefix(_) | Component::RootDir => at.push(part),
            Component::Normal(name) => {
                let next = at.join(name);
                match std::fs::read_link(&next) {
                    Ok(target) if passed.len() < MOST => {
                        behind = target.join(behind);
                        passed.push(next);
                    }
                    // No link, or nothing yet.
                    _ => at = next,
                }
            }
        }
        rest = behind;
    }
}

/// Whether a file is read for its name.
fn is_named(path: &Path) -> bool {
    path.file_name().is_some_and(is_ours)
}
