//! When the lease was renewed last.
//!
//! The manager of leases tells of changes only; so its requests are looked at on their way.

use std::io;
use std::time::Duration;

use http::{Method, Request};
use kube::Client;
use kube::client::Body;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

/// How long the API server may take to answer: several tries are to fit into what is left of a lease.
const ANSWER: Duration = Duration::from_secs(3);

/// The times of renewals.
pub(super) struct Renewals {
    last: watch::Receiver<Instant>,
}

/// A client whose successful changes are noted; to be used for the lease alone. The start counts as
/// a renewal: a process that finds the lease its own leads at once.
pub(super) fn noted(client: Client) -> (Client, Renewals) {
    let (note, last) = watch::channel(Instant::now());
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, note) = (client.clone(), note.clone());
        async move {
            // The lease holds from before the request, at the latest.
            let sent = Instant::now();
            let renews = request.method() == Method::PATCH;
            let answer = timeout(ANSWER, client.send(request)).await;
            let answer = answer.unwrap_or_else(|_| {
                let late = io::Error::new(io::ErrorKind::TimedOut, "no answer in time");
                Err(kube::Error::Service(late.into()))
            })?;
            if renews && answer.status().is_success() {
                note.send_replace(sent);
            }
            Ok::<_, kube::Error>(answer)
        }
    });
    (Client::new(service, namespace), Renewals { last })
}

impl Renewals {
    /// Tells for ever whether a lease that holds for so long without being renewed still does:
    /// another may hold it after that, also where this one cannot see it.
    pub(super) async fn tell(&self, duration: Duration, tell: &watch::Sender<bool>) {
        let mut last = self.last.clone();
        loop {
            let end = *last.borrow_and_update() + duration;
            let holds = Instant::now() < end;
            let changed = tell.send_if_modified(|told| std::mem::replace(told, holds) != holds);
            if changed && !holds {
                tracing::warn!("the lease ran out without being renewed");
            }
            tokio::select! {
                renewed = last.changed() => if renewed.is_err() {
                    // Nobody renews any more.
                    sleep_until(end).await;
                    tell.send_replace(false);
                    return;
                },
                () = sleep_until(end), if holds => {}
            }
        }
    }
}
