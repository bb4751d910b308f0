//! Which of several control planes leads: the holder of a Lease.
//!
//! [`lead`] gives a channel that says whether this one does. Only the leader writes statuses and
//! deploys.

mod renewals;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use kube_lease_manager::{LeaseCreateMode, LeaseManager, LeaseManagerBuilder, LeaseManagerError};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use renewals::Renewals;

/// How long a lease holds without being renewed: after the death of a leader nobody leads for up to
/// that long. Units: seconds.
const DURATION: u64 = 15;

/// How long before its end a lease is renewed. Units: seconds.
const GRACE: u64 = 11;

/// How often whoever does not lead looks whether the lease is free.
const LOOK: Duration = Duration::from_secs(2);

/// How soon a failed renewal is tried again.
const RETRY: Duration = Duration::from_millis(500);

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
    let (client, renewals) = renewals::noted(client);
    let first = manager(&client, settings, LeaseCreateMode::AutoCreate).await?;
    let (tell, leading) = watch::channel(false);
    let (stop, stopped) = oneshot::channel();
    let settings = settings.clone();
    let task = tokio::spawn(async move {
        let mut held = None;
        tokio::select! {
            () = run(&client, &settings, first, &renewals, &tell, &mut held) => {}
            _ = stopped => {}
        }
        // Whoever writes stops before another may begin.
        tell.send_replace(false);
        if let Some(manager) = held
            && let Err(error) = manager.release().await
        {
            tracing::warn!(%error, "the lease could not be released");
        }
    });
    Ok(Seat {
        leading,
        stop,
        task,
    })
}

async fn manager(
    client: &Client,
    settings: &LeaseSettings,
    mode: LeaseCreateMode,
) -> Result<LeaseManager, LeaseManagerError> {
    LeaseManagerBuilder::new(client.clone(), &settings.name)
        .with_namespace(&settings.namespace)
        .with_identity(&settings.identity)
        .with_field_manager(format!("ferrogate-{}", settings.identity))
        .with_duration(DURATION)
        .with_grace(GRACE)
        .with_create_mode(mode)
        .build()
        .await
}

/// Waits for the lease and keeps it, again and again. `held` is what has to be released.
///
/// A manager that waits for another's lease sleeps until that would run out and does not see that
/// it is given up. So whoever waits looks with a new one every [`LOOK`].
async fn run(
    client: &Client,
    settings: &LeaseSettings,
    first: LeaseManager,
    renewals: &Renewals,
    tell: &watch::Sender<bool>,
    held: &mut Option<Arc<LeaseManager>>,
) {
    let mut next = Some(first);
    loop {
        let fresh = match next.take() {
            Some(first) => Ok(first),
            None => manager(client, settings, LeaseCreateMode::AutoCreate).await,
        };
        let found = match fresh {
            Ok(manager) => {
                // Even a lease that was taken while this is cut off is released.
                let manager = Arc::new(manager);
                *held = Some(manager.clone());
                let changed = tokio::time::timeout(LOOK, manager.changed()).await;
                changed.map_or(Ok(None), |leads| {
                    leads.map(|leads| leads.then_some(manager))
                })
            }
            Err(error) => Err(error),
        };
        match found {
            Ok(Some(manager)) => {
                // In this order: whoever learns that another leads says so before all else.
                tokio::select! {
                    biased;
                    () = keep(&manager) => {}
                    () = renewals.tell(Duration::from_secs(DURATION), tell) => {}
                }
                tell.send_replace(false);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "the lease could not be looked at");
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}

/// Renews the lease until another has it.
async fn keep(manager: &LeaseManager) {
    loop {
        match manager.changed().await {
            Ok(true) => {}
            Ok(false) => return,
            // The API server may be away: whoever holds the lease then holds it still when it is
            // back, unless another was there first. Whether it leads meanwhile is for `Renewals`.
            Err(error) => {
                tracing::warn!(%error, "the lease could not be renewed");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

impl Seat {
    /// Whether this one leads, now and from now on; closed after [`Self::release`].
    pub fn leading(&self) -> watch::Receiver<bool> {
        self.leading.clone()
    }

    /// Gives the lease up, if it is ours, so that another can take it, within two seconds. Receivers see `false` at
    /// once. Waits at most two seconds.
    pub async fn release(self) {
        drop(self.stop);
        if tokio::time::timeout(RELEASE, self.task).await.is_err() {
            tracing::warn!("the lease was not released in time");
        }
    }
}
