//! All cells of a process, and the page that sums them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::histogram::HistogramSum;
use crate::series::{CLASSES, SeriesSum};
use crate::text_format::{Page, bound};
use crate::{
    ControlStats, Counter, Http2Failure, MirrorOutcome, RetryOutcome, Series, SeriesLabels,
    TlsFailure, WorkerStats, names,
};

/// The most label sets that a page has by default: with the durations of some of them about 4,500
/// samples, however many routes there are.
pub const DEFAULT_SERIES_CAP: usize = 700;

/// One label set in so many has durations of its own: those take 17 samples, everything else of a
/// label set about four.
const SETS_FOR_DURATIONS: usize = 7;

/// All counters of a process.
///
/// The lock inside is taken to make a series and to write the page, never by a request.
pub struct Registry {
    cap: usize,
    reasons: Vec<&'static str>,
    log_dropped: Arc<AtomicU64>,
    state: Mutex<State>,
}

/// Says which label sets belong to objects that there are.
type Wanted = Box<dyn Fn(&SeriesLabels) -> bool + Send>;

#[derive(Default)]
struct State {
    /// `None` wants everything.
    wanted: Option<Wanted>,
    series: BTreeMap<SeriesLabels, Entry>,
    /// How many of them have durations of their own.
    timed: usize,
    /// Durations of label sets that are gone and had none of their own.
    past: HistogramSum,
    /// What every label set beyond the cap shares, a series for each that asked.
    overflow: Vec<Arc<Series>>,
    dropped: u64,
    workers: Vec<Arc<WorkerStats>>,
    control: ControlStats,
}

/// One label set.
#[derive(Default)]
struct Entry {
    /// Whether its durations are on the page with its own labels.
    timed: bool,
    /// A series for each worker that asked.
    series: Vec<Arc<Series>>,
}

impl Registry {
    /// An empty registry: at most `cap` label sets (see [`DEFAULT_SERIES_CAP`]), and the words of
    /// all reasons in the order of their numbers.
    pub fn new(cap: usize, reasons: Vec<&'static str>) -> Self {
        Self {
            cap,
            reasons,
            log_dropped: Arc::default(),
            state: Mutex::default(),
        }
    }

    /// A series for one worker to write: a fresh one, or one that no worker holds any more.
    ///
    /// Several workers that ask for the same labels get a series each; the page shows their sum.
    /// Beyond the cap all label sets share the labels `other`; so do the durations of those that
    /// came when a seventh of the cap had durations of their own. A label set that is not wanted any
    /// more, for which a request of an older configuration may still ask, gets a series that is on
    /// no page.
    pub fn series(&self, labels: &SeriesLabels) -> Arc<Series> {
        let mut state = self.lock();
        if !state.wants(labels) {
            return Arc::new(Series::new(self.reasons.len()));
        }
        let full = state.series.len() >= self.cap && !state.series.contains_key(labels);
        let list = if full {
            state.dropped += 1;
            &mut state.overflow
        } else {
            let State { series, timed, .. } = &mut *state;
            let entry = series.entry(labels.clone()).or_insert_with(|| {
                let has_room = *timed < self.cap.div_ceil(SETS_FOR_DURATIONS);
                *timed += usize::from(has_room);
                Entry {
                    timed: has_room,
                    series: Vec::new(),
                }
            });
            &mut entry.series
        };
        if let Some(free) = list.iter().find(|series| is_free(series)) {
            return free.clone();
        }
        let series = Arc::new(Series::new(self.reasons.len()));
        list.push(series.clone());
        series
    }

    /// The numbers of one worker to write; a replaced worker goes on where the dead one ended.
    pub fn worker(&self) -> Arc<WorkerStats> {
        let mut state = self.lock();
        if let Some(free) = state.workers.iter().find(|stats| is_free(stats)) {
            free.reset_gauges();
            return free.clone();
        }
        let stats = Arc::new(WorkerStats::new(self.reasons.len()));
        state.workers.push(stats.clone());
        stats
    }

