//! The source of objects against a real API server: what the fake of its own tests claims, and how
//! long things take.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use fg_model::kinds;
use fg_sources::kube::{Backoff, Batch, Counters, Options, watch};
use fg_testcluster::{Cluster, Part};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long anything may take before the test fails: far longer than anything does.
const PATIENCE: Duration = Duration::from_secs(60);

/// Routes of a namespace.
const ROUTES: usize = 1000;

/// A source that is being watched.
struct Watched {
    batches: mpsc::Receiver<Batch>,
    task: JoinHandle<()>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Watched {
    fn new(client: &Client) -> Self {
        let (sender, batches) = mpsc::channel(1);
        let options = Options {
            backoff: Backoff {
                refused: Duration::from_secs(1),
                ..Backoff::default()
            },
            ..Options::default()
        };
        let counters = Arc::new(Counters::default());
        let task = tokio::spawn(watch(client.clone(), options, counters, None, sender));
        Self { batches, task }
    }

    async fn next(&mut self) -> anyhow::Result<Batch> {
        let batch = timeout(PATIENCE, self.batches.recv()).await;
        batch.context("nothing comes")?.context("the source ended")
    }

    /// What is told of objects in a namespace (or of that name), until so much was.
    async fn told(&mut self, namespace: &str, count: usize) -> anyhow::Result<Vec<String>> {
        let mut all = Vec::new();
        while all.len() < count {
            all.extend(told(&self.next().await?, namespace));
        }
        Ok(all)
    }
}

/// `+kind name` and `-kind name` of what is in a namespace.
fn told(batch: &Batch, namespace: &str) -> Vec<String> {
    let new = batch.upserts.iter().map(|object| ('+', &**object.id()));
    let gone = batch.removed.iter().map(|id| ('-', id));
    let all = new
        .chain(gone)
        .filter(|(_, id)| &*id.namespace == namespace);
    // What the controller manager puts into every namespace is not ours.
    let all = all.filter(|(_, id)| &*id.name != "kube-root-ca.crt");
    all.map(|(sign, id)| format!("{sign}{} {}", id.kind, id.name))
        .collect()
}

fn api(client: &Client, version: &str, kind: &str, namespace: &str) -> Api<DynamicObject> {
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    match namespace {
        "" => Api::all_with(client.clone(), &kind),
        _ => Api::namespaced_with(client.clone(), namespace, &kind),
    }
}

fn routes(client: &Client, namespace: &str) -> Api<DynamicObject> {
    api(
        client,
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        namespace,
    )
}

async fn create(api: &Api<DynamicObject>, object: Value) -> anyhow::Result<()> {
    let object = serde_json::from_value(object)?;
    api.create(&PostParams::default(), &object).await?;
    Ok(())
}

fn route(name: &str, host: &str) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name},
        "spec": {"hostnames": [host], "parentRefs": [{"name": "web"}],
            "rules": [{"backendRefs": [{"name": "shop", "port": 80}]}]},
    })
}

async fn make_namespace(client: &Client, name: &str) -> anyhow::Result<()> {
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    create(&api(client, "v1", "Namespace", ""), object).await
}

#[test]
fn the_source_on_a_real_api_server() -> anyhow::Result<()> {
    let cluster = Arc::new(match std::env::var("FERROGATE_TEST_CLUSTER") {
        Ok(id) => Cluster::attach(&id)?,
        Err(_) => Cluster::up(fg_testcluster::Options::default())?,
    });
    cluster.with_client(async |client| {
        thousand_routes(&client).await?;
        own_words(&client).await?;
        definitions(&client).await?;
        Ok(())
    })?;
    refusal(&cluster)?;
    away(&cluster)
}

