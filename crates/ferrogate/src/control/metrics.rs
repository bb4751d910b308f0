//! What the control plane measures of itself.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fg_admin::{Answer, Ask, Site};
use fg_control::cluster::status::{LATENCY_BOUNDS, StatusWriter};
use fg_sources::kube::Counters;

use crate::run::pages::Shared;

/// Upper bounds of the buckets. Units: microseconds.
const BOUNDS: [u64; 12] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000,
    30_000_000,
];

/// Times from an event on to what follows from it.
#[derive(Debug, Default)]
pub(crate) struct Timings {
    translated: Histogram,
    sent: Histogram,
    confirmed: Histogram,
    batches: AtomicU64,
    waited: AtomicU64,
}

impl Timings {
    /// Objects were translated: from the event, and from when it was this one's turn.
    pub(crate) fn translated(&self, since: Instant, begun: Instant) {
        let waited = begun.saturating_duration_since(since);
        self.waited.fetch_add(micros(waited), Ordering::Relaxed);
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.translated.note(since.elapsed());
    }

    /// What follows was handed to the proxies' streams.
    pub(crate) fn sent(&self, since: Instant) {
        self.sent.note(since.elapsed());
    }

    /// A proxy confirmed what it was sent.
    pub(crate) fn confirmed(&self, took: Duration) {
        self.confirmed.note(took);
    }
}

/// A histogram that several threads may write.
#[derive(Debug, Default)]
struct Histogram {
    buckets: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    sum: AtomicU64,
}

