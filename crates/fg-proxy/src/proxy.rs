//! The handle of a running proxy.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fg_exchange::{Part, Reason};
use fg_ir::{Change, Listener, ListenerKey};
use fg_telemetry::Registry;
use fg_telemetry::access_log::{AccessLog, Destination};

use crate::bind::bind;
use crate::dns::Resolver;
use crate::generation::Compiler;
use crate::settings::Settings;
use crate::shared::{Bound, Shared, SocketKey};
use crate::worker;

/// What became of one listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The listener.
    pub listener: ListenerKey,
    /// The addresses that it serves on, or why it serves on none, in words for its owner.
    pub bound: Result<Vec<SocketAddr>, String>,
}

/// A running data plane. Dropping it ends it at once; see [`Proxy::drain`].
pub struct Proxy {
    shared: Arc<Shared>,
    control: Arc<Mutex<Control>>,
    resolver: Option<Resolver>,
    workers: Vec<JoinHandle<()>>,
}

/// How many client connections are open, for whoever waits for the last.
#[derive(Clone)]
pub struct Connections(Arc<Shared>);

impl Connections {
    /// Now.
    pub fn open(&self) -> usize {
        self.0.connections.load(Ordering::Relaxed)
    }
}

/// The side of configuration.
pub(crate) struct Control {
    pub(crate) compiler: Compiler,
    listeners: BTreeMap<ListenerKey, Arc<Listener>>,
    failures: BTreeMap<SocketKey, String>,
    /// Ports that are shared with another part of this process.
    shared: BTreeSet<u16>,
    serial: u64,
}

impl Proxy {
    /// The reasons of [`fg_exchange::Reason`] in the order of their numbers, for
    /// [`Registry::new`].
    pub fn reasons() -> Vec<&'static str> {
        Reason::ALL.iter().map(|reason| reason.text()).collect()
    }

    /// Starts the workers. Nothing is listened on before the first [`Proxy::apply`].
    ///
    /// # Errors
    /// When a thread cannot be started or the access log cannot be opened.
    pub fn start(settings: Settings, registry: Arc<Registry>) -> io::Result<Self> {
        let mut settings = settings;
        settings.workers = settings.workers.max(1);
        settings.limits.fields = settings.limits.fields.min(fg_http::h1::MAX_FIELDS);
        let log = AccessLog::start(
            settings.access_log,
            &Destination::Stdout,
            registry.log_dropped(),
        )?;
        let mut compiler = Compiler::new(
            settings.workers,
            settings.session_secret.clone(),
            settings.serve_h2,
        );
        let generation = compiler.apply(&Change::default());
        let shared = Arc::new(Shared::new(settings, registry, generation, log));
        let workers = (0..shared.settings.workers)
            .map(|id| {
                let shared = shared.clone();
                std::thread::Builder::new()
                    .name(format!("worker-{id}"))
                    .spawn(move || keep_alive(id, &shared))
            })
            .collect::<io::Result<_>>()?;
        let control = Control {
            compiler,
            listeners: BTreeMap::new(),
            failures: BTreeMap::new(),
            shared: BTreeSet::new(),
            serial: 0,
        };
        Ok(Self {
            shared,
            control: Arc::new(Mutex::new(control)),
            resolver: None,
            workers,
        })
    }

    /// Applies a change: binds what is new, compiles, publishes, and gives the state of every
    /// listener. When it returns, every new request sees the change.
    pub fn apply(&mut self, change: &Change) -> Vec<Ack> {
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, listener) in &change.listeners {
            match listener {
                Some(listener) => control.listeners.insert(key.clone(), listener.clone()),
                None => control.listeners.remove(key),
            };
        }
        // Bind before publishing and unbind after, so that no socket is without a table.
        let generation = control.compiler.apply(change);
        self.shared.publish(generation.clone());
        let wanted: Vec<SocketKey> = generation.router.sockets().map(|(key, _)| key).collect();
        control.follow(&self.shared, &wanted);
        let acks = control.acks(&self.shared);
        let names = control.compiler.names();
        drop(control);
        if !names.is_empty() || self.resolver.is_some() {
            let resolver = self
                .resolver
                .get_or_insert_with(|| Resolver::start(self.shared.clone(), self.control.clone()));
            resolver.follow(names);
        }
        acks
    }

    /// Says on which ports another part of this process listens, or did a moment ago, all of them: they
    /// are shared with it. Any other port that somebody has is not.
    pub fn share_ports(&mut self, ports: BTreeSet<u16>) {
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        control.shared = ports;
    }

    /// Tries again to bind what could not be bound. `None` when nothing is missing, or nothing
    /// changed.
    pub fn bind_again(&mut self) -> Option<Vec<Ack>> {
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        if control.failures.is_empty() {
            return None;
        }
        let before = control.failures.clone();
        let generation = self.shared.generation.load_full();
        let wanted: Vec<SocketKey> = generation.router.sockets().map(|(key, _)| key).collect();
        control.follow(&self.shared, &wanted);
        (control.failures != before).then(|| control.acks(&self.shared))
    }

    /// The number of the newest generation.
    pub fn generation(&self) -> u64 {
        self.shared.number.load(Ordering::Acquire)
    }

    /// Client connections open now.
    pub fn connections(&self) -> usize {
        self.open_connections().open()
    }

    /// A way to count client connections without the proxy.
    pub fn open_connections(&self) -> Connections {
        Connections(self.shared.clone())
    }

    /// Adds a part to every rule compiled from now on: the way to try a filter without a policy.
    pub fn add_part(&mut self, part: fn() -> Part) {
        self.control
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .compiler
            .add_part(part);
    }

    /// Stops accepting, ends idle connections, lets requests under way finish, and returns when
    /// the last is done or after `timeout`. Says whether all were done.
    pub fn drain(mut self, timeout: Duration) -> bool {
        self.shared.draining.store(true, Ordering::Release);
        self.shared.sockets().clear();
        self.shared.wake_all();
        let end = Instant::now() + timeout;
        let unfinished =
            |workers: &[JoinHandle<()>]| workers.iter().any(|worker| !worker.is_finished());
        while unfinished(&self.workers) && Instant::now() < end {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        let drained = !unfinished(&self.workers);
        if drained {
            for worker in self.workers.drain(..) {
                // A worker that panicked was reported when it did.
                let _ = worker.join();
            }
        }
        self.shared.finish_log();
        drained
    }
}

