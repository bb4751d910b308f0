//! A light load on routes that are live: every answer but 200 is a failure.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use super::http::{Connection, Target};

/// How many failures are told in words.
const WORDS: usize = 5;

/// What came of the requests.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Requests made.
    pub(super) requests: u64,
    /// Those that were not answered with 200.
    pub(super) failed: u64,
    /// The first failures.
    pub(super) words: Vec<String>,
}

/// Threads that ask, until they are told to stop.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    targets: Arc<RwLock<Vec<Target>>>,
    threads: Vec<JoinHandle<Tally>>,
}

impl Load {
    /// Starts `connections` threads; each asks for one target after the other with a pause in between.
    /// Called inside the cluster's namespace.
    pub(super) fn start(
        address: SocketAddr,
        connections: usize,
        pause: Duration,
        targets: Vec<Target>,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let targets = Arc::new(RwLock::new(targets));
        let threads = (0..connections)
            .map(|number| {
                let (stop, targets) = (stop.clone(), targets.clone());
                std::thread::spawn(move || ask(address, number, pause, &targets, &stop))
            })
            .collect();
        Self {
            stop,
            targets,
            threads,
        }
    }

    /// Asks for this one, too, from now on.
    pub(super) fn add(&self, target: Target) {
        let mut targets = self.targets.write().unwrap_or_else(PoisonError::into_inner);
        targets.push(target);
    }

    /// Asks for this one no more. A request may be under way.
    pub(super) fn remove(&self, target: &Target) {
        let mut targets = self.targets.write().unwrap_or_else(PoisonError::into_inner);
        targets.retain(|one| one != target);
    }

    /// Stops, and tells what came of it.
    pub(super) fn end(mut self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Tally::default();
        for thread in self.threads.drain(..) {
            let one = thread.join().unwrap_or_else(|_| Tally {
                failed: 1,
                words: vec!["the load broke off".to_owned()],
                ..Tally::default()
            });
            all.requests += one.requests;
            all.failed += one.failed;
            all.words.extend(one.words);
        }
        all.words.truncate(WORDS);
        all
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn ask(
    address: SocketAddr,
    number: usize,
    pause: Duration,
    targets: &RwLock<Vec<Target>>,
    stop: &AtomicBool,
) -> Tally {
    /// Prime, so that each thread visits all targets in another order.
    const STRIDE: usize = 7919;
    let mut connection = Connection::to(address);
    let mut tally = Tally::default();
    let mut turn = number;
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(pause);
        turn = turn.wrapping_add(STRIDE);
        let target = {
            let targets = targets.read().unwrap_or_else(PoisonError::into_inner);
            let at = turn.checked_rem(targets.len());
            at.and_then(|at| targets.get(at).cloned())
        };
        let Some(target) = target else {
            continue;
        };
        tally.requests += 1;
        let wrong = match connection.get(&target) {
            Ok(reply) if reply.status == 200 => continue,
            Ok(reply) => format!("{}{}: {}", target.host, target.path, reply.status),
            Err(error) => format!("{}{}: {error:#}", target.host, target.path),
        };
        tally.failed += 1;
        if tally.words.len() < WORDS {
            tally.words.push(wrong);
        }
    }
    tally
}
