//! Arguments of `proxy`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;

use super::plane::PlaneArgs;

/// Arguments of `proxy`.
#[derive(Debug, Args)]
pub(crate) struct ProxyArgs {
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
    #[command(flatten)]
    pub(crate) plane: PlaneArgs,
}

/// Whose proxy it is, and where its configuration comes from.
#[derive(Debug, Args)]
#[command(next_help_heading = "Control plane")]
pub(crate) struct FleetArgs {
    /// Where the control plane is: host and port
    #[arg(long, env = "FERROGATE_CONTROL", value_name = "HOST:PORT")]
    pub(crate) control: String,
    /// Name of the Gateway that is served
    #[arg(long, env = "FERROGATE_GATEWAY", value_name = "NAME")]
    pub(crate) gateway: String,
    /// Namespace of the Gateway, and of this pod
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAME")]
    pub(crate) namespace: String,
    /// Name of this pod
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    pub(crate) pod_name: String,
    /// Address of this pod
    #[arg(long, env = "POD_IP", value_name = "ADDRESS")]
    pub(crate) pod_ip: IpAddr,
    /// Name of the node that this pod runs on
    #[arg(long, env = "NODE_NAME", default_value = "", value_name = "NAME")]
    pub(crate) node_name: String,
    /// The zone of that node; may be empty
    #[arg(long, env = "FERROGATE_ZONE", default_value = "", value_name = "NAME")]
    pub(crate) zone: String,
    /// A file with the certificates that the control plane's certificate must be signed by
    #[arg(long, env = "FERROGATE_CA_FILE", value_name = "FILE")]
    pub(crate) ca_file: PathBuf,
    /// A file with the token that says who this is; read again for each connection
    #[arg(long, env = "FERROGATE_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: PathBuf,
}
