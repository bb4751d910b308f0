//! A node whose pods are local processes, one network namespace a pod.
//!
//! It does what a kubelet, a scheduler, a service proxy and a load balancer of a cloud do, as far as tests can see it:
//! it binds pods, runs their containers with volumes, environment and probes, writes their status, restarts and ends
//! them; it gives Services their addresses and serves logs. What it does not do: limits of memory and CPU, DNS (names
//! of Services stand in `/etc/hosts`), persistent volumes, exec into containers.
//!
//! | File | What |
//! |---|---|
//! | `pod/` | one task a pod: start, probes, status, restart, end |
//! | `services/` | ClusterIP and LoadBalancer by nftables |
//! | `enter.rs` | the small process between the node and a container's program |
//! | `network.rs` | addresses, network namespaces |
//! | `kubelet.rs`, `logs.rs` | the HTTPS port that the API server asks for logs |
//! | `objects.rs` | watches |
//! | `register.rs` | the Node object |
//! | `clean.rs` | removes what a crashed node left behind |

mod clean;
mod enter;
mod hosts;
mod images;
mod kubelet;
mod logs;
mod network;
mod objects;
mod pod;
mod register;
mod services;
mod tool;

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use anyhow::{Context, Result};
use clap::Args;
use kube::{Client, Config, config::Kubeconfig};
use rustix::process::Resource;
use tokio::signal::unix::{SignalKind, signal};

pub use self::{
    clean::clean,
    enter::{EnterArgs, enter},
};
use self::{hosts::Hosts, images::Images, logs::Logs, network::Addresses, objects::Objects};

/// What the node is told by `up`. It runs inside the cluster's outer network namespace.
#[derive(Debug, Clone, Args)]
pub struct NodeArgs {
    /// The kubeconfig of an administrator
    #[arg(long)]
    pub kubeconfig: PathBuf,
    /// The node's own folder: pods' folders, copies of programs, logs of containers
    #[arg(long)]
    pub run: PathBuf,
    /// The name of the outer network namespace. Names of pods' namespaces are this, a dash, and more; [`clean`] removes
    /// what a crashed node left of them, processes in them included
    #[arg(long)]
    pub netns: String,
    /// Which program an image is: the first whose substring the image's name contains. An image that none fits leaves
    /// its pod waiting. May be given again
    #[arg(long = "image", value_name = "SUBSTRING=BINARY")]
    pub images: Vec<String>,
    /// The certificate and key (PEM) of the node's HTTPS server; made on the spot when missing
    #[arg(long, num_args = 2, value_names = ["CERT", "KEY"])]
    pub serving: Vec<PathBuf>,
    /// Name of the Node object
    #[arg(long, default_value = "node")]
    pub name: String,
    /// Zone of the Node, its label `topology.kubernetes.io/zone`
    #[arg(long, default_value = "zone-a")]
    pub zone: String,
}

/// What all parts of the node share.
struct Node {
    args: NodeArgs,
    client: Client,
    images: Images,
    addresses: Mutex<Addresses>,
    objects: Objects,
    hosts: Hosts,
    logs: Logs,
    /// `pods` in the run folder.
    pods: PathBuf,
}

/// Runs the node until SIGTERM or SIGINT, then ends all pods at once and removes their namespaces.
///
/// # Errors
/// It cannot start: kubeconfig, API server, folders, port.
pub fn command(args: NodeArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("starting tokio")?;
    let netns = args.netns.clone();
    let outcome = runtime.block_on(run(args));
    // Tasks must not start anything while everything is removed.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    clean(&netns);
    outcome
}

async fn run(args: NodeArgs) -> Result<()> {
    clean(&args.netns);
    open_files();
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
    let node = Arc::new(Node::new(args).await?);
    register::register(&node).await?;
    tokio::spawn(services::run(Arc::clone(&node)));
    let server = kubelet::serve(Arc::clone(&node)).await?;
    let pods = tokio::spawn(pod::run(Arc::clone(&node)));
    tracing::info!("node {} is ready", node.args.name);
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        ended = pods => ended.context("the pods' task"),
        ended = server => ended.context("the kubelet's task"),
    }
}

impl Node {
    async fn new(args: NodeArgs) -> Result<Self> {
        let (pods, logs) = (args.run.join("pods"), args.run.join("logs"));
        if pods.exists() {
            fs::remove_dir_all(&pods).context("removing what is left of former pods")?;
        }
        for path in [&pods, &logs] {
            fs::create_dir_all(path).with_context(|| format!("making {}", path.display()))?;
        }
        let kubeconfig =
            Kubeconfig::read_from(&args.kubeconfig).context("reading the kubeconfig")?;
        let config =
            Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default())
                .await?;
        let client = Client::try_from(config)?;
        Ok(Self {
            images: Images::new(&args.images, args.run.join("images"))?,
            addresses: Mutex::new(Addresses::new()),
            objects: Objects::start(&client),
            hosts: Hosts::new(),
            logs: Logs::new(logs),
            pods: fs::canonicalize(pods)?,
            client,
            args,
        })
    }
}

/// Takes the limit of open files as high as it goes; containers inherit it.
fn open_files() {
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    rustix::process::setrlimit(Resource::Nofile, limit).ok();
}
