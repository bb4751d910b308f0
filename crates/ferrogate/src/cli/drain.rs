//! Arguments of `drain`.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use super::value::{duration, loopback};

/// Arguments of `drain`.
#[derive(Debug, Args)]
pub(crate) struct DrainArgs {
    /// The admin pages of the proxy
    #[arg(long, env = "FERROGATE_ADMIN_ADDRESS", default_value = "127.0.0.1:19000", value_parser = loopback, value_name = "ADDRESS")]
    pub(crate) admin_address: SocketAddr,
    /// How long to wait in any case, so that balancers learn that it is not ready
    #[arg(long, default_value = "5s", value_parser = duration, value_name = "DURATION")]
    pub(crate) at_least: Duration,
    /// How long to wait for connections that stay open
    #[arg(long, default_value = "10s", value_parser = duration, value_name = "DURATION")]
    pub(crate) at_most: Duration,
}
