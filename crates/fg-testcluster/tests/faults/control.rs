//! The control plane is killed while much changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::ensure;
use kube::Client;
use serde_json::{Value, json};

use crate::ground::{Ground, apply, condition, until};
use crate::http::Load;
use crate::objects::Place;

/// How many routes are edited all the time.
const EDITED: usize = 20;

/// Traffic goes on, connections stay open, what others wrote into statuses stays as it is, nothing flaps, and the end
/// is what a start from scratch comes to.
pub(crate) async fn killed_during_churn(ground: &Ground<'_>) -> anyhow::Result<()> {
    let place = ground.place("churn", EDITED + 5).await?;
    let quiet = place.route_path(&format!("r{EDITED}"));
    foreign(ground, &place, &quiet).await?;
    let before = statuses(ground, &place, &quiet).await?;
    let proxy = ground.proxy(&place).await?;

    let address = ground.address(&place).await?;
    let hosts: Vec<String> = (0..EDITED + 5)
        .step_by(3)
        .map(|one| place.host(one))
        .collect();
    let load = Load::start(address, &hosts);
    let churn = Churn::start(ground.client.clone(), place.clone());
    for _ in 0..2 {
        let (edits, answers) = (churn.edits(), load.answered());
        until("changes and traffic", async || {
            ensure!(churn.edits() > edits + 20 && load.answered() > answers + 200);
            Ok(())
        })
        .await?;
        ground.restart_control_plane().await?;
    }
    churn.end().await?;
    for number in 0..EDITED {
        ground.edit(&place, number, "last").await?;
    }
    load.end()?;
    ensure!(
        ground.proxy(&place).await? == proxy,
        "the proxy was restarted"
    );

    let after = statuses(ground, &place, &quiet).await?;
    ensure!(after == before, "flapped:\n{before:#}\n{after:#}");
    same_as_from_scratch(ground, &place).await?;
    Ok(())
}

/// What the proxy came to by all the changes is what everything from scratch comes to.
async fn same_as_from_scratch(ground: &Ground<'_>, place: &Place) -> anyhow::Result<()> {
    let proxy = ground.proxy(place).await?;
    let grown = ground.configuration(proxy)?;
    ensure!(grown.to_string().contains(&place.host(0)), "{grown:#}");
    proxy.kill()?;
    ground.restart_control_plane().await?;
    until("from scratch it is the same", async || {
        let fresh = ground.proxy(place).await?;
        ensure!(fresh != proxy, "not restarted yet");
        let fresh = ground.configuration(fresh)?;
        ensure!(fresh == grown, "grown:\n{grown:#}\nfresh:\n{fresh:#}");
        Ok(())
    })
    .await
}

/// Entries of another controller and conditions of others, written as others would.
async fn foreign(ground: &Ground<'_>, place: &Place, route: &str) -> anyhow::Result<()> {
    let condition = json!({
        "type": "somebody.example/Inspected", "status": "True", "reason": "Inspected", "message": "by  hand",
        "observedGeneration": 1, "lastTransitionTime": "2026-01-31T12:00:00Z",
    });
    let parents = ground.get(route).await?["status"]["parents"].take();
    let mut parents = parents.as_array().cloned().unwrap_or_default();
    parents.push(json!({
        "parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "elsewhere"},
        "controllerName": "somebody.example/controller",
        "conditions": [condition],
    }));
    let patch = json!({"status": {"parents": parents}});
    ground.merge(&format!("{route}/status"), &patch).await?;
    let gateway = ground.get(&place.path()).await?;
    let mut all = gateway["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    all.push(condition);
    let patch = json!({"status": {"conditions": all}});
    ground
        .merge(&format!("{}/status", place.path()), &patch)
        .await
}

/// What must be as it was: all conditions of the Gateway, and a route that nobody touched, to the last byte.
async fn statuses(ground: &Ground<'_>, place: &Place, quiet: &str) -> anyhow::Result<Value> {
    let gateway = ground.get(&place.path()).await?;
    let route = ground.get(quiet).await?;
    ensure!(condition(&gateway["status"], "Programmed")["status"] == "True");
    Ok(json!({
        "gateway": gateway["status"]["conditions"],
        "route": route["status"],
        "version": route["metadata"]["resourceVersion"],
    }))
}

/// Somebody who edits, adds and deletes routes, one call after the other.
struct Churn {
    stop: Arc<AtomicBool>,
    edits: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Churn {
    fn start(client: Client, place: Place) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let edits = Arc::new(AtomicUsize::new(0));
        let (stopped, count) = (stop.clone(), edits.clone());
        let task = tokio::spawn(async move {
            while !stopped.load(Ordering::Relaxed) {
                let edition = count.fetch_add(1, Ordering::Relaxed);
                apply(
                    &client,
                    &place.route(edition % EDITED, &edition.to_string()),
                )
                .await?;
                // Routes that come and go beside.
                let number = 1000 + edition / 2 % 10;
                if edition % 2 == 0 {
                    apply(&client, &place.route(number, "0")).await?;
                } else {
                    let path = place.route_path(&format!("r{number}"));
                    let request = ::http::Request::delete(path).body(Vec::new())?;
                    client.request_text(request).await?;
                }
            }
            let number = count.load(Ordering::Relaxed);
            if number % 2 == 1 {
                let path = place.route_path(&format!("r{}", 1000 + (number - 1) / 2 % 10));
                let request = ::http::Request::delete(path).body(Vec::new())?;
                client.request_text(request).await?;
            }
            Ok(())
        });
        Self { stop, edits, task }
    }

    fn edits(&self) -> usize {
        self.edits.load(Ordering::Relaxed)
    }

    async fn end(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await?
    }
}
