//! Measures the control plane on a real API server with one proxy: how soon changes are live, what they cost, and what
//! a large configuration takes. `cargo xtask bench --control` calls it and keeps the figures.

mod figures;
mod ground;
mod host;
mod http;
mod load;
mod looking;
mod objects;
mod origin;
mod peer;
mod plan;
mod plane;
mod propagation;
mod size;
mod traffic;
mod watched;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Resource, getrlimit, setrlimit};

use self::figures::Figures;
use self::ground::Ground;
use self::plan::Plan;
use self::plane::Plane;
use crate::cache;
use crate::cluster::{Cluster, Options};
use crate::conformance::aftermath;
use crate::folders;

/// How long a scenario may take.
const LIMIT: Duration = Duration::from_secs(600);

/// The scenarios, in the order in which they run: each adds to the cluster that the ones before have filled.
const SCENARIOS: [&str; 9] = [
    "idle", "few", "traffic", "adding", "memory", "edit", "start", "churn", "many",
];

/// What to measure.
#[derive(Debug, Clone, clap::Args)]
pub struct Bench {
    /// The program that our images are.
    #[arg(long)]
    pub ferrogate: PathBuf,
    /// The file that figures are written to, as JSON.
    #[arg(long)]
    pub out: PathBuf,
    /// Only these scenarios; what they need is made.
    #[arg(long, value_delimiter = ',', value_parser = SCENARIOS)]
    pub only: Vec<String>,
    /// Whose control plane and which proxy.
    #[arg(long, value_enum, default_value_t)]
    pub plane: Plane,
    /// Small numbers everywhere: a trial, no result.
    #[arg(long)]
    pub quick: bool,
    /// The cluster's id.
    #[arg(long, default_value = "bench")]
    pub id: String,
}

/// Starts a cluster, measures, writes the figures after each scenario, and ends the cluster.
/// Errors: the cluster does not come up; a scenario that fails is a figure that says so.
pub fn bench(wish: &Bench) -> anyhow::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    let mut plan = if wish.quick {
        Plan::quick()
    } else {
        Plan::whole()
    };
    let mut images = vec![("ferrogate".to_owned(), fs::canonicalize(&wish.ferrogate)?)];
    if wish.plane != Plane::Native {
        cache::ensure_envoys()?;
    }
    if !wish.plane.is_ours() {
        plan = plan.slower();
        images.push(peer::image()?);
    }
    let begin = Instant::now();
    let cluster = Cluster::up(Options {
        id: Some(wish.id.clone()),
        images,
        program: Some(std::env::current_exe()?),
        ..Options::default()
    })?;
    println!("cluster {}: up", cluster.id());
    let measured = cluster.with_client(async |client| {
        let mut ground = Ground::make(&cluster, client, &plan, wish).await?;
        println!("the Gateway serves after {:.1?}", begin.elapsed());
        let mut all: BTreeMap<&str, Figures> = BTreeMap::new();
        for name in SCENARIOS {
            let wanted = if wish.only.is_empty() {
                wish.plane.scenarios().contains(&name)
            } else {
                wish.only.iter().any(|one| one == name)
            };
            if !wanted {
                continue;
            }
            let begin = Instant::now();
            println!("{name}");
            let scenario =
                tokio::time::timeout(LIMIT * wish.plane.slowness(), run(name, &mut ground));
            let figures = match scenario.await.context("took too long") {
                Ok(Ok(figures)) => figures,
                Ok(Err(error)) | Err(error) => Figures::broken(&error),
            };
            println!("  {name}: {} ({:.0?})", figures.words(), begin.elapsed());
            if let Some(reason) = &figures.failed {
                println!("  {name} failed: {reason}");
            }
            all.insert(name, figures);
            fs::write(&wish.out, serde_json::to_string_pretty(&all)? + "\n")
                .with_context(|| wish.out.display().to_string())?;
        }
        Ok(())
    });
    if measured.is_err() {
        aftermath::tell(&cluster);
    }
    let logs = folders::root()?.join("bench").join(&wish.id);
    fs::create_dir_all(&logs)?;
    match aftermath::keep(&cluster, &logs) {
        Ok(()) => println!("logs: {}", logs.display()),
        Err(error) => println!("logs: not all could be kept: {error:#}"),
    }
    cluster.down()?;
    measured
}

async fn run(name: &str, ground: &mut Ground<'_>) -> anyhow::Result<Figures> {
    match name {
        "idle" => propagation::idle(ground).await,
        "traffic" => traffic::measure(ground).await,
        "adding" => propagation::adding(ground).await,
        "memory" => size::memory(ground).await,
        "start" => size::start(ground).await,
        "churn" => size::churn(ground).await,
        "edit" => {
            let routes = ground.plan.routes - ground.plan.edited;
            ground.want_routes(routes).await?;
            propagation::edits(ground).await
        }
        "many" => {
            let routes = ground.plan.most - ground.plan.edited;
            ground.want_routes(routes).await?;
            propagation::edits(ground).await
        }
        _ => propagation::edits(ground).await,
    }
}
