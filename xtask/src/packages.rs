//! Programs that a verb needs: present, installed from the distribution's packages, or named as missing.

use std::path::Path;
use std::process::{Command, Stdio};

/// Whether a program is on the path.
pub(crate) fn has(program: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else {
        return false;
    };
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Sees to it that `program` is there; installs the Debian package `package` if it is not and this is root.
/// Errors: the reason in words, fit to follow "not run: …: ".
pub(crate) fn ensure(program: &str, package: &str) -> Result<(), String> {
    if has(program) {
        return Ok(());
    }
    let missing = format!("`{program}` is not installed");
    if !has("apt-get") || !is_root() {
        return Err(format!("{missing} (Debian package `{package}`)"));
    }
    println!("    {missing}: installing the package `{package}`");
    // The lists may be older than the archive, so they are fetched first; an unreachable mirror shows in the install.
    apt(&["update"]);
    if apt(&["install", "-y", "--no-install-recommends", package]) && has(program) {
        Ok(())
    } else {
        Err(format!("{missing}, and `apt-get install {package}` failed"))
    }
}

fn apt(args: &[&str]) -> bool {
    let mut command = Command::new("apt-get");
    command
        .arg("-qq")
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Whether this is root.
pub(crate) fn is_root() -> bool {
    // The owner of this process's own entry; saves a dependency for one number.
    use std::os::unix::fs::MetadataExt;
    Path::new("/proc/self")
        .metadata()
        .is_ok_and(|entry| entry.uid() == 0)
}
