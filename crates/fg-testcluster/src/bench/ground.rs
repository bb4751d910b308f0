//! What is measured on: a cluster with a control plane, one Gateway and its one proxy, and what fills it.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use kube::Client;
use serde_json::Value;

use super::http::{Connection, Target};
use super::looking::{self, Looker};
use super::objects::{self, HOME, Object, Route};
use super::plan::Plan;
use super::plane::Plane;
use super::watched::{Page, Watched};
use super::{Bench, origin, peer};
use crate::api;
use crate::cluster::Cluster;

/// Calls of the API server at the same time while the ground is filled.
const AT_ONCE: usize = 32;
/// How long any single thing may take to become so.
const PATIENCE: Duration = Duration::from_secs(60);

/// It, and how far it is filled.
pub(super) struct Ground<'a> {
    cluster: &'a Cluster,
    client: Client,
    /// Whose control plane it is.
    pub(super) plane: Plane,
    /// How much of everything.
    pub(super) plan: &'a Plan,
    /// Where the Gateway answers.
    pub(super) address: SocketAddr,
    /// Looks at routes.
    pub(super) looker: Looker,
    control: IpAddr,
    proxy: IpAddr,
    /// How many of the many routes there are.
    pub(super) routes: usize,
    edited: usize,
    services: usize,
    edition: usize,
}

impl<'a> Ground<'a> {
    /// Installs the control plane and makes a Gateway that serves.
    /// Errors: something does not come up in time.
    pub(super) async fn make(
        cluster: &'a Cluster,
        client: Client,
        plan: &'a Plan,
        wish: &Bench,
    ) -> anyhow::Result<Self> {
        let plane = wish.plane;
        origin::start(cluster)?;
        if plane.is_ours() {
            install(&client, &wish.ferrogate, plane).await?;
        } else {
            peer::install(cluster, &client).await?;
        }
        let class = format!(
            "/apis/gateway.networking.k8s.io/v1/gatewayclasses/{}",
            plane.class()
        );
        api::wait_for(&client, &class, "Accepted", PATIENCE).await?;
        let mut spaces = vec![HOME.to_owned()];
        spaces.extend((0..plan.namespaces).map(objects::namespace));
        let all = spaces.iter().map(|name| objects::space(name));
        apply_all(&client, all, "").await?;
        let origins = spaces.iter().flat_map(|name| objects::origin_of(name));
        apply_all(&client, origins, "").await?;
        let gateway = objects::gateway(plane.class());
        apply(&client, &gateway).await?;
        api::wait_for(&client, &gateway.path, "Programmed", PATIENCE).await?;
        let found = api::get(&client, &gateway.path).await?;
        let address = found.pointer("/status/addresses/0/value");
        let address = address.and_then(Value::as_str);
        let address: IpAddr = address.context("the Gateway has no address")?.parse()?;
        let address = SocketAddr::new(address, 80);
        answers(address).await?;
        Ok(Self {
            cluster,
            control: pod_address(&client, plane.control_pod()).await?,
            proxy: pod_address(&client, plane.proxy_pod()).await?,
            client,
            plane,
            plan,
            address,
            looker: Looker::start(
                address,
                looking::LIMIT * plane.slowness(),
                plane == Plane::Native,
            ),
            routes: 0,
            edited: 0,
            services: 0,
            edition: 0,
        })
    }

    /// The control plane's process.
    pub(super) fn control(&self) -> anyhow::Result<Watched> {
        Watched::find(self.cluster, self.plane.control())
    }

    /// The proxy's process.
    pub(super) fn proxy(&self) -> anyhow::Result<Watched> {
        Watched::find(self.cluster, self.plane.proxy())
    }

    /// The control plane's metrics.
    pub(super) fn metrics(&self) -> anyhow::Result<Page> {
        Page::read(self.control, self.plane.metrics())
    }

    /// The proxy's metrics.
    pub(super) fn proxy_metrics(&self) -> anyhow::Result<Page> {
        Page::read(self.proxy, self.plane.proxy_metrics())
    }

    /// What the proxy was sent so far. Units: bytes. Our own control plane counts what it says, Envoy's connection what
    /// arrives.
    pub(super) fn sent(&self) -> anyhow::Result<f64> {
        if self.plane == Plane::Native {
            return Ok(self.metrics()?.value("ferrogate_discovery_bytes_total"));
        }
        self.proxy()?.received(self.plane.discovery())
    }

    /// Where the control plane says whether it is ready.
    pub(super) fn readiness(&self) -> SocketAddr {
        SocketAddr::new(self.control, self.plane.readiness().0)
    }

    /// A client of the API server; they share connections.
    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    /// A value that no route had as its edition.
    pub(super) fn next_edition(&mut self) -> String {
        self.edition += 1;
        self.edition.to_string()
    }

    /// One of the many routes.
    pub(super) fn route(&self, number: usize) -> Route {
        let plan = self.plan;
        Route::of_many(number, plan.namespaces, plan.added, plan.services)
    }

    /// Notes that routes that are edited have been made one by one.
    pub(super) fn made_edited(&mut self, count: usize) {
        self.edited = self.edited.max(count);
    }

    /// Sees to the routes that are edited.
    pub(super) async fn want_edited(&mut self) -> anyhow::Result<()> {
        let wanted = self.edited..self.plan.edited;
        let routes: Vec<Route> = wanted.map(Route::edited).collect();
        let Some(last) = routes.last().cloned() else {
            return Ok(());
        };
        let all = routes.iter().map(|route| route.object(None));
        apply_all(&self.client, all, "edited routes").await?;
        self.edited = self.plan.edited;
        self.is_live(&last).await
    }

