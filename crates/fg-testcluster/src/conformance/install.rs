//! Puts the control plane and the class into a cluster.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use fg_api::classes;
use futures::future::try_join_all;
use serde_json::json;

use crate::api;
use crate::cluster::Cluster;

/// The namespace of the control plane.
pub(super) const HOME: &str = "ferrogate-system";

/// Applies what `ferrogate manifests` prints. Errors: it fails, or the API server refuses something.
pub(super) fn control_plane(cluster: &Cluster, ferrogate: &Path) -> anyhow::Result<()> {
    let said = Command::new(ferrogate)
        .arg("manifests")
        .output()
        .with_context(|| format!("cannot run {}", ferrogate.display()))?;
    let text = String::from_utf8_lossy(&said.stderr);
    ensure!(
        said.status.success(),
        "ferrogate manifests: {}\n{}",
        said.status,
        text.trim_end()
    );
    cluster.apply(&String::from_utf8(said.stdout)?)?;
    println!("control plane: applied");
    Ok(())
}

/// The controller of a class that we have one for.
pub(super) fn controller(class: &str) -> Option<&'static str> {
    let known = classes::BUILT_IN.iter().find(|(name, _)| *name == class);
    known.map(|(_, controller)| *controller)
}

/// Makes the class, if it is one that we have a controller for.
pub(super) fn class(cluster: &Cluster, name: &str) -> anyhow::Result<()> {
    let Some(controller) = controller(name) else {
        return Ok(());
    };
    let class = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": name},
        "spec": {"controllerName": controller},
    });
    cluster.apply(&class.to_string())
}

/// Deletes the control plane's pods, so that they come again from the program as it is now.
pub(super) fn end_pods(cluster: &Cluster) -> anyhow::Result<()> {
    cluster.with_client(async |client| {
        let path = format!("/api/v1/namespaces/{HOME}/pods");
        let pods = api::list(&client, &path).await?;
        let names = pods
            .iter()
            .filter_map(|pod| pod.pointer("/metadata/name")?.as_str());
        let calls = names.map(|name| {
            let path = format!("{path}/{name}");
            let client = client.clone();
            async move {
                let request = http::Request::delete(path).body(Vec::new())?;
                client.request_text(request).await?;
                anyhow::Ok(())
            }
        });
        try_join_all(calls).await.map(|_| ())
    })
}
