//! Arguments of `echo`.

use std::net::SocketAddr;

use clap::Args;

/// Arguments of `echo`.
#[derive(Debug, Args)]
pub(crate) struct EchoArgs {
    /// Where to listen
    #[arg(
        long,
        env = "FERROGATE_ECHO_ADDRESS",
        default_value = "127.0.0.1:9100",
        value_name = "ADDRESS"
    )]
    pub(crate) address: SocketAddr,
    /// The name that it answers with
    #[arg(
        long,
        env = "FERROGATE_ECHO_NAME",
        default_value = "echo",
        value_name = "NAME"
    )]
    pub(crate) name: String,
}
