//! The deployer: what Gateways want to be deployed, applied and kept so.
//!
//! `state` decides, without waiting for anything; `work` asks the API server and tells `state`. Each
//! Gateway is worked on by itself, so that none waits for what the API server is slow with or refuses
//! for another.
//!
//! Objects are applied server-side as [`fg_deploy::MANAGER`], when what they should be changed, or
//! when they changed or vanished. What belongs to a Gateway and is not wanted any more is deleted;
//! with a Gateway its objects go by their owner references. An object of that name that belongs to
//! somebody else is left alone, and the Gateway told of it.

mod kinds;
mod state;
mod strangers;
mod unit;
mod work;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use fg_api::deployment::Wish;
use fg_deploy::Fleet;
use fg_model::ObjectRef;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// What the deployer is told, and not yet done with; one entry a Gateway.
#[derive(Debug, Default)]
struct Desk {
    /// Held only to put and to take.
    wishes: Mutex<BTreeMap<Arc<ObjectRef>, Option<Wish>>>,
    changed: Notify,
}

impl Desk {
    fn take(&self) -> BTreeMap<Arc<ObjectRef>, Option<Wish>> {
        let mut wishes = self.wishes.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *wishes)
    }
}

/// Applies what Gateways want, while this replica leads, until it is dropped.
///
/// Permissions, in all namespaces of Gateways: `get`, `list`, `watch`, `create`, `patch`, `delete`
/// of the kinds that [`fg_deploy::objects`] makes.
#[derive(Debug)]
pub struct Deployer {
    desk: Arc<Desk>,
    task: JoinHandle<()>,
}

impl Deployer {
    /// Starts on the present tokio runtime. `bundle` is what proxies are to trust, PEM; `leads` says
    /// whether this replica may write. `tell` is called when the word on a Gateway changes: what the
    /// API server refused, or `None` when all is applied. It must not wait.
    pub fn start(
        client: kube::Client,
        fleet: Fleet,
        bundle: watch::Receiver<Arc<str>>,
        leads: watch::Receiver<bool>,
        tell: impl Fn(&Arc<ObjectRef>, Option<String>) + Send + Sync + 'static,
    ) -> Self {
        let desk = Arc::new(Desk::default());
        let work = work::Work::new(client, fleet, desk.clone(), Box::new(tell));
        let task = tokio::spawn(work.run(bundle, leads));
        Self { desk, task }
    }

    /// Says what a Gateway wants now: `None` when nothing, or when it is gone. Never waits.
    pub fn wish(&self, gateway: &Arc<ObjectRef>, wish: Option<Wish>) {
        let mut wishes = self
            .desk
            .wishes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        wishes.insert(gateway.clone(), wish);
        drop(wishes);
        self.desk.changed.notify_one();
    }
}

impl Drop for Deployer {
    fn drop(&mut self) {
        self.task.abort();
    }
}
