//! Service and LoadBalancer addresses: one nftables table in the outer namespace, and the pool of LoadBalancers.

mod nft;
mod pool;
mod table;

use std::{collections::BTreeSet, net::Ipv4Addr, sync::Arc, time::Duration};

use anyhow::Result;
use k8s_openapi::api::{core::v1::Service, discovery::v1::EndpointSlice};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
    runtime::watcher::Event,
};
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::Instant};

use self::{
    nft::Rules,
    pool::Pool,
    table::{Key, Table},
};
use super::{Node, objects, tool};

/// How long changes are collected before the rules are written.
const COALESCE: Duration = Duration::from_millis(20);
/// How long to wait after a failed write.
const RETRY: Duration = Duration::from_millis(500);

enum Change {
    Service(Box<Event<Service>>),
    Slice(Box<Event<EndpointSlice>>),
}

struct Services {
    node: Arc<Node>,
    table: Table,
    pool: Pool,
    rules: Rules,
    /// Lists seen whole: Services, EndpointSlices. Addresses are given out only then.
    complete: (bool, bool),
    /// Services whose status has to be written, whenever that succeeds.
    statuses: BTreeSet<Key>,
    /// The rules that the kernel has may be others than ours: write all of them.
    from_scratch: bool,
}

/// Keeps rules, statuses and host names true to Services and EndpointSlices, until the node ends.
pub(super) async fn run(node: Arc<Node>) {
    let (sender, mut changes) = mpsc::channel(1024);
    let services = sender.clone();
    let client = node.client.clone();
    tokio::spawn(objects::each(
        Api::<Service>::all(client.clone()),
        move |event| {
            let services = services.clone();
            async move {
                services
                    .send(Change::Service(Box::new(event)))
                    .await
                    .is_ok()
            }
        },
    ));
    tokio::spawn(objects::each(
        Api::<EndpointSlice>::all(client),
        move |event| {
            let slices = sender.clone();
            async move { slices.send(Change::Slice(Box::new(event))).await.is_ok() }
        },
    ));
    let mut all = Services {
        node,
        table: Table::default(),
        pool: Pool::default(),
        rules: Rules::default(),
        complete: (false, false),
        statuses: BTreeSet::new(),
        from_scratch: true,
    };
    let mut due: Option<Instant> = None;
    loop {
        let at = due.unwrap_or_else(Instant::now);
        tokio::select! {
            change = changes.recv() => {
                let Some(change) = change else { return };
                all.take(change);
                due = due.or_else(|| Some(Instant::now() + COALESCE));
            }
            () = tokio::time::sleep_until(at), if due.is_some() => {
                due = all.flush().await.then(|| Instant::now() + RETRY);
            }
        }
    }
}

impl Services {
    fn take(&mut self, change: Change) {
        match change {
            Change::Service(event) => match *event {
                Event::Apply(service) | Event::InitApply(service) => self.table.service(service),
                Event::Delete(service) => self.table.no_service(&service),
                Event::Init => self.table.services_begin(),
                Event::InitDone => {
                    self.table.services_end();
                    self.complete.0 = true;
                }
            },
            Change::Slice(event) => match *event {
                Event::Apply(slice) | Event::InitApply(slice) => self.table.slice(slice),
                Event::Delete(slice) => self.table.no_slice(&slice),
                Event::Init => self.table.slices_begin(),
                Event::InitDone => {
                    self.table.slices_end();
                    self.complete.1 = true;
                }
            },
        }
    }

    /// Writes what has changed; true: something failed and has to be tried again.
    async fn flush(&mut self) -> bool {
        if self.complete != (true, true) {
            return true;
        }
        let dirty = self.table.take_changed();
        self.addresses(&dirty);
        for key in &dirty {
            let balancer = self.pool.of(key);
            self.rules.set(key, self.table.fronts(key, balancer));
        }
        self.node.hosts.set(self.table.names());
        let written = self.write_rules().await;
        if let Err(why) = &written {
            tracing::warn!("nftables: {why:#}");
            self.from_scratch = true;
        }
        let waiting = std::mem::take(&mut self.statuses);
        for key in waiting {
            if let Err(why) = self.write_status(&key).await {
                tracing::warn!("status of Service {}/{}: {why:#}", key.0, key.1);
                self.statuses.insert(key);
            }
        }
        written.is_err() || !self.statuses.is_empty()
    }

    /// Takes and gives back LoadBalancer addresses; marks the Services whose status is no longer right.
    fn addresses(&mut self, dirty: &BTreeSet<Key>) {
        let mut check = dirty.clone();
        // First everybody who has an address already, so that a restarted node takes none of them away.
        for key in dirty {
            let wish = self.table.balancer(key);
            if self.pool.keep_or_release(key, wish.as_ref()) {
                check.extend(self.pool.waiting());
            }
        }
        for key in &check {
            if let Some(wish) = self.table.balancer(key) {
                self.pool.allot(key, &wish);
            }
            let has = self.pool.of(key);
            if has != self.table.published(key) {
                self.statuses.insert(key.clone());
            }
            if !dirty.contains(key) && has.is_some() {
                self.rules.set(key, self.table.fronts(key, has));
            }
        }
    }

    async fn write_rules(&mut self) -> Result<()> {
        let text = if self.from_scratch {
            Some(self.rules.all())
        } else {
            self.rules.changes()
        };
        let Some(text) = text else { return Ok(()) };
        tool::feed("nft", &["-f", "-"], &text).await?;
        self.rules.written();
        self.from_scratch = false;
        Ok(())
    }

    async fn write_status(&self, key: &Key) -> Result<()> {
        let Some(uid) = self.table.uid(key) else {
            return Ok(());
        };
        let api: Api<Service> = Api::namespaced(self.node.client.clone(), &key.0);
        let patch = status_patch(self.pool.of(key), &uid);
        match api
            .patch_status(&key.1, &PatchParams::default(), &Patch::Merge(&patch))
            .await
        {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
            Err(why) => Err(why.into()),
        }
    }
}

fn status_patch(address: Option<Ipv4Addr>, uid: &str) -> Value {
    let balancer = address.map_or_else(
        || json!({"ingress": null}),
        |ip| json!({"ingress": [{"ip": ip, "ipMode": "VIP"}]}),
    );
    json!({"metadata": {"uid": uid}, "status": {"loadBalancer": balancer}})
}

/// The Service that a slice belongs to.
fn owner(slice: &EndpointSlice) -> Option<Key> {
    let name = slice.labels().get("kubernetes.io/service-name")?;
    Some((slice.namespace()?, name.clone()))
}
