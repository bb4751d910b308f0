//! The verbs of the program.

use std::process::ExitCode;

use fg_testcluster::node;

/// A real Kubernetes API server on this machine, with a node that runs pods as local processes.
#[derive(Debug, clap::Parser)]
#[command(name = "fg-testcluster")]
pub(crate) struct Words {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Is the cluster's node until SIGTERM; `up` starts it.
    Node(node::NodeArgs),
}

impl Words {
    /// Does what the words say; the code is that of the program.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Node(args) => node::command(args).map(|()| ExitCode::SUCCESS),
        }
    }
}
