//! What all subjects stand on: calls of the API server, waiting, our pods and their pages.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use fg_testcluster::Cluster;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use kube::Client;
use serde_json::{Value, json};

use crate::http;
use crate::objects::{self, Place};
use crate::processes::Process;

/// How long anything may take before the test fails: far longer than anything does.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The namespace of the control plane.
pub(crate) const HOME: &str = "ferrogate-system";

/// The pause between two looks at what is waited for.
const GLANCE: Duration = Duration::from_millis(25);

/// A cluster with our control plane.
pub(crate) struct Ground<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) client: Client,
}

/// Waits until a look succeeds. Errors: that of the last look.
pub(crate) async fn until<T>(
    what: &str,
    mut look: impl AsyncFnMut() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let begin = Instant::now();
    loop {
        match look().await {
            Ok(found) => return Ok(found),
            Err(error) if begin.elapsed() > PATIENCE => {
                return Err(error).with_context(|| format!("waited in vain: {what}"));
            }
            Err(_) => tokio::time::sleep(GLANCE).await,
        }
    }
}

impl<'a> Ground<'a> {
    pub(crate) fn new(cluster: &'a Cluster, client: Client) -> Self {
        Self { cluster, client }
    }

    /// Reads what is at a path.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let text = self.text(path).await?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Reads a text, such as a log.
    pub(crate) async fn text(&self, path: &str) -> anyhow::Result<String> {
        let request = ::http::Request::get(path).body(Vec::new())?;
        let text = self.client.request_text(request).await;
        text.with_context(|| path.to_owned())
    }

    /// Applies an object.
    pub(crate) async fn apply(&self, object: &Value) -> anyhow::Result<()> {
        apply(&self.client, object).await
    }

    /// Applies many, some at once.
    pub(crate) async fn apply_all(&self, all: &[Value]) -> anyhow::Result<()> {
        let calls = stream::iter(all).map(|object| apply(&self.client, object));
        calls.buffer_unordered(16).try_collect().await
    }

    /// Changes what is at a path by a merge patch.
    pub(crate) async fn merge(&self, path: &str, patch: &Value) -> anyhow::Result<()> {
        let request = ::http::Request::patch(path)
            .header("content-type", "application/merge-patch+json")
            .body(serde_json::to_vec(patch)?)?;
        let text = self.client.request_text(request).await;
        text.map(|_| ()).with_context(|| path.to_owned())
    }

    /// Deletes what is at a path, without a wait of its own.
    pub(crate) async fn delete(&self, path: &str) -> anyhow::Result<()> {
        let request = ::http::Request::delete(path).body(Vec::new())?;
        let text = self.client.request_text(request).await;
        text.map(|_| ()).with_context(|| path.to_owned())
    }

