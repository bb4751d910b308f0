//! The verbs of the program.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use fg_testcluster::{
    Bench, Cluster, Conformance, Options, Programs, Record, bench, conformance, down, node,
};

/// A real Kubernetes API server on this machine, with a node that runs pods as local processes.
#[derive(Debug, clap::Parser)]
#[command(name = "fg-testcluster")]
pub(crate) struct Words {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Starts a cluster, prints how to use it, and leaves it up.
    Up(Up),
    /// Ends a cluster and removes all of it; may be repeated, also after a crash.
    Down {
        /// The cluster.
        #[arg(long, default_value = DEFAULT)]
        id: String,
        /// All clusters of this machine and user.
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
    /// Lists clusters and their parts.
    Status,
    /// Runs a program inside of a cluster's network, with KUBECONFIG set, and gives its exit code.
    Exec {
        /// The cluster.
        #[arg(long, default_value = DEFAULT)]
        id: String,
        /// The program and its arguments.
        #[arg(trailing_var_arg = true, required = true)]
        command: Vec<String>,
    },
    /// Applies YAML files or folders to a cluster.
    Apply {
        /// The cluster.
        #[arg(long, default_value = DEFAULT)]
        id: String,
        /// What to apply, in this order.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Builds the programs, if they are missing, and says where they are.
    Build,
    /// Runs the conformance suite; its exit code is that of the suite.
    Conformance(Box<Conformance>),
    /// Measures the control plane in a cluster of its own.
    Bench(Box<Bench>),
    /// Is the cluster's node until SIGTERM; `up` starts it.
    #[command(hide = true)]
    Node(Box<node::NodeArgs>),
    /// Becomes a container's program; the node starts it.
    #[command(hide = true)]
    Enter(node::EnterArgs),
}

/// The id of the cluster that one gets without naming one.
const DEFAULT: &str = "dev";

#[derive(Debug, clap::Args)]
struct Up {
    /// Its name: 1 to 16 lower-case letters and digits.
    #[arg(long, default_value = DEFAULT)]
    id: String,
    /// Files or folders of YAML to apply when it is up. May be given again.
    #[arg(long = "manifests")]
    manifests: Vec<PathBuf>,
    /// Which program a container image is: what the image's name contains, and the program. `echo-basic` is known.
    #[arg(long = "image", value_name = "SUBSTRING=BINARY")]
    images: Vec<String>,
}

impl Words {
    /// Does what the words say; the code is that of the program.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        // The client complains of each answer that is no success; whoever waits for one asks often.
        let quiet = tracing_subscriber::EnvFilter::try_from_default_env();
        let quiet = quiet.unwrap_or_else(|_| "info,kube_client=off".into());
        tracing_subscriber::fmt()
            .with_env_filter(quiet)
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .init();
        match self.verb {
            Verb::Up(wish) => up(wish)?,
            Verb::Down { id, all } => {
                let ids: Vec<String> = if all {
                    Record::all()?.into_iter().map(|record| record.id).collect()
                } else {
                    vec![id]
                };
                for id in ids {
                    let was = down(&id)?;
                    println!("cluster {id}: {}", if was { "ended" } else { "none" });
                }
            }
            Verb::Status => status()?,
            Verb::Exec { id, command } => return exec(&id, &command),
            Verb::Apply { id, files } => {
                let cluster = Cluster::attach(&id)?;
                cluster.apply_files(&files)?;
            }
            Verb::Build => println!("{}", Programs::ready()?.folder().display()),
            Verb::Conformance(wish) => return conformance(&wish).map(ExitCode::from),
            Verb::Bench(wish) => bench(&wish)?,
            Verb::Node(args) => node::command(*args)?,
            Verb::Enter(args) => node::enter(&args)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn up(wish: Up) -> anyhow::Result<()> {
    let pairs = wish.images.iter().map(|image| {
        let (part, program) = image
            .split_once('=')
            .with_context(|| format!("{image}: SUBSTRING=BINARY is wanted"))?;
        anyhow::Ok((part.to_owned(), PathBuf::from(program)))
    });
    let cluster = Cluster::up(Options {
        id: Some(wish.id),
        manifests: wish.manifests,
        images: pairs.collect::<anyhow::Result<_>>()?,
        stays: true,
        program: Some(std::env::current_exe()?),
    })?;
    println!("cluster {} is up", cluster.id());
    println!("KUBECONFIG={}", cluster.kubeconfig().display());
    println!("logs: {}", cluster.folder().join("logs").display());
    println!(
        "inside: nsenter --net=/run/netns/{} -- kubectl --kubeconfig {} get pods -A",
        cluster.namespace(),
        cluster.kubeconfig().display()
    );
    Ok(())
}

fn status() -> anyhow::Result<()> {
    let all = Record::all()?;
    if all.is_empty() {
        println!("no cluster is up");
    }
    for record in all {
        println!("cluster {}: {}", record.id, record.folder.display());
        for (part, runs) in record.parts() {
            println!("  {part}: {}", if runs { "runs" } else { "has ended" });
        }
    }
    Ok(())
}

fn exec(id: &str, command: &[String]) -> anyhow::Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    let (program, args) = command.split_first().context("a program is needed")?;
    let cluster = Cluster::attach(id)?;
    Err(cluster.enter(program).args(args).exec().into())
}
