//! Accepting connections, and following the list of sockets.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use super::Worker;
use crate::serve;
use crate::shared::SocketKey;

/// How long accepting pauses when the process has no descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// Follows the list of sockets until the process drains and the last connection is gone.
pub(super) async fn listen(worker: Rc<Worker>) {
    let mut listening: BTreeMap<SocketKey, (u64, AbortHandle)> = BTreeMap::new();
    loop {
        let changed = worker.shared.wake(worker.id).notified();
        let draining = worker.shared.draining.load(Ordering::Acquire);
        let wanted = if draining {
            BTreeMap::new()
        } else {
            worker.shared.sockets_of(worker.id)
        };
        listening.retain(|key, (serial, task)| {
            let keep = wanted.get(key).is_some_and(|(wanted, _)| wanted == serial);
            if !keep {
                task.abort();
            }
            keep
        });
        for (key, (serial, listener)) in wanted {
            if listening.contains_key(&key) {
                continue;
            }
            match TcpListener::from_std(listener) {
                Ok(listener) => {
                    let task = tokio::task::spawn_local(accept(worker.clone(), listener, key));
                    listening.insert(key, (serial, task.abort_handle()));
                }
                Err(error) => {
                    tracing::error!(port = key.1, %error, "a listening socket could not be used")
                }
            }
        }
        // Whoever waits on a socket that is gone waits for nothing.
        worker.sweep.expire_idle(|key| !listening.contains_key(key));
        if worker.shared.ended.load(Ordering::Acquire) {
            return;
        }
        if draining && worker.stats.connections_open.get() == 0 {
            return;
        }
        if draining {
            let soon = tokio::time::timeout(Duration::from_millis(20), changed);
            // Nothing depends on which of the two ended the wait.
            let _ = soon.await;
        } else {
            changed.await;
        }
    }
}

async fn accept(worker: Rc<Worker>, listener: TcpListener, key: SocketKey) {
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
    // Without it small writes would wait for acknowledgements; a failure costs only time.
    let _ = stream.set_nodelay(true);
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    tokio::task::spawn_local(serve::connection(worker.clone(), stream, peer, key));
}

/// Out of descriptors (`EMFILE`, `ENFILE`) or memory.
fn is_exhausted(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24 | 12 | 105))
}
