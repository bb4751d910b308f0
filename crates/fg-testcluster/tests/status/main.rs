//! The status writer and the election against a real API server: what the fake of their own tests
//! claims about apply, merge patches and versions.

#![expect(
    clippy::cmp_owned,
    reason = "what must survive must do so byte for byte"
)]

mod seen;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use fg_control::cluster::leader::{LeaseSettings, lead};
use fg_control::cluster::status::{Settings, StatusWriter};
use fg_model::{ObjectRef, kinds};
use fg_status::ConditionStatus;
use fg_testcluster::Cluster;
use fg_testkit::status::{OURS, gateway_document, policy_document, route_document};
use http::Request;
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::watch;

/// How long anything may take before the test fails: far longer than anything does.
const PATIENCE: Duration = Duration::from_secs(60);

const SPACE: &str = "status";

/// How many routes get a status at once.
const ROUTES: usize = 500;

#[test]
fn the_status_writer_on_a_real_api_server() -> anyhow::Result<()> {
    let cluster = match std::env::var("FERROGATE_TEST_CLUSTER") {
        Ok(id) => Cluster::attach(&id)?,
        Err(_) => Cluster::up(fg_testcluster::Options::default())?,
    };
    cluster.with_client(async |client| {
        let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}});
        post(&client, "/api/v1/namespaces", &space).await?;
        let (leading, led) = watch::channel(true);
        let writer = StatusWriter::new(Settings::default());
        writer.synced();
        let (task, of_task) = (writer.clone(), client.clone());
        let task = tokio::spawn(async move { task.run(of_task, led).await });
        gateways(&client, &writer).await?;
        routes(&client, &writer).await?;
        policies(&client, &writer).await?;
        many(&client, &writer).await?;
        seen::seen(&client, &writer).await?;
        drop(leading);
        task.await?;
        election(&client).await
    })
}

/// Foreign conditions of a Gateway and its listeners, through generations and listeners that go.
async fn gateways(client: &Client, writer: &StatusWriter) -> anyhow::Result<()> {
    use ConditionStatus::{True, Undecided};
    let listener = |name: &str, port: u16| json!({"name": name, "port": port, "protocol": "HTTP"});
    let gateway = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "web"},
        "spec": {"gatewayClassName": "ferrogate", "listeners": [listener("a", 80), listener("b", 81)]},
    });
    let web = object(kinds::GATEWAY, "web");
    let path = path(&web, "gateways");
    post(client, path.trim_end_matches("/web"), &gateway).await?;
    ensure!(
        types(&get(client, &path).await?["status"])
            == ["Accepted=Unknown@-", "Programmed=Unknown@-"],
        "the definition has defaults"
    );
    writer.set(&web, &gateway_document(&web, 1, Undecided, &["a", "b"]));
    until(client, &path, |status| {
        types(status)[0] == "Accepted=True@1"
    })
    .await?;
    writer.set(&web, &gateway_document(&web, 1, True, &["a", "b"]));
    let status = until(client, &path, |status| {
        types(status)[1] == "Programmed=True@1"
    })
    .await?;
    ensure!(status["addresses"][0]["value"] == "192.0.2.7");

    // Somebody writes the whole status, with conditions of their own.
    let mut live = get(client, &path).await?;
    for pointer in [
        "/status/conditions",
        "/status/listeners/0/conditions",
        "/status/listeners/1/conditions",
    ] {
        let list = live.pointer_mut(pointer).and_then(Value::as_array_mut);
        list.context("a list")?.push(foreign());
    }
    put(client, &format!("{path}/status?fieldManager=theirs"), &live).await?;
    let before = get(client, &path).await?["status"]["conditions"][2].to_string();

    // Listener a goes, c comes.
    let edit = json!({"spec": {"listeners": [listener("b", 81), listener("c", 82)]}});
    patch(client, &path, &edit).await?;
    writer.set(&web, &gateway_document(&web, 2, True, &["b", "c"]));
    let status = until(client, &path, |status| {
        types(status)[0] == "Accepted=True@2"
    })
    .await?;
    let status = if status["listeners"].as_array().map(Vec::len) == Some(2) {
        status
    } else {
        until(client, &path, |status| {
            status["listeners"].as_array().map(Vec::len) == Some(2)
        })
        .await?
    };
    for holder in [&status, &status["listeners"][0]] {
        ensure!(
            types(holder)
                == [
                    "Accepted=True@2",
                    "Programmed=True@2",
                    "example.com/Theirs=Unknown@1"
                ],
            "{holder}"
        );
        ensure!(holder["conditions"][2].to_string() == before, "{holder}");
    }
    ensure!(status["listeners"][0]["name"] == "b" && status["listeners"][1]["name"] == "c");
    // Nothing is left to do, also for one that begins anew.
    settled(writer).await?;
    let anew = StatusWriter::new(Settings::default());
    anew.set(&web, &gateway_document(&web, 2, True, &["b", "c"]));
    anew.synced();
    let (leading, led) = watch::channel(true);
    let (task, of_task) = (anew.clone(), client.clone());
    let task = tokio::spawn(async move { task.run(of_task, led).await });
    poll("the first look", async || {
        Ok((anew.metrics().sweeps > 0).then_some(()))
    })
    .await?;
    let again = anew.metrics();
    ensure!((again.written, again.unchanged) == (0, 1), "{again:?}");
    drop(leading);
    task.await?;

    // It is ours no longer: what is not ours stays, and what is shared keeps its required fields.
    writer.forget(&web);
    let status = until(client, &path, |status| {
        !types(status).contains(&"Accepted=True@2".to_owned())
    })
    .await?;
    ensure!(
        status["conditions"]
            .as_array()
            .is_some_and(|list| list.iter().any(|one| one.to_string() == before)),
        "{status}"
    );
    ensure!(status.get("addresses").is_none(), "{status}");
    eprintln!("what is left of a Gateway's status: {status}");
    Ok(())
}