    /// Sees to so many of the many routes.
    pub(super) async fn want_routes(&mut self, count: usize) -> anyhow::Result<()> {
        if count > self.plan.added {
            self.want_services().await?;
        }
        let missing: Vec<Route> = (self.routes..count).map(|one| self.route(one)).collect();
        let Some(last) = missing.last().cloned() else {
            return Ok(());
        };
        let all = missing.iter().map(|route| route.object(None));
        apply_all(&self.client, all, "routes").await?;
        self.routes = count;
        self.is_live(&last).await
    }

    /// Sees to the many Services and their endpoints.
    pub(super) async fn want_services(&mut self) -> anyhow::Result<()> {
        let plan = self.plan;
        let missing = self.services..plan.services;
        let all = missing.flat_map(|one| objects::service_of(one, plan.namespaces, plan.endpoints));
        apply_all(&self.client, all, "Services and their EndpointSlices").await?;
        self.services = plan.services;
        Ok(())
    }

    async fn is_live(&self, route: &Route) -> anyhow::Result<()> {
        let target = route.target.clone();
        self.looker.look(target, None, Instant::now()).await?;
        Ok(())
    }

    /// Waits until statuses are written and the control plane has nothing to do.
    pub(super) async fn settle(&self) -> anyhow::Result<()> {
        const GLANCE: Duration = Duration::from_secs(1);
        let until = Instant::now() + PATIENCE * 3 * self.plane.slowness();
        let rest = Duration::from_millis(self.plane.rest());
        let control = self.control()?;
        let mut quiet = 0;
        while quiet < 2 {
            ensure!(
                Instant::now() < until,
                "the control plane does not come to rest"
            );
            let before = control.cpu()?;
            tokio::time::sleep(GLANCE).await;
            let busy = control.cpu()?.saturating_sub(before);
            let waits = match self.plane.is_ours() {
                true => self.metrics()?.value("ferrogate_status_queue_depth"),
                false => 0.0,
            };
            let is_quiet = waits == 0.0 && busy <= rest;
            quiet = if is_quiet { quiet + 1 } else { 0 };
        }
        Ok(())
    }
}

/// Installs our control plane, and the class if it is another than the one that comes with it.
async fn install(client: &Client, ferrogate: &Path, plane: Plane) -> anyhow::Result<()> {
    let said = Command::new(ferrogate).arg("manifests").output()?;
    ensure!(
        said.status.success(),
        "ferrogate manifests: {}",
        said.status
    );
    api::apply(client, &String::from_utf8(said.stdout)?).await?;
    let class = plane.class();
    let controller = fg_api::classes::BUILT_IN
        .iter()
        .find(|(name, _)| *name == class);
    let (_, controller) = controller.context("no class of ours")?;
    let class = serde_json::json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": class},
        "spec": {"controllerName": controller},
    });
    api::apply(client, &class.to_string()).await
}

async fn pod_address(client: &Client, (namespace, name): (&str, &str)) -> anyhow::Result<IpAddr> {
    let pods = api::list(client, &format!("/api/v1/namespaces/{namespace}/pods")).await?;
    let found = pods.iter().find(|pod| {
        let own = pod.pointer("/metadata/name").and_then(Value::as_str);
        own.is_some_and(|own| own.starts_with(name))
    });
    let address = found
        .and_then(|pod| pod.pointer("/status/podIP"))
        .and_then(Value::as_str);
    let address = address.with_context(|| format!("no pod of {name} in {namespace}"))?;
    Ok(address.parse()?)
}

/// Applies an object. Errors: the API server refuses it.
pub(super) async fn apply(client: &Client, object: &Object) -> anyhow::Result<()> {
    let request = http::Request::patch(format!("{}?fieldManager=bench&force=true", object.path))
        .header("content-type", "application/apply-patch+yaml")
        .body(serde_json::to_vec(&object.value)?)?;
    let applied = client.request_text(request).await;
    applied
        .map(|_| ())
        .with_context(|| format!("applying {}", object.path))
}

/// Deletes what is at a path. Errors: the API server refuses it, or there is nothing.
pub(super) async fn delete(client: &Client, path: &str) -> anyhow::Result<()> {
    let request = http::Request::delete(path).body(Vec::new())?;
    let deleted = client.request_text(request).await;
    deleted.map(|_| ()).with_context(|| path.to_owned())
}

/// Applies many objects, some at once, and tells how far it is if `what` has a name.
async fn apply_all(
    client: &Client,
    all: impl Iterator<Item = Object>,
    what: &str,
) -> anyhow::Result<()> {
    const STEP: usize = 1000;
    let calls = stream::iter(all).map(|object| {
        let client = client.clone();
        async move { apply(&client, &object).await }
    });
    let mut calls = calls.buffer_unordered(AT_ONCE);
    let begin = Instant::now();
    let mut done = 0_usize;
    while calls.try_next().await?.is_some() {
        done += 1;
        if done.is_multiple_of(STEP) && !what.is_empty() {
            println!("    {done} {what} after {:.0?}", begin.elapsed());
        }
    }
    Ok(())
}

/// Waits until there is an answer at a Gateway's address, whatever it is: its pods count as endpoints of its Service
/// once their readiness is known, which may be after they have confirmed everything.
async fn answers(address: SocketAddr) -> anyhow::Result<()> {
    const GLANCE: Duration = Duration::from_millis(10);
    let until = Instant::now() + PATIENCE;
    let nothing = Target {
        host: "nothing.bench.example".to_owned(),
        path: "/".to_owned(),
    };
    while let Err(error) = Connection::to(address).get(&nothing) {
        ensure!(Instant::now() < until, "no answer at {address}: {error:#}");
        tokio::time::sleep(GLANCE).await;
    }
    Ok(())
}
