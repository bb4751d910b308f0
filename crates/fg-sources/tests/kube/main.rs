//! The API server as a source, against a fake that has faults on demand.

mod faults;
mod kinds;
mod namespaces;
mod server;

use std::sync::Arc;
use std::time::Duration;

use fg_api::Resource;
use fg_sources::kube::{Backoff, Batch, Counters, KindCounters, Onlooker, Options, watch};
use serde_json::{Value, json};
use server::Server;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long anything may take before a test fails: far longer than anything does.
const PATIENCE: Duration = Duration::from_secs(10);

/// A source that is being watched.
struct Watched {
    server: Server,
    batches: mpsc::Receiver<Batch>,
    counters: Arc<Counters>,
    task: JoinHandle<()>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits that a test can afford; what may not be read is asked for again soon.
fn options() -> Options {
    Options {
        backoff: Backoff {
            first: Duration::from_millis(1),
            unreachable: Duration::from_millis(20),
            refused: Duration::from_millis(20),
        },
        ..Options::default()
    }
}

impl Watched {
    fn new(server: Server, options: Options) -> Self {
        Self::with(server, options, None)
    }

    fn with(server: Server, options: Options, onlooker: Option<Onlooker>) -> Self {
        let (sender, batches) = mpsc::channel(1);
        let counters = Arc::new(Counters::default());
        let source = watch(server.client(), options, counters.clone(), onlooker, sender);
        let task = tokio::spawn(source);
        Self {
            server,
            batches,
            counters,
            task,
        }
    }

    async fn next(&mut self) -> Batch {
        let batch = timeout(PATIENCE, self.batches.recv()).await;
        batch.expect("a batch in time").expect("the source runs")
    }

    /// The first batch; it says that it is.
    async fn first(&mut self) -> Batch {
        let batch = self.next().await;
        assert!(batch.first);
        batch
    }

    fn counter(&self, kind: &str) -> &KindCounters {
        let mut kinds = self.counters.kinds();
        kinds.find(|(name, _)| *name == kind).expect("a kind").1
    }

    /// Waits until a batch says something about findings: them.
    async fn findings(&mut self) -> Vec<String> {
        loop {
            if let Some(findings) = self.next().await.findings {
                return findings.iter().map(ToString::to_string).collect();
            }
        }
    }
}

/// `+kind namespace/name generation` for new and changed objects, `-kind namespace/name` for those
/// that are gone.
fn told(batch: &Batch) -> Vec<String> {
    let new = batch.upserts.iter();
    let new = new.map(|object| format!("+{} {}", object.id(), object.meta().generation));
    let gone = batch.removed.iter().map(|id| format!("-{id}"));
    new.chain(gone).collect()
}

fn namespace(name: &str, labels: Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": labels},
    })
}

/// A route, with one hostname.
fn route(namespace: &str, name: &str, host: &str) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"hostnames": [host], "parentRefs": [{"name": "web"}]},
    })
}

fn host(resource: &Resource) -> &str {
    match resource {
        Resource::HttpRoute(route) => &route.spec.hostnames[0],
        _ => "",
    }
}

fn backend(name: &str) -> Value {
    json!({
        "apiVersion": "gateway.kgateway.dev/v1alpha1",
        "kind": "Backend",
        "metadata": {"namespace": "shop", "name": name},
        "spec": {"type": "Static", "static": {"hosts": [{"host": "a.test", "port": 80}]}},
    })
}

#[tokio::test]
async fn the_first_batch_is_the_whole_world() {
    let server = Server::start().await;
    server.put(namespace("shop", json!({})));
    server.put(route("shop", "a", "a.test"));
    server.hold("Service");
    let mut source = Watched::new(server, options());
    // Everything else is asked for, and answered.
    for kind in ["HTTPRoute", "Gateway", "Secret", "Namespace", "Service"] {
        source.server.requested(server::path(kind), 1).await;
    }
    source.server.put(route("shop", "b", "b.test"));
    source.server.requested("/backends", 4).await;
    assert!(source.batches.try_recv().is_err(), "a part of the world");
    source.server.release("Service");
    let batch = source.first().await;
    let objects = [
        "+Namespace shop 1",
        "+HTTPRoute shop/a 1",
        "+HTTPRoute shop/b 1",
    ];
    assert_eq!(told(&batch), objects);
    assert_eq!(batch.findings, Some(Vec::new()));
}

#[tokio::test]
async fn an_empty_world_is_told_too() {
    let mut source = Watched::new(Server::start().await, options());
    assert_eq!(told(&source.first().await), [""; 0]);
}

