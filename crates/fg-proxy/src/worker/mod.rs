//! One worker: a thread with its own runtime, listeners, pools and buffers. Nothing on the path of
//! a request is shared with another worker but what is never written.

mod accept;
pub(crate) mod handshake;
pub(crate) mod pool;
pub(crate) mod socket;
pub(crate) mod sweep;
pub(crate) mod tls;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use fg_lb::Random;
use fg_telemetry::WorkerStats;
use fg_telemetry::access_log::Sink;
use tokio::runtime::LocalOptions;
use tokio::sync::Semaphore;

use self::pool::Pools;
use self::sweep::{Sweep, TICK};
use crate::generation::Generation;
use crate::serve::{Budgets, Exchange};
use crate::shared::Shared;

/// Exchanges kept for reuse, with their buffers.
const SPARE_EXCHANGES: usize = 128;

/// Connections closed and exchanges dropped in a second, from which on their memory is returned.
const MUCH_FREED: usize = 16;

/// Room of exchanges dropped in a second, from which on it is returned. Units: bytes.
const MANY_BYTES: usize = 1024 * 1024;

/// A generation as one worker holds it: requests count their use of it on their own thread.
pub(crate) struct Held(Arc<Generation>);

impl std::ops::Deref for Held {
    type Target = Generation;

    fn deref(&self) -> &Generation {
        &self.0
    }
}

/// Everything that the connections of one worker share.
pub(crate) struct Worker {
    pub(crate) id: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) stats: Arc<WorkerStats>,
    pub(crate) sweep: Sweep,
    pub(crate) pools: Pools,
    pub(crate) random: Random,
    pub(crate) budgets: Budgets,
    /// Copies of requests under way.
    pub(crate) mirrors: Cell<usize>,
    pub(crate) log: RefCell<Option<Sink>>,
    /// Whose turn it is among handshakes.
    turns: Semaphore,
    generation: RefCell<Rc<Held>>,
    /// Number of the generation held, to see with one read whether there is a newer one.
    number: Cell<u64>,
    #[expect(
        clippy::vec_box,
        reason = "an exchange is large and goes from hand to hand"
    )]
    spare: RefCell<Vec<Box<Exchange>>>,
    /// The fewest spare exchanges since housekeeping last looked: so many were not needed.
    unused: Cell<usize>,
    /// Room of exchanges that were too large to keep. Units: bytes.
    freed: Cell<usize>,
    /// Connections and exchanges that went away since memory was last returned in calm, and the room
    /// of exchanges in bytes.
    since_calm: Cell<(usize, usize)>,
    /// Connections open when housekeeping last looked.
    open: Cell<u64>,
    date: RefCell<String>,
}

impl Worker {
    fn new(id: usize, shared: Arc<Shared>) -> Self {
        let seed = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        let stats = shared.registry.worker();
        let log = shared.log_sink();
        let generation = shared.generation.load_full();
        let worker = Self {
            id,
            stats,
            sweep: Sweep::new(),
            pools: Pools::default(),
            budgets: Budgets::default(),
            mirrors: Cell::new(0),
            random: Random::new((seed as u64).wrapping_mul(2 * id as u64 + 1)),
            log: RefCell::new(log),
            turns: Semaphore::new(handshake::TURNS),
            number: Cell::new(generation.number),
            generation: RefCell::new(Rc::new(Held(generation))),
            spare: RefCell::default(),
            unused: Cell::new(0),
            freed: Cell::new(0),
            since_calm: Cell::default(),
            open: Cell::new(0),
            date: RefCell::default(),
            shared,
        };
        worker.update_date();
        worker
    }

    /// The newest generation.
    ///
    /// Cost: one read of a line that nobody writes between changes, and a count of this thread.
    #[inline]
    pub(crate) fn generation(&self) -> Rc<Held> {
        if self.shared.number.load(Ordering::Acquire) != self.number.get() {
            self.adopt();
        }
        self.generation.borrow().clone()
    }