    /// The objects of a list.
    pub(crate) async fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        match self.get(path).await?["items"].take() {
            Value::Array(items) => Ok(items),
            other => anyhow::bail!("no list: {other}"),
        }
    }

    /// The pods that carry a label, oldest first, without those that end.
    pub(crate) async fn pods(&self, namespace: &str, label: &str) -> anyhow::Result<Vec<Value>> {
        let path = format!("/api/v1/namespaces/{namespace}/pods?labelSelector={label}");
        let mut pods = self.list(&path).await?;
        pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        pods.sort_by_key(|pod| pod["metadata"]["creationTimestamp"].to_string());
        Ok(pods)
    }

    /// The control plane's pods that are ready.
    pub(crate) async fn control_pods(&self) -> anyhow::Result<Vec<Value>> {
        let mut pods = self.pods(HOME, "app.kubernetes.io/name=ferrogate").await?;
        pods.retain(is_ready);
        Ok(pods)
    }

    /// The one pod of the control plane, ready.
    pub(crate) async fn control_pod(&self) -> anyhow::Result<Value> {
        let mut pods = self.control_pods().await?;
        ensure!(pods.len() == 1, "{} control planes are ready", pods.len());
        Ok(pods.remove(0))
    }

    /// Waits until one control plane is ready and the class is accepted.
    pub(crate) async fn control_plane_is_ready(&self) -> anyhow::Result<()> {
        until("a control plane that is ready", async || {
            self.control_pod().await?;
            let class = "/apis/gateway.networking.k8s.io/v1/gatewayclasses/ferrogate";
            let class = self.get(class).await?;
            ensure!(status_of(&class["status"], "Accepted") == "True", "{class}");
            Ok(())
        })
        .await
    }

    /// Kills the one control plane and waits until it has begun anew and is ready.
    pub(crate) async fn restart_control_plane(&self) -> anyhow::Result<()> {
        let pod = self.control_pod().await?;
        let process = Process::of(self.cluster, "control", name(&pod))?;
        process.kill()?;
        until("the control plane is back", async || {
            let now = self.control_pod().await?;
            ensure!(restarts(&now) > restarts(&pod), "not restarted yet");
            Ok(())
        })
        .await
    }

    /// The one pod of a Gateway, ready.
    pub(crate) async fn proxy_pod(&self, place: &Place) -> anyhow::Result<Value> {
        let label = "gateway.networking.k8s.io/gateway-name=";
        let label = format!("{label}{}", place.gateway);
        let mut pods = self.pods(&place.namespace, &label).await?;
        ensure!(pods.len() == 1, "{} proxies", pods.len());
        ensure!(is_ready(&pods[0]), "the proxy is not ready");
        Ok(pods.remove(0))
    }

    /// The process of a Gateway's one proxy.
    pub(crate) async fn proxy(&self, place: &Place) -> anyhow::Result<Process> {
        let pod = self.proxy_pod(place).await?;
        Process::of(self.cluster, "proxy", name(&pod))
    }

    /// An admin page of a proxy.
    pub(crate) fn page(&self, proxy: Process, path: &str) -> anyhow::Result<Value> {
        let admin = SocketAddr::from(([127, 0, 0, 1], 19000));
        let reply = proxy.inside(|| http::get(admin, "localhost", path))?;
        ensure!(reply.status == 200, "{path}: {reply:?}");
        Ok(serde_json::from_str(&reply.body)?)
    }

    /// What a proxy serves, without the count of its changes.
    pub(crate) fn configuration(&self, proxy: Process) -> anyhow::Result<Value> {
        let mut page = self.page(proxy, "/config")?;
        let fields = page.as_object_mut().context("an object")?;
        fields.remove("generation");
        Ok(page)
    }

    /// Makes a namespace with an echo server, a Gateway and routes `r0`, `r1`, …; waits until all serve.
    pub(crate) async fn place(&self, namespace: &str, routes: usize) -> anyhow::Result<Place> {
        let place = Place::named(namespace);
        self.apply(&objects::space(namespace)).await?;
        self.apply_all(&objects::echo(namespace)).await?;
        self.apply(&place.plain_gateway()).await?;
        let all: Vec<Value> = (0..routes).map(|number| place.route(number, "0")).collect();
        self.apply_all(&all).await?;
        self.serves(&place, routes).await?;
        Ok(place)
    }

    /// Waits until a Gateway is Programmed and its routes answer.
    pub(crate) async fn serves(&self, place: &Place, routes: usize) -> anyhow::Result<()> {
        self.programmed(place, "True", "").await?;
        let address = self.address(place).await?;
        until("all routes answer", async || {
            for number in 0..routes {
                let reply = http::get(address, &place.host(number), "/")?;
                ensure!(reply.status == 200, "{}: {reply:?}", place.host(number));
            }
            Ok(())
        })
        .await
    }

    /// Waits until a Gateway's Programmed has this status, and a message with these words; the Gateway.
    pub(crate) async fn programmed(
        &self,
        place: &Place,
        status: &str,
        words: &str,
    ) -> anyhow::Result<Value> {
        until(&format!("Programmed is {status}"), async || {
            let gateway = self.get(&place.path()).await?;
            let found = condition(&gateway["status"], "Programmed");
            let message = found["message"].as_str().unwrap_or_default();
            ensure!(
                found["status"] == status && message.contains(words),
                "Programmed: {found}"
            );
            Ok(gateway)
        })
        .await
    }

    /// Waits until a route has this condition on its first parent: status, then words of reason and message.
    pub(crate) async fn judged(
        &self,
        path: &str,
        kind: &str,
        words: &str,
    ) -> anyhow::Result<Value> {
        until(&format!("{path}: {kind}: {words}"), async || {
            let route = self.get(path).await?;
            let said = verdict(&route["status"]["parents"][0], kind);
            ensure!(said.contains(words), "{kind}: {said}");
            Ok(route)
        })
        .await
    }

    /// Where a Gateway answers, on port 80.
    pub(crate) async fn address(&self, place: &Place) -> anyhow::Result<SocketAddr> {
        until("an address", async || {
            let gateway = self.get(&place.path()).await?;
            let address = gateway["status"]["addresses"][0]["value"].as_str();
            let address: IpAddr = address.context("no address")?.parse()?;
            Ok(SocketAddr::new(address, 80))
        })
        .await
    }

    /// Edits a route and waits until the edition shows in its answers.
    pub(crate) async fn edit(
        &self,
        place: &Place,
        number: usize,
        edition: &str,
    ) -> anyhow::Result<()> {
        self.apply(&place.route(number, edition)).await?;
        let address = self.address(place).await?;
        until("an edit is live", async || {
            let reply = http::get(address, &place.host(number), "/")?;
            ensure!(
                reply.status == 200 && reply.field("edition") == Some(edition),
                "{reply:?}"
            );
            Ok(())
        })
        .await
    }

    /// Deletes all Gateways, and the namespaces that subjects made. Proxies go on for a while; nobody waits for it.
    pub(crate) async fn sweep(&self) -> anyhow::Result<()> {
        for gateway in self
            .list("/apis/gateway.networking.k8s.io/v1/gateways")
            .await?
        {
            self.delete(&objects::path(&gateway_of(gateway))?).await?;
        }
        let kept = |name: &str| name == HOME || name == "default" || name.starts_with("kube-");
        for space in self.list("/api/v1/namespaces").await? {
            if !kept(name(&space)) {
                self.delete(&format!("/api/v1/namespaces/{}", name(&space)))
                    .await?;
            }
        }
        Ok(())
    }
}

