//! The official conformance suite of the Gateway API, unmodified, against a cluster that runs our control plane.

pub(crate) mod aftermath;
mod install;
mod suite;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use fg_api::classes;

use crate::cluster::{Cluster, Options};
use crate::{cache, folders, record};

/// What our images' names contain.
const IMAGE: &str = "ferrogate";
/// How long a class may take to be accepted, the control plane's start included.
const ACCEPTED: Duration = Duration::from_secs(60);

/// The suite's profiles that this gateway is to pass.
const PROFILES: [&str; 2] = ["GATEWAY-HTTP", "GATEWAY-GRPC"];

/// What the suite is to judge, and how.
#[derive(Debug, Clone, clap::Args)]
pub struct Conformance {
    /// The cluster: one that is up is used, otherwise one is started. It is ended afterwards unless `--keep` is given.
    #[arg(long, default_value = "conformance")]
    pub id: String,
    /// The GatewayClass; it is made with its controller if that is known.
    #[arg(long, default_value = "ferrogate")]
    pub class: String,
    /// Profiles, as the suite names them.
    #[arg(long = "profile", value_delimiter = ',', default_values = PROFILES)]
    pub profiles: Vec<String>,
    /// Judge these extended features only, instead of those that the class's status lists.
    #[arg(long = "feature", value_delimiter = ',')]
    pub features: Vec<String>,
    /// Run this one test only, by its short name.
    #[arg(long)]
    pub test: Option<String>,
    /// Leave out these tests; a report says so.
    #[arg(long = "skip", value_delimiter = ',')]
    pub skip: Vec<String>,
    /// Leave the cluster up afterwards, and what the suite installed in it.
    #[arg(long)]
    pub keep: bool,
    /// Give each wait seconds instead of minutes: for work on a failing test, not for a report.
    #[arg(long)]
    pub impatient: bool,
    /// Do not install the control plane, for instance since it runs already.
    #[arg(long)]
    pub no_install: bool,
    /// How many of those tests run side by side that may.
    #[arg(long, default_value_t = 4)]
    pub parallel: u8,
    /// The program that our images are.
    #[arg(long)]
    pub ferrogate: PathBuf,
    /// Folders or files of YAML to apply before anything else.
    #[arg(long = "manifests")]
    pub manifests: Vec<PathBuf>,
    /// Where the report of a whole run goes. A run of some tests leaves its report with the logs.
    #[arg(long)]
    pub reports: Option<PathBuf>,
}

impl Conformance {
    /// Whether its result is one to publish: nothing was left out by the words of the command.
    fn is_whole(&self) -> bool {
        let has_all = PROFILES
            .iter()
            .all(|one| self.profiles.iter().any(|wanted| wanted == one));
        let has_left_out =
            self.test.is_some() || !self.features.is_empty() || !self.skip.is_empty();
        has_all && !has_left_out && !self.impatient
    }
}

/// Starts a cluster, installs the control plane, runs the suite. Gives the suite's own exit code.
/// Errors: it did not come to a run of the suite.
pub fn conformance(wish: &Conformance) -> anyhow::Result<u8> {
    let logs = folders::root()?.join("conformance").join(&wish.id);
    if logs.exists() {
        fs::remove_dir_all(&logs)?;
    }
    fs::create_dir_all(&logs).with_context(|| logs.display().to_string())?;
    let cluster = cluster(wish)?;
    let outcome = judge(wish, &cluster, &logs);
    if !matches!(outcome, Ok(0)) {
        aftermath::tell(&cluster);
    }
    match aftermath::keep(&cluster, &logs) {
        Ok(()) => println!("logs: {}", logs.display()),
        Err(error) => println!("logs: not all could be kept: {error:#}"),
    }
    if wish.keep {
        println!("the cluster {} stays up", cluster.id());
    } else {
        cluster.down()?;
    }
    outcome
}

fn cluster(wish: &Conformance) -> anyhow::Result<Cluster> {
    let program = program(wish)?;
    if install::controller(&wish.class) == Some(classes::ENVOY) {
        cache::ensure_envoys()?;
    }
    if record::is_up(&wish.id)? {
        println!("cluster {}: up already", wish.id);
        let cluster = Cluster::attach(&wish.id)?;
        if !wish.no_install {
            install::end_pods(&cluster)?;
        }
        return Ok(cluster);
    }
    // What is left of one that crashed.
    record::down(&wish.id)?;
    println!("cluster {}: starting", wish.id);
    let cluster = Cluster::up(Options {
        id: Some(wish.id.clone()),
        manifests: wish.manifests.clone(),
        images: vec![(IMAGE.to_owned(), program)],
        stays: wish.keep,
        program: Some(std::env::current_exe()?),
    })?;
    println!("cluster {}: up", wish.id);
    Ok(cluster)
}

/// Copies our program to a place that stays the same, so that a cluster that is up runs what was built last.
fn program(wish: &Conformance) -> anyhow::Result<PathBuf> {
    let folder = folders::root()?.join("conformance/programs").join(&wish.id);
    fs::create_dir_all(&folder)?;
    let (fresh, program) = (folder.join("fresh"), folder.join("ferrogate"));
    fs::copy(&wish.ferrogate, &fresh).with_context(|| wish.ferrogate.display().to_string())?;
    fs::rename(&fresh, &program)?;
    Ok(program)
}

fn judge(wish: &Conformance, cluster: &Cluster, logs: &Path) -> anyhow::Result<u8> {
    if !wish.no_install {
        install::control_plane(cluster, &wish.ferrogate)?;
    }
    install::class(cluster, &wish.class)?;
    let path = format!(
        "/apis/gateway.networking.k8s.io/v1/gatewayclasses/{}",
        wish.class
    );
    cluster.wait_for(&[&path], "Accepted", ACCEPTED)?;
    println!("GatewayClass {}: accepted", wish.class);
    let report = logs.join("report.yaml");
    let code = suite::run(wish, cluster, &report)?;
    if let Some(folder) = &wish.reports
        && wish.is_whole()
        && report.is_file()
    {
        fs::create_dir_all(folder)?;
        let target = folder.join(suite::report_name(wish));
        fs::copy(&report, &target)?;
        println!("report: {}", target.display());
    }
    Ok(code)
}
