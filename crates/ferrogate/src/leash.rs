//! Starts a program that ends when we do, even when we are killed.
//!
//! Only a process itself can ask the kernel to be ended with its parent. So this binary is started
//! in between: it asks, and becomes the program.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::cli::LeashedArgs;
use crate::memory;

/// The command that starts a program on the leash, for arguments to be added.
///
/// The thread that starts it must live as long as it does: the kernel takes the thread's end for
/// that of the process.
///
/// # Errors
/// When this binary is not known.
pub(crate) fn command(program: &Path) -> std::io::Result<Command> {
    let mut command = Command::new(own_binary()?);
    command.args(["leashed", "--parent", &std::process::id().to_string()]);
    if memory::had_huge_pages() {
        command.arg("--huge-pages");
    }
    command.arg("--").arg(program);
    Ok(command)
}

/// This binary, also when its file was replaced since.
fn own_binary() -> std::io::Result<std::path::PathBuf> {
    if cfg!(target_os = "linux") {
        Ok("/proc/self/exe".into())
    } else {
        std::env::current_exe()
    }
}

/// Becomes the program. Returns only when that fails.
#[cfg(unix)]
pub(crate) fn leashed(args: &LeashedArgs) -> anyhow::Error {
    use std::os::unix::process::CommandExt as _;
    if let Err(error) = ask(args.parent) {
        return error;
    }
    // Its settings of memory are its own, and ours would stay with it; those that we were started
    // with are to stay.
    if args.huge_pages {
        memory::avoid_huge_pages(false);
    }
    let error = Command::new(&args.program).args(&args.arguments).exec();
    anyhow::Error::new(error).context(args.program.display().to_string())
}

/// There is no Envoy for other systems.
#[cfg(not(unix))]
pub(crate) fn leashed(args: &LeashedArgs) -> anyhow::Error {
    let _ = (&args.program, &args.arguments, args.parent, args.huge_pages);
    anyhow::anyhow!("not on this system")
}

/// Asks to be ended with the parent.
#[cfg(target_os = "linux")]
fn ask(parent: i32) -> anyhow::Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::KILL)).context("cannot be tied to its parent")?;
    // It may have ended before.
    let now = getppid().map(|pid| pid.as_raw_nonzero().get());
    anyhow::ensure!(now == Some(parent), "its parent is gone");
    Ok(())
}

/// Elsewhere it ends when it is told to.
#[cfg(all(unix, not(target_os = "linux")))]
fn ask(_parent: i32) -> anyhow::Result<()> {
    Ok(())
}
