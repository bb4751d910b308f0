//! The Node object.

use std::{fs, time::Duration};

use anyhow::Result;
use k8s_openapi::{api::core::v1::Node as NodeObject, jiff::Timestamp};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use super::Node;
use crate::network::{HOST, NODE_PORT, PODS};

/// Creates the Node or takes over the one of a former run, and writes its status.
///
/// # Errors
/// The API server refuses, or does not answer within ten seconds.
pub(super) async fn register(node: &Node) -> Result<()> {
    let api: Api<NodeObject> = Api::all(node.client.clone());
    let name = &node.args.name;
    let apply = PatchParams::apply("fg-testcluster").force();
    let mut tries = 0;
    loop {
        // Admission adds a taint that nothing would remove: an empty list of our own takes it away.
        let written = async {
            api.patch(name, &apply, &Patch::Apply(object(node))).await?;
            api.patch(
                name,
                &PatchParams::default(),
                &Patch::Merge(json!({"spec": {"taints": null}})),
            )
            .await?;
            api.patch_status(
                name,
                &PatchParams::default(),
                &Patch::Strategic(status(node)),
            )
            .await
        };
        match written.await {
            Ok(_) => return Ok(()),
            Err(why) if tries >= 50 => return Err(why.into()),
            Err(why) => tracing::debug!("registering the node: {why}"),
        }
        tries += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn object(node: &Node) -> Value {
    let name = &node.args.name;
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": architecture(),
            "topology.kubernetes.io/zone": node.args.zone,
            "topology.kubernetes.io/region": "region-a",
        }},
        "spec": {"podCIDR": PODS, "podCIDRs": [PODS]},
    })
}

fn status(node: &Node) -> Value {
    let now = Timestamp::now();
    let capacity =
        json!({"cpu": cpus().to_string(), "memory": format!("{}Ki", memory_kib()), "pods": "1000"});
    let condition = |kind: &str, holds: bool, reason: &str| {
        let status = if holds { "True" } else { "False" };
        json!({"type": kind, "status": status, "reason": reason, "message": "", "lastHeartbeatTime": now,
            "lastTransitionTime": now})
    };
    json!({"status": {
        "addresses": [
            {"type": "InternalIP", "address": HOST},
            {"type": "Hostname", "address": node.args.name}],
        "capacity": capacity,
        "allocatable": capacity,
        "conditions": [
            condition("Ready", true, "KubeletReady"),
            condition("MemoryPressure", false, "KubeletHasSufficientMemory"),
            condition("DiskPressure", false, "KubeletHasNoDiskPressure"),
            condition("PIDPressure", false, "KubeletHasSufficientPID")],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": NODE_PORT}},
        "nodeInfo": {
            "machineID": node.args.name, "systemUUID": node.args.name, "bootID": node.args.netns,
            "kernelVersion": kernel(), "osImage": "local processes", "containerRuntimeVersion": "process://1",
            "kubeletVersion": "v1.37.1", "kubeProxyVersion": "v1.37.1",
            "operatingSystem": "linux", "architecture": architecture()},
    }})
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn kernel() -> String {
    rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned()
}

/// CPUs of this machine.
pub(super) fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

/// Memory of this machine in KiB.
pub(super) fn memory_kib() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text
        .lines()
        .find(|line| line.starts_with("MemTotal:"))
        .unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|number| number.parse().ok())
        .unwrap_or(1 << 20)
}
