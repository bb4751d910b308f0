//! From the call that makes or changes a route to the first answer by it.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::figures::{Figures, median, percentile};
use super::ground::{Ground, apply};
use super::host;
use super::load::Load;
use super::looking::{Looker, Seen};
use super::objects::{Object, Route};
use super::plane::Plane;
use super::watched::{Page, Watched};

/// The pause between two changes that are timed one by one.
const PAUSE: Duration = Duration::from_millis(25);

/// Applies an object and looks until its route is as wanted.
async fn live(
    client: kube::Client,
    looker: Looker,
    route: Route,
    edition: Option<String>,
) -> anyhow::Result<(Route, Seen)> {
    let object: Object = route.object(edition.as_deref());
    let begin = Instant::now();
    let ((), seen) = tokio::try_join!(
        apply(&client, &object),
        looker.look(route.target.clone(), edition, begin),
    )?;
    Ok((route, seen))
}

/// Routes that are added one by one while nothing else happens.
pub(super) async fn idle(ground: &mut Ground<'_>) -> anyhow::Result<Figures> {
    let mut times = Times::default();
    for number in 0..ground.plan.edited {
        let route = Route::edited(number);
        let (_, seen) = live(ground.client(), ground.looker.clone(), route, None).await?;
        times.add(seen);
        sleep(PAUSE).await;
    }
    ground.made_edited(ground.plan.edited);
    Ok(times.figures())
}

/// Routes that are added at a rate.
pub(super) async fn adding(ground: &mut Ground<'_>) -> anyhow::Result<Figures> {
    ground.want_edited().await?;
    ground.settle().await?;
    let edited = (0..ground.plan.edited).map(|one| Route::edited(one).target);
    let load = Load::start(
        ground.address,
        2,
        Duration::from_millis(10),
        edited.collect(),
    );
    let span = Span::begin(ground)?;
    let wanted = ground.routes..ground.plan.added;
    let mut ticks = interval(Duration::from_secs(1) / u32::try_from(ground.plan.rate)?);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut running = JoinSet::new();
    let mut times = Times::default();
    for number in wanted {
        ticks.tick().await;
        let route = ground.route(number);
        running.spawn(live(ground.client(), ground.looker.clone(), route, None));
        while let Some(done) = running.try_join_next() {
            let (route, seen) = done??;
            load.add(route.target);
            times.add(seen);
        }
        if number % 500 == 499 {
            println!("    {} routes; {}", number + 1, times.words());
        }
    }
    while let Some(done) = running.join_next().await {
        times.add(done??.1);
    }
    ground.routes = ground.plan.added;
    let mut figures = times.figures();
    span.end(ground, times.count(), &mut figures)?;
    figures.tally(load.end());
    Ok(figures)
}

/// Edits of one route after the other.
pub(super) async fn edits(ground: &mut Ground<'_>) -> anyhow::Result<Figures> {
    ground.want_edited().await?;
    ground.settle().await?;
    let span = Span::begin(ground)?;
    let mut times = Times::default();
    for number in 0..ground.plan.edits {
        let route = Route::edited(number % ground.plan.edited);
        let edition = ground.next_edition();
        let change = live(ground.client(), ground.looker.clone(), route, Some(edition));
        times.add(change.await?.1);
        sleep(PAUSE).await;
    }
    // What follows an edit, its status above all, is part of its cost.
    sleep(Duration::from_millis(500)).await;
    let mut figures = times.figures();
    span.end(ground, times.count(), &mut figures)?;
    if ground.plane == Plane::Envoy {
        figures.set("host_kib", host::size(ground.plan.edited)?);
    }
    Ok(figures)
}

/// Times of many changes.
#[derive(Debug, Default)]
struct Times {
    /// On all connections.
    milliseconds: Vec<f64>,
    /// On one.
    first: Vec<f64>,
    gaps: Vec<String>,
}

impl Times {
    fn add(&mut self, seen: Seen) {
        self.milliseconds.push(seen.took.as_secs_f64() * 1e3);
        self.first.push(seen.first.as_secs_f64() * 1e3);
        self.gaps.extend(seen.gaps);
    }

    fn count(&self) -> usize {
        self.milliseconds.len()
    }

    fn words(&self) -> String {
        format!(
            "median {:.1} ms, 99th percentile {:.1} ms",
            median(&self.milliseconds),
            percentile(&self.milliseconds, 0.99)
        )
    }

    fn figures(&self) -> Figures {
        let mut figures = Figures::default();
        let times = &self.milliseconds;
        figures.set("changes", times.len() as f64);
        figures.set("median_ms", median(times));
        figures.set("first_ms", median(&self.first));
        figures.set("p90_ms", percentile(times, 0.9));
        figures.set("p99_ms", percentile(times, 0.99));
        figures.set("longest_ms", percentile(times, 1.0));
        figures.failed("gaps", self.gaps.len() as u64, &self.gaps);
        figures
    }
}

/// What the processes did meanwhile.
pub(super) struct Span {
    began: Instant,
    control: (Watched, Duration),
    proxy: (Watched, Duration),
    sent: f64,
    /// Only of our own control plane.
    page: Option<Page>,
}

impl Span {
    /// Now. Errors: a process or a metrics page is not there.
    pub(super) fn begin(ground: &Ground<'_>) -> anyhow::Result<Self> {
        let (control, proxy) = (ground.control()?, ground.proxy()?);
        Ok(Self {
            began: Instant::now(),
            sent: ground.sent()?,
            page: match ground.plane.is_ours() {
                true => Some(ground.metrics()?),
                false => None,
            },
            control: (control, control.cpu()?),
            proxy: (proxy, proxy.cpu()?),
        })
    }

    /// Says what came of so many changes since.
    pub(super) fn end(
        &self,
        ground: &Ground<'_>,
        changes: usize,
        figures: &mut Figures,
    ) -> anyhow::Result<()> {
        let took = self.began.elapsed().as_secs_f64();
        let spent = |(process, before): (Watched, Duration)| {
            anyhow::Ok(process.cpu()?.saturating_sub(before).as_secs_f64())
        };
        let (control, proxy) = (spent(self.control)?, spent(self.proxy)?);
        let changes = changes.max(1) as f64;
        figures.set("cpu_s", control);
        figures.set("cpu_ms", control * 1e3 / changes);
        figures.set("cpu_percent", control / took * 100.0);
        figures.set("proxy_cpu_ms", proxy * 1e3 / changes);
        figures.set("proxy_cpu_percent", proxy / took * 100.0);
        figures.set("kib", (ground.sent()? - self.sent) / 1024.0 / changes);
        let Some(before) = &self.page else {
            return Ok(());
        };
        let page = ground.metrics()?;
        let more = |name: &str| page.value(name) - before.value(name);
        for (name, series) in [
            ("translated_ms", "ferrogate_control_translated_seconds"),
            ("sent_ms", "ferrogate_control_sent_seconds"),
            ("confirmed_ms", "ferrogate_control_confirmed_seconds"),
        ] {
            let count = more(&format!("{series}_count"));
            if count > 0.0 {
                figures.set(name, more(&format!("{series}_sum")) * 1e3 / count);
            }
        }
        figures.set("batches", more("ferrogate_control_batches_total"));
        let waited = more("ferrogate_control_waited_seconds_total");
        figures.set("waited_ms", waited * 1e3 / changes);
        figures.set("statuses", more("ferrogate_status_written_total"));
        Ok(())
    }
}
