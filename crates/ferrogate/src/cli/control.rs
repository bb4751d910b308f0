//! Arguments of `control`.

use std::net::{IpAddr, SocketAddr};

use clap::{Args, ValueEnum};

use super::logging::LogArgs;
use super::sockets::AdminArgs;
use super::source::TranslationArgs;

/// Arguments of `control`.
#[derive(Debug, Args)]
pub(crate) struct ControlArgs {
    #[command(flatten)]
    pub(crate) install: InstallArgs,
    #[command(flatten)]
    pub(crate) discovery: DiscoveryArgs,
    #[command(flatten)]
    pub(crate) translation: TranslationArgs,
    #[command(flatten)]
    pub(crate) logging: LogArgs,
}

/// How this control plane is installed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Installation")]
pub(crate) struct InstallArgs {
    /// Namespace of the control plane
    #[arg(
        long,
        env = "POD_NAMESPACE",
        default_value = "ferrogate-system",
        value_name = "NAME"
    )]
    pub(crate) namespace: String,
    /// Name of this pod: who leads is known by it
    #[arg(
        long,
        env = "POD_NAME",
        default_value = "ferrogate",
        value_name = "NAME"
    )]
    pub(crate) pod_name: String,
    /// Address of this pod; one of the names of its certificate
    #[arg(long, env = "POD_IP", value_name = "ADDRESS")]
    pub(crate) pod_ip: Option<IpAddr>,
    /// Name of the Service that proxies reach the control plane by
    #[arg(
        long,
        env = "FERROGATE_SERVICE",
        default_value = "ferrogate",
        value_name = "NAME"
    )]
    pub(crate) service: String,
    /// Image of the proxies, unless GatewayParameters say another
    #[arg(long, env = "FERROGATE_PROXY_IMAGE", default_value = concat!("ferrogate:", env!("CARGO_PKG_VERSION")), value_name = "IMAGE")]
    pub(crate) proxy_image: String,
    /// Image of Envoys, unless GatewayParameters say another
    #[arg(long, env = "FERROGATE_ENVOY_IMAGE", default_value = fg_deploy::ENVOY_IMAGE, value_name = "IMAGE")]
    pub(crate) envoy_image: String,
    /// Whether Envoys listen on IPv6 too; false where a node's kernel has none: there an Envoy cannot
    /// bind ::, and serves nothing
    #[arg(
        long,
        env = "FERROGATE_ENVOY_IPV6",
        default_value_t = true,
        action = clap::ArgAction::Set,
        value_name = "BOOL"
    )]
    pub(crate) envoy_ipv6: bool,
    /// Envoys write a line of JSON for each request to standard output
    #[arg(long, env = "FERROGATE_ENVOY_ACCESS_LOG")]
    pub(crate) envoy_access_log: bool,
    /// Configuration for proxies: gRPC over TLS
    #[arg(
        long,
        env = "FERROGATE_DISCOVERY_ADDRESS",
        default_value = "0.0.0.0:9977",
        value_name = "ADDRESS"
    )]
    pub(crate) discovery_address: SocketAddr,
    /// Metrics: /metrics for Prometheus
    #[arg(
        long,
        env = "FERROGATE_METRICS_ADDRESS",
        default_value = "0.0.0.0:9092",
        value_name = "ADDRESS"
    )]
    pub(crate) metrics_address: SocketAddr,
    /// Readiness: /readyz answers 200 once everything was read and proxies are served
    #[arg(
        long,
        env = "FERROGATE_READINESS_ADDRESS",
        default_value = "0.0.0.0:9093",
        value_name = "ADDRESS"
    )]
    pub(crate) readiness_address: SocketAddr,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    /// Writes status and deploys proxies without asking who leads: for a single replica
    #[arg(long, env = "FERROGATE_DISABLE_LEADER_ELECTION")]
    pub(crate) disable_leader_election: bool,
}

/// Which objects are read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Discovery")]
pub(crate) struct DiscoveryArgs {
    /// Namespaces that are read: a JSON list of label selectors, of which one must fit; an empty
    /// list is all
    #[arg(
        long,
        env = "FERROGATE_DISCOVERY_NAMESPACE_SELECTORS",
        default_value = "[]",
        value_name = "JSON"
    )]
    pub(crate) discovery_namespace_selectors: String,
    /// Secrets that are read: all, or those with the label kgateway.dev/watch=true
    #[arg(
        long,
        env = "FERROGATE_SECRET_DISCOVERY_MODE",
        default_value = "all",
        value_name = "MODE"
    )]
    pub(crate) secret_discovery_mode: DiscoveryMode,
    /// ConfigMaps that are read: all, or those with the label kgateway.dev/watch=true
    #[arg(
        long,
        env = "FERROGATE_CONFIG_MAP_DISCOVERY_MODE",
        default_value = "all",
        value_name = "MODE"
    )]
    pub(crate) config_map_discovery_mode: DiscoveryMode,
    /// Services that are read: all, or those with the label kgateway.dev/watch=true
    #[arg(
        long,
        env = "FERROGATE_SERVICE_DISCOVERY_MODE",
        default_value = "all",
        value_name = "MODE"
    )]
    pub(crate) service_discovery_mode: DiscoveryMode,
}

/// Which objects of a kind are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiscoveryMode {
    /// All.
    All,
    /// Those with the label `kgateway.dev/watch=true`.
    Labeled,
}
