//! What goes wrong in a cluster, and what clients and statuses see of it: real API server, real rights, real pods.
//!
//! One cluster for all of it. Each subject has a namespace of its own and tells how long it took; one that fails does
//! not keep the others from running. `FERROGATE_FAULTS` names the subjects to run, parted by commas; with
//! `FERROGATE_TEST_CLUSTER` they run in a cluster that is up already (its image `ferrogate` must be our program).

mod api_server;
mod broken;
mod control;
mod ground;
mod http;
mod objects;
mod ownership;
mod processes;
mod proxy;
mod replicas;
mod rights;
mod secrets;

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use fg_testcluster::{Cluster, Options};

use crate::ground::Ground;

/// The name, and what is done and asserted.
macro_rules! subjects {
    ($($name:literal => $subject:path),* $(,)?) => {
        const SUBJECTS: &[&str] = &[$($name),*];

        async fn run(name: &str, ground: &Ground<'_>) -> anyhow::Result<()> {
            match name {
                $($name => $subject(ground).await,)*
                _ => anyhow::bail!("there is no subject {name}"),
            }
        }
    };
}

subjects! {
    "control-plane-killed-during-churn" => control::killed_during_churn,
    "api-server-away" => api_server::away,
    "proxy-killed" => proxy::killed,
    "resource-refused" => proxy::refused,
    "gateway-deleted-under-load" => proxy::deleted,
    "broken-beside-good" => broken::beside_good,
    "two-replicas" => replicas::two,
    "tokens-and-secrets" => secrets::stay_apart,
    "right-denied" => rights::denied,
    "class-gone-meanwhile" => ownership::class_gone_meanwhile,
    "self-managed" => ownership::self_managed,
}

#[test]
fn faults_in_a_cluster() -> anyhow::Result<()> {
    let chosen = std::env::var("FERROGATE_FAULTS").ok();
    let wanted: Vec<&str> = match &chosen {
        Some(names) => names.split(',').collect(),
        None => SUBJECTS.to_vec(),
    };
    let program = program()?;
    let cluster = match std::env::var("FERROGATE_TEST_CLUSTER") {
        Ok(id) => Cluster::attach(&id)?,
        Err(_) => {
            build()?;
            Cluster::up(Options {
                images: vec![("ferrogate".to_owned(), program.clone())],
                ..Options::default()
            })?
        }
    };
    let said = Command::new(&program).arg("manifests").output()?;
    ensure!(said.status.success(), "ferrogate manifests: {said:?}");
    cluster.apply(&String::from_utf8(said.stdout)?)?;

    let mut failed = Vec::new();
    for name in wanted {
        let begin = Instant::now();
        let end = cluster.with_client(async |client| {
            let ground = Ground::new(&cluster, client);
            ground.control_plane_is_ready().await?;
            let end = run(name, &ground).await;
            ground.sweep().await?;
            end
        });
        let took = begin.elapsed().as_secs_f64();
        match end {
            Ok(()) => eprintln!("{name}: ok, {took:.1} s"),
            Err(error) => {
                eprintln!("{name}: FAILED after {took:.1} s: {error:#}");
                failed.push(name);
            }
        }
    }
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

/// Our program, which lies beside the tests.
fn program() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.ancestors().nth(2).context("a build folder")?;
    Ok(folder.join("ferrogate"))
}

/// Sees to it that our program and the node's are as the sources are: they are no part of this package's tests.
fn build() -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "-p",
            "ferrogate",
            "-p",
            "fg-testcluster",
        ])
        .status()
        .context("cannot run cargo")?;
    ensure!(built.success(), "the build of ferrogate failed");
    Ok(())
}