/// Parents of other controllers.
async fn routes(client: &Client, writer: &StatusWriter) -> anyhow::Result<()> {
    let r = object(kinds::HTTP_ROUTE, "r");
    let path = path(&r, "httproutes");
    post(client, path.trim_end_matches("/r"), &route("r")).await?;
    let theirs = json!({
        "controllerName": "example.com/theirs", "parentRef": {"name": "web"},
        "conditions": [foreign()],
    });
    let mut live = get(client, &path).await?;
    live["status"] = json!({"parents": [theirs]});
    put(client, &format!("{path}/status"), &live).await?;
    let before = get(client, &path).await?["status"]["parents"][0].to_string();
    writer.set(&r, &route_document(&r, 1, &["web"]));
    until(client, &path, |status| {
        types(&status["parents"][1]) == ["Accepted=True@1"]
    })
    .await?;
    patch(
        client,
        &path,
        &json!({"spec": {"hostnames": ["a.example"]}}),
    )
    .await?;
    writer.set(&r, &route_document(&r, 2, &["web"]));
    let status = until(client, &path, |status| {
        types(&status["parents"][1]) == ["Accepted=True@2"]
    })
    .await?;
    ensure!(status["parents"][0].to_string() == before, "{status}");
    writer.forget(&r);
    let status = until(client, &path, |status| {
        status["parents"].as_array().map(Vec::len) == Some(1)
    })
    .await?;
    ensure!(status["parents"][0].to_string() == before, "{status}");
    Ok(())
}

/// Ancestors of other controllers.
async fn policies(client: &Client, writer: &StatusWriter) -> anyhow::Result<()> {
    let policy = object(kinds::BACKEND_TLS_POLICY, "p");
    let path = path(&policy, "backendtlspolicies");
    let body = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy",
        "metadata": {"name": "p"},
        "spec": {
            "targetRefs": [{"group": "", "kind": "Service", "name": "s"}],
            "validation": {"hostname": "s.example", "wellKnownCACertificates": "System"},
        },
    });
    post(client, path.trim_end_matches("/p"), &body).await?;
    let theirs = json!({
        "controllerName": "example.com/theirs", "ancestorRef": {"name": "web"},
        "conditions": [foreign()],
    });
    let mut live = get(client, &path).await?;
    live["status"] = json!({"ancestors": [theirs]});
    put(client, &format!("{path}/status"), &live).await?;
    let before = get(client, &path).await?["status"]["ancestors"][0].to_string();
    writer.set(&policy, &policy_document(&policy, 1, &["web"]));
    let status = until(client, &path, |status| {
        types(&status["ancestors"][1]) == ["Accepted=True@1"]
    })
    .await?;
    ensure!(status["ancestors"][0].to_string() == before, "{status}");
    Ok(())
}

/// Many at once: a Gateway's status is not behind them.
async fn many(client: &Client, writer: &StatusWriter) -> anyhow::Result<()> {
    let base = path(&object(kinds::HTTP_ROUTE, ""), "httproutes");
    let base = base.trim_end_matches('/');
    let names: Vec<String> = (0..ROUTES).map(|at| format!("r{at}")).collect();
    for name in &names {
        post(client, base, &route(name)).await?;
    }
    let before = writer.metrics();
    let started = Instant::now();
    for name in &names {
        let object = object(kinds::HTTP_ROUTE, name);
        writer.set(&object, &route_document(&object, 1, &["web"]));
    }
    settled(writer).await?;
    let (took, after) = (started.elapsed(), writer.metrics());
    eprintln!("{ROUTES} statuses: {took:?}");
    ensure!(after.written - before.written == ROUTES as u64, "{after:?}");
    ensure!(after.errors == before.errors, "{after:?}");
    ensure!(took < PATIENCE);
    let list = get(client, base).await?;
    let routes = list["items"].as_array().context("a list")?.iter();
    let written = routes.filter(|route| route["status"]["parents"][0]["controllerName"] == OURS);
    ensure!(written.count() == ROUTES);
    Ok(())
}

