//! A large configuration: what it takes, how soon it is read again, and steady changes in it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::figures::{Figures, median};
use super::ground::{Ground, apply};
use super::http::{Connection, Target};
use super::load::Load;
use super::objects::{self, Route};
use super::propagation::Span;
use super::watched::Watched;

/// Memory of both processes, and the series of the proxy when each route has been asked for.
pub(super) async fn memory(ground: &mut Ground<'_>) -> anyhow::Result<Figures> {
    let begin = Instant::now();
    let (control, sent) = (ground.control()?, ground.sent()?);
    let before = control.cpu()?;
    ground.want_services().await?;
    ground.want_edited().await?;
    let routes = ground.plan.routes - ground.plan.edited;
    ground.want_routes(routes).await?;
    println!("    made after {:.0?}", begin.elapsed());
    ground.settle().await?;
    println!("    at rest after {:.0?}", begin.elapsed());
    let mut figures = Figures::default();
    let spent = control.cpu()?.saturating_sub(before);
    figures.set("made_cpu_s", spent.as_secs_f64());
    figures.set("made_mib", (ground.sent()? - sent) / 1024.0 / 1024.0);
    figures.set("control_mib", settled(ground.control()?).await?);
    figures.set("proxy_mib", settled(ground.proxy()?).await?);
    let (mut requests, mut wrong) = (0, Vec::new());
    let mut connection = Connection::to(ground.address);
    let edited = (0..ground.plan.edited).map(Route::edited);
    for route in edited.chain((0..routes).map(|one| ground.route(one))) {
        requests += 1;
        match connection.get(&route.target) {
            Ok(reply) if reply.status == 200 => {}
            Ok(reply) => wrong.push(format!("{:?}: {}", route.target, reply.status)),
            Err(error) => wrong.push(format!("{:?}: {error:#}", route.target)),
        }
    }
    figures.set("requests", f64::from(requests));
    figures.failed("failed_requests", wrong.len() as u64, &wrong);
    figures.set("proxy_used_mib", settled(ground.proxy()?).await?);
    figures.set("series", ground.proxy_metrics()?.series() as f64);
    figures.set("control_series", ground.metrics()?.series() as f64);
    Ok(figures)
}

/// PSS once it has stopped moving: less than one percent of change in a second.
async fn settled(process: Watched) -> anyhow::Result<f64> {
    let mut last = process.pss()?;
    for _ in 0..20 {
        sleep(Duration::from_secs(1)).await;
        let now = process.pss()?;
        if (now - last).abs() <= last / 100.0 {
            return Ok(now);
        }
        last = now;
    }
    Ok(last)
}

/// The control plane is killed, and reads everything again.
pub(super) async fn start(ground: &mut Ground<'_>) -> anyhow::Result<Figures> {
    want_all(ground).await?;
    let load = load(ground);
    let (mut whole, mut after_lists) = (Vec::new(), Vec::new());
    for _ in 0..ground.plan.restarts {
        let old = ground.control()?;
        old.kill();
        let began = next(ground, old).await?;
        let mut connection = Connection::to(ground.readiness());
        let target = Target {
            host: "control".to_owned(),
            path: ground.plane.readiness().1.to_owned(),
        };
        while connection.get(&target).map(|reply| reply.status).ok() != Some(200) {
            ensure!(
                began.elapsed() < Duration::from_secs(60),
                "the control plane does not become ready again"
            );
            sleep(Duration::from_millis(5)).await;
        }
        let took = began.elapsed().as_secs_f64();
        // The first batch waited from the first object until all lists were complete.
        let page = ground.metrics()?;
        let lists = page.value("ferrogate_control_waited_seconds_total");
        println!("    ready after {took:.2} s, of which {lists:.2} s went by while lists arrived");
        whole.push(took);
        after_lists.push(took - lists);
        // What runs for long is restarted at once.
        sleep(Duration::from_secs(11)).await;
        ground.settle().await?;
    }
    let mut figures = Figures::default();
    figures.set("start_s", median(&whole));
    figures.set("after_lists_s", median(&after_lists));
    figures.set("control_mib", settled(ground.control()?).await?);
    figures.tally(load.end());
    Ok(figures)
}

/// The process that takes the place of one that was killed, from when it is there.
async fn next(ground: &Ground<'_>, old: Watched) -> anyhow::Result<Instant> {
    let begin = Instant::now();
    loop {
        if let Ok(new) = ground.control()
            && new != old
        {
            return Ok(Instant::now());
        }
        ensure!(
            begin.elapsed() < Duration::from_secs(30),
            "the control plane is not started again"
        );
        sleep(Duration::from_millis(2)).await;
    }
}

/// Edits of routes and changes of endpoints, steadily.
pub(super) async fn churn(ground: &mut Ground<'_>) -> anyhow::Result<Figures> {
    const EDITS: u64 = 10;
    const MOVES: u64 = 50;
    want_all(ground).await?;
    let load = load(ground);
    let span = Span::begin(ground)?;
    let begin = Instant::now();
    let mut running = JoinSet::new();
    let [mut edits, mut moves] = [EDITS, MOVES].map(|rate| {
        let mut ticks = interval(Duration::from_secs(1) / u32::try_from(rate).unwrap_or(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        ticks
    });
    let (mut edited, mut moved) = (0, 0);
    while begin.elapsed() < ground.plan.churn {
        let object = tokio::select! {
            _ = edits.tick() => {
                edited += 1;
                let edition = ground.next_edition();
                Route::edited(edited % ground.plan.edited).object(Some(&edition))
            }
            _ = moves.tick() => {
                moved += 1;
                let plan = ground.plan;
                objects::moved(moved % plan.services, plan.namespaces, plan.endpoints, moved)
            }
        };
        let client = ground.client();
        running.spawn(async move { apply(&client, &object).await });
        while let Some(done) = running.try_join_next() {
            done??;
        }
    }
    let late = running.len();
    while let Some(done) = running.join_next().await {
        done??;
    }
    let mut figures = Figures::default();
    span.end(ground, edited + moved, &mut figures)?;
    let seconds = begin.elapsed().as_secs_f64();
    figures.set("edits_per_second", edited as f64 / seconds);
    figures.set("moves_per_second", moved as f64 / seconds);
    figures.set("late_calls", late as f64);
    figures.tally(load.end());
    Ok(figures)
}

async fn want_all(ground: &mut Ground<'_>) -> anyhow::Result<()> {
    ground.want_services().await?;
    ground.want_edited().await?;
    let routes = ground.plan.routes - ground.plan.edited;
    ground.want_routes(routes).await?;
    ground.settle().await.context("before the measurement")
}

fn load(ground: &Ground<'_>) -> Load {
    let edited = (0..ground.plan.edited).map(|one| Route::edited(one).target);
    Load::start(
        ground.address,
        2,
        Duration::from_millis(20),
        edited.collect(),
    )
}
