//! Which of several control planes leads: the holder of a Lease.
//!
//! [`lead`] gives a channel that says whether this one does. Only the leader writes statuses and
//! deploys.

use std::time::Duration;

use kube::Client;
use kube_lease_manager::{LeaseManagerBuilder, LeaseManagerError};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// How long a lease holds without being renewed: after the death of a leader nobody leads for up to
/// that long. Units: seconds.
const DURATION: u64 = 8;

/// How long before its end a lease is renewed. Units: seconds.
const GRACE: u64 = 3;

/// How long a release at the end may take.
const RELEASE: Duration = Duration::from_secs(2);

/// Where the Lease is, and who we are.
#[derive(Clone, Debug)]
pub struct LeaseSettings {
    /// Namespace of the control plane.
    pub namespace: String,
    /// Name of the Lease; default `ferrogate`.
    pub name: String,
    /// Unique among the control planes: the pod's name.
    pub identity: String,
}

/// A seat among those that may lead. To be given up by [`Self::release`] at the end, or the next
/// one leads only after the lease has run out.
#[derive(Debug)]
pub struct Seat {
    leading: watch::Receiver<bool>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Takes part in the election from now on, in a task of the current runtime.
///
/// Errors: the Lease could not be read or made; the caller tries again later.
pub async fn lead(client: Client, settings: &LeaseSettings) -> Result<Seat, LeaseManagerError> {
    let manager = LeaseManagerBuilder::new(client, &settings.name)
        .with_namespace(&settings.namespace)
        .with_identity(&settings.identity)
        .with_field_manager(format!("ferrogate-{}", settings.identity))
        .with_duration(DURATION)
        .with_grace(GRACE)
        .build()
        .await?;
    let (lease, manager) = manager.watch().await;
    let (tell, leading) = watch::channel(false);
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(async move {
        tokio::select! {
            () = pass_on(lease, &tell) => {}
            _ = stopped => {}
        }
        // Whoever writes stops before another may begin. The manager gives the lease up once
        // nobody listens to it, which is why no receiver of its channel is handed out.
        tell.send_replace(false);
        match manager.await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the lease could not be released"),
            Err(error) => tracing::warn!(%error, "the election ended"),
        }
    });
    Ok(Seat {
        leading,
        stop,
        task,
    })
}

/// Passes on who leads, until the election ends.
async fn pass_on(mut lease: watch::Receiver<bool>, tell: &watch::Sender<bool>) {
    loop {
        tell.send_replace(*lease.borrow_and_update());
        if lease.changed().await.is_err() {
            return;
        }
    }
}

impl Seat {
    /// Whether this one leads, now and from now on; closed after [`Self::release`].
    pub fn leading(&self) -> watch::Receiver<bool> {
        self.leading.clone()
    }

    /// Gives the lease up, if it is ours, so that another can take it. Receivers see `false` at
    /// once. Waits at most two seconds.
    pub async fn release(self) {
        drop(self.stop);
        if tokio::time::timeout(RELEASE, self.task).await.is_err() {
            tracing::warn!("the lease was not released in time");
        }
    }
}