/// An element of a list, with what the list says of all of them.
fn gateway_of(mut element: Value) -> Value {
    element["apiVersion"] = json!("gateway.networking.k8s.io/v1");
    element["kind"] = json!("Gateway");
    element
}

/// Applies an object over other writers.
pub(crate) async fn apply(client: &Client, object: &Value) -> anyhow::Result<()> {
    let path = objects::path(object)?;
    let request = ::http::Request::patch(format!("{path}?fieldManager=faults&force=true"))
        .header("content-type", "application/apply-patch+yaml")
        .body(serde_json::to_vec(object)?)?;
    let text = client.request_text(request).await;
    text.map(|_| ()).with_context(|| format!("applying {path}"))
}

/// An object's name.
pub(crate) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// A pod's address.
pub(crate) fn ip(pod: &Value) -> anyhow::Result<IpAddr> {
    Ok(pod["status"]["podIP"]
        .as_str()
        .context("no address")?
        .parse()?)
}

/// How often a pod's container was restarted.
pub(crate) fn restarts(pod: &Value) -> u64 {
    let restarts = &pod["status"]["containerStatuses"][0]["restartCount"];
    restarts.as_u64().unwrap_or_default()
}

/// Whether a pod is ready.
pub(crate) fn is_ready(pod: &Value) -> bool {
    status_of(&pod["status"], "Ready") == "True"
}

/// A condition of what has conditions; null if there is none.
pub(crate) fn condition(status: &Value, kind: &str) -> Value {
    let all = status["conditions"].as_array();
    let found = all.and_then(|all| all.iter().find(|one| one["type"] == kind));
    found.cloned().unwrap_or(json!(null))
}

/// A condition as `status/reason: message`.
pub(crate) fn verdict(status: &Value, kind: &str) -> String {
    let found = condition(status, kind);
    let field = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
    format!(
        "{}/{}: {}",
        field("status"),
        field("reason"),
        field("message")
    )
}

fn status_of(status: &Value, kind: &str) -> String {
    let found = condition(status, kind);
    found["status"].as_str().unwrap_or_default().to_owned()
}