impl Drop for Proxy {
    /// Ends the workers, and with them all connections.
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        self.shared.sockets().clear();
        self.shared.wake_all();
    }
}

/// Runs a worker; one that dies of a bug is replaced, since its sockets live on here.
fn keep_alive(id: usize, shared: &Arc<Shared>) {
    loop {
        let outcome =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| worker::run(id, shared)));
        match outcome {
            Ok(Ok(())) => return,
            Ok(Err(error)) => {
                tracing::error!(worker = id, %error, "a worker could not start, trying again")
            }
            Err(_) => tracing::error!(
                worker = id,
                "a worker died and is replaced; this is a bug, please report it"
            ),
        }
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

impl Control {
    /// Opens the sockets that are wanted, then closes those that are not: a port that only changes
    /// its address is never without a socket.
    fn follow(&mut self, shared: &Shared, wanted: &[SocketKey]) {
        let mapped = |port: u16| shared.settings.port_map.get(&port).copied().unwrap_or(port);
        let mut sockets = shared.sockets();
        let mut changed = false;
        self.failures.retain(|key, _| wanted.contains(key));
        for key in wanted {
            if sockets.contains_key(key) {
                continue;
            }
            let port = mapped(key.1);
            let is_ours = sockets.keys().any(|held| mapped(held.1) == port);
            let alone = !is_ours && !self.shared.contains(&port);
            match bind(key.0, port, shared.settings.workers, alone) {
                Ok(listeners) => {
                    self.serial += 1;
                    let serial = self.serial;
                    sockets.insert(*key, Bound { serial, listeners });
                    self.failures.remove(key);
                    changed = true;
                }
                Err(words) => {
                    self.failures.insert(*key, words);
                }
            }
        }
        let before = sockets.len();
        sockets.retain(|key, _| wanted.contains(key));
        changed |= sockets.len() != before;
        drop(sockets);
        if changed {
            shared.wake_all();
        }
    }

    fn acks(&self, shared: &Shared) -> Vec<Ack> {
        let sockets = shared.sockets();
        self.listeners
            .values()
            .map(|listener| {
                let keys: Vec<SocketKey> = if listener.addresses.is_empty() {
                    vec![(None, listener.port)]
                } else {
                    listener
                        .addresses
                        .iter()
                        .map(|at| (Some(at.to_canonical()), listener.port))
                        .collect()
                };
                let mut bound = Vec::new();
                let mut failures = Vec::new();
                for key in keys {
                    let address = sockets
                        .get(&key)
                        .and_then(|bound| bound.listeners.first()?.local_addr().ok());
                    match address {
                        Some(address) => bound.push(address),
                        None => failures.extend(self.failures.get(&key).cloned()),
                    }
                }
                let bound = if bound.is_empty() || !failures.is_empty() {
                    Err(failures.join("; "))
                } else {
                    Ok(bound)
                };
                Ack {
                    listener: listener.key.clone(),
                    bound,
                }
            })
            .collect()
    }
}
