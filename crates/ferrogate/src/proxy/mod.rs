//! `ferrogate proxy`: one Gateway's data plane in a cluster, configured by discovery.

use std::process::ExitCode;

use crate::cli::ProxyArgs;

/// Serves until a signal ends it.
pub(crate) fn proxy(args: &ProxyArgs) -> anyhow::Result<ExitCode> {
    let _ = args;
    anyhow::bail!("not built yet")
}