/// A thousand routes arrive, and are all there for whoever comes later.
async fn thousand_routes(client: &Client) -> anyhow::Result<()> {
    let space = "thousand";
    make_namespace(client, space).await?;
    let mut source = Watched::new(client);
    let started = Instant::now();
    let first = source.next().await?;
    ensure!(first.first && first.findings == Some(Vec::new()));
    eprintln!("first batch of an empty cluster: {:?}", started.elapsed());

    let api = routes(client, space);
    let started = Instant::now();
    let creating = async {
        let names = (0..ROUTES).map(|number| format!("r{number:04}"));
        let all = names.map(|name| create(&api, route(&name, &format!("{name}.test"))).boxed());
        let all: Vec<_> = all.collect();
        futures::stream::iter(all)
            .buffer_unordered(16)
            .try_collect::<Vec<()>>()
            .await
    };
    let (created, told) = tokio::join!(creating, source.told(space, ROUTES));
    created?;
    ensure!(told?.len() == ROUTES);
    eprintln!(
        "{ROUTES} routes created and heard of: {:?}",
        started.elapsed()
    );

    let started = Instant::now();
    let mut late = Watched::new(client);
    let batch = late.next().await?;
    eprintln!("first batch with {ROUTES} routes: {:?}", started.elapsed());
    ensure!(told_routes(&batch, space) == ROUTES);

    let mut times = Vec::new();
    for number in 0..50 {
        let patch = json!({"spec": {"hostnames": [format!("n{number}.test")]}});
        let started = Instant::now();
        let patched = async {
            let params = PatchParams::default();
            api.patch("r0500", &params, &Patch::Merge(&patch)).await
        };
        let (patched, told) = tokio::join!(patched, source.told(space, 1));
        patched?;
        ensure!(told? == ["+HTTPRoute r0500"]);
        times.push(started.elapsed());
    }
    times.sort();
    eprintln!(
        "edit to batch: median {:?}, most {:?}",
        times[25], times[49]
    );
    Ok(())
}

fn told_routes(batch: &Batch, namespace: &str) -> usize {
    told(batch, namespace).len()
}

/// A status, an annotation of kubectl and a list say nothing; a label does.
async fn own_words(client: &Client) -> anyhow::Result<()> {
    let space = "words";
    make_namespace(client, space).await?;
    let api = routes(client, space);
    create(&api, route("a", "a.test")).await?;
    let mut source = Watched::new(client);
    ensure!(told(&source.next().await?, space) == ["+HTTPRoute a"]);
    let status = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "status": {"parents": [{
            "parentRef": {"name": "web"},
            "controllerName": "ferrogate.dev/gateway",
            "conditions": [{"type": "Accepted", "status": "True", "reason": "Accepted", "message": "",
                "observedGeneration": 1, "lastTransitionTime": "2026-01-31T12:00:00Z"}],
        }]},
    });
    let params = PatchParams::apply("ferrogate").force();
    api.patch_status("a", &params, &Patch::Apply(&status))
        .await?;
    let noted = json!({"metadata": {"annotations": {
        "kubectl.kubernetes.io/last-applied-configuration": "{}"}}});
    let params = PatchParams::default();
    api.patch("a", &params, &Patch::Merge(&noted)).await?;
    create(&api, route("b", "b.test")).await?;
    ensure!(source.told(space, 1).await? == ["+HTTPRoute b"]);
    let labelled = json!({"metadata": {"labels": {"a": "b"}}});
    api.patch("a", &params, &Patch::Merge(&labelled)).await?;
    ensure!(source.told(space, 1).await? == ["+HTTPRoute a"]);
    api.delete("b", &DeleteParams::default()).await?;
    ensure!(source.told(space, 1).await? == ["-HTTPRoute b"]);
    Ok(())
}

