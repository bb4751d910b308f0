//! Proxies that are killed, that freeze, that refuse something, and that end.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::ground::{Ground, condition, ip, is_ready, name, restarts, until, verdict};
use crate::http::{self, Connection};
use crate::objects::Place;
use crate::processes::Process;

/// The port of readiness.
const READINESS: u16 = 8082;

/// How long anything of a deleted Gateway may be left that serves nobody any more.
const GONE: Duration = Duration::from_secs(10);

/// A proxy that begins is ready when it has everything, and not before; and Programmed tells whether one serves.
pub(crate) async fn killed(ground: &Ground<'_>) -> anyhow::Result<()> {
    const ROUTES: usize = 200;
    let place = ground.place("killed", ROUTES).await?;
    let pod = ground.proxy_pod(&place).await?;
    let (ready, web) = (
        SocketAddr::new(ip(&pod)?, READINESS),
        SocketAddr::new(ip(&pod)?, 80),
    );
    let control = ground.control_pod().await?;
    let control = Process::of(ground.cluster, "control", name(&control))?;

    // It cannot have anything while nobody sends it.
    control.freeze()?;
    let outcome = async {
        Process::of(ground.cluster, "proxy", name(&pod))?.kill()?;
        until("it runs and says that it is not ready", async || {
            let reply = http::get(ready, "pod", "/ready")?;
            ensure!(reply.status == 503, "{reply:?}");
            Ok(())
        })
        .await?;
        until("the cluster knows", async || {
            let now = ground.get(&pod_path(&place, name(&pod))).await?;
            ensure!(
                restarts(&now) > restarts(&pod) && !is_ready(&now),
                "{now:#}"
            );
            Ok(())
        })
        .await?;
        ensure!(http::get(ready, "pod", "/ready")?.status == 503);
        ensure!(
            http::get(web, &place.host(0), "/").is_err(),
            "it serves what it cannot have"
        );
        anyhow::Ok(())
    };
    let outcome = outcome.await;
    control.thaw()?;
    outcome?;

    until("it is ready", async || {
        let reply = http::get(ready, "pod", "/ready")?;
        ensure!(reply.status == 200, "{reply:?}");
        Ok(())
    })
    .await?;
    for number in (0..ROUTES).rev() {
        let reply = http::get(web, &place.host(number), "/")?;
        ensure!(
            reply.status == 200,
            "ready, and {} has {reply:?}",
            place.host(number)
        );
    }
    ground.serves(&place, ROUTES).await?;
    frozen(ground, &place).await?;
    Ok(())
}

/// A proxy that does not answer is not counted, and is counted again when it does.
async fn frozen(ground: &Ground<'_>, place: &Place) -> anyhow::Result<()> {
    let proxy = ground.proxy(place).await?;
    proxy.freeze()?;
    let outcome = ground.programmed(place, "False", "").await;
    proxy.thaw()?;
    let gateway = outcome?;
    let said = condition(&gateway["status"], "Programmed");
    ensure!(said["reason"] == "Pending", "{said}");
    let back = ground.programmed(place, "True", "1/1 proxies").await?;
    let now = condition(&back["status"], "Programmed");
    let time = |condition: &Value| condition["lastTransitionTime"].as_str().map(str::to_owned);
    ensure!(time(&now) >= time(&said), "{now} after {said}");
    ensure!(
        ground.proxy(place).await? == proxy,
        "the proxy was restarted"
    );
    Ok(())
}

/// A listener whose port somebody else has is told with proxy, resource and reason; the others serve; and when the port
/// is free it serves, without anybody doing anything.
pub(crate) async fn refused(ground: &Ground<'_>) -> anyhow::Result<()> {
    let place = ground.place("refused", 2).await?;
    let pod = ground.proxy_pod(&place).await?;
    let proxy = ground.proxy(&place).await?;
    let holder = proxy.inside(|| Ok(TcpListener::bind((Ipv4Addr::UNSPECIFIED, 8181))?))?;
    let listener = |name: &str, port: u16| json!({"name": name, "port": port, "protocol": "HTTP"});
    let both = json!([listener("http", 80), listener("held", 8181)]);
    ground.apply(&place.gateway(both)).await?;
    let judged = async |words: &[&str]| {
        until(&format!("the listener is {words:?}"), async || {
            let gateway = ground.get(&place.path()).await?;
            let all = gateway["status"]["listeners"].as_array().cloned();
            let all = all.unwrap_or_default();
            let held = all.iter().find(|one| one["name"] == "held");
            let said = verdict(held.context("no status")?, "Programmed");
            ensure!(words.iter().all(|word| said.contains(word)), "{said}");
            Ok(gateway)
        })
        .await
    };
    let resource = format!("listener/{}/{}/held", place.namespace, place.gateway);
    judged(&["False/", name(&pod), &resource, "another process", "8181"]).await?;
    // What works goes on working, new things included.
    ground.edit(&place, 0, "beside").await?;
    let address = ground.address(&place).await?;
    let held = SocketAddr::new(address.ip(), 8181);
    drop(holder);
    judged(&["True/Programmed", "1/1 proxies"]).await?;
    ground.programmed(&place, "True", "1/1 proxies").await?;
    until("it serves", async || {
        let reply = http::get(held, &place.host(1), "/")?;
        ensure!(reply.status == 200, "{reply:?}");
        Ok(())
    })
    .await?;
    ensure!(
        ground.proxy(&place).await? == proxy,
        "the proxy was restarted"
    );
    alone(ground, &place, proxy).await?;
    Ok(())
}

