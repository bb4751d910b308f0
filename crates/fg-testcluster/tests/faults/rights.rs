//! The control plane lacks the right to read one kind.

use anyhow::ensure;
use serde_json::{Value, json};

use crate::ground::{Ground, HOME, name, until};
use crate::objects::Place;

/// The kind that it may not read.
const DENIED: &str = "grpcroutes";
const ROLE: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles/ferrogate";

/// It says so, by name; everything else works; and the kind works when the right is there again.
pub(crate) async fn denied(ground: &Ground<'_>) -> anyhow::Result<()> {
    let place = ground.place("rights", 2).await?;
    let path = grpc_path(&place, "old");
    ground.apply(&grpc(&place, "old")).await?;
    ground
        .judged(&path, "ferrogate.dev/Programmed", "1/1 proxies")
        .await?;

    let rules = ground.get(ROLE).await?["rules"].take();
    ground
        .merge(ROLE, &json!({"rules": without(&rules)}))
        .await?;
    let outcome = lacking(ground, &place).await;
    ground.merge(ROLE, &json!({"rules": rules})).await?;
    outcome?;

    let new = grpc_path(&place, "new");
    ground
        .judged(&new, "ferrogate.dev/Programmed", "1/1 proxies")
        .await?;
    ground
        .judged(&path, "ferrogate.dev/Programmed", "1/1 proxies")
        .await?;
    Ok(())
}

async fn lacking(ground: &Ground<'_>, place: &Place) -> anyhow::Result<()> {
    let before = ground.get(&grpc_path(place, "old")).await?;
    ground.restart_control_plane().await?;
    let pod = ground.control_pod().await?;
    let log = format!("/api/v1/namespaces/{HOME}/pods/{}/log", name(&pod));
    until("it says what it may not read", async || {
        let log = ground.text(&log).await?;
        let mut lines = log.lines();
        ensure!(lines.any(|line| line.contains(DENIED) && line.contains("forbidden")));
        Ok(())
    })
    .await?;
    ground.edit(place, 0, "without a right").await?;
    ground.apply(&place.route(7, "0")).await?;
    let path = place.route_path("r7");
    ground
        .judged(&path, "ferrogate.dev/Programmed", "1/1 proxies")
        .await?;
    // What it cannot see it does not speak of.
    ground.apply(&grpc(place, "new")).await?;
    let after = ground.get(&grpc_path(place, "old")).await?;
    ensure!(after["status"] == before["status"], "{before:#}\n{after:#}");
    Ok(())
}

/// Rules without the kind and its status.
fn without(rules: &Value) -> Value {
    let mut rules = rules.clone();
    for rule in rules.as_array_mut().into_iter().flatten() {
        if let Some(resources) = rule["resources"].as_array_mut() {
            resources.retain(|one| one != DENIED);
        }
    }
    rules
}

fn grpc(place: &Place, name: &str) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GRPCRoute",
        "metadata": {"name": name, "namespace": place.namespace},
        "spec": {
            "parentRefs": [{"name": place.gateway}],
            "hostnames": [format!("{name}.grpc.example")],
            "rules": [{"backendRefs": [{"name": "echo", "port": 80}]}],
        },
    })
}

fn grpc_path(place: &Place, name: &str) -> String {
    let namespace = &place.namespace;
    format!("/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/grpcroutes/{name}")
}
