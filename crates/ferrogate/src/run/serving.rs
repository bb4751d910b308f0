//! From changed files to changed data planes.

use std::time::{Duration, Instant, SystemTime};

use fg_control::{Control, News, Objects};
use fg_ir::Change;
use fg_model::Severity;
use fg_sources::files::Links;
use fg_sources::watch::Changes;
use fg_status::summary;
use fg_telemetry::FindingCounts;
use fg_translate::Options;

use super::pages::{Shared, State};
use super::planes::Planes;
use super::{addresses, envoy};
use crate::folder::{Source, now};
use crate::report::counted;

/// Findings told at once; whoever has more is better served by `ferrogate check`.
const TOLD: usize = 50;

/// The log's name for what is wrong with the configuration, so that filters can have or leave it.
const FINDINGS: &str = "findings";

/// The control plane and the data planes that follow it.
pub(crate) struct Serving {
    planes: Planes,
    state: Shared,
    options: Options,
}

impl Serving {
    /// Serves nothing yet.
    pub(crate) fn new(planes: Planes, state: Shared, options: Options) -> Self {
        Self {
            planes,
            state,
            options,
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
        self.told(&mut state, &change, start);
        // The last of it: whoever sees it sees the numbers that belong to it.
        self.planes.note(|stats| stats.reloads += 1);
        true
    }

    /// Tries again to bind listeners that could not be bound.
    pub(crate) fn bind_again(&mut self) {
        let start = Instant::now();
        let state = self.state.clone();
        let mut state = state.lock();
        if self.planes.bind_again(&mut state.control) {
            self.told(&mut state, &Change::default(), start);
        }
    }

    /// Takes what happened to Envoy.
    pub(crate) fn hear(&mut self, news: envoy::News) {
        let start = Instant::now();
        let state = self.state.clone();
        let mut state = state.lock();
        if self.planes.hear(&mut state.control, news) {
            self.told(&mut state, &Change::default(), start);
        }
    }

    /// Whether nothing is waited for that would change what serves.
    pub(crate) fn is_decided(&self) -> bool {
        self.planes.is_decided()
    }

    /// Whether what was asked for first serves, as far as it can.
    pub(crate) fn is_ready(&self) -> bool {
        self.planes.is_ready()
    }

    /// Why not everything serves, if that is known.
    pub(crate) fn lack(&self) -> Option<&str> {
        self.planes.lack()
    }

    /// Tells of certificates that have expired since the last time.
    pub(crate) fn look_at_the_clock(&mut self) {
        let start = Instant::now();
        let state = self.state.clone();
        let mut state = state.lock();
        state.control.set_time(now());
        self.told(&mut state, &Change::default(), start);
    }

    /// Hands a change to the data planes and takes their word on every listener.
    fn serve(&mut self, control: &mut Control, change: &Change) {
        self.planes.apply(control, change);
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
        let (generation_before, generation_now) = (*generation, self.planes.generation());
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
            Some(source) => {
                let mut news = control.news(&source.places());
                source.add_places_behind(&mut news.appeared);
                news
            }
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
        let is_confirmed = self.planes.is_confirmed();
        let is_lacking = self.planes.lack().is_some();
        self.planes.note(|stats| {
            stats.generation = generation_now;
            if is_confirmed {
                stats.confirmed = generation_now;
            } else if is_lacking {
                stats.confirmed = 0;
            }
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

    /// What links in the source lead to, which wants to be watched, too.
    pub(crate) fn links(&self) -> Links {
        let state = self.state.lock();
        state.source.as_ref().map(Source::links).unwrap_or_default()
    }

    /// The state that the admin pages see.
    pub(crate) fn state(&self) -> &Shared {
        &self.state
    }

    /// Lets requests under way finish.
    pub(crate) fn drain(self, timeout: Duration) {
        self.planes.drain(timeout);
    }
}

/// Logs findings once, as `check` prints them, and once more when they are resolved.
fn tell(news: &News) {
    for finding in news.appeared.iter().take(TOLD) {
        match finding.severity {
            Severity::Error => tracing::error!(target: FINDINGS, "{finding}"),
            Severity::Warning => tracing::warn!(target: FINDINGS, "{finding}"),
            Severity::Info => tracing::info!(target: FINDINGS, "{finding}"),
        }
    }
    for finding in news.resolved.iter().take(TOLD) {
        tracing::info!(target: FINDINGS, "resolved: {finding}");
    }
    for (word, findings) in [("", &news.appeared), ("resolved: ", &news.resolved)] {
        if let Some(more) = findings.len().checked_sub(TOLD).filter(|more| *more > 0) {
            tracing::warn!(
                target: FINDINGS,
                "{word}… and {more} more; `ferrogate check` lists them all"
            );
        }
    }
}