/// A Gateway whose only listener is refused is not Programmed itself.
async fn alone(ground: &Ground<'_>, place: &Place, proxy: Process) -> anyhow::Result<()> {
    let holder = proxy.inside(|| Ok(TcpListener::bind((Ipv4Addr::UNSPECIFIED, 8282))?))?;
    let only = json!([{"name": "only", "port": 8282, "protocol": "HTTP"}]);
    ground.apply(&place.gateway(only)).await?;
    ground.programmed(place, "False", "").await?;
    drop(holder);
    ground.programmed(place, "True", "1/1 proxies").await?;
    ensure!(
        ground.proxy(place).await? == proxy,
        "the proxy was restarted"
    );
    Ok(())
}

/// A request under way when its Gateway is deleted gets its answer; one that never ends is cut; all of it goes.
pub(crate) async fn deleted(ground: &Ground<'_>) -> anyhow::Result<()> {
    let place = ground.place("deleted", 1).await?;
    let address = ground.address(&place).await?;
    let mut long = under_way(address, &place)?;
    ground.delete(&place.path()).await?;
    let begin = Instant::now();
    let path = format!(
        "/apis/apps/v1/namespaces/{}/deployments/{}",
        place.namespace, place.gateway
    );
    until("its Deployment is gone", async || {
        is_gone(ground, &path).await
    })
    .await?;
    until("it takes nobody else", async || {
        ensure!(http::get(address, &place.host(0), "/").is_err());
        Ok(())
    })
    .await?;
    long.send("67890")?;
    let reply = long.reply()?;
    let echo: Value = serde_json::from_str(&reply.body)?;
    ensure!(reply.status == 200 && echo["body_bytes"] == 10, "{reply:?}");
    drop(long);
    everything_is_gone(ground, &place).await?;
    ensure!(begin.elapsed() < GONE, "it took {:?}", begin.elapsed());

    // One that never ends, where little time is given.
    ground
        .apply(&json!({
            "apiVersion": "gateway.kgateway.dev/v1alpha1",
            "kind": "GatewayParameters",
            "metadata": {"name": "hasty", "namespace": place.namespace},
            "spec": {"kube": {
                "podTemplate": {"gracefulShutdown": {"enabled": true, "sleepTimeSeconds": 1}},
                "envoyContainer": {"env": [{"name": "FERROGATE_DRAIN_TIMEOUT", "value": "2s"}]},
            }},
        }))
        .await?;
    let mut gateway = place.plain_gateway();
    gateway["spec"]["infrastructure"] = json!({"parametersRef":
        {"group": "gateway.kgateway.dev", "kind": "GatewayParameters", "name": "hasty"}});
    ground.apply(&gateway).await?;
    ground.serves(&place, 1).await?;
    let mut endless = under_way(ground.address(&place).await?, &place)?;
    ground.delete(&place.path()).await?;
    endless.is_cut(Duration::from_secs(30))?;
    everything_is_gone(ground, &place).await?;
    Ok(())
}

/// A request of which half was sent and has arrived.
fn under_way(address: SocketAddr, place: &Place) -> anyhow::Result<Connection> {
    let mut connection = Connection::open(address)?;
    ensure!(connection.get(&place.host(0), "/")?.status == 200);
    let host = place.host(0);
    connection.send(&format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 10\r\n\r\n12345"
    ))?;
    Ok(connection)
}

/// Waits until nothing that was made for a Gateway is there.
async fn everything_is_gone(ground: &Ground<'_>, place: &Place) -> anyhow::Result<()> {
    let (namespace, gateway) = (&place.namespace, &place.gateway);
    for path in [
        format!("/apis/apps/v1/namespaces/{namespace}/deployments/{gateway}"),
        format!("/api/v1/namespaces/{namespace}/services/{gateway}"),
        format!("/api/v1/namespaces/{namespace}/serviceaccounts/{gateway}"),
    ] {
        until("an object is gone", async || is_gone(ground, &path).await).await?;
    }
    let label = format!("gateway.networking.k8s.io/gateway-name={gateway}");
    let pods = format!("/api/v1/namespaces/{namespace}/pods?labelSelector={label}");
    until("its pods are gone", async || {
        let pods = ground.list(&pods).await?;
        ensure!(pods.is_empty(), "{} pods", pods.len());
        Ok(())
    })
    .await
}

async fn is_gone(ground: &Ground<'_>, path: &str) -> anyhow::Result<()> {
    match ground.get(path).await {
        Err(error) if format!("{error:?}").contains("NotFound") => Ok(()),
        Err(error) => Err(error),
        Ok(_) => anyhow::bail!("{path} is still there"),
    }
}

fn pod_path(place: &Place, pod: &str) -> String {
    format!("/api/v1/namespaces/{}/pods/{pod}", place.namespace)
}
