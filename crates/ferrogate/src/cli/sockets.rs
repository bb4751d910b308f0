//! The sockets of the process itself.

use std::net::SocketAddr;

use clap::Args;

use super::value::{loopback, port_pair};

/// The socket of the admin pages.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct AdminArgs {
    /// Admin pages: configuration, status, explain, log level; loopback only
    #[arg(long, env = "FERROGATE_ADMIN_ADDRESS", default_value = "127.0.0.1:19000", value_parser = loopback, value_name = "ADDRESS")]
    pub(crate) admin_address: SocketAddr,
}

/// The sockets of the process itself, and the mapping of the others.
#[derive(Debug, Args)]
#[command(next_help_heading = "Addresses")]
pub(crate) struct SocketArgs {
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    /// Readiness: /ready answers 200 once a complete configuration serves
    #[arg(
        long,
        env = "FERROGATE_READINESS_ADDRESS",
        default_value = "0.0.0.0:8082",
        value_name = "ADDRESS"
    )]
    pub(crate) readiness_address: SocketAddr,
    /// Metrics: /metrics for Prometheus
    #[arg(
        long,
        env = "FERROGATE_METRICS_ADDRESS",
        default_value = "0.0.0.0:9091",
        value_name = "ADDRESS"
    )]
    pub(crate) metrics_address: SocketAddr,
    /// Binds another port for a listener's port, such as 80=8080; repeat, or separate by commas
    #[arg(long, env = "FERROGATE_PORT_MAP", value_parser = port_pair, value_delimiter = ',', value_name = "PORT=PORT")]
    pub(crate) port_map: Vec<(u16, u16)>,
}
