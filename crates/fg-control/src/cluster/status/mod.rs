//! Writes statuses to the API server.
//!
//! [`StatusWriter`] takes what each object's status should say, from whoever computed it, and
//! [`StatusWriter::run`] makes the live objects say so. What it promises:
//!
//! - Only the newest status of an object is written, compared with the live object first, and only
//!   if something differs. The live object need not be read for it when it was seen: by the watch
//!   ([`StatusWriter::saw`]) or in the answer to the last write. Every write names the version that
//!   it was made from; when somebody wrote meanwhile it is refused, and the object is read.
//! - What belongs to others survives byte for byte: conditions of types that are not ours, entries
//!   of other controllers. `lastTransitionTime` moves only with the condition's status, and a
//!   condition of a newer generation is never overwritten by an older one. See `merge`.
//! - Only the leader writes. Whoever begins to lead compares everything once (`sweep`), and again
//!   from time to time, so that what others erased comes back and what is no longer ours goes.
//! - Ten thousand routes do not drown the API server: a token bucket, few requests at once, Gateways
//!   first and namespaces in turn (`queue`).

mod api;
mod job;
mod kind;
mod live;
mod merge;
mod metrics;
mod queue;
mod run;
mod seen;
mod sweep;
#[cfg(test)]
mod tests;
mod tokens;
mod wanted;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fg_base::Text;
use fg_model::ObjectRef;
use fg_sources::kube::Sight;
use fg_status::Document;
use tokio::sync::Notify;
use tokio::time::Instant;

use metrics::Counters;
pub use metrics::{LATENCY_BOUNDS, Metrics};
use queue::Queue;
use seen::Sights;
use wanted::Wanted;

/// The field manager of everything that is written here.
pub const FIELD_MANAGER: &str = "ferrogate";

/// How fast statuses are written, and whose entries are ours.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Objects looked at a second, over time. Default 200.
    pub per_second: u32,
    /// How many may be looked at at once after a quiet time. Default 50.
    pub burst: u32,
    /// Objects under way at the same time. Default 16.
    pub in_flight: usize,
    /// How long a status waits for proxies that are about to confirm before it is written without
    /// their word: each write costs a read and a patch. Default 300 ms, in which Envoys confirm too.
    pub settle: Duration,
    /// How often everything is compared again. Default 10 minutes.
    pub resync: Duration,
    /// How long one request may take. Default 10 s.
    pub timeout: Duration,
    /// The `controllerName`s that are ours, such as `ferrogate.dev/gateway`.
    pub controllers: Vec<Text>,
}

impl Default for Settings {
    fn default() -> Self {
        use fg_api::classes::{ENVOY, GATEWAY, WAYPOINT};
        Self {
            per_second: 200,
            burst: 50,
            in_flight: 16,
            settle: Duration::from_millis(300),
            resync: Duration::from_secs(600),
            timeout: Duration::from_secs(10),
            controllers: [GATEWAY, ENVOY, WAYPOINT].map(Into::into).to_vec(),
        }
    }
}

/// Takes statuses; clones are the same writer. Nothing of it waits but [`Self::run`].
#[derive(Clone, Debug)]
pub struct StatusWriter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    started: Instant,
    state: Mutex<State>,
    wake: Notify,
    counters: Counters,
}

#[derive(Debug, Default)]
struct State {
    /// What each object's status should say.
    wanted: BTreeMap<Arc<ObjectRef>, Arc<Wanted>>,
    queue: Queue,
    /// How live objects were seen last, while something is written.
    sights: Sights,
    /// Whether all that there is has been told.
    synced: bool,
    /// Whether changes are queued; else the sweep finds them.
    writing: bool,
    /// When the queue is looked at again without anybody being woken, or zero as soon as there can be
    /// a write; `None`: not at all.
    looks: Option<Duration>,
}

impl StatusWriter {
    /// A writer that knows of no status.
    pub fn new(settings: Settings) -> Self {
        Self {
            shared: Arc::new(Shared {
                settings,
                started: Instant::now(),
                state: Mutex::default(),
                wake: Notify::new(),
                counters: Counters::default(),
            }),
        }
    }

    /// The status of an object should say this. Kinds without a status of ours are ignored.
    ///
    /// Cost: nothing is written when it is what was said last.
    pub fn set(&self, object: &Arc<ObjectRef>, document: &Document) {
        let Some(wanted) = Wanted::new(document) else {
            return;
        };
        let now = self.shared.now();
        let settle = if wanted.undecided {
            now + self.shared.settings.settle
        } else {
            now
        };
        let mut state = self.shared.state();
        let known = state.wanted.get(object);
        if known.is_some_and(|known| **known == wanted) {
            return;
        }
        state.wanted.insert(object.clone(), Arc::new(wanted));
        self.shared.renew(state, object, now, settle);
    }

    /// An object is gone or no longer ours: what we said of it is removed, if it still exists.
    pub fn forget(&self, object: &Arc<ObjectRef>) {
        let now = self.shared.now();
        let mut state = self.shared.state();
        if state.wanted.remove(object).is_some() {
            self.shared.renew(state, object, now, now);
        }
    }

    /// This is how an object stands, with what everybody wrote to its status. Whoever tells it saves
    /// a read before the next write; it need be neither complete nor up to date.
    pub fn saw(&self, sight: &Sight<'_>) {
        let mut state = self.shared.state();
        if state.writing {
            let (version, status) = (sight.version, sight.status);
            let (object, generation) = (sight.object, sight.generation);
            state.sights.note(object, version, generation, status);
        }
    }

    /// All objects that exist have been told by [`Self::set`]. Nothing is written before: what
    /// was not told would be taken for no longer ours.
    pub fn synced(&self) {
        self.shared.state().synced = true;
        self.shared.wake.notify_one();
    }

    /// Numbers for the metrics page.
    pub fn metrics(&self) -> Metrics {
        let now = self.shared.now();
        let state = self.shared.state();
        let (depth, age) = (state.queue.depth(), state.queue.age(now));
        let objects = state.wanted.len();
        drop(state);
        self.shared.counters.read(objects, depth, age)
    }
}

impl Shared {
    /// Time since the start.
    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// There is something else to write for an object, at this time at the earliest. What is due no
    /// sooner than the queue is looked at anyway wakes nobody: under load that is half of all news.
    fn renew(
        &self,
        mut state: MutexGuard<'_, State>,
        object: &Arc<ObjectRef>,
        now: Duration,
        at: Duration,
    ) {
        if !state.writing {
            return;
        }
        state.queue.renew(object, now, at);
        let due = match state.queue.is_ready(now) {
            true => Some(now),
            false => state.queue.next(),
        };
        let wakes = match (due, state.looks) {
            (Some(due), Some(looks)) => due < looks,
            (due, _) => due.is_some(),
        };
        drop(state);
        if wakes {
            self.wake.notify_one();
        }
    }

    /// Held for a few operations on maps, never over a wait.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
