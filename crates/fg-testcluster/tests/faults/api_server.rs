//! The API server is away for a while: killed, and frozen.

use std::time::Duration;

use anyhow::ensure;
use fg_testcluster::Part;
use serde_json::json;

use crate::ground::{Ground, condition};
use crate::http::Load;

/// How long it is away.
const AWAY: Duration = Duration::from_secs(5);

/// Traffic goes on, what changes afterwards is live, and nothing flapped.
pub(crate) async fn away(ground: &Ground<'_>) -> anyhow::Result<()> {
    let place = ground.place("away", 4).await?;
    let statuses = async || {
        let gateway = ground.get(&place.path()).await?;
        ensure!(condition(&gateway["status"], "Programmed")["status"] == "True");
        let route = ground.get(&place.route_path("r0")).await?;
        anyhow::Ok(json!([gateway["status"], route["status"]]))
    };
    ground
        .judged(&place.route_path("r0"), "ferrogate.dev/Programmed", "True/")
        .await?;
    let before = statuses().await?;
    let proxy = ground.proxy(&place).await?;
    let control = ground.control_pod().await?;
    let hosts: Vec<String> = (0..4).map(|number| place.host(number)).collect();
    let load = Load::start(ground.address(&place).await?, &hosts);

    ground.cluster.kill(Part::Api);
    tokio::time::sleep(AWAY).await;
    ground.cluster.begin(Part::Api)?;
    ground.edit(&place, 1, "after a crash").await?;

    ground.cluster.freeze(Part::Api);
    tokio::time::sleep(AWAY).await;
    ground.cluster.thaw(Part::Api);
    ground.edit(&place, 1, "after a freeze").await?;

    load.end()?;
    let after = statuses().await?;
    ensure!(after == before, "flapped:\n{before:#}\n{after:#}");
    ensure!(
        ground.proxy(&place).await? == proxy,
        "the proxy was restarted"
    );
    let restarts = |pod: &serde_json::Value| crate::ground::restarts(pod);
    ensure!(restarts(&ground.control_pod().await?) == restarts(&control));
    Ok(())
}
