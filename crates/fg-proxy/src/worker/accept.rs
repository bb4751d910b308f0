//! Accepting connections, and following the list of sockets.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use super::Worker;
use crate::serve;
use crate::shared::SocketKey;

/// How long accepting pauses when the process has no descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// How often a draining worker looks whether its last connection is gone.
const DRAIN_LOOK: Duration = Duration::from_millis(20);

/// Follows the list of sockets until the process drains and the last connection is gone.
pub(super) async fn listen(worker: Rc<Worker>) {
    let mut listening: BTreeMap<SocketKey, Listening> = BTreeMap::new();
    let mut drains = false;
    loop {
        let changed = worker.shared.wake(worker.id).notified();
        let draining = worker.shared.draining.load(Ordering::Acquire);
        let wanted = if draining {
            BTreeMap::new()
        } else {
            let holds = |key: &SocketKey, serial| {
                let held = listening.get(key);
                held.is_some_and(|held| held.serial == serial)
            };
            worker.shared.sockets_of(worker.id, holds)
        };
        let serials: BTreeMap<SocketKey, u64> = wanted
            .iter()
            .map(|(key, (serial, _))| (*key, *serial))
            .collect();
        // The new ones first, so that a port which only changes its address is always served.
        for (key, (serial, listener)) in wanted {
            let Some(listener) = listener else {
                continue;
            };
            match TcpListener::from_std(listener) {
                Ok(listener) => {
                    let listener = Rc::new(listener);
                    let task =
                        tokio::task::spawn_local(accept(worker.clone(), listener.clone(), key));
                    let held = Listening {
                        serial,
                        listener,
                        task: task.abort_handle(),
                    };
                    if let Some(before) = listening.insert(key, held) {
                        before.end(&worker, key);
                    }
                }
                Err(error) => {
                    tracing::error!(port = key.1, %error, "a listening socket could not be used")
                }
            }
        }
        let gone = listening.extract_if(.., |key, held| serials.get(key) != Some(&held.serial));
        for (key, held) in gone.collect::<Vec<_>>() {
            held.end(&worker, key);
        }
        // Whoever waits on a port that is gone waits for nothing.
        worker
            .sweep
            .expire_idle(|key| !listening.keys().any(|held| held.1 == key.1));
        if draining && !std::mem::replace(&mut drains, true) {
            worker.sweep.wake_all();
        }
        if worker.shared.ended.load(Ordering::Acquire) {
            return;
        }
        if draining && worker.stats.connections_open.get() == 0 {
            return;
        }
        let missing = !draining && listening.len() < worker.shared.sockets().len();
        if draining || missing {
            let soon = if draining { DRAIN_LOOK } else { PAUSE };
            // Nothing depends on which of the two ended the wait.
            let _ = tokio::time::timeout(soon, changed).await;
        } else {
            changed.await;
        }
    }
}

/// A socket that this worker listens on.
struct Listening {
    serial: u64,
    listener: Rc<TcpListener>,
    task: AbortHandle,
}

impl Listening {
    /// Stops listening. Connections that the kernel has already made are taken in first: closing
    /// the socket would reset them.
    fn end(self, worker: &Rc<Worker>, key: SocketKey) {
        self.task.abort();
        let socket = SockRef::from(&*self.listener);
        while let Ok((stream, peer)) = socket.accept() {
            let stream: std::net::TcpStream = stream.into();
            let made = stream
                .set_nonblocking(true)
                .and_then(|()| TcpStream::from_std(stream));
            if let (Ok(stream), Some(peer)) = (made, peer.as_socket()) {
                welcome(worker, stream, peer, key);
            }
        }
    }
}

async fn accept(worker: Rc<Worker>, listener: Rc<TcpListener>, key: SocketKey) {
    let paused = Cell::new(false);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                paused.set(false);
                welcome(&worker, stream, peer, key);
            }
            Err(error) if is_exhausted(&error) => {
                if !paused.replace(true) {
                    worker.stats.accept_pauses.increment();
                    tracing::warn!(%error, "accepting pauses: raise the limit of open files (`ulimit -n`)");
                }
                tokio::time::sleep(PAUSE).await;
            }
            // The connection is gone already; the next one may be well.
            Err(_) => {}
        }
    }
}

fn welcome(worker: &Rc<Worker>, stream: TcpStream, peer: SocketAddr, key: SocketKey) {
    let shared = &worker.shared;
    let open = shared.connections.fetch_add(1, Ordering::Relaxed);
    if open >= shared.settings.max_connections {
        shared.connections.fetch_sub(1, Ordering::Relaxed);
        worker.stats.connections_refused.increment();
        return;
    }
    worker.stats.connections_accepted.increment();
    worker.stats.connections_open.increment();
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    tokio::task::spawn_local(serve::connection(worker.clone(), stream, peer, key));
}

/// Out of descriptors (`EMFILE`, `ENFILE`) or memory.
fn is_exhausted(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24 | 12 | 105))
}
