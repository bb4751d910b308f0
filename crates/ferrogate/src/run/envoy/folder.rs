//! A folder for the child that nobody else can look into: its bootstrap, the socket of its admin
//! pages.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// It is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

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
        let name = format!("ferrogate-{}", std::process::id());
        let folder = place.join(name);
        // One of a process of that number that was killed.
        let _none = fs::remove_dir_all(&folder);
        make(&folder)?;
        Ok(Self(folder))
    }

    /// Something in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
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
        let _gone = fs::remove_dir_all(&self.0);
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
