//! Puts Envoy Gateway into a cluster.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use kube::Client;

use crate::api;
use crate::cache::Programs;
use crate::cluster::Cluster;

/// The namespace of its control plane and of its proxies.
pub(super) const HOME: &str = "envoy-gateway-system";

/// What its images' names contain, and the program. Errors: it cannot be built.
pub(super) fn image() -> anyhow::Result<(String, PathBuf)> {
    let program = Programs::peer()?.program("envoy-gateway");
    Ok(("envoyproxy/gateway:".to_owned(), program))
}

/// Applies its CRDs and what its chart would, with certificates made by its own program.
/// Errors: the API server refuses something, or the program fails.
pub(super) async fn install(cluster: &Cluster, client: &Client) -> anyhow::Result<()> {
    let programs = Programs::peer()?;
    api::apply_files(client, &programs.crds()).await?;
    api::apply(client, include_str!("install.yaml")).await?;
    let said = cluster
        .enter(programs.program("envoy-gateway"))
        .args(["certgen", "--disable-topology-injector"])
        .env("ENVOY_GATEWAY_NAMESPACE", HOME)
        .env("KUBERNETES_CLUSTER_DOMAIN", "cluster.local")
        .output()
        .context("cannot run envoy-gateway")?;
    let text = String::from_utf8_lossy(&said.stderr);
    ensure!(
        said.status.success(),
        "envoy-gateway certgen: {}",
        text.trim_end()
    );
    Ok(())
}
