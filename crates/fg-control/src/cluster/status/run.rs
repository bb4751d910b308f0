//! The loop that writes.

use std::sync::Arc;
use std::time::Duration;

use fg_model::ObjectRef;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};
use kube::Client;
use tokio::sync::watch;

use super::api::{Api, ApiError};
use super::job::{self, Outcome};
use super::tokens::Tokens;
use super::{Shared, StatusWriter, sweep};

/// When what the API server refuses is tried again: rights may have been given meanwhile, or the
/// definition of the kind may be another one. A new status is tried at once.
const REFUSED: Duration = Duration::from_secs(30);

type Jobs = FuturesUnordered<BoxFuture<'static, (Arc<ObjectRef>, Outcome)>>;

impl StatusWriter {
    /// Writes while `leading` says so, until its sender is gone.
    ///
    /// Cancel: requests under way may or may not have had their effect.
    pub async fn run(&self, client: Client, mut leading: watch::Receiver<bool>) {
        let shared = &self.shared;
        let settings = &shared.settings;
        let api = Api::new(client, settings.timeout);
        let mut tokens = Tokens::new(settings.per_second, settings.burst, shared.now());
        let mut jobs = Jobs::new();
        let mut sweeping: Option<BoxFuture<'static, ()>> = None;
        let mut next_sweep: Option<Duration> = None;
        loop {
            let leads = *leading.borrow_and_update();
            let writes = lead(shared, leads);
            if writes == Some(true) {
                next_sweep = Some(shared.now());
            } else if !leads {
                (next_sweep, sweeping) = (None, None);
            }
            if sweeping.is_none() && next_sweep.is_some_and(|at| at <= shared.now()) {
                sweeping = Some(sweep::run(api.clone(), shared.clone()).boxed());
                next_sweep = Some(shared.now() + settings.resync);
            }
            let later = if leads {
                start(shared, &api, &mut tokens, &mut jobs)
            } else {
                None
            };
            let wake = later
                .into_iter()
                .chain(next_sweep.filter(|_| sweeping.is_none()));
            tokio::select! {
                changed = leading.changed() => if changed.is_err() {
                    return;
                },
                Some((object, outcome)) = jobs.next() => finish(shared, &object, outcome),
                () = shared.wake.notified() => {}
                () = ended(&mut sweeping) => sweeping = None,
                () = sleep(shared, wake.min()) => {}
            }
        }
    }
}

/// Begins or ends to write; says so when it changed.
fn lead(shared: &Shared, leads: bool) -> Option<bool> {
    let mut state = shared.state();
    let writes = leads && state.synced;
    if writes == state.writing {
        return None;
    }
    state.writing = writes;
    // What is queued is either found by the sweep that begins, or no longer ours to write.
    state.queue.clear();
    // What was seen as long as nobody wrote was not kept.
    state.sights.clear();
    Some(writes)
}

/// Starts as many objects as may be; says when there may be more without anything else happening.
fn start(
    shared: &Arc<Shared>,
    api: &Api,
    tokens: &mut Tokens,
    jobs: &mut Jobs,
) -> Option<Duration> {
    let now = shared.now();
    let mut state = shared.state();
    // As long as there is no room for more, or no token: no news would change that.
    state.looks = Some(Duration::ZERO);
    while state.writing && jobs.len() < shared.settings.in_flight && state.queue.is_ready(now) {
        if let Err(at) = tokens.take(now) {
            return Some(at);
        }
        let Some(object) = state.queue.pop(now) else {
            break;
        };
        let work = job::run(api.clone(), shared.clone(), object.clone());
        jobs.push(work.map(|outcome| (object, outcome)).boxed());
    }
    if jobs.len() >= shared.settings.in_flight {
        return None;
    }
    state.looks = state.queue.next();
    state.looks
}

fn finish(shared: &Shared, object: &Arc<ObjectRef>, outcome: Outcome) {
    let now = shared.now();
    let mut state = shared.state();
    let counters = &shared.counters;
    let (error, at_least) = match outcome {
        Outcome::Written => {
            let waited = state.queue.done(object, now);
            counters.written(waited);
            return;
        }
        Outcome::Unchanged => {
            state.queue.done(object, now);
            counters.unchanged(1);
            return;
        }
        Outcome::Gone => {
            state.queue.done(object, now);
            counters.gone();
            return;
        }
        Outcome::Failed(error) => {
            let at_least = match &error {
                ApiError::Later { after, .. } => Some(after.unwrap_or_default()),
                ApiError::Refused { .. } => None,
                ApiError::Gone | ApiError::Conflict => Some(Duration::ZERO),
            };
            (error, at_least)
        }
    };
    let wait = match at_least {
        Some(at_least) => state.queue.failed(object, now, at_least),
        None => state.queue.refused(object, now, REFUSED),
    };
    drop(state);
    counters.error();
    tracing::warn!(%object, %error, ?wait, "a status could not be written");
}

async fn ended(sweeping: &mut Option<BoxFuture<'static, ()>>) {
    match sweeping {
        Some(sweep) => sweep.await,
        None => std::future::pending().await,
    }
}

async fn sleep(shared: &Shared, until: Option<Duration>) {
    match until {
        Some(until) => tokio::time::sleep_until(shared.started + until).await,
        None => std::future::pending().await,
    }
}
