//! Two control planes, of which the one that leads is killed.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::ground::{Ground, HOME, ip, name, until};
use crate::http::{self, Load};
use crate::objects::Place;
use crate::processes::Process;

/// The control plane's port of metrics.
const METRICS: u16 = 9092;
/// How many routes there are, so that all is much more than nothing new.
const ROUTES: usize = 50;

/// The leader is lost: traffic goes on, the other one takes over, sends the proxy nothing that it has, and writes.
pub(crate) async fn two(ground: &Ground<'_>) -> anyhow::Result<()> {
    let place = ground.place("replicas", ROUTES).await?;
    scale(ground, 2).await?;
    let outcome = async {
        let load = Load::start(ground.address(&place).await?, &[place.host(0)]);
        leader_is_lost(ground, &place).await?;
        load.end()
    };
    let outcome = outcome.await;
    scale(ground, 1).await?;
    outcome
}

async fn leader_is_lost(ground: &Ground<'_>, place: &Place) -> anyhow::Result<()> {
    let proxy = ground.proxy(place).await?;
    let (leader, all) = until("the proxy is connected to who leads", async || {
        let found = serving(ground).await?;
        ensure!(holder(ground).await? == name(&found.0), "another one leads");
        Ok(found)
    })
    .await?;
    let before = ground.page(proxy, "/status")?["generation"].as_u64();
    let gateway = ground.get(&place.path()).await?["status"].take();
    kill(ground, &leader).await?;
    let (next, sent) = until("it is connected to another", async || {
        let found = serving(ground).await?;
        ensure!(name(&found.0) != name(&leader), "still the one that ended");
        Ok(found)
    })
    .await?;
    ensure!(holder(ground).await? == name(&next), "another one leads");
    ensure!(
        sent * 10.0 < all,
        "{sent} bytes were sent anew, and everything is {all}"
    );
    let after = ground.page(proxy, "/status")?["generation"].as_u64();
    ensure!(
        before == after && after.is_some(),
        "nothing was to change: {before:?}, {after:?}"
    );

    ground.apply(&place.route(ROUTES, "0")).await?;
    let path = place.route_path(&format!("r{ROUTES}"));
    ground
        .judged(&path, "ferrogate.dev/Programmed", "1/1 proxies")
        .await?;
    let now = ground.get(&place.path()).await?["status"].take();
    ensure!(
        now["conditions"] == gateway["conditions"],
        "flapped:\n{}\n{}",
        gateway["conditions"],
        now["conditions"]
    );
    Ok(())
}

/// Who holds the Lease.
async fn holder(ground: &Ground<'_>) -> anyhow::Result<String> {
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{HOME}/leases/ferrogate");
    let lease = ground.get(&path).await?;
    let holder = lease["spec"]["holderIdentity"].as_str();
    Ok(holder.context("nobody leads")?.to_owned())
}

/// The replica that our one proxy is connected to, and how many bytes it has sent to proxies.
async fn serving(ground: &Ground<'_>) -> anyhow::Result<(Value, f64)> {
    let pods = ground.control_pods().await?;
    ensure!(pods.len() == 2, "{} are ready", pods.len());
    let mut found = Vec::new();
    for pod in pods {
        let address = SocketAddr::new(ip(&pod)?, METRICS);
        let page = http::get(address, "control", "/metrics")?.body;
        let clients = value(&page, "ferrogate_discovery_clients");
        let bytes = value(&page, "ferrogate_discovery_bytes_total");
        ensure!(clients <= 1.0, "{clients} clients");
        if clients == 1.0 {
            found.push((pod, bytes));
        }
    }
    ensure!(found.len() == 1, "{} have a client", found.len());
    Ok(found.remove(0))
}

fn value(page: &str, name: &str) -> f64 {
    let mut lines = page.lines();
    let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Ends a replica for good, as the loss of its machine would; another pod comes in its place.
async fn kill(ground: &Ground<'_>, pod: &Value) -> anyhow::Result<()> {
    Process::of(ground.cluster, "control", name(pod))?.kill()?;
    let path = format!("/api/v1/namespaces/{HOME}/pods/{}", name(pod));
    ground.delete(&format!("{path}?gracePeriodSeconds=0")).await
}

/// As many control planes, ready.
pub(crate) async fn scale(ground: &Ground<'_>, replicas: usize) -> anyhow::Result<()> {
    let path = format!("/apis/apps/v1/namespaces/{HOME}/deployments/ferrogate");
    ground
        .merge(&path, &json!({"spec": {"replicas": replicas}}))
        .await?;
    until("as many control planes", async || {
        let pods = ground.control_pods().await?;
        ensure!(pods.len() == replicas, "{} are ready", pods.len());
        Ok(())
    })
    .await
}
