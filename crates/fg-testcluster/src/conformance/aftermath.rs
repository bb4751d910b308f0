//! What is told and kept of a run: ends of logs, pods that are not Ready.

use std::fs;
use std::path::Path;

use kube::Client;
use serde_json::Value;

use super::install::HOME;
use crate::api;
use crate::cluster::{Cluster, Part};
use crate::process::last_lines;

/// How many lines of each log are told.
const LINES: usize = 12;

/// Prints the last lines of the logs of the API server, the node, the control plane and the pods that are not Ready.
pub(super) fn tell(cluster: &Cluster) {
    for part in [Part::Api, Part::Node] {
        println!("the end of the log of {part:?}:");
        print!("{}", last_lines(&cluster.log(part), LINES));
    }
    let told = cluster.with_client(async |client| {
        for pod in api::list(&client, "/api/v1/pods").await? {
            let [namespace, name] = place(&pod);
            let ready = api::is_true(&pod, "Ready");
            if ready && namespace != HOME {
                continue;
            }
            let ready = if ready { "Ready" } else { "not Ready" };
            println!("pod {namespace}/{name}, {ready}:");
            if let Some(state) = pod.pointer("/status/containerStatuses/0/state") {
                println!("    {state}");
            }
            print!("{}", log(&client, &pod, Some(LINES)).await);
        }
        Ok(())
    });
    if let Err(error) = told {
        println!("pods cannot be told: {error:#}");
    }
}

/// Copies the parts' logs and those of the control plane's pods; after a failure all pods' logs.
pub(super) fn keep(cluster: &Cluster, logs: &Path, failed: bool) {
    let kept = cluster.with_client(async |client| {
        for pod in api::list(&client, "/api/v1/pods").await? {
            let [namespace, name] = place(&pod);
            if failed || namespace == HOME {
                let file = logs.join(format!("pod-{namespace}-{name}.log"));
                fs::write(file, log(&client, &pod, None).await)?;
            }
        }
        for entry in fs::read_dir(cluster.folder().join("logs"))? {
            let entry = entry?;
            fs::copy(entry.path(), logs.join(entry.file_name()))?;
        }
        Ok(())
    });
    if let Err(error) = kept {
        println!("not all logs are kept: {error:#}");
    }
}

fn place(pod: &Value) -> [&str; 2] {
    ["namespace", "name"].map(|field| {
        let value = pod.pointer(&format!("/metadata/{field}"));
        value.and_then(Value::as_str).unwrap_or_default()
    })
}

/// The log of a pod's first container, indented; or why there is none.
async fn log(client: &Client, pod: &Value, lines: Option<usize>) -> String {
    let [namespace, name] = place(pod);
    let container = pod
        .pointer("/spec/containers/0/name")
        .and_then(Value::as_str);
    let container = container.unwrap_or_default();
    let tail = lines.map(|count| format!("&tailLines={count}"));
    let path = format!(
        "/api/v1/namespaces/{namespace}/pods/{name}/log?container={container}{}",
        tail.unwrap_or_default()
    );
    let text = match http::Request::get(path).body(Vec::new()) {
        Ok(request) => client.request_text(request).await,
        Err(error) => return format!("    no log: {error}\n"),
    };
    match text {
        Ok(text) => text.lines().map(|line| format!("    {line}\n")).collect(),
        Err(error) => format!("    no log: {error}\n"),
    }
}