    #[cold]
    fn adopt(&self) {
        let generation = self.shared.generation.load_full();
        self.number.set(generation.number);
        *self.generation.borrow_mut() = Rc::new(Held(generation));
    }

    /// An exchange with empty buffers.
    pub(crate) fn take_exchange(&self) -> Box<Exchange> {
        let mut spare = self.spare.borrow_mut();
        let exchange = spare.pop().unwrap_or_default();
        self.unused.set(self.unused.get().min(spare.len()));
        exchange
    }

    /// Gives an exchange back for reuse.
    pub(crate) fn put_exchange(&self, mut exchange: Box<Exchange>) {
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE_EXCHANGES && exchange.is_small() {
            exchange.clear();
            spare.push(exchange);
        } else {
            self.freed.set(self.freed.get() + exchange.capacity());
        }
    }

    /// Gives the memory of a burst back, when it is over: half of the exchanges that nobody needed
    /// for a second.
    fn drop_unused(&self) {
        let mut spare = self.spare.borrow_mut();
        let keep = spare.len() - self.unused.get().div_ceil(2).min(spare.len());
        let mut freed = spare.len() - keep;
        let bytes: usize = spare.drain(keep..).map(|one| one.capacity()).sum();
        let bytes = bytes + self.freed.take();
        self.unused.set(spare.len());
        let open = self.stats.connections_open.get();
        freed += self.open.replace(open).saturating_sub(open) as usize;
        let much = |freed, bytes| freed >= MUCH_FREED || bytes >= MANY_BYTES;
        // While a burst goes away, and once more when it is gone: pages that still held something
        // then are empty now.
        let (all_freed, all_bytes) = self.since_calm.get();
        let (all_freed, all_bytes) = (all_freed + freed, all_bytes + bytes);
        let over = freed == 0 && bytes == 0 && much(all_freed, all_bytes);
        self.since_calm
            .set(if over { (0, 0) } else { (all_freed, all_bytes) });
        if (over || much(freed, bytes))
            && let Some(release) = self.shared.settings.release_memory
        {
            release();
        }
    }

    /// The date of now, as HTTP writes it.
    pub(crate) fn with_date<T>(&self, use_it: impl FnOnce(&[u8]) -> T) -> T {
        use_it(self.date.borrow().as_bytes())
    }

    fn update_date(&self) {
        *self.date.borrow_mut() = httpdate::fmt_http_date(SystemTime::now());
    }

    /// What has to be done now and then: deadlines, dates, pools, logs.
    async fn housekeeping(self: Rc<Self>) {
        let mut interval = tokio::time::interval(TICK);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let a_second = (Duration::from_secs(1).as_millis() / TICK.as_millis()) as u64;
        for tick in 0u64.. {
            interval.tick().await;
            self.sweep.sweep();
            if tick % a_second != 0 {
                continue;
            }
            self.update_date();
            // An idle worker lets go of the generation before.
            drop(self.generation());
            let now = self.sweep.now_millis();
            let age = u64::try_from(self.shared.settings.upstream_idle_timeout.as_millis())
                .unwrap_or(u64::MAX);
            let idle = self.pools.clean(now.saturating_sub(age), now);
            self.stats.pool_idle.set(idle as u64);
            self.drop_unused();
            if let Some(log) = &mut *self.log.borrow_mut() {
                log.flush();
            }
        }
    }
}

/// Runs a worker until the process drains. Called again when it died of a bug.
pub(crate) fn run(id: usize, shared: &Arc<Shared>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        // Look at sockets after every few polls, so that no connection waits behind the others.
        .event_interval(61)
        .build_local(LocalOptions::default())?;
    let worker = Rc::new(Worker::new(id, shared.clone()));
    let housekeeping = runtime.spawn_local(worker.clone().housekeeping());
    runtime.block_on(async {
        tokio::select! {
            () = accept::listen(worker) => {}
            // Without it no deadline passes: the worker dies of the same bug and is replaced.
            Err(ended) = housekeeping => if ended.is_panic() {
                std::panic::resume_unwind(ended.into_panic());
            },
        }
    });
    Ok(())
}
