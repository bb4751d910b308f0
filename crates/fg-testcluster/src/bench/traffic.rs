//! Requests go on while routes are added, edited and deleted, and while a backend is scaled.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};

use super::figures::Figures;
use super::ground::{Ground, apply, delete};
use super::load::Load;
use super::objects::{self, HOME, PODS, Route};
use crate::api;

/// How long a Deployment may take to have the pods it should.
const PATIENCE: Duration = Duration::from_secs(120);

/// All of it under one load.
pub(super) async fn measure(ground: &mut Ground<'_>) -> anyhow::Result<Figures> {
    ground.want_edited().await?;
    let client = ground.client();
    for object in objects::pods() {
        apply(&client, &object).await?;
    }
    pods_are(ground, 1).await?;
    let pods = Route {
        service: PODS.to_owned(),
        ..Route::named(PODS, 0)
    };
    apply(&client, &pods.object(None)).await?;
    let begin = Instant::now();
    ground.looker.look(pods.target.clone(), None, begin).await?;
    let edited = (0..ground.plan.edited).map(|one| Route::edited(one).target);
    let load = Load::start(
        ground.address,
        4,
        Duration::from_millis(8),
        edited.collect(),
    );
    let mut figures = Figures::default();
    changes(ground, &load, &mut figures).await?;
    figures.tally(load.end());
    println!("    routes: {}", figures.words());
    let load = Load::start(
        ground.address,
        4,
        Duration::from_millis(8),
        vec![pods.target],
    );
    let scaled = scale(ground).await;
    let tally = load.end();
    scaled?;
    figures.set("scaling_requests", tally.requests as f64);
    figures.failed("scaling_failed_requests", tally.failed, &tally.words);
    Ok(figures)
}

/// Adds, edits and deletes routes, fifty a second.
async fn changes(
    ground: &mut Ground<'_>,
    load: &Load,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let count = ground.plan.changed;
    let route = |number| Route::named("changed", number);
    let mut gaps = Vec::new();
    let client = ground.client();
    for edition in [None, Some("edited")] {
        let calls = (0..count).map(|number| {
            let (client, looker, route) = (client.clone(), ground.looker.clone(), route(number));
            async move {
                let begin = Instant::now();
                let edition = edition.map(str::to_owned);
                let object = route.object(edition.as_deref());
                let ((), seen) = tokio::try_join!(
                    apply(&client, &object),
                    looker.look(route.target.clone(), edition, begin),
                )?;
                anyhow::Ok((route, seen))
            }
        });
        for (route, seen) in at_a_rate(ground.plan.rate, calls).await? {
            gaps.extend(seen.gaps);
            if edition.is_none() {
                load.add(route.target);
            }
        }
        sleep(Duration::from_millis(500)).await;
    }
    for number in 0..count {
        load.remove(&route(number).target);
    }
    // A request may be under way.
    sleep(Duration::from_millis(200)).await;
    let calls = (0..count).map(|number| {
        let (client, path) = (client.clone(), route(number).path());
        async move { delete(&client, &path).await }
    });
    at_a_rate(ground.plan.rate, calls).await?;
    sleep(Duration::from_secs(1)).await;
    figures.failed("gaps", gaps.len() as u64, &gaps);
    Ok(())
}

/// Makes calls, so many a second, and waits for all of them.
async fn at_a_rate<T: Send + 'static>(
    rate: usize,
    calls: impl Iterator<Item = impl Future<Output = anyhow::Result<T>> + Send + 'static>,
) -> anyhow::Result<Vec<T>> {
    let mut ticks = interval(Duration::from_secs(1) / u32::try_from(rate)?);
    let mut running = JoinSet::new();
    for call in calls {
        ticks.tick().await;
        running.spawn(call);
    }
    let mut all = Vec::new();
    while let Some(done) = running.join_next().await {
        all.push(done??);
    }
    Ok(all)
}

/// From one pod to many and back.
async fn scale(ground: &Ground<'_>) -> anyhow::Result<()> {
    for count in [ground.plan.pods, 1] {
        let begin = Instant::now();
        let path = format!("/apis/apps/v1/namespaces/{HOME}/deployments/{PODS}");
        let patch = serde_json::json!({"spec": {"replicas": count}});
        let request = http::Request::patch(path)
            .header("content-type", "application/merge-patch+json")
            .body(serde_json::to_vec(&patch)?)?;
        ground.client().request_text(request).await?;
        pods_are(ground, count).await?;
        println!("    {count} pods after {:.1?}", begin.elapsed());
        sleep(Duration::from_secs(3)).await;
    }
    Ok(())
}

/// Waits until there are exactly so many pods, all ready.
async fn pods_are(ground: &Ground<'_>, count: usize) -> anyhow::Result<()> {
    let begin = Instant::now();
    let client = ground.client();
    loop {
        let all = api::list(&client, &format!("/api/v1/namespaces/{HOME}/pods")).await?;
        let label = |pod: &Value| {
            let app = pod.pointer("/metadata/labels/app").and_then(Value::as_str);
            app == Some(PODS)
        };
        let pods: Vec<&Value> = all.iter().filter(|pod| label(pod)).collect();
        let ready = pods.iter().filter(|pod| api::is_true(pod, "Ready")).count();
        if ready == count && pods.len() == count {
            return Ok(());
        }
        ensure!(
            begin.elapsed() < PATIENCE,
            "{ready} of {} pods are ready, {count} are wanted",
            pods.len()
        );
        sleep(Duration::from_millis(200)).await;
    }
}
