//! Pods: one task each, from binding to removal.

mod container;
mod env;
mod fields;
mod http;
mod listening;
mod place;
mod probe;
mod root;
mod status;
mod volumes;
mod worker;
mod writer;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt, runtime::watcher::Event};
use tokio::sync::watch;

use super::{Node, objects};

/// Something a pod needs is not there yet; the words say what.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Missing(String);

/// What the API server says about a pod.
#[derive(Debug, Clone)]
struct Told {
    pod: Arc<Pod>,
    /// The object does not exist any more: there is nothing to wait for.
    gone: bool,
}

impl Told {
    /// The pod has to end.
    fn ends(&self) -> bool {
        self.gone || self.pod.metadata.deletion_timestamp.is_some()
    }

    /// How long containers may take to end.
    fn grace(&self) -> Duration {
        if self.gone {
            return Duration::ZERO;
        }
        let spec = self
            .pod
            .spec
            .as_ref()
            .and_then(|spec| spec.termination_grace_period_seconds);
        let seconds = self
            .pod
            .metadata
            .deletion_grace_period_seconds
            .or(spec)
            .unwrap_or(30);
        Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
    }
}

/// Follows all pods of the cluster and runs those of this node, until the node ends.
pub(super) async fn run(node: Arc<Node>) {
    let mut pods = Pods {
        node: Arc::clone(&node),
        running: BTreeMap::new(),
        unseen: BTreeSet::new(),
    };
    objects::each(Api::<Pod>::all(node.client.clone()), move |event| {
        match event {
            Event::Apply(pod) | Event::InitApply(pod) => pods.apply(pod),
            Event::Delete(pod) => pods.gone(&pod.uid().unwrap_or_default()),
            Event::Init => pods.unseen = pods.running.keys().cloned().collect(),
            Event::InitDone => {
                for uid in std::mem::take(&mut pods.unseen) {
                    pods.gone(&uid);
                }
            }
        }
        std::future::ready(true)
    })
    .await;
}

struct Pods {
    node: Arc<Node>,
    /// By uid.
    running: BTreeMap<String, watch::Sender<Told>>,
    /// Pods not seen yet in the list that is under way.
    unseen: BTreeSet<String>,
}

impl Pods {
    fn apply(&mut self, pod: Pod) {
        let uid = pod.uid().unwrap_or_default();
        self.unseen.remove(&uid);
        let pod = Arc::new(pod);
        if let Some(sender) = self.running.get(&uid) {
            sender.send_replace(Told { pod, gone: false });
        } else if self.is_ours(&pod) {
            let (sender, told) = watch::channel(Told { pod, gone: false });
            self.running.insert(uid, sender);
            tokio::spawn(worker::run(Arc::clone(&self.node), told));
        }
    }

    fn gone(&mut self, uid: &str) {
        if let Some(sender) = self.running.remove(uid) {
            sender.send_modify(|told| told.gone = true);
        }
    }

    /// Bound to this node, or to none yet and free to be.
    fn is_ours(&self, pod: &Pod) -> bool {
        let Some(spec) = &pod.spec else { return false };
        match spec.node_name.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => name == self.node.args.name,
            None => {
                pod.metadata.deletion_timestamp.is_none()
                    && spec.scheduling_gates.as_ref().is_none_or(Vec::is_empty)
            }
        }
    }
}