    /// Sets who decides which label sets are wanted: those of objects that there are. It may
    /// change its mind; see [`Registry::purge`].
    pub fn set_wanted(&self, wanted: impl Fn(&SeriesLabels) -> bool + Send + 'static) {
        self.lock().wanted = Some(Box::new(wanted));
        self.purge();
    }

    /// Removes the series that are not wanted any more, because their objects are gone: at once, as
    /// the deletion of a label set does in Prometheus' own clients. What was counted after the last
    /// scrape is not seen; a series that lingered would keep a place below the cap, and would be
    /// seen by one of several scrapers only.
    pub fn purge(&self) {
        let mut state = self.lock();
        let series = std::mem::take(&mut state.series);
        for (labels, entry) in series {
            if state.wants(&labels) {
                state.series.insert(labels, entry);
            } else if entry.timed {
                state.timed -= 1;
            } else {
                // What shares labels must not shrink: that would look like a restart.
                let all = entry.series.iter();
                all.for_each(|series| state.past.add(&series.duration));
            }
        }
    }

    /// Changes the numbers of the control thread.
    pub fn control(&self, change: impl FnOnce(&mut ControlStats)) {
        change(&mut self.lock().control);
    }

    /// Where the access log counts the lines that found no room.
    pub fn log_dropped(&self) -> Arc<AtomicU64> {
        self.log_dropped.clone()
    }

    /// The page in Prometheus' text format (`text/plain; version=0.0.4`).
    pub fn render(&self, now: SystemTime) -> String {
        let state = self.lock();
        let mut page = Page::default();
        page.head(names::BUILD);
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        page.sample(names::BUILD.name, "", &version, 1);
        self.render_requests(&state, &mut page);
        self.render_unrouted(&state, &mut page);
        render_workers(&state, &mut page);
        render_control(&state.control, now, &mut page);
        let lost_lines = self.log_dropped.load(Ordering::Relaxed);
        page.single(names::LOG_DROPPED, lost_lines);
        page.single(names::SERIES, state.series.len());
        page.single(names::SERIES_DROPPED, state.dropped);
        page.finish()
    }

    fn render_requests(&self, state: &State, page: &mut Page) {
        let sums: Vec<(SeriesLabels, SeriesSum)> = state
            .series
            .iter()
            .map(|(labels, entry)| (labels.clone(), sum(&entry.series)))
            .chain((!state.overflow.is_empty()).then(|| (other(), sum(&state.overflow))))
            .collect();
        page.head(names::REQUESTS);
        each_sample(page, names::REQUESTS, &sums, "class", |sum| {
            CLASSES.into_iter().zip(sum.classes).collect()
        });
        page.head(names::FAILURES);
        each_sample(page, names::FAILURES, &sums, "reason", |sum| {
            let words = self.reasons.iter().copied();
            words.zip(sum.reasons.iter().copied()).collect()
        });
        page.head(names::DURATION);
        for (labels, entry) in state.series.iter().filter(|(_, entry)| entry.timed) {
            render_duration(labels, &sum(&entry.series).duration, page);
        }
        let others = state.durations_of_others();
        if others.count() > 0 {
            render_duration(&other(), &others, page);
        }
        page.head(names::BYTES_IN);
        for (labels, sum) in &sums {
            page.sample(names::BYTES_IN.name, "", &pairs(labels), sum.bytes_in);
        }
        page.head(names::BYTES_OUT);
        for (labels, sum) in &sums {
            page.sample(names::BYTES_OUT.name, "", &pairs(labels), sum.bytes_out);
        }
    }

