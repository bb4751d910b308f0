//! What is told and kept of a run: ends of logs, pods that are not Ready.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::install::HOME;
use crate::api;
use crate::cluster::{Cluster, Part};
use crate::process::last_lines;
use crate::record::NODE;

/// How many lines of each log are told.
const LINES: usize = 12;

/// Prints the last lines of the logs of the API server, the node, the control plane and the pods that are not Ready.
pub(crate) fn tell(cluster: &Cluster) {
    for part in [Part::Api, Part::Node] {
        println!("{part:?}, the end of its log:");
        print!("{}", last_lines(&cluster.log(part), LINES));
    }
    let pods = cluster.with_client(async |client| api::list(&client, "/api/v1/pods").await);
    for pod in pods.unwrap_or_else(|error| {
        println!("pods cannot be listed: {error:#}");
        Vec::new()
    }) {
        let ready = api::is_true(&pod, "Ready");
        let field = |path| {
            pod.pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (namespace, name) = (field("/metadata/namespace"), field("/metadata/name"));
        if ready && namespace != HOME {
            continue;
        }
        let state = pod.pointer("/status/containerStatuses/0/state");
        println!(
            "pod {namespace}/{name}, {}: {}",
            if ready { "Ready" } else { "not Ready" },
            state.unwrap_or(&Value::Null)
        );
        let container = field("/spec/containers/0/name");
        let log = container_logs(cluster).join(format!("{namespace}_{name}_{container}.log"));
        print!("{}", last_lines(&log, LINES));
    }
}

/// The folder of all containers' logs, those of pods that are gone included.
fn container_logs(cluster: &Cluster) -> PathBuf {
    cluster.folder().join(NODE).join("logs")
}

/// Copies the logs of the cluster's parts and of all containers, which lie in a folder that ends with the cluster.
/// Errors: the disk is full, or the like.
pub(crate) fn keep(cluster: &Cluster, logs: &Path) -> anyhow::Result<()> {
    let pods = logs.join("pods");
    fs::create_dir_all(&pods)?;
    for (from, to) in [
        (cluster.folder().join("logs"), logs),
        (container_logs(cluster), pods.as_path()),
    ] {
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
