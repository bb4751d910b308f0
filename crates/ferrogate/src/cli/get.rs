//! Arguments of `get`.

use clap::{Args, ValueEnum};

/// Arguments of `get`.
#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// What to list
    pub(crate) what: GetWhat,
    /// Only this namespace [default: all]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// The context of the kubeconfig [default: the current one]
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
}

/// What `get` lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GetWhat {
    /// Gateways of our classes: addresses, proxies, whether they serve.
    Gateways,
    /// Routes on them, a line for each parent.
    Routes,
}
