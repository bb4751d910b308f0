//! Which local program stands for which container image.

use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash, Hasher},
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use anyhow::{Context, Result, bail};

/// Images known to the node.
#[derive(Debug)]
pub(super) struct Images {
    /// What the image's name contains, `*` being anything, and its program, in the order given.
    known: Vec<(String, PathBuf)>,
    /// Folder with copies of the programs, so that a rebuild never changes a program that runs.
    copies: PathBuf,
    /// Held while a copy is made.
    copying: std::sync::Mutex<()>,
}

/// A program ready to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    /// The copy to run.
    pub(super) path: PathBuf,
    /// File name of the original: the program's name inside the container.
    pub(super) name: String,
    /// Names the content; changes with it.
    pub(super) version: String,
    /// It needs the system's loader and libraries.
    pub(super) dynamic: bool,
}

impl Images {
    /// Reads `SUBSTRING=PROGRAM` arguments.
    ///
    /// # Errors
    /// An argument has another form, or the folder cannot be made.
    pub(super) fn new(arguments: &[String], copies: PathBuf) -> Result<Self> {
        let mut known = Vec::new();
        for argument in arguments {
            let Some((name, path)) = argument.split_once('=') else {
                bail!("--image {argument}: expected SUBSTRING=PROGRAM");
            };
            known.push((name.to_owned(), PathBuf::from(path)));
        }
        fs::create_dir_all(&copies).with_context(|| format!("making {}", copies.display()))?;
        Ok(Self {
            known,
            copies,
            copying: std::sync::Mutex::new(()),
        })
    }

    /// The program of an image; none when no argument's substring occurs in its name.
    pub(super) fn find(&self, image: &str) -> Option<&Path> {
        self.known
            .iter()
            .find(|(part, _)| contains(image, part))
            .map(|(_, path)| path.as_path())
    }

    /// The substrings known, for messages.
    pub(super) fn names(&self) -> String {
        self.known
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Copies a program into the run's folder, once for each version of it. Blocks.
    ///
    /// # Errors
    /// The program cannot be read or copied.
    pub(super) fn prepare(&self, program: &Path) -> Result<Program> {
        let meta =
            fs::metadata(program).with_context(|| format!("reading {}", program.display()))?;
        let modified = meta
            .modified()?
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let mut hasher = DefaultHasher::new();
        (program, meta.len(), modified).hash(&mut hasher);
        let version = format!("{:016x}", hasher.finish());
        let name = program.file_name().map_or_else(
            || "program".to_owned(),
            |n| n.to_string_lossy().into_owned(),
        );
        let path = self.copies.join(format!("{name}-{version}"));
        let held = self
            .copying
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if !path.exists() {
            let partial = path.with_extension("partial");
            fs::copy(program, &partial)
                .with_context(|| format!("copying {}", program.display()))?;
            fs::set_permissions(&partial, fs::Permissions::from_mode(0o755))?;
            fs::rename(&partial, &path)?;
        }
        drop(held);
        let dynamic = needs_loader(&path)?;
        Ok(Program {
            path,
            name,
            version,
            dynamic,
        })
    }
}

/// Whether an image's name contains the parts of a pattern between its `*`, one after the other.
fn contains(image: &str, pattern: &str) -> bool {
    let mut rest = Some(image);
    for part in pattern.split('*') {
        rest = rest.and_then(|rest| Some(rest.split_once(part)?.1));
    }
    rest.is_some()
}

/// Whether a program is a script or an ELF file that names an interpreter.
fn needs_loader(path: &Path) -> Result<bool> {
    const INTERPRETER: u32 = 3;
    let mut head = Vec::new();
    fs::File::open(path)?.take(4096).read_to_end(&mut head)?;
    if !head.starts_with(b"\x7fELF") {
        return Ok(true);
    }
    let number = |at: usize, size: usize| -> usize {
        let bytes = head.get(at..at + size).unwrap_or_default();
        bytes
            .iter()
            .rev()
            .fold(0, |sum, byte| (sum << 8) | usize::from(*byte))
    };
    // 64-bit little-endian: table of program headers at 32, size of one at 54, how many at 56.
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    Ok((0..count).any(|index| number(table + index * size, 4) == INTERPRETER as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_found_by_a_part_of_their_name() {
        let folder = std::env::temp_dir().join(format!("fg-images-{}", std::process::id()));
        let images = Images::new(
            &[
                "echo-basic=/bin/echo".to_owned(),
                "echo=/bin/cat".to_owned(),
            ],
            folder.clone(),
        )
        .unwrap();
        assert_eq!(
            images.find("registry.example/x/echo-basic:v1"),
            Some(Path::new("/bin/echo"))
        );
        assert_eq!(images.find("echo-advanced"), Some(Path::new("/bin/cat")));
        assert_eq!(images.find("nginx"), None);
        let program = images.prepare(Path::new("/bin/sh")).unwrap();
        assert!(program.dynamic && program.path.exists() && program.name == "sh");
        assert_eq!(images.prepare(Path::new("/bin/sh")).unwrap(), program);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn an_asterisk_is_anything() {
        let is = |image| contains(image, "envoyproxy/envoy:*v1.40.");
        assert!(is("docker.io/envoyproxy/envoy:distroless-v1.40.2"));
        assert!(is("envoyproxy/envoy:v1.40.0"));
        assert!(!is("envoyproxy/envoy:v1.4.0"));
        assert!(!is("v1.40.0/envoyproxy/envoy:dev"));
    }

    #[test]
    fn an_image_without_a_program_is_refused() {
        assert!(Images::new(&["echo".to_owned()], std::env::temp_dir()).is_err());
    }
}