#[tokio::test]
async fn changes_arrive_as_they_happen() {
    let mut source = Watched::new(Server::start().await, options());
    source.first().await;
    source.server.put(route("shop", "a", "a.test"));
    let batch = source.next().await;
    assert_eq!(told(&batch), ["+HTTPRoute shop/a 1"]);
    assert!(!batch.first && batch.findings.is_none());
    source.server.put(route("shop", "a", "b.test"));
    let batch = source.next().await;
    assert_eq!(told(&batch), ["+HTTPRoute shop/a 2"]);
    assert_eq!(host(&batch.upserts[0]), "b.test");
    source.server.delete("HTTPRoute", "shop", "a");
    assert_eq!(told(&source.next().await), ["-HTTPRoute shop/a"]);
}

#[tokio::test]
async fn what_does_not_matter_is_not_told() {
    let server = Server::start().await;
    server.put(route("shop", "a", "a.test"));
    let mut source = Watched::new(server, options());
    source.first().await;
    let status = json!({"parents": [{"controllerName": "ferrogate.dev/gateway"}]});
    source.server.put_status("HTTPRoute", "shop", "a", status);
    let mut applied = route("shop", "a", "a.test");
    applied["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/last-applied-configuration": "{}"});
    source.server.put(applied);
    source.server.put(route("shop", "b", "b.test"));
    assert_eq!(told(&source.next().await), ["+HTTPRoute shop/b 1"]);
    // Three of them, and the one of the list.
    let routes = source.counter("HTTPRoute");
    assert_eq!((routes.events(), routes.objects()), (4, 2));
}

#[tokio::test]
async fn whoever_looks_on_sees_statuses_come_and_go() {
    let server = Server::start().await;
    server.put(namespace("shop", json!({})));
    server.put(route("shop", "a", "a.test"));
    let mut service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "shop", "name": "s"},
        "spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {}},
    });
    server.put(service.clone());
    let (tell, mut told_of) = mpsc::unbounded_channel();
    let onlooker: Onlooker = Box::new(move |sight| {
        let (object, generation, version) = (sight.object, sight.generation, sight.version);
        let version: u64 = version.parse().expect("a number");
        let status = sight.status.unwrap_or("-");
        let words = format!("{object} {generation} {status}");
        tell.send((version, words)).expect("the test is there");
    });
    let mut source = Watched::with(server, options(), Some(onlooker));
    source.first().await;
    let (first, words) = told_of.try_recv().expect("before the batch");
    assert_eq!(words, "HTTPRoute shop/a 1 -");

    // It is in no batch, and said as it was written.
    let status = json!({"parents": [{"x": 1.0, "controllerName": "example.com/theirs"}]});
    let text = status.to_string();
    source.server.put_status("HTTPRoute", "shop", "a", status);
    let told_anew = timeout(PATIENCE, told_of.recv()).await;
    let (second, words) = told_anew.expect("a word in time").expect("it runs");
    assert_eq!(words, format!("HTTPRoute shop/a 1 {text}"));
    assert!(second > first);

    // A Service's is nobody's to write, but what matters of it is in a batch.
    service["status"]["loadBalancer"] = json!({"ingress": [{"ip": "192.0.2.1"}]});
    source.server.put(service);
    source.server.put(route("shop", "b", "b.test"));
    let mut batches = told(&source.next().await);
    if batches.len() < 2 {
        batches.extend(told(&source.next().await));
    }
    assert_eq!(batches, ["+Service shop/s 1", "+HTTPRoute shop/b 1"]);
    let (_, words) = told_of.try_recv().expect("before the batch");
    assert_eq!(words, "HTTPRoute shop/b 1 -");
    assert!(told_of.try_recv().is_err());
}

#[tokio::test]
async fn an_object_made_anew_is_told_though_it_says_the_same() {
    let server = Server::start().await;
    server.put(route("shop", "a", "a.test"));
    let mut source = Watched::new(server, options());
    source.first().await;
    source.server.delete("HTTPRoute", "shop", "a");
    source.server.put(route("shop", "a", "a.test"));
    let mut all = Vec::new();
    while all.last().is_none_or(|last| last != "+HTTPRoute shop/a 1") {
        all.extend(told(&source.next().await));
    }
}

#[tokio::test]
async fn changes_wait_as_one_while_the_receiver_works() {
    let mut source = Watched::new(Server::start().await, options());
    source.first().await;
    for number in 1..=50 {
        let host = format!("{number}.test");
        source.server.put(route("shop", "a", &host));
        source.server.put(route("shop", "b", &host));
    }
    source.server.delete("HTTPRoute", "shop", "b");
    let heard = async {
        while source.counter("HTTPRoute").events() < 101 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, heard).await.expect("all is heard");
    // One had room, the others wait behind it.
    source.next().await;
    let batch = source.next().await;
    assert_eq!(told(&batch), ["+HTTPRoute shop/a 50", "-HTTPRoute shop/b"]);
    assert_eq!(host(&batch.upserts[0]), "50.test");
}