    fn render_unrouted(&self, state: &State, page: &mut Page) {
        let mut counts = vec![0; self.reasons.len()];
        for worker in &state.workers {
            for (sum, count) in counts.iter_mut().zip(worker.unrouted_counts()) {
                *sum += count;
            }
        }
        page.head(names::UNROUTED);
        for (word, count) in self.reasons.iter().zip(counts) {
            if count > 0 {
                page.sample(names::UNROUTED.name, "", &[("reason", word)], count);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can leave the state half-changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn render_duration(labels: &SeriesLabels, duration: &HistogramSum, page: &mut Page) {
    let set = pairs(labels);
    for (seconds, count) in duration.cumulated() {
        let bound = bound(seconds);
        let with_bound = with(&set, ("le", &bound));
        page.sample(names::DURATION.name, "_bucket", &with_bound, count);
    }
    page.sample(names::DURATION.name, "_sum", &set, duration.seconds());
    page.sample(names::DURATION.name, "_count", &set, duration.count());
}

impl State {
    /// Durations of label sets that have none of their own.
    fn durations_of_others(&self) -> HistogramSum {
        let untimed = self.series.values().filter(|entry| !entry.timed);
        let untimed = untimed.flat_map(|entry| &entry.series);
        let mut all = self.past.clone();
        for series in untimed.chain(&self.overflow) {
            all.add(&series.duration);
        }
        all
    }

    fn wants(&self, labels: &SeriesLabels) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted(labels))
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("cap", &self.cap)
            .field("series", &self.lock().series.len())
            .finish_non_exhaustive()
    }
}

/// Whether only the registry holds it, so that a new worker may write it.
fn is_free<T>(cells: &Arc<T>) -> bool {
    // Nobody can make a second handle meanwhile: that takes the registry's lock. The fence makes
    // the last writes of the thread that let go visible to the next one.
    let free = Arc::strong_count(cells) == 1;
    fence(Ordering::Acquire);
    free
}

fn sum(list: &[Arc<Series>]) -> SeriesSum {
    let mut sum = SeriesSum::default();
    for series in list {
        sum.add(series);
    }
    sum
}

/// The labels of everything beyond the cap.
fn other() -> SeriesLabels {
    let word: fg_base::Text = "other".into();
    SeriesLabels {
        gateway: word.clone(),
        listener: word.clone(),
        route: word.clone(),
        rule: word.clone(),
        backend: word,
    }
}

fn pairs(labels: &SeriesLabels) -> [(&'static str, &str); 5] {
    [
        ("gateway", &labels.gateway),
        ("listener", &labels.listener),
        ("route", &labels.route),
        ("rule", &labels.rule),
        ("backend", &labels.backend),
    ]
}

/// The labels of a series and one more.
fn with<'a>(set: &[(&'a str, &'a str); 5], last: (&'a str, &'a str)) -> [(&'a str, &'a str); 6] {
    let [gateway, listener, route, rule, backend] = *set;
    [gateway, listener, route, rule, backend, last]
}

/// Writes the counts above zero of every label set, each with one more label.
fn each_sample(
    page: &mut Page,
    metric: names::Metric,
    sums: &[(SeriesLabels, SeriesSum)],
    label: &'static str,
    counts: impl Fn(&SeriesSum) -> Vec<(&'static str, u64)>,
) {
    for (labels, sum) in sums {
        for (word, count) in counts(sum) {
            if count > 0 {
                let all = with(&pairs(labels), (label, word));
                page.sample(metric.name, "", &all, count);
            }
        }
    }
}

/// Reads one number of a worker.
type Read = fn(&WorkerStats) -> u64;

/// Retries and copies; what never happened has no sample.
fn render_outcomes(state: &State, page: &mut Page) {
    let mut render =
        |metric: names::Metric, words: Vec<&str>, read: fn(&WorkerStats, usize) -> u64| {
            page.head(metric);
            for (at, word) in words.into_iter().enumerate() {
                let count: u64 = state.workers.iter().map(|stats| read(stats, at)).sum();
                if count > 0 {
                    page.sample(metric.name, "", &[("outcome", word)], count);
                }
            }
        };
    let words = RetryOutcome::ALL.iter().map(|outcome| outcome.text());
    render(names::RETRIES, words.collect(), |stats, at| {
        stats.outcomes.retries.get(at).map_or(0, Counter::get)
    });
    let words = MirrorOutcome::ALL.iter().map(|outcome| outcome.text());
    render(names::MIRRORED, words.collect(), |stats, at| {
        stats.outcomes.mirrors.get(at).map_or(0, Counter::get)
    });
}

fn render_workers(state: &State, page: &mut Page) {
    let live = state.workers.iter().filter(|stats| !is_free(stats)).count();
    let sum = |read: Read| state.workers.iter().map(|w| read(w)).sum::<u64>();
    let rows: [(names::Metric, Read); 16] = [
        (names::IN_FLIGHT, |w| w.requests_in_flight.get()),
        (names::CONNECTIONS_OPEN, |w| w.connections_open.get()),
        (names::CONNECTIONS_ACCEPTED, |w| {
            w.connections_accepted.get()
        }),
        (names::CONNECTIONS_REFUSED, |w| w.connections_refused.get()),
        (names::ACCEPT_PAUSES, |w| w.accept_pauses.get()),
        (names::TUNNELS_OPEN, |w| w.tunnels_open.get()),
        (names::UPSTREAM_OPEN, |w| w.upstream_open.get()),
        (names::UPSTREAM_OPENED, |w| w.upstream_opened.get()),
        (names::UPSTREAM_REUSED, |w| w.upstream_reused.get()),
        (names::UPSTREAM_FAILED, |w| w.upstream_failed.get()),
        (names::UPSTREAM_RETRIED, |w| w.upstream_retried.get()),
        (names::POOL_IDLE, |w| w.pool_idle.get()),
        (names::PANICS, |w| w.panics.get()),
        (names::TLS_HANDSHAKING, |w| w.tls_handshaking.get()),
        (names::TLS_HANDSHAKES, |w| w.tls_handshakes.get()),
        (names::TLS_RESUMED, |w| w.tls_resumed.get()),
    ];
    for (metric, read) in rows {
        page.single(metric, sum(read));
    }
    page.head(names::TLS_FAILURES);
    let mut failures = [0; TlsFailure::ALL.len()];
    for worker in &state.workers {
        for (sum, count) in failures.iter_mut().zip(worker.tls_failure_counts()) {
            *sum += count;
        }
    }
    for (why, count) in TlsFailure::ALL.into_iter().zip(failures) {
        if count > 0 {
            let name = names::TLS_FAILURES.name;
            page.sample(name, "", &[("reason", why.text())], count);
        }
    }
    page.head(names::HTTP2_FAILURES);
    let mut failures = [0; Http2Failure::ALL.len()];
    for worker in &state.workers {
        for (sum, count) in failures.iter_mut().zip(worker.http2_failure_counts()) {
            *sum += count;
        }
    }
    for (why, count) in Http2Failure::ALL.into_iter().zip(failures) {
        if count > 0 {
            let name = names::HTTP2_FAILURES.name;
            page.sample(name, "", &[("reason", why.text())], count);
        }
    }
    render_outcomes(state, page);
    page.single(names::WORKERS, live);
}

fn render_control(control: &ControlStats, now: SystemTime, page: &mut Page) {
    page.single(names::GENERATION, control.generation);
    page.single(names::CONFIRMED, control.confirmed);
    if let Some(applied) = control.applied_at {
        let at = applied.duration_since(SystemTime::UNIX_EPOCH);
        page.single(names::APPLIED, at.unwrap_or_default().as_secs_f64());
        let age = now.duration_since(applied).unwrap_or_default();
        page.single(names::AGE, age.as_secs_f64());
    }
    page.single(names::RELOADS, control.reloads);
    page.single(names::OBJECTS, control.objects);
    page.single(names::ROUTES, control.routes);
    page.single(names::TRANSLATED, control.routes_translated);
    page.head(names::FINDINGS);
    let findings = control.findings;
    for (severity, count) in [
        ("error", findings.errors),
        ("warning", findings.warnings),
        ("info", findings.infos),
    ] {
        page.sample(names::FINDINGS.name, "", &[("severity", severity)], count);
    }
}

#[cfg(test)]
mod tests;