/// A definition that appears is picked up, and one that goes takes its objects along.
async fn definitions(client: &Client) -> anyhow::Result<()> {
    let space = "definitions";
    make_namespace(client, space).await?;
    let mut source = Watched::new(client);
    source.next().await?;
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "backends.gateway.kgateway.dev"},
        "spec": {
            "group": "gateway.kgateway.dev",
            "scope": "Namespaced",
            "names": {"kind": "Backend", "plural": "backends"},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true, "schema": {
                "openAPIV3Schema": {"type": "object",
                    "x-kubernetes-preserve-unknown-fields": true}}}],
        },
    });
    let definitions = api(
        client,
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "",
    );
    create(&definitions, definition).await?;
    let backends = api(client, "gateway.kgateway.dev/v1alpha1", "Backend", space);
    let backend = json!({
        "apiVersion": "gateway.kgateway.dev/v1alpha1",
        "kind": "Backend",
        "metadata": {"name": "outside"},
        "spec": {"type": "Static", "static": {"hosts": [{"host": "a.test", "port": 80}]}},
    });
    let started = Instant::now();
    while create(&backends, backend.clone()).await.is_err() {
        ensure!(started.elapsed() < PATIENCE, "the kind does not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ensure!(source.told(space, 1).await? == ["+Backend outside"]);
    eprintln!("object of a new definition: {:?}", started.elapsed());
    let name = "backends.gateway.kgateway.dev";
    definitions.delete(name, &DeleteParams::default()).await?;
    ensure!(source.told(space, 1).await? == ["-Backend outside"]);
    Ok(())
}

/// Without the right to read Secrets everything else works; with it they come.
fn refusal(cluster: &Cluster) -> anyhow::Result<()> {
    let role = |resources: Value| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "watcher"},
            "rules": [{"apiGroups": ["*"], "resources": resources, "verbs": ["list", "watch"]}],
        })
    };
    let all = [
        "namespaces",
        "services",
        "endpointslices",
        "configmaps",
        "gatewayclasses",
        "gateways",
        "httproutes",
        "grpcroutes",
        "listenersets",
        "referencegrants",
        "backendtlspolicies",
        "backends",
        "gatewayparameters",
        "customresourcedefinitions",
    ];
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "watcher"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "watcher"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "watcher"}],
    });
    let kubeconfig = cluster.kubeconfig();
    cluster.with_client(async |client| {
        let version = "rbac.authorization.k8s.io/v1";
        let roles = api(&client, version, "ClusterRole", "");
        create(&roles, role(json!(all))).await?;
        create(&api(&client, version, "ClusterRoleBinding", ""), binding).await?;
        let space = "refusal";
        make_namespace(&client, space).await?;
        create(&routes(&client, space), route("a", "a.test")).await?;
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}});
        create(&api(&client, "v1", "Secret", space), secret).await?;

        let file = kube::config::Kubeconfig::read_from(&kubeconfig)?;
        let mut config = Config::from_custom_kubeconfig(file, &Default::default()).await?;
        config.auth_info.impersonate = Some("watcher".to_owned());
        let mut source = Watched::new(&Client::try_from(config)?);
        let batch = source.next().await?;
        ensure!(told(&batch, space) == ["+HTTPRoute a"]);
        let findings = batch.findings.unwrap_or_default();
        ensure!(findings.len() == 1, "{findings:?}");
        ensure!(
            findings[0]
                .to_string()
                .starts_with("error: Resource secrets: ")
        );
        eprintln!("{}", findings[0]);
        let mut more = all.to_vec();
        more.push("secrets");
        let patch = json!({"rules": role(json!(more))["rules"]});
        let params = PatchParams::default();
        roles
            .patch("watcher", &params, &Patch::Merge(&patch))
            .await?;
        let batch = source.next().await?;
        ensure!(told(&batch, space) == ["+Secret s"]);
        ensure!(batch.findings == Some(Vec::new()));
        Ok(())
    })
}

/// The API server is killed and comes back: nothing is told but what happened.
fn away(cluster: &Arc<Cluster>) -> anyhow::Result<()> {
    let space = "away";
    cluster.with_client(async |client| {
        make_namespace(&client, space).await?;
        let api = routes(&client, space);
        create(&api, route("a", "a.test")).await?;
        let mut source = Watched::new(&client);
        let batch = source.next().await?;
        ensure!(told(&batch, space) == ["+HTTPRoute a"]);
        cluster.kill(Part::Api);
        let batch = source.next().await?;
        ensure!(batch.upserts.is_empty() && batch.removed.is_empty());
        let findings = batch.findings.unwrap_or_default();
        ensure!(findings.len() == 1 && findings[0].about.object.is(kinds::API_SERVER));
        // The source goes on trying while it starts.
        let other = cluster.clone();
        let start = move || other.begin(Part::Api);
        tokio::task::spawn_blocking(start).await??;
        create(&api, route("b", "b.test")).await?;
        let created = Instant::now();
        let mut all = Vec::new();
        let mut resolved = false;
        while all.is_empty() || !resolved {
            let batch = source.next().await?;
            all.extend(told(&batch, space));
            resolved |= batch.findings.is_some_and(|findings| findings.is_empty());
        }
        eprintln!(
            "news after the API server came back: {:?}",
            created.elapsed()
        );
        ensure!(all == ["+HTTPRoute b"], "{all:?}");
        Ok(())
    })
}
