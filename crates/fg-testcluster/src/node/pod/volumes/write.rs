//! Writes the files of a volume so that a reader sees the old ones or the new ones, never a mixture.
//!
//! As a kubelet does: the files are in a folder of their own, `..data` is a symbolic link to it, and every name leads
//! through `..data`. An update makes a new folder and replaces that one link.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

/// One file of a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) bytes: Vec<u8>,
    /// Permission bits.
    pub(super) mode: u32,
}

/// Files by their path inside the volume.
pub(super) type Files = BTreeMap<String, File>;

const DATA: &str = "..data";

/// Writes all files of a volume; `serial` is another number at every call.
///
/// # Errors
/// The file system fails.
pub(super) fn write(folder: &Path, files: &Files, serial: u64) -> io::Result<()> {
    let new = format!("..{serial:08}");
    let data = folder.join(&new);
    fs::create_dir_all(&data)?;
    for (name, file) in files {
        let path = data.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, &file.bytes)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(file.mode))?;
    }
    let old = fs::read_link(folder.join(DATA)).ok();
    let partial = folder.join("..data_tmp");
    fs::remove_file(&partial).ok();
    symlink(&new, &partial)?;
    fs::rename(&partial, folder.join(DATA))?;
    let tops: BTreeSet<&str> = files
        .keys()
        .filter_map(|name| name.split('/').next())
        .collect();
    for top in &tops {
        let link = folder.join(top);
        if fs::symlink_metadata(&link).is_err() {
            symlink(Path::new(DATA).join(top), &link)?;
        }
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with("..") && !tops.contains(&*name) {
            fs::remove_file(entry.path()).ok();
        }
    }
    if let Some(old) = old.filter(|old| old.as_path() != Path::new(&new)) {
        fs::remove_dir_all(folder.join(old)).ok();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(all: &[(&str, &str)]) -> Files {
        let file = |text: &str| File {
            bytes: text.into(),
            mode: 0o640,
        };
        all.iter()
            .map(|(name, text)| ((*name).to_owned(), file(text)))
            .collect()
    }

    #[test]
    fn an_update_replaces_changes_and_removes_files() {
        let folder = std::env::temp_dir().join(format!("fg-volume-{}", std::process::id()));
        write(
            &folder,
            &files(&[("a", "1"), ("deep/b", "2"), ("gone", "3")]),
            1,
        )
        .unwrap();
        assert_eq!(fs::read_to_string(folder.join("deep/b")).unwrap(), "2");
        assert_eq!(
            fs::metadata(folder.join("a")).unwrap().permissions().mode() & 0o777,
            0o640
        );
        write(&folder, &files(&[("a", "10"), ("deep/b", "2")]), 2).unwrap();
        assert_eq!(fs::read_to_string(folder.join("a")).unwrap(), "10");
        assert!(!folder.join("gone").exists() && !folder.join("..00000001").exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
