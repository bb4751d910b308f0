//! Watches: each kind's events in order, for as long as the node lives, whatever the API server does.

use std::{fmt::Debug, sync::Arc, time::Duration};

use futures::{StreamExt, pin_mut};
use k8s_openapi::{
    api::core::v1::{ConfigMap, Secret},
    serde::de::DeserializeOwned,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    runtime::{
        WatchStreamExt,
        reflector::{self, ObjectRef, Store},
        utils::Backoff,
        watcher::{self, Event, watcher},
    },
};
use tokio::sync::watch;

/// Waits between attempts to reach an API server that is away: 50 ms to 500 ms.
#[derive(Debug, Default)]
struct Patience {
    last: Duration,
}

impl Iterator for Patience {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.last = (self.last * 2).clamp(Duration::from_millis(50), Duration::from_millis(500));
        Some(self.last)
    }
}

impl Backoff for Patience {
    fn reset(&mut self) {
        self.last = Duration::ZERO;
    }
}

/// Calls `take` with every event of a kind; ends when it returns false.
pub(super) async fn each<K, F>(api: Api<K>, mut take: impl FnMut(Event<K>) -> F + Send)
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    F: Future<Output = bool> + Send,
{
    let slim = |object: &mut K| object.meta_mut().managed_fields = None;
    let events = watcher(api, watcher::Config::default().streaming_lists())
        .modify(slim)
        .backoff(Patience::default());
    pin_mut!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                if !take(event).await {
                    return;
                }
            }
            Err(why) => tracing::debug!("watch: {why}"),
        }
    }
}

/// Secrets and ConfigMaps, for environments and volumes.
#[derive(Debug)]
pub(super) struct Objects {
    secrets: Store<Secret>,
    config_maps: Store<ConfigMap>,
    changed: watch::Sender<()>,
}

impl Objects {
    /// Starts the watches.
    pub(super) fn start(client: &Client) -> Self {
        let changed = watch::Sender::new(());
        let (secrets, secret_writer) = reflector::store();
        let (config_maps, config_map_writer) = reflector::store();
        tokio::spawn(keep(
            Api::<Secret>::all(client.clone()),
            secret_writer,
            changed.clone(),
        ));
        tokio::spawn(keep(
            Api::<ConfigMap>::all(client.clone()),
            config_map_writer,
            changed.clone(),
        ));
        Self {
            secrets,
            config_maps,
            changed,
        }
    }

    /// A Secret as last seen.
    pub(super) fn secret(&self, namespace: &str, name: &str) -> Option<Arc<Secret>> {
        self.secrets.get(&ObjectRef::new(name).within(namespace))
    }

    /// A ConfigMap as last seen.
    pub(super) fn config_map(&self, namespace: &str, name: &str) -> Option<Arc<ConfigMap>> {
        self.config_maps
            .get(&ObjectRef::new(name).within(namespace))
    }

    /// Wakes up when any Secret or ConfigMap changes.
    pub(super) fn follow(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

async fn keep<K>(api: Api<K>, mut writer: reflector::store::Writer<K>, changed: watch::Sender<()>)
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    each(api, move |event| {
        writer.apply_watcher_event(&event);
        if !matches!(event, Event::Init | Event::InitApply(_)) {
            changed.send_replace(());
        }
        std::future::ready(true)
    })
    .await;
}

/// Namespace and name of an object, for messages.
pub(super) fn full_name(object: &impl ResourceExt) -> String {
    format!(
        "{}/{}",
        object.namespace().unwrap_or_default(),
        object.name_any()
    )
}
