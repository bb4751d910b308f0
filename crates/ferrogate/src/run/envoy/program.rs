//! Which Envoy is started: where it is looked for, and whether it is new enough.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use fg_model::EnvoyVersion;

use super::install;
use crate::cli::EnvoyArgs;

/// A program that can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What it says it is.
    pub(crate) version: EnvoyVersion,
}

/// Why there is no program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lack {
    /// What is wrong, in words for whoever asked for Envoy.
    pub(crate) words: String,
    /// What to do about it.
    pub(crate) hint: String,
}

/// A file, and what tells it from another one in its place, which is worth another look; `None` when
/// there is none.
pub(super) type Stamp = (PathBuf, Option<Seen>);

/// What tells a file from another one. That both were written at the same time is no rarity: copies and
/// packages keep the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    written: Option<SystemTime>,
    /// In bytes.
    length: u64,
    /// The device, and the file's number there.
    place: (u64, u64),
}

impl Seen {
    fn of(path: &Path) -> Option<Self> {
        let file = path.metadata().ok()?;
        Some(Self {
            written: file.modified().ok(),
            length: file.len(),
            place: place(&file),
        })
    }
}

#[cfg(unix)]
fn place(file: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (file.dev(), file.ino())
}

#[cfg(not(unix))]
fn place(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// The files that may be Envoy, best first.
pub(super) fn candidates(args: &EnvoyArgs) -> Vec<Stamp> {
    let paths = match &args.envoy {
        Some(path) => vec![path.clone()],
        None => {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let mut paths = in_path(&path);
            paths.extend(install::installed());
            paths
        }
    };
    let stamped = paths.into_iter().map(|path| {
        let seen = Seen::of(&path);
        (path, seen)
    });
    stamped.collect()
}

/// The first `envoy` of the PATH.
fn in_path(path: &OsStr) -> Vec<PathBuf> {
    let files = std::env::split_paths(path).map(|folder| folder.join("envoy"));
    files.filter(|file| is_program(file)).take(1).collect()
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata()
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file()
}

/// The first of the candidates that can be used.
///
/// # Errors
/// When there is none.
pub(super) fn find(args: &EnvoyArgs, candidates: &[Stamp]) -> Result<Program, Lack> {
    let mut wrong = Vec::new();
    for (path, _) in candidates {
        match version_of(path) {
            Ok(version) if version >= EnvoyVersion::OLDEST => {
                let path = path.clone();
                return Ok(Program { path, version });
            }
            Ok(version) => wrong.push(format!(
                "{} is Envoy {version}, which is too old",
                path.display()
            )),
            Err(words) => wrong.push(format!("{} is no Envoy: {words}", path.display())),
        }
    }
    let oldest = EnvoyVersion::OLDEST;
    let words = if wrong.is_empty() {
        "there is no `envoy` in the PATH".to_owned()
    } else {
        wrong.join("; ")
    };
    let hint = if args.envoy.is_some() {
        format!("name Envoy {oldest} or later with `--envoy`")
    } else {
        format!(
            "install Envoy {oldest} or later, name one with `--envoy`, or let `--install-envoy` install it"
        )
    };
    Err(Lack { words, hint })
}

/// What a program says that it is.
fn version_of(path: &Path) -> Result<EnvoyVersion, String> {
    let says = says(path).map_err(|error| error.to_string())?;
    version_in(&says).ok_or_else(|| "it does not say its version as Envoy does".to_owned())
}

/// What a program prints for `--version`.
fn says(path: &Path) -> std::io::Result<String> {
    /// A program that takes longer is no Envoy.
    const PATIENCE: Duration = Duration::from_secs(20);
    const LOOK: Duration = Duration::from_millis(5);
    let mut child = Command::new(path)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let end = Instant::now() + PATIENCE;
    while child.try_wait()?.is_none() {
        if Instant::now() > end {
            child.kill()?;
            child.wait()?;
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        std::thread::park_timeout(LOOK);
    }
    let output = child.wait_with_output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The version in `…/envoy  version: COMMIT/1.36.4/Clean/RELEASE/BoringSSL`.
fn version_in(says: &str) -> Option<EnvoyVersion> {
    let (_, rest) = says.split_once("version:")?;
    let mut numbers = rest.trim().split('/').nth(1)?.split('.');
    let mut number = || numbers.next()?.parse().ok();
    Some(EnvoyVersion {
        major: number()?,
        minor: number()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_envoy_writes_it() {
        let says = "\n/usr/bin/envoy  version: bad8/1.36.4/Clean/RELEASE/BoringSSL\n\n";
        let version = EnvoyVersion {
            major: 1,
            minor: 36,
        };
        assert_eq!(version_in(says), Some(version));
        assert_eq!(
            version_in("envoy version: x/1.41.0-dev/Modified/DEBUG/BoringSSL"),
            Some(EnvoyVersion {
                major: 1,
                minor: 41
            })
        );
        for other in ["", "nginx version: nginx/1.26.3", "version: a/b.c/d"] {
            let nginx = version_in(other);
            assert!(
                nginx.is_none_or(|version| version < EnvoyVersion::OLDEST),
                "{other}"
            );
        }
    }

    #[test]
    fn what_is_no_program_is_not_taken_from_the_path() {
        let folder = std::env::temp_dir();
        let path = std::env::join_paths([&folder.join("nothing-here"), &folder]).expect("a PATH");
        assert_eq!(in_path(&path), Vec::<PathBuf>::new());
    }

    #[test]
    fn another_file_is_told_whenever_it_was_written() {
        let name = format!("ferrogate-program-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let (path, beside) = (folder.join("envoy"), folder.join("beside"));
        let write = |path: &Path, content: &str| {
            std::fs::write(path, content).expect("it is written");
            let file = std::fs::File::options().write(true).open(path);
            let file = file.expect("it is there");
            file.set_modified(SystemTime::UNIX_EPOCH).expect("its time");
        };
        let mut all = vec![Seen::of(&path)];
        write(&path, "one");
        all.push(Seen::of(&path));
        assert_eq!(Seen::of(&path), all[1], "it is the same");
        write(&path, "longer");
        all.push(Seen::of(&path));
        write(&beside, "others");
        std::fs::rename(&beside, &path).expect("it is replaced");
        all.push(Seen::of(&path));
        std::fs::remove_dir_all(&folder).expect("it is ours");
        for (at, seen) in all.iter().enumerate() {
            assert!(!all[..at].contains(seen), "{at}: {all:?}");
        }
    }
}
