//! From changed files to a changed proxy.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::{Duration, Instant, SystemTime};

use fg_control::{Bound, Control, Names, News, Objects};
use fg_ir::Change;
use fg_proxy::{Ack, Proxy};
use fg_sources::watch::Changes;
use fg_status::summary;
use fg_telemetry::{FindingCounts, Registry};
use fg_translate::Options;

use super::addresses;
use super::pages::{Shared, State};
use crate::exit;
use crate::folder::{Source, now};
use crate::report::counted;

/// Findings told at once; whoever has more is better served by `ferrogate check`.
const TOLD: usize = 50;

/// The control plane and the proxy that follows it.
pub(crate) struct Serving {
    proxy: Proxy,
    registry: Arc<Registry>,
    state: Shared,
    options: Options,
    /// Of what serves. The registry reads them when a worker asks for a new series.
    names: Arc<RwLock<Names>>,
}

impl Serving {
    /// Serves nothing yet.
    pub(crate) fn new(
        proxy: Proxy,
        registry: Arc<Registry>,
        state: Shared,
        options: Options,
    ) -> Self {
        let names = Arc::new(RwLock::new(Names::default()));
        let wanted = names.clone();
        registry.set_wanted(move |labels| {
            let names = wanted.read().unwrap_or_else(PoisonError::into_inner);
            names.has_listener(&labels.gateway, &labels.listener)
                && (labels.route.is_empty() || names.has_route(&labels.route))
                && (labels.backend.is_empty() || names.has_backend(&labels.backend))
        });
        Self {
            proxy,
            registry,
            state,
            options,
            names,
        }
    }

    /// Serves a first configuration.
    pub(crate) fn begin(&mut self, source: Source, objects: Objects) {
        let start = Instant::now();
        // The admin pages see it when it is complete, and are not kept waiting until then.
        let mut control = Control::new(self.options.clone());
        control.set_addresses(addresses::of_this_machine());
        control.set_time(now());
        let change = control.apply(objects);
        self.serve(&mut control, &change);
        let state = self.state.clone();
        let mut state = state.lock();
        state.control = control;
        state.source = Some(source);
        self.told(&mut state, &change, start);
    }

    /// Looks at what changed, and serves it. Says whether anything is different.
    pub(crate) fn step(&mut self, changes: &Changes) -> bool {
        let start = Instant::now();
        let state = self.state.clone();
        let mut state = state.lock();
        let State {
            control, source, ..
        } = &mut *state;
        let Some(objects) = source.as_mut().and_then(|source| source.apply(changes)) else {
            return false;
        };
        tracing::debug!(
            paths = ?changes.paths,
            rescan = changes.rescan,
            changed = objects.upserts.len(),
            removed = objects.removed.len(),
            "files changed"
        );
        control.set_time(now());
        let change = control.apply(objects);
        if !change.is_empty() {
            self.serve(control, &change);
        }
        self.registry.control(|stats| stats.reloads += 1);
        self.told(&mut state, &change, start);
        true
    }

    /// Tries again to bind listeners that could not be bound.
    pub(crate) fn bind_again(&mut self) {
        let start = Instant::now();
        if let Some(acks) = self.proxy.bind_again() {
            let state = self.state.clone();
            let mut state = state.lock();
            state
                .control
                .acknowledge(acks.into_iter().map(bound).collect());
            self.told(&mut state, &Change::default(), start);
        }
    }

    /// Tells of certificates that have expired since the last time.
    pub(crate) fn look_at_the_clock(&mut self) {
        let start = Instant::now();
        let state = self.state.clone();
        let mut state = state.lock();
        state.control.set_time(now());
        self.told(&mut state, &Change::default(), start);
    }

    /// Hands a change to the proxy and takes its word on every listener.
    fn serve(&mut self, control: &mut Control, change: &Change) {
        self.names().extend(change);
        let acks = self.proxy.apply(change);
        control.acknowledge(acks.into_iter().map(bound).collect());
        let gone = self.names().shrink(change, control.ir());
        if gone {
            self.registry.purge();
        }
    }

    fn names(&self) -> RwLockWriteGuard<'_, Names> {
        // Each change of it is whole before anything can panic.
        self.names.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells what a step has changed: to the log, to whoever reads findings, and to metrics.
    fn told(&self, state: &mut State, change: &Change, start: Instant) {
        let took = start.elapsed();
        let State {
            control,
            source,
            generation,
            ..
        } = state;
        let (generation_before, generation_now) = (*generation, self.proxy.generation());
        *generation = generation_now;
        if !change.is_empty() || generation_before == 0 {
            tracing::info!(
                generation = generation_now,
                changed_listeners = change.listeners.len(),
                changed_rules = change.rules.len(),
                changed_backends = change.backends.len(),
                changed_endpoints = change.endpoints.len(),
                changed_credentials = change.credentials.len(),
                ?took,
                "configuration applied"
            );
        }
        let news = match source {
            Some(source) => control.news(&source.places()),
            None => control.news(&|_| None),
        };
        tell(&news);
        let counts = summary(control.findings().map(|finding| &**finding));
        if !news.is_empty() {
            let counts = counted(&counts);
            tracing::info!(
                "findings: {}",
                if counts.is_empty() { "none" } else { &counts }
            );
        }
        let objects = source.as_ref().map_or(0, Source::objects);
        self.registry.control(|stats| {
            stats.generation = generation_now;
            if generation_now != generation_before {
                stats.applied_at = Some(SystemTime::now());
            }
            stats.findings = FindingCounts {
                errors: counts.errors as u64,
                warnings: counts.warnings as u64,
                infos: counts.infos as u64,
            };
            stats.objects = objects as u64;
            stats.routes = control.routes() as u64;
            stats.routes_translated = control.translated_routes();
        });
    }

    /// Folders outside of the source that want to be watched, too.
    pub(crate) fn outside(&self) -> BTreeSet<PathBuf> {
        let state = self.state.lock();
        state
            .source
            .as_ref()
            .map(Source::outside)
            .unwrap_or_default()
    }

    /// The state that the admin pages see.
    pub(crate) fn state(&self) -> &Shared {
        &self.state
    }

    /// Lets requests under way finish.
    pub(crate) fn drain(self, timeout: Duration) {
        let connections = self.proxy.connections();
        tracing::info!(connections, ?timeout, "draining");
        if self.proxy.drain(timeout) {
            tracing::info!("drained");
        } else {
            tracing::warn!("requests under way were cut off at the drain timeout");
        }
    }
}

fn bound(ack: Ack) -> Bound {
    Bound {
        listener: ack.listener,
        addresses: ack.bound,
    }
}

/// Prints findings once, and once more when they are resolved.
fn tell(news: &News) {
    for (word, findings) in [("", &news.appeared), ("resolved: ", &news.resolved)] {
        for finding in findings.iter().take(TOLD) {
            exit::say(&format!("{word}{finding}"));
        }
        if findings.len() > TOLD {
            let more = findings.len() - TOLD;
            exit::say(&format!(
                "{word}… and {more} more; `ferrogate check` lists them all"
            ));
        }
    }
}
