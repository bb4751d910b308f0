//! Gateways that stop being ours while nobody looks, and Gateways whose proxies are somebody else's.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::ground::{Ground, condition, ip, is_ready, until};
use crate::http;
use crate::objects::Place;
use crate::replicas::scale;

const CLASS: &str = "/apis/gateway.networking.k8s.io/v1/gatewayclasses/passing";

/// Its class goes while no control plane runs: the next one takes away what was made for it, and takes back what was
/// said of it.
pub(crate) async fn class_gone_meanwhile(ground: &Ground<'_>) -> anyhow::Result<()> {
    ground
        .apply(&json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": {"name": "passing"},
            "spec": {"controllerName": "ferrogate.dev/gateway"},
        }))
        .await?;
    let other = ground.place("stays", 1).await?;
    let place = Place::named("passing");
    ground.apply(&crate::objects::space("passing")).await?;
    let mut gateway = place.plain_gateway();
    gateway["spec"]["gatewayClassName"] = json!("passing");
    ground.apply(&gateway).await?;
    ground.programmed(&place, "True", "").await?;

    scale(ground, 0).await?;
    let deleted = ground.delete(CLASS).await;
    scale(ground, 1).await?;
    deleted?;
    for (group, plural, name) in [
        ("apis/apps/v1", "deployments", "edge"),
        ("api/v1", "services", "edge"),
        ("api/v1", "serviceaccounts", "edge"),
        ("api/v1", "configmaps", "ferrogate-ca"),
    ] {
        let list = format!("/{group}/namespaces/passing/{plural}");
        until(&format!("{plural} {name} is gone"), async || {
            let all = ground.list(&list).await?;
            let mut there = all.iter().filter(|one| one["metadata"]["name"] == name);
            let is_going = |one: &Value| !one["metadata"]["deletionTimestamp"].is_null();
            ensure!(there.all(is_going), "it is there");
            Ok(())
        })
        .await?;
    }
    until("nothing is said of it any more", async || {
        let gateway = ground.get(&place.path()).await?;
        let programmed = condition(&gateway["status"], "Programmed");
        ensure!(programmed["status"] != "True", "{programmed}");
        Ok(())
    })
    .await?;
    ground.serves(&other, 1).await
}

/// Nothing is deployed; a pod of ours that somebody else runs is served and counts.
pub(crate) async fn self_managed(ground: &Ground<'_>) -> anyhow::Result<()> {
    let place = ground.place("elsewhere", 1).await?;
    let parameters = json!({
        "apiVersion": "gateway.kgateway.dev/v1alpha1",
        "kind": "GatewayParameters",
        "metadata": {"name": "elsewhere", "namespace": place.namespace},
        "spec": {"selfManaged": {}},
    });
    ground.apply(&parameters).await?;
    let mut gateway = place.plain_gateway();
    gateway["spec"]["addresses"] = json!([{"type": "IPAddress", "value": "192.0.2.7"}]);
    gateway["spec"]["infrastructure"] = json!({"parametersRef": {
        "group": "gateway.kgateway.dev", "kind": "GatewayParameters", "name": "elsewhere",
    }});
    ground.apply(&gateway).await?;
    let services = format!("/api/v1/namespaces/{}/services", place.namespace);
    until("nothing is deployed", async || {
        let all = ground.list(&services).await?;
        ensure!(all.iter().all(|one| one["metadata"]["name"] != "edge"));
        Ok(())
    })
    .await?;
    ground.programmed(&place, "False", "no proxy").await?;

    for object in theirs(&place) {
        ground.apply(&object).await?;
    }
    let gateway = ground.programmed(&place, "True", "1/1 proxies").await?;
    ensure!(
        gateway["status"]["addresses"] == json!([{"type": "IPAddress", "value": "192.0.2.7"}]),
        "{gateway:#}"
    );
    let path = place.route_path("r0");
    ground
        .judged(&path, "ferrogate.dev/Programmed", "1/1 proxies")
        .await?;
    let pod = format!("/api/v1/namespaces/{}/pods/theirs", place.namespace);
    until("it serves", async || {
        let pod = ground.get(&pod).await?;
        ensure!(is_ready(&pod), "it is not ready");
        let address = (ip(&pod).context("an address")?, 80).into();
        let reply = http::get(address, &place.host(0), "/")?;
        ensure!(reply.status == 200, "{reply:?}");
        Ok(())
    })
    .await
}

/// The ServiceAccount of the Gateway, and a proxy that runs as it.
fn theirs(place: &Place) -> [Value; 2] {
    let (namespace, gateway) = (&place.namespace, &place.gateway);
    let plain = |name: &str, value: &str| json!({"name": name, "value": value});
    let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
    let token = json!({"audience": "ferrogate", "expirationSeconds": 3600, "path": "token"});
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "theirs", "namespace": namespace},
        "spec": {
            "serviceAccountName": gateway,
            "securityContext": {
                "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
            },
            "containers": [{
                "name": "proxy",
                "image": "ferrogate",
                "args": ["proxy"],
                "env": [
                    field("POD_NAME", "metadata.name"),
                    field("POD_NAMESPACE", "metadata.namespace"),
                    field("POD_IP", "status.podIP"),
                    plain("FERROGATE_GATEWAY", gateway),
                    plain("FERROGATE_CONTROL", "ferrogate.ferrogate-system.svc:9977"),
                    plain("FERROGATE_CA_FILE", "/var/run/ferrogate/ca/ca.crt"),
                    plain("FERROGATE_TOKEN_FILE", "/var/run/ferrogate/token/token"),
                ],
                "readinessProbe": {"httpGet": {"path": "/ready", "port": 8082}, "periodSeconds": 1},
                "volumeMounts": [
                    {"name": "ca", "mountPath": "/var/run/ferrogate/ca"},
                    {"name": "token", "mountPath": "/var/run/ferrogate/token"},
                ],
            }],
            "volumes": [
                {"name": "ca", "configMap": {"name": "ferrogate-ca"}},
                {"name": "token", "projected": {"sources": [{"serviceAccountToken": token}]}},
            ],
        },
    });
    let account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": gateway, "namespace": namespace},
    });
    [account, pod]
}
