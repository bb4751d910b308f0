//! Which files matter, and which events say nothing of any of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind};

use crate::files::is_ours;

/// The files whose text matters.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// What is watched, as given and as it leads to.
    pub(super) roots: BTreeSet<PathBuf>,
    /// Whether that is a folder.
    pub(super) is_dir: bool,
    /// What links lead to, if its name does not tell.
    pub(super) files: BTreeSet<PathBuf>,
}

impl Wanted {
    pub(super) fn has(&self, path: &Path) -> bool {
        let is_named = || self.is_dir && path.file_name().is_some_and(is_ours);
        self.roots.contains(path) || self.files.contains(path) || is_named()
    }

    pub(super) fn has_any(&self, paths: &[PathBuf]) -> bool {
        paths.iter().any(|path| self.has(path))
    }
}

pub(super) fn lock(wanted: &Mutex<Wanted>) -> MutexGuard<'_, Wanted> {
    // Each change of it is whole before anything can panic.
    wanted.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether an event is about nothing but the text of a file.
pub(super) fn is_of_text(event: &Event) -> bool {
    let is_write = matches!(
        event.kind,
        EventKind::Modify(ModifyKind::Data(_))
            | EventKind::Access(AccessKind::Close(AccessMode::Write))
    );
    is_write && !event.need_rescan()
}

/// Whether a path is a file itself: no folder, and no link that may lead to one.
pub(super) fn is_plain_file(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|entry| entry.is_file())
}