/// One leads; when it gives up, the other does.
async fn election(client: &Client) -> anyhow::Result<()> {
    let settings = |identity: &str| LeaseSettings {
        namespace: SPACE.to_owned(),
        name: "ferrogate".to_owned(),
        identity: identity.to_owned(),
    };
    let started = Instant::now();
    let one = lead(client.clone(), &settings("one")).await?;
    let mut one_leads = one.leading();
    tokio::time::timeout(PATIENCE, one_leads.wait_for(|leads| *leads)).await??;
    eprintln!("first leader after {:?}", started.elapsed());
    let two = lead(client.clone(), &settings("two")).await?;
    let mut two_leads = two.leading();
    ensure!(!*two_leads.borrow_and_update());
    let started = Instant::now();
    one.release().await;
    ensure!(!*one_leads.borrow());
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{SPACE}/leases/ferrogate");
    let holder = get(client, &path).await?["spec"]["holderIdentity"].clone();
    ensure!(holder != "one", "released: {holder}");
    tokio::time::timeout(PATIENCE, two_leads.wait_for(|leads| *leads)).await??;
    eprintln!(
        "the second leads {:?} after the first gave up",
        started.elapsed()
    );
    two.release().await;
    Ok(())
}

fn object(kind: (&str, &str), name: &str) -> Arc<ObjectRef> {
    Arc::new(ObjectRef::new(kind.0, kind.1, SPACE, name))
}

fn path(object: &ObjectRef, plural: &str) -> String {
    let (group, name) = (&object.group, &object.name);
    format!("/apis/{group}/v1/namespaces/{SPACE}/{plural}/{name}")
}

fn route(name: &str) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": name}, "spec": {"parentRefs": [{"name": "web"}]},
    })
}

fn foreign() -> Value {
    json!({
        "type": "example.com/Theirs", "status": "Unknown", "observedGeneration": 1,
        "reason": "Mine", "message": "mine", "lastTransitionTime": "2001-02-03T04:05:06Z",
    })
}

/// `Accepted=True@1` for each condition.
fn types(holder: &Value) -> Vec<String> {
    let conditions = holder["conditions"].as_array().into_iter().flatten();
    let words = conditions.map(|condition| {
        let word = |field: &str| condition[field].as_str().unwrap_or("-").to_owned();
        let generation = condition["observedGeneration"].as_i64();
        let generation = generation.map_or("-".to_owned(), |generation| generation.to_string());
        format!("{}={}@{generation}", word("type"), word("status"))
    });
    words.collect()
}

/// The status of an object once it is as it should be.
async fn until(
    client: &Client,
    path: &str,
    fits: impl Fn(&Value) -> bool,
) -> anyhow::Result<Value> {
    poll(path, async || {
        let status = get(client, path).await?["status"].clone();
        Ok(fits(&status).then_some(status))
    })
    .await
}

/// Nothing is left to write.
async fn settled(writer: &StatusWriter) -> anyhow::Result<()> {
    poll("the queue", async || {
        Ok((writer.metrics().queue_depth == 0).then_some(()))
    })
    .await
}

async fn poll<T, F: Future<Output = anyhow::Result<Option<T>>>>(
    what: &str,
    look: impl Fn() -> F,
) -> anyhow::Result<T> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!("{what} does not become what it should")
}

async fn get(client: &Client, path: &str) -> anyhow::Result<Value> {
    Ok(client.request(Request::get(path).body(Vec::new())?).await?)
}

async fn post(client: &Client, path: &str, body: &Value) -> anyhow::Result<()> {
    send(client, Request::post(path), "application/json", body).await
}

async fn put(client: &Client, path: &str, body: &Value) -> anyhow::Result<()> {
    send(client, Request::put(path), "application/json", body).await
}

async fn patch(client: &Client, path: &str, body: &Value) -> anyhow::Result<()> {
    send(
        client,
        Request::patch(path),
        "application/merge-patch+json",
        body,
    )
    .await
}

async fn send(
    client: &Client,
    request: http::request::Builder,
    content_type: &str,
    body: &Value,
) -> anyhow::Result<()> {
    let request = request.header(http::header::CONTENT_TYPE, content_type);
    let _: Value = client
        .request(request.body(serde_json::to_vec(body)?)?)
        .await?;
    Ok(())
}
