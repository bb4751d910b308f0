//! What workers and the control side share: the newest generation, the sockets, and a few switches.

use std::collections::BTreeMap;
use std::net::{IpAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use fg_telemetry::Registry;
use fg_telemetry::access_log::{AccessLog, Sink};
use tokio::sync::Notify;

use crate::generation::Generation;
use crate::settings::Settings;

/// How long the end of the process waits for whoever reads the access log.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

/// A socket: address (`None` is all) and port as configured.
pub(crate) type SocketKey = (Option<IpAddr>, u16);

/// The listening sockets of one address and port, one a worker.
pub(crate) struct Bound {
    /// Tells a socket from an earlier one of the same address.
    pub(crate) serial: u64,
    pub(crate) listeners: Vec<TcpListener>,
}

/// Shared by all threads of a proxy.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) registry: Arc<Registry>,
    pub(crate) generation: ArcSwap<Generation>,
    /// Number of the newest generation.
    pub(crate) number: AtomicU64,
    pub(crate) draining: AtomicBool,
    /// The proxy is gone: workers end at once.
    pub(crate) ended: AtomicBool,
    /// Client connections open on all workers.
    pub(crate) connections: AtomicUsize,
    /// TLS handshakes with clients under way on all workers.
    pub(crate) handshakes: AtomicUsize,
    sockets: Mutex<BTreeMap<SocketKey, Bound>>,
    wakes: Vec<Notify>,
    log: Option<AccessLog>,
}

impl Shared {
    pub(crate) fn new(
        settings: Settings,
        registry: Arc<Registry>,
        generation: Arc<Generation>,
        log: Option<AccessLog>,
    ) -> Self {
        Self {
            number: AtomicU64::new(generation.number),
            generation: ArcSwap::new(generation),
            draining: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            handshakes: AtomicUsize::new(0),
            sockets: Mutex::default(),
            wakes: (0..settings.workers).map(|_| Notify::new()).collect(),
            settings,
            registry,
            log,
        }
    }

    /// Makes a generation the newest one; requests from now on see it.
    pub(crate) fn publish(&self, generation: Arc<Generation>) {
        let number = generation.number;
        self.generation.store(generation);
        self.number.store(number, Ordering::Release);
    }

    /// Wakes a worker when sockets or switches changed.
    pub(crate) fn wake(&self, worker: usize) -> &Notify {
        &self.wakes[worker]
    }

    /// Wakes all workers.
    pub(crate) fn wake_all(&self) {
        self.wakes.iter().for_each(Notify::notify_one);
    }

    /// The sockets, under their lock. Never taken by a request.
    pub(crate) fn sockets(&self) -> MutexGuard<'_, BTreeMap<SocketKey, Bound>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sockets with their serial numbers, and a worker's own handles of those that it does not
    /// hold yet. A socket of which no handle could be made (no descriptor is left) is absent and
    /// logged.
    pub(crate) fn sockets_of(
        &self,
        worker: usize,
        holds: impl Fn(&SocketKey, u64) -> bool,
    ) -> BTreeMap<SocketKey, (u64, Option<TcpListener>)> {
        self.sockets()
            .iter()
            .filter_map(|(key, bound)| {
                if holds(key, bound.serial) {
                    return Some((*key, (bound.serial, None)));
                }
                let listener = bound.listeners.get(worker)?.try_clone();
                let listener = listener.inspect_err(|error| {
                    tracing::error!(port = key.1, %error, "a worker cannot listen yet: raise the limit of open files (`ulimit -n`)");
                });
                let listener = listener.ok()?;
                Some((*key, (bound.serial, Some(listener))))
            })
            .collect()
    }

    /// Waits until what workers have logged is written; not for long, if nobody takes it.
    pub(crate) fn finish_log(&self) {
        let written = self.log.as_ref().map(|log| log.wait_written(LOG_PATIENCE));
        if written == Some(false) {
            tracing::warn!("the last lines of the access log could not be written");
        }
    }

    /// The access log's end for one worker.
    pub(crate) fn log_sink(&self) -> Option<Sink> {
        self.log.as_ref().map(AccessLog::sink)
    }
}
