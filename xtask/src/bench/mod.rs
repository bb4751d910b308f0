//! `cargo xtask bench`: measures the gateway beside other proxies.

use anyhow::bail;

/// Runs the benchmarks. `args` are the words after the verb.
pub(crate) fn run(_args: &[String]) -> anyhow::Result<()> {
    bail!("there is nothing to measure yet")
}