impl Histogram {
    fn note(&self, time: Duration) {
        let time = micros(time);
        let at = BOUNDS.iter().position(|bound| time <= *bound);
        if let Some(bucket) = at.and_then(|at| self.buckets.get(at)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(time, Ordering::Relaxed);
    }

    fn write(&self, text: &mut String, name: &str, help: &str) {
        let buckets = BOUNDS.iter().zip(&self.buckets);
        let buckets =
            buckets.map(|(bound, bucket)| (seconds(*bound), bucket.load(Ordering::Relaxed)));
        let count = self.count.load(Ordering::Relaxed);
        let sum = seconds(self.sum.load(Ordering::Relaxed));
        histogram(text, name, help, buckets, (count, sum));
    }
}

/// A histogram whose buckets, upper bound and count, are not cumulative; `all` is the count and the
/// sum of everything.
fn histogram(
    text: &mut String,
    name: &str,
    help: &str,
    buckets: impl Iterator<Item = (f64, u64)>,
    all: (u64, f64),
) {
    head(text, name, "histogram", help);
    let mut below = 0;
    for (bound, count) in buckets {
        below += count;
        line(text, &format!("{name}_bucket{{le=\"{bound}\"}}"), below);
    }
    line(text, &format!("{name}_bucket{{le=\"+Inf\"}}"), all.0);
    line(text, &format!("{name}_sum"), all.1);
    line(text, &format!("{name}_count"), all.0);
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn seconds(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64()
}

/// A counter or gauge that another part keeps: name, type, help, value.
pub(crate) type Figure = (&'static str, &'static str, &'static str, u64);

/// `/metrics` of the control plane.
pub(crate) struct MetricsPage {
    /// Times.
    pub(crate) timings: Arc<Timings>,
    /// Of the sources.
    pub(crate) counters: Arc<Counters>,
    /// How much there is.
    pub(crate) state: Shared,
    /// Whose times it also shows.
    pub(crate) statuses: StatusWriter,
    /// Of the other parts, asked for with each page.
    pub(crate) figures: Box<dyn Fn() -> Vec<Figure> + Send + Sync>,
}

impl Site for MetricsPage {
    /// It waits for a step that is under way.
    fn is_slow(&self) -> bool {
        true
    }

    fn answer(&self, ask: &Ask) -> Answer {
        if ask.path != "/metrics" {
            return Answer::text(404, "no such page; /metrics is here\n");
        }
        Answer::text(200, self.text())
    }
}

impl MetricsPage {
    fn text(&self) -> String {
        let mut text = String::new();
        let timings = &self.timings;
        timings.translated.write(
            &mut text,
            "ferrogate_control_translated_seconds",
            "From the first event of a batch to its translation.",
        );
        timings.sent.write(
            &mut text,
            "ferrogate_control_sent_seconds",
            "From the first event of a batch until it is handed to the proxies' streams.",
        );
        timings.confirmed.write(
            &mut text,
            "ferrogate_control_confirmed_seconds",
            "From sending a configuration until a proxy confirms it.",
        );
        let batches = timings.batches.load(Ordering::Relaxed);
        head(
            &mut text,
            "ferrogate_control_batches_total",
            "counter",
            "Batches of changed objects.",
        );
        line(&mut text, "ferrogate_control_batches_total", batches);
        head(
            &mut text,
            "ferrogate_control_waited_seconds_total",
            "counter",
            "How long batches waited for their turn.",
        );
        let waited = seconds(timings.waited.load(Ordering::Relaxed));
        line(&mut text, "ferrogate_control_waited_seconds_total", waited);
        let status = self.statuses.metrics();
        histogram(
            &mut text,
            "ferrogate_status_written_seconds",
            "From when a status had something new to say until it was written.",
            LATENCY_BOUNDS.into_iter().zip(status.latency),
            (status.latency.iter().sum(), status.latency_sum),
        );
        self.sources(&mut text);
        self.sizes(&mut text);
        for (name, kind, help, value) in (self.figures)() {
            head(&mut text, name, kind, help);
            line(&mut text, name, value);
        }
        text
    }

    fn sources(&self, text: &mut String) {
        type Read = fn(&fg_sources::kube::KindCounters) -> u64;
        let all: [(&str, &str, &str, Read); 4] = [
            (
                "ferrogate_source_objects",
                "gauge",
                "Objects that are known, by kind.",
                |kind| kind.objects(),
            ),
            (
                "ferrogate_source_events_total",
                "counter",
                "Events of watches, by kind.",
                |kind| kind.events(),
            ),
            (
                "ferrogate_source_lists_total",
                "counter",
                "Complete lists that were read, by kind.",
                |kind| kind.lists(),
            ),
            (
                "ferrogate_source_errors_total",
                "counter",
                "Failures of lists and watches, by kind.",
                |kind| kind.errors(),
            ),
        ];
        for (name, kind, help, read) in all {
            head(text, name, kind, help);
            for (object, counters) in self.counters.kinds() {
                line(
                    text,
                    &format!("{name}{{kind=\"{object}\"}}"),
                    read(counters),
                );
            }
        }
    }

    fn sizes(&self, text: &mut String) {
        let (ir, routes, translated) = {
            let state = self.state.lock();
            let control = &state.control;
            let ir = control.ir();
            (
                [
                    ("listeners", ir.listeners.len()),
                    ("rules", ir.rules.len()),
                    ("backends", ir.backends.len()),
                    ("endpoints", ir.endpoints.len()),
                    ("credentials", ir.credentials.len()),
                ],
                control.routes(),
                control.translated_routes(),
            )
        };
        let name = "ferrogate_control_resources";
        head(text, name, "gauge", "Parts of the configuration, by kind.");
        for (kind, size) in ir {
            line(text, &format!("{name}{{kind=\"{kind}\"}}"), size);
        }
        head(
            text,
            "ferrogate_control_routes",
            "gauge",
            "Routes, served or not.",
        );
        line(text, "ferrogate_control_routes", routes);
        let name = "ferrogate_control_routes_translated_total";
        head(
            text,
            name,
            "counter",
            "Translations of routes, each time again.",
        );
        line(text, name, translated);
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(text: &mut String, name: &str, value: impl std::fmt::Display) {
    let _ = writeln!(text, "{name} {value}");
}
