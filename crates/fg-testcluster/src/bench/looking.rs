//! Looks at routes each millisecond until they are live.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::sync::oneshot;

use super::http::{Connection, Target};

/// The field whose value an edit changes.
pub(super) const EDITION: &str = "x-edition";
/// The pause between two rounds of looks: shorter ones would take from the cores what is measured on them.
const PAUSE: Duration = Duration::from_millis(1);
/// How long a route may take before it counts as never seen, where nothing else is said.
pub(super) const LIMIT: Duration = Duration::from_secs(60);
/// How many routes are looked at in a round, the oldest first: a proxy that is late with hundreds of them is not to be
/// kept busy by looks.
const AT_ONCE: usize = 32;
/// Connections that a route must be live on beside the first: other workers of the proxy answer on some of them.
const OTHERS: usize = 4;

/// How a route came to be live.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// From the begin of the call that made or changed it, until it was live on one connection.
    pub(super) first: Duration,
    /// From the begin of the call that made or changed it, until it was live on all connections.
    pub(super) took: Duration,
    /// Answers that should not have been: an error of the proxy before, anything but 200 after it was live.
    pub(super) gaps: Vec<String>,
}

struct Look {
    target: Target,
    edition: Option<String>,
    begin: Instant,
    seen: oneshot::Sender<anyhow::Result<Seen>>,
    gaps: Vec<String>,
    /// When it was live on the first connection, and those of the others that it is not live on yet.
    others: Option<(Duration, Vec<usize>)>,
}

/// A thread that looks; it ends when this is dropped.
#[derive(Debug, Clone)]
pub(super) struct Looker(Sender<Look>);

impl Looker {
    /// Starts one that asks `address` and gives up on a route after `limit`. With `is_one`, the proxy's workers take a
    /// change at one time: what is live on one connection must be on all. Called inside the cluster's namespace.
    pub(super) fn start(address: SocketAddr, limit: Duration, is_one: bool) -> Self {
        let (sender, looks) = channel();
        std::thread::spawn(move || run(address, limit, is_one, &looks));
        Self(sender)
    }

    /// Waits until the route answers 200, with this edition if one is given; a route without one is new, so that 404
    /// is what it answers until then.
    /// Errors: it never does.
    pub(super) async fn look(
        &self,
        target: Target,
        edition: Option<String>,
        begin: Instant,
    ) -> anyhow::Result<Seen> {
        let (seen, answer) = oneshot::channel();
        let look = Look {
            target,
            edition,
            begin,
            seen,
            gaps: Vec::new(),
            others: None,
        };
        if self.0.send(look).is_err() {
            bail!("nobody looks any more");
        }
        answer.await.context("nobody looks any more")?
    }
}

fn run(address: SocketAddr, limit: Duration, is_one: bool, looks: &Receiver<Look>) {
    let mut main = Connection::to(address);
    let mut others: Vec<Connection> = (0..OTHERS).map(|_| Connection::to(address)).collect();
    let mut open: Vec<Look> = Vec::new();
    loop {
        if open.is_empty() {
            match looks.recv() {
                Ok(look) => open.push(look),
                Err(_) => return,
            }
        }
        open.extend(looks.try_iter());
        let later = open.split_off(open.len().min(AT_ONCE));
        let mut still = Vec::new();
        for mut look in open {
            match is_live(&mut look, &mut main, &mut others, is_one) {
                None if look.begin.elapsed() < limit => still.push(look),
                None => {
                    let words = format!("{:?} was not live after {limit:?}", look.target);
                    // Who asked may have gone.
                    look.seen.send(Err(anyhow::anyhow!(words))).ok();
                }
                Some(first) => {
                    let took = look.begin.elapsed();
                    for connection in others.iter_mut().chain([&mut main]) {
                        confirm(&mut look, connection);
                    }
                    let gaps = look.gaps;
                    look.seen.send(Ok(Seen { first, took, gaps })).ok();
                }
            }
        }
        still.extend(later);
        open = still;
        std::thread::sleep(PAUSE);
    }
}

/// When the route was as wanted on the first connection; `None` until it is so on all.
fn is_live(
    look: &mut Look,
    main: &mut Connection,
    others: &mut [Connection],
    is_one: bool,
) -> Option<Duration> {
    let (first, mut left) = match look.others.take() {
        Some(seen) => seen,
        None if glance(look, main) => (look.begin.elapsed(), (0..others.len()).collect()),
        None => return None,
    };
    left.retain(|number| {
        let connection = others.get_mut(*number);
        connection.is_some_and(|connection| !glance(look, connection))
    });
    if is_one {
        for number in left.drain(..) {
            let words = format!(
                "{:?}: not on connection {number} when it was live",
                look.target
            );
            look.gaps.push(words);
        }
    }
    let is_live = left.is_empty();
    look.others = Some((first, left));
    is_live.then_some(first)
}

/// Whether the route is as wanted.
fn glance(look: &mut Look, connection: &mut Connection) -> bool {
    match connection.get(&look.target) {
        Ok(reply) if reply.status == 200 => {
            look.edition.is_none() || reply.field(EDITION) == look.edition.as_deref()
        }
        Ok(reply) if reply.status == 404 && look.edition.is_none() => false,
        Ok(reply) => {
            look.gaps
                .push(format!("{:?}: {}", look.target, reply.status));
            false
        }
        Err(error) => {
            look.gaps.push(format!("{:?}: {error:#}", look.target));
            false
        }
    }
}

/// A route that is live stays so.
fn confirm(look: &mut Look, connection: &mut Connection) {
    match connection.get(&look.target) {
        Ok(reply) if reply.status == 200 => {}
        Ok(reply) => {
            let words = format!("{:?}: {} after it was live", look.target, reply.status);
            look.gaps.push(words);
        }
        Err(error) => look.gaps.push(format!("{:?}: {error:#}", look.target)),
    }
}
