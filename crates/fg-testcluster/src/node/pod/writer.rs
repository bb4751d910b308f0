//! Writes a pod's status: always the newest, again and again until the API server takes it.

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::Value;
use tokio::sync::watch;

use super::place::Place;

const RETRY: Duration = Duration::from_millis(200);

/// The status to be written, and the last one that was.
pub(super) struct Writer {
    wanted: watch::Sender<Option<Value>>,
    written: watch::Receiver<Option<Value>>,
}

impl Writer {
    /// Starts the task; it ends when the writer is dropped.
    pub(super) fn start(place: &Arc<Place>) -> Self {
        let (wanted, source) = watch::channel(None);
        let (done, written) = watch::channel(None);
        let api: Api<Pod> = Api::namespaced(place.node.client.clone(), &place.namespace);
        tokio::spawn(write(api, Arc::clone(place), source, done));
        Self { wanted, written }
    }

    /// Asks for a status to be written.
    pub(super) fn want(&self, status: Value) {
        self.wanted.send_if_modified(|wanted| {
            let differs = wanted.as_ref() != Some(&status);
            if differs {
                *wanted = Some(status);
            }
            differs
        });
    }

    /// Waits until the last status asked for is written, or the pod is gone, or the time is over.
    pub(super) async fn settle(&mut self, limit: Duration) {
        let wanted = self.wanted.borrow().clone();
        tokio::time::timeout(limit, self.written.wait_for(|written| *written == wanted))
            .await
            .ok();
    }
}

async fn write(
    api: Api<Pod>,
    place: Arc<Place>,
    mut source: watch::Receiver<Option<Value>>,
    done: watch::Sender<Option<Value>>,
) {
    let mut said = String::new();
    while source.changed().await.is_ok() {
        loop {
            let Some(status) = source.borrow_and_update().clone() else {
                break;
            };
            match api
                .patch_status(
                    &place.name,
                    &PatchParams::default(),
                    &Patch::Strategic(&status),
                )
                .await
            {
                Ok(_) => {
                    done.send_replace(Some(status));
                    break;
                }
                // Another pod has the name by now, or none.
                Err(kube::Error::Api(why)) if matches!(why.code, 404 | 409) => return,
                Err(why) => {
                    let why = why.to_string();
                    if why != said {
                        tracing::warn!("status of pod {}/{}: {why}", place.namespace, place.name);
                        said = why;
                    }
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}
