//! The node: runs the pods of a cluster as local processes, one network namespace a pod.

use std::path::PathBuf;

/// What the node is told by `up`. It runs inside the cluster's outer network namespace.
#[derive(Debug, Clone, clap::Args)]
pub struct NodeArgs {
    /// The kubeconfig of an administrator.
    #[arg(long)]
    pub kubeconfig: PathBuf,
    /// The node's own folder: pods' folders, logs, pid files. Exists and is empty at the start.
    #[arg(long)]
    pub run: PathBuf,
    /// The name of the outer network namespace. Names of pods' namespaces are this, a dash, and more; what is left of
    /// those when the node has ended is removed by `down`, processes in them included.
    #[arg(long)]
    pub netns: String,
    /// Which program an image is: SUBSTRING=BINARY, the first whose substring the image's name contains. An image that
    /// none fits leaves its pod waiting.
    #[arg(long = "image", value_name = "SUBSTRING=BINARY")]
    pub images: Vec<String>,
    /// The certificate and key (PEM) of the node's HTTPS server.
    #[arg(long, num_args = 2, value_names = ["CERT", "KEY"])]
    pub serving: Vec<PathBuf>,
}

/// Runs the node until SIGTERM; then ends every pod and returns.
pub fn command(args: NodeArgs) -> anyhow::Result<()> {
    anyhow::bail!("the node of {} is not written yet", args.netns)
}
