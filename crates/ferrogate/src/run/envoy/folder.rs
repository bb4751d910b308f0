//! A folder for the child that nobody else can look into: its bootstrap, the socket of its admin
//! pages.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// What the names of all of them begin with.
const PREFIX: &str = "ferrogate-run-";

/// A file in it that is locked for as long as its process lives.
const LOCK: &str = "lock";

/// What a folder's name begins with until it has its lock, so that nobody takes it for one that was
/// left.
const UNLOCKED: &str = ".ferrogate-run-";

/// It is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes one among the files of this user's session, or the temporary ones.
    ///
    /// # Errors
    /// When none can be made.
    pub(super) fn make() -> io::Result<Self> {
        let session = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let place = session
            .filter(|place| place.is_dir())
            .unwrap_or_else(std::env::temp_dir);
        clear(&place);
        Self::make_in(&place, |_| {})
    }

    /// Makes one in a place; `before` sees what is there before it has its name.
    fn make_in(place: &Path, before: impl FnOnce(&Path)) -> io::Result<Self> {
        let name = super::random()?;
        let first = place.join(format!("{UNLOCKED}{name}"));
        make(&first)?;
        let lock = File::create(first.join(LOCK))?;
        before(place);
        lock.lock()?;
        let path = place.join(format!("{PREFIX}{name}"));
        fs::rename(&first, &path)?;
        Ok(Self { path, _lock: lock })
    }

    /// Something in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file.
    ///
    /// # Errors
    /// When that does not work.
    pub(super) fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.path(name);
        fs::write(&path, text)?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays is only in the way of nobody.
        let _gone = fs::remove_dir_all(&self.path);
    }
}

/// Removes what processes that were killed have left.
fn clear(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let is_ours = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(PREFIX));
        let is_left = || {
            let lock = File::open(entry.path().join(LOCK));
            lock.is_ok_and(|lock| lock.try_lock().is_ok())
        };
        if is_ours && is_left() {
            // Somebody else may be doing the same.
            let _gone = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(unix)]
fn make(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_being_made_is_not_taken_for_one_that_was_left() {
        let place = tempfile::tempdir().expect("a folder");
        let left = place.path().join(format!("{PREFIX}left"));
        fs::create_dir(&left).expect("a folder");
        File::create(left.join(LOCK)).expect("a file");
        let made = Folder::make_in(place.path(), clear).expect("a folder");
        clear(place.path());
        assert!(made.write("a", "b").is_ok(), "it is there");
        assert!(!left.exists());
        let path = made.path.clone();
        drop(made);
        assert!(!path.exists());
    }
}
