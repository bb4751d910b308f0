//! The writer beside a watch, as the control plane has them: how many requests a status takes, and what becomes of
//! those who write at the same time.

use std::sync::atomic::{AtomicBool, Ordering};

use fg_sources::kube::{Batch, Counters, Onlooker, watch as follow};
use tokio::sync::mpsc;

use super::*;

/// How many routes come.
const NEW: usize = 100;

/// What the watch told of takes one request, and nothing that others wrote meanwhile is lost.
pub(super) async fn seen(client: &Client, writer: &StatusWriter) -> anyhow::Result<()> {
    let deaf = Arc::new(AtomicBool::new(false));
    let (to, is_deaf) = (writer.clone(), deaf.clone());
    let onlooker: Onlooker = Box::new(move |sight| {
        if !is_deaf.load(Ordering::SeqCst) {
            to.saw(sight);
        }
    });
    let (batches, mut changed) = mpsc::channel(1);
    let options = fg_sources::kube::Options::default();
    let counters = Arc::new(Counters::default());
    let source = follow(client.clone(), options, counters, Some(onlooker), batches);
    let source = tokio::spawn(source);
    let begun = changed.recv().await.context("the source runs")?;
    ensure!(begun.first);
    one_request_each(client, writer, &mut changed).await?;
    deaf.store(true, Ordering::SeqCst);
    somebody_writes(client, writer).await?;
    gone(client, writer).await?;
    source.abort();
    Ok(())
}

async fn one_request_each(
    client: &Client,
    writer: &StatusWriter,
    changed: &mut mpsc::Receiver<Batch>,
) -> anyhow::Result<()> {
    let before = Requests::of(client).await?;
    for at in 0..NEW {
        post(client, &routes_path(), &route(&format!("new{at}"))).await?;
    }
    let mut told = 0;
    while told < NEW {
        let batch = changed.recv().await.context("the source runs")?;
        for id in new_ones(&batch) {
            told += 1;
            writer.set(&id, &route_document(&id, 1, &["web"]));
        }
    }
    settled(writer).await?;
    let after = Requests::of(client).await?;
    eprintln!("{NEW} new routes: {before:?}, then {after:?}");
    ensure!(after.reads == before.reads);
    ensure!(after.writes - before.writes == NEW as u64);
    let status = status_of(client, "new0").await?;
    ensure!(types(&status["parents"][0]) == ["Accepted=True@1"]);
    Ok(())
}

/// Somebody writes, and the watch does not say so in time.
async fn somebody_writes(client: &Client, writer: &StatusWriter) -> anyhow::Result<()> {
    let theirs = json!({
        "controllerName": "example.com/theirs", "parentRef": {"name": "web"},
        "conditions": [foreign()],
    });
    let new = object(kinds::HTTP_ROUTE, "new0");
    let path = path(&new, "httproutes");
    let mut live = get(client, &path).await?;
    let parents = live.pointer_mut("/status/parents");
    let parents = parents.and_then(Value::as_array_mut);
    parents.context("a list")?.insert(0, theirs);
    put(client, &format!("{path}/status?fieldManager=theirs"), &live).await?;
    let theirs = status_of(client, "new0").await?["parents"][0].to_string();
    let before = writer.metrics();
    writer.set(&new, &route_document(&new, 1, &["web", "two"]));
    settled(writer).await?;
    let after = writer.metrics();
    let status = status_of(client, "new0").await?;
    ensure!(status["parents"][0].to_string() == theirs, "{status}");
    ensure!(count(&status) == 3, "{status}");
    let counts = (after.conflicts - before.conflicts, after.read - before.read);
    ensure!(counts == (1, 1), "{before:?} {after:?}");
    Ok(())
}

/// Objects are deleted, of which the watch does not say so in time; one comes again.
async fn gone(client: &Client, writer: &StatusWriter) -> anyhow::Result<()> {
    use ConditionStatus::True;
    let short = object(kinds::GATEWAY, "short");
    let at = path(&short, "gateways");
    post(client, at.trim_end_matches("/short"), &short_gateway()).await?;
    writer.set(&short, &gateway_document(&short, 1, True, &["a"]));
    settled(writer).await?;
    delete(client, &at).await?;
    let [gone, anew] = ["new2", "new1"].map(|name| object(kinds::HTTP_ROUTE, name));
    for object in [&gone, &anew] {
        delete(client, &path(object, "httproutes")).await?;
    }
    post(client, &routes_path(), &route("new1")).await?;
    let before = writer.metrics();
    for object in [&gone, &anew] {
        writer.set(object, &route_document(object, 1, &["web", "two"]));
    }
    writer.set(&short, &gateway_document(&short, 1, True, &["a", "b"]));
    settled(writer).await?;
    let after = writer.metrics();
    ensure!(after.gone - before.gone == 2, "{before:?} {after:?}");
    ensure!(after.errors == before.errors, "{before:?} {after:?}");
    ensure!(after.read - before.read == 1, "{before:?} {after:?}");
    let status = status_of(client, "new1").await?;
    ensure!(count(&status) == 2, "{status}");
    Ok(())
}

fn short_gateway() -> Value {
    let listeners = ["a", "b"].map(|name| {
        let port = u16::from(name.as_bytes()[0]);
        json!({"name": name, "port": port, "protocol": "HTTP"})
    });
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "short"},
        "spec": {"gatewayClassName": "ferrogate", "listeners": listeners},
    })
}

fn routes_path() -> String {
    let path = path(&object(kinds::HTTP_ROUTE, ""), "httproutes");
    path.trim_end_matches('/').to_owned()
}

async fn status_of(client: &Client, route: &str) -> anyhow::Result<Value> {
    let live = get(client, &format!("{}/{route}", routes_path())).await?;
    Ok(live["status"].clone())
}

/// How many parents have an entry.
fn count(status: &Value) -> usize {
    status["parents"].as_array().map_or(0, Vec::len)
}

/// The routes of this test in a batch.
fn new_ones(batch: &Batch) -> Vec<Arc<ObjectRef>> {
    let all = batch.upserts.iter().map(|object| object.id().clone());
    all.filter(|id| id.is(kinds::HTTP_ROUTE) && &*id.namespace == SPACE)
        .filter(|id| id.name.starts_with("new"))
        .collect()
}

async fn delete(client: &Client, path: &str) -> anyhow::Result<()> {
    let request = Request::delete(path).body(Vec::new())?;
    client.request_text(request).await?;
    Ok(())
}

/// Requests for single routes that the API server has answered so far.
#[derive(Debug)]
struct Requests {
    reads: u64,
    /// Of statuses.
    writes: u64,
}

impl Requests {
    async fn of(client: &Client) -> anyhow::Result<Self> {
        let request = Request::get("/metrics").body(Vec::new())?;
        let page = client.request_text(request).await?;
        let sum = |words: [&str; 2]| {
            let lines = page.lines().filter(|line| {
                line.starts_with("apiserver_request_total{")
                    && line.contains(r#"resource="httproutes""#)
                    && words.iter().all(|word| line.contains(word))
            });
            let counts = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
            counts.sum::<f64>() as u64
        };
        Ok(Self {
            reads: sum([r#"verb="GET""#, r#"scope="resource""#]),
            writes: sum([r#"verb="PATCH""#, r#"subresource="status""#]),
        })
    }
}
