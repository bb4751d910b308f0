//! Builds everything, one program after the other, and says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::recipe::{Crds, Module, Recipe};
use super::toolchain::Go;

/// How often a build that goes on says so.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// Builds all programs of a recipe into `bin` of `folder` and copies the CRDs into its `crds`; a missing Go is installed
/// into `tools`.
/// Errors: those of the toolchain and of the compiler.
pub(super) fn all(recipe: &Recipe, tools: &Path, folder: &Path) -> anyhow::Result<()> {
    let go = Go::find(tools)?;
    let bin = folder.join("bin");
    fs::create_dir_all(&bin)?;
    let modules = recipe.modules.iter();
    let count: usize = modules.map(|module| module.programs.len()).sum();
    eprintln!(
        "{}: {count} programs to build; some minutes, once",
        recipe.name
    );
    let mut number = 0;
    for module in recipe.modules {
        let source = write(module, folder)?;
        for program in module.programs {
            number += 1;
            let output = bin.join(program.name);
            let output = output.to_str().context("the cache's path is no UTF-8")?;
            let mut command = go.command(module.go())?;
            command.current_dir(&source);
            command.args(program.arguments(output));
            watched(command, &format!("[{number}/{count}] {}", program.name))?;
        }
        if module.name == recipe.crds.ours {
            let go = go.command(module.go())?;
            crds(go, &recipe.crds, &source, &folder.join("crds"))?;
        }
    }
    Ok(())
}

/// Writes a module's files; they stay beside the programs and say what those were built from.
fn write(module: &Module, folder: &Path) -> anyhow::Result<PathBuf> {
    let source = folder.join("modules").join(module.name);
    fs::create_dir_all(&source)?;
    for (name, content) in module.files {
        fs::write(source.join(name), content)?;
    }
    Ok(source)
}

/// Copies the CRDs out of Go's module cache, which may be emptied later.
fn crds(mut go: Command, crds: &Crds, source: &Path, target: &Path) -> anyhow::Result<()> {
    go.current_dir(source)
        .args(["list", "-m", "-f", "{{.Dir}}", crds.module]);
    let said = go.output().context("cannot run go list")?;
    let text = String::from_utf8_lossy(&said.stderr);
    ensure!(said.status.success(), "go list: {}", text.trim_end());
    let module = PathBuf::from(String::from_utf8(said.stdout)?.trim_end());
    fs::create_dir_all(target)?;
    for entry in fs::read_dir(module.join(crds.folder))? {
        let entry = entry?;
        let name = entry.file_name();
        // Read and written, since files of the module cache cannot be deleted once copied with their mode.
        if name != "kustomization.yaml" {
            fs::write(target.join(name), fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

/// Runs a build with a line at its start, one each while, and one at its end.
fn watched(mut command: Command, name: &str) -> anyhow::Result<()> {
    let begin = Instant::now();
    eprintln!("  {name}: building");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot run {command:?}"))?;
    let status = std::thread::scope(|scope| {
        let (ended, end) = mpsc::channel::<()>();
        scope.spawn(move || {
            while end.recv_timeout(SIGN_OF_LIFE) == Err(RecvTimeoutError::Timeout) {
                eprintln!("  {name}: building, {} s", begin.elapsed().as_secs());
            }
        });
        let status = child.wait();
        drop(ended);
        status
    })?;
    ensure!(status.success(), "building {name}: {status}");
    eprintln!("  {name}: built in {} s", begin.elapsed().as_secs());
    Ok(())
}
