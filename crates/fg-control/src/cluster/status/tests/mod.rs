//! The writer against an API server in this process.

mod server;
mod sights;

use std::sync::Arc;
use std::time::Duration;

use fg_model::{ObjectRef, kinds};
use fg_status::{ConditionStatus, ConditionsStatus, Document, Status};
use fg_testkit::status::{
    OURS, condition, document, gateway_document, policy_document, route_document as on,
};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Settings, StatusWriter};
use server::Server;

const OLD: &str = "2020-01-01T00:00:00Z";

fn object(kind: (&str, &str), name: &str) -> Arc<ObjectRef> {
    Arc::new(ObjectRef::new(kind.0, kind.1, "shop", name))
}

fn route(name: &str) -> Arc<ObjectRef> {
    object(kinds::HTTP_ROUTE, name)
}

fn gateway() -> Arc<ObjectRef> {
    object(kinds::GATEWAY, "web")
}

/// The document of the one Gateway, with these listeners.
fn with(generation: i64, programmed: ConditionStatus, listeners: &[&str]) -> Document {
    gateway_document(&gateway(), generation, programmed, listeners)
}

/// A condition as it stands on the API server.
fn live(kind: &str, status: &str, generation: i64) -> Value {
    json!({
        "type": kind, "status": status, "observedGeneration": generation,
        "reason": "Because", "message": format!("as of {generation}"),
        "lastTransitionTime": OLD,
    })
}

/// A foreign condition, with its fields in an order of its own and one that nobody knows.
fn foreign() -> Value {
    let text = r#"{"message":"mine","lastTransitionTime":"2001-02-03T04:05:06Z","x":1.0,"type":"example.com/Theirs","status":"Unknown","reason":"R","observedGeneration":1}"#;
    serde_json::from_str(text).expect("JSON")
}

fn their_parent(name: &str) -> Value {
    json!({
        "controllerName": "example.com/theirs", "conditions": [foreign()],
        "parentRef": {"name": name},
    })
}

fn our_parent(name: &str, generation: i64) -> Value {
    json!({
        "parentRef": {"group": kinds::GATEWAY.0, "kind": "Gateway", "name": name},
        "controllerName": OURS,
        "conditions": [foreign(), live("Accepted", "True", generation)],
    })
}

struct Running {
    server: Server,
    writer: StatusWriter,
    leading: watch::Sender<bool>,
}

/// A writer that leads and knows of nothing yet.
fn running(server: Server) -> Running {
    let running = waiting(server);
    running.writer.synced();
    running.leading.send_replace(true);
    running
}

/// A writer that does not lead yet.
fn waiting(server: Server) -> Running {
    let writer = StatusWriter::new(Settings::default());
    let (leading, led) = watch::channel(false);
    let (task, client) = (writer.clone(), server.client());
    tokio::spawn(async move { task.run(client, led).await });
    Running {
        server,
        writer,
        leading,
    }
}

impl Running {
    /// Lets so much time pass; it is paused, and passes at once when nobody has anything to do.
    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Long enough for anything but backoffs.
    async fn rest(&self) {
        self.pass(Duration::from_secs(1)).await;
    }

    /// What was sent meanwhile, lists aside.
    fn sent(&self) -> Vec<String> {
        let log = self.server.log().into_iter();
        let lists = super::kind::KINDS.iter().map(|kind| kind.plural);
        let lists: Vec<String> = lists.map(|plural| format!("GET {plural}")).collect();
        log.filter(|request| !lists.contains(request)).collect()
    }
}

fn types(holder: &Value) -> Vec<String> {
    let conditions = holder["conditions"].as_array().expect("conditions");
    let words = conditions.iter().map(|condition| {
        let word = |field: &str| condition[field].as_str().unwrap_or("-").to_owned();
        let generation = &condition["observedGeneration"];
        format!("{}={}@{generation}", word("type"), word("status"))
    });
    words.collect()
}

#[tokio::test(start_paused = true)]
async fn entries_of_other_controllers_survive_byte_for_byte() {
    let server = Server::default();
    let r = route("r");
    let theirs = [their_parent("one"), their_parent("two")];
    let status = json!({"parents": [
        theirs[0], our_parent("gone", 1), our_parent("stays", 1), theirs[1],
    ]});
    server.put(&r, 2, status);
    let running = running(server);
    running.writer.set(&r, &on(&r, 2, &["stays", "new"]));
    running.rest().await;
    let status = running.server.status(&r);
    let parents = status["parents"].as_array().expect("parents");
    let text = |at: usize| parents[at].to_string();
    assert_eq!(
        (text(0), text(2)),
        (theirs[0].to_string(), theirs[1].to_string())
    );
    assert_eq!(parents[1]["parentRef"]["name"], "stays");
    assert_eq!(parents[3]["parentRef"]["name"], "new");
    assert_eq!(parents.len(), 4);
    assert_eq!(
        parents[1]["conditions"][0].to_string(),
        foreign().to_string()
    );
    assert_eq!(types(&parents[1])[1], "Accepted=True@2");
    // Its status did not change, so the time of its change did not either.
    assert_eq!(parents[1]["conditions"][1]["lastTransitionTime"], OLD);
    assert_ne!(parents[3]["conditions"][0]["lastTransitionTime"], OLD);
    assert_eq!(running.sent(), ["PATCH r"]);

    running.writer.forget(&r);
    running.rest().await;
    let status = running.server.status(&r);
    assert_eq!(status.to_string(), json!({ "parents": theirs }).to_string());
}

#[tokio::test(start_paused = true)]
async fn foreign_conditions_of_gateways_and_listeners_survive_a_new_generation() {
    use ConditionStatus::{True, Undecided};
    let server = Server::default();
    let unknown = |kind: &str| {
        let mut condition = live(kind, "Unknown", 0);
        condition["reason"] = "Pending".into();
        condition
    };
    // As the definition's defaults have it.
    let status = json!({"conditions": [unknown("Accepted"), unknown("Programmed")]});
    server.put(&gateway(), 1, status);
    let running = running(server);
    running.writer.set(&gateway(), &with(1, True, &["a", "b"]));
    running.rest().await;
    let status = running.server.status(&gateway());
    assert_eq!(types(&status), ["Accepted=True@1", "Programmed=True@1"]);
    assert_eq!(status["attachedListenerSets"], 2);

    // Somebody adds conditions, one of them of ours that has had its day.
    let mut theirs = status.clone();
    let overlap = live("OverlappingTLSConfig", "True", 1);
    for pointer in [
        "/conditions",
        "/listeners/0/conditions",
        "/listeners/1/conditions",
    ] {
        let list = theirs.pointer_mut(pointer).and_then(Value::as_array_mut);
        list.expect("a list").extend([foreign(), overlap.clone()]);
    }
    running.server.put(&gateway(), 2, theirs);
    running.server.log();
    running
        .writer
        .set(&gateway(), &with(2, Undecided, &["b", "c"]));
    running.rest().await;
    let status = running.server.status(&gateway());
    for holder in [&status, &status["listeners"][0]] {
        // What is undecided stays as it was.
        assert_eq!(
            types(holder),
            [
                "Accepted=True@2",
                "Programmed=True@1",
                "example.com/Theirs=Unknown@1"
            ]
        );
        assert_eq!(holder["conditions"][2].to_string(), foreign().to_string());
    }
    // The listener that is gone is gone, although somebody had a word in it.
    let names: Vec<&Value> = status["listeners"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|listener| &listener["name"])
        .collect();
    assert_eq!(names, ["b", "c"]);
    assert_eq!(types(&status["listeners"][1]), ["Accepted=True@2"]);

    running.server.log();
    running.writer.set(&gateway(), &with(2, True, &["b", "c"]));
    running.rest().await;
    assert_eq!(running.sent(), ["PATCH web"]);
    let status = running.server.status(&gateway());
    assert_eq!(
        types(&status["listeners"][1]),
        ["Accepted=True@2", "Programmed=True@2"]
    );

    running.writer.forget(&gateway());
    running.rest().await;
    let left = running.server.status(&gateway());
    assert_eq!(types(&left), ["example.com/Theirs=Unknown@1"]);
    assert_eq!(left.get("attachedListenerSets"), None);
    let left = left["listeners"].as_array().expect("a list");
    assert_eq!(left.len(), 1, "only that in which somebody has a word");
    assert_eq!(types(&left[0]), ["example.com/Theirs=Unknown@1"]);
}

#[tokio::test(start_paused = true)]
async fn who_changes_the_object_meanwhile_is_not_overwritten() {
    let server = Server::default();
    let r = route("r");
    server.put(&r, 1, json!({"parents": []}));
    server.meddle(|live| live["status"] = json!({"parents": [their_parent("late")]}));
    let running = running(server);
    running.writer.set(&r, &on(&r, 1, &["web"]));
    running.rest().await;
    let status = running.server.status(&r);
    assert_eq!(
        status["parents"][0].to_string(),
        their_parent("late").to_string()
    );
    assert_eq!(status["parents"][1]["controllerName"], OURS);
    assert_eq!(running.sent(), ["PATCH r", "GET r", "PATCH r"]);
    let metrics = running.writer.metrics();
    assert_eq!(
        (metrics.written, metrics.conflicts, metrics.errors),
        (1, 1, 0)
    );

    // The same with an apply.
    running.server.put(&gateway(), 1, Value::Null);
    running
        .server
        .meddle(|live| live["status"] = json!({"conditions": [foreign()]}));
    running
        .writer
        .set(&gateway(), &with(1, ConditionStatus::True, &["a"]));
    running.rest().await;
    let status = running.server.status(&gateway());
    assert_eq!(types(&status).len(), 3);
    assert_eq!(status["conditions"][0].to_string(), foreign().to_string());
    assert_eq!(running.writer.metrics().conflicts, 2);
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_tried_again_and_what_is_gone_is_not() {
    let server = Server::default();
    let r = route("r");
    server.put(&r, 1, Value::Null);
    let running = running(server);
    running.rest().await;
    running.server.log();
    for (method, status) in [("PATCH", 500), ("GET", 429), ("PATCH", 503)] {
        running.server.fail(method, status);
    }
    running.writer.set(&r, &on(&r, 1, &["web"]));
    running.rest().await;
    assert_eq!(
        running.sent(),
        [
            "GET r", "PATCH r", "GET r", "GET r", "PATCH r", "GET r", "PATCH r"
        ]
    );
    assert_eq!(
        running.server.status(&r)["parents"][0]["controllerName"],
        OURS
    );
    assert_eq!(running.writer.metrics().errors, 3);

    // Refused: again, but not soon.
    running.server.fail("PATCH", 403);
    running.writer.set(&r, &on(&r, 1, &["web", "two"]));
    running.pass(Duration::from_secs(29)).await;
    assert_eq!(running.sent(), ["PATCH r"]);
    running.pass(Duration::from_secs(2)).await;
    assert_eq!(running.sent(), ["GET r", "PATCH r"]);

    let gone = route("gone");
    running.writer.set(&gone, &on(&gone, 1, &["web"]));
    running.pass(Duration::from_secs(60)).await;
    assert_eq!(running.sent(), ["GET gone"]);
    let metrics = running.writer.metrics();
    assert_eq!((metrics.gone, metrics.queue_depth), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn whoever_begins_to_lead_compares_everything_once() {
    let server = Server::default();
    let (same, differs, lost, foreign) = (
        route("same"),
        route("differs"),
        route("lost"),
        route("foreign"),
    );
    server.put(&same, 1, json!({"parents": [our_parent("web", 1)]}));
    server.put(&differs, 2, json!({"parents": [our_parent("web", 1)]}));
    server.put(
        &lost,
        1,
        json!({"parents": [their_parent("x"), our_parent("web", 1)]}),
    );
    server.put(&foreign, 1, json!({"parents": [their_parent("x")]}));
    server.put(
        &gateway(),
        1,
        json!({"conditions": [live("Accepted", "True", 1)]}),
    );
    let running = waiting(server);
    running.writer.set(&same, &on(&same, 1, &["web"]));
    running.writer.set(&differs, &on(&differs, 2, &["web"]));
    running.rest().await;
    assert_eq!(running.server.log(), [""; 0], "it does not lead");
    running.leading.send_replace(true);
    running.rest().await;
    assert_eq!(
        running.server.log(),
        [""; 0],
        "it does not know everything yet"
    );
    running.writer.synced();
    running.rest().await;
    let mut sent = running.sent();
    sent.sort();
    assert_eq!(sent, ["PATCH differs", "PATCH lost"], "a list says enough");
    let left = json!({"parents": [their_parent("x")]});
    assert_eq!(running.server.status(&lost).to_string(), left.to_string());
    // The Gateway of another controller looks like ours, but the API server knows better.
    assert_eq!(
        types(&running.server.status(&gateway())),
        ["Accepted=True@1"]
    );

    running.leading.send_replace(false);
    running.rest().await;
    running.writer.set(&same, &on(&same, 1, &["web", "two"]));
    running.rest().await;
    assert_eq!(running.server.log(), [""; 0]);
    running.leading.send_replace(true);
    running.rest().await;
    assert_eq!(running.sent(), ["PATCH same"]);

    // What somebody erases comes back.
    running.server.put(&same, 1, json!({"parents": []}));
    running.pass(Settings::default().resync).await;
    assert_eq!(running.sent(), ["PATCH same"]);
    let metrics = running.writer.metrics();
    assert_eq!((metrics.sweeps, metrics.objects), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn newer_conditions_are_not_overwritten_by_older_ones() {
    let server = Server::default();
    let r = route("r");
    let running = running(server);
    running.rest().await;
    running.server.log();
    let status = json!({"parents": [our_parent("web", 5)]});
    running.server.put(&r, 5, status);
    running.writer.set(&r, &on(&r, 4, &["web"]));
    running.rest().await;
    let status = running.server.status(&r);
    assert_eq!(types(&status["parents"][0])[1], "Accepted=True@5");
    assert_eq!(running.sent(), ["GET r"]);
    // A status older than the object is better than one older still.
    running.server.bump(&r, 9);
    running.writer.set(&r, &on(&r, 8, &["web"]));
    running.rest().await;
    let status = running.server.status(&r);
    assert_eq!(types(&status["parents"][0])[1], "Accepted=True@8");
    // The object was made anew: what is known of the old one is not written on it, and what the
    // old one left does not count as newer.
    running
        .server
        .put(&r, 1, json!({"parents": [our_parent("web", 8)]}));
    running.server.log();
    running.writer.set(&r, &on(&r, 9, &["web"]));
    running.rest().await;
    // It was refused: the old one was what was known.
    assert_eq!(running.sent(), ["PATCH r", "GET r"]);
    running.writer.set(&r, &on(&r, 1, &["web"]));
    running.rest().await;
    let status = running.server.status(&r);
    assert_eq!(types(&status["parents"][0])[1], "Accepted=True@1");
}

#[tokio::test(start_paused = true)]
async fn what_proxies_are_about_to_confirm_is_one_write() {
    let server = Server::default();
    server.put(&gateway(), 1, Value::Null);
    let running = running(server);
    running.rest().await;
    running.server.log();
    running
        .writer
        .set(&gateway(), &with(1, ConditionStatus::Undecided, &["a"]));
    running.pass(Duration::from_millis(20)).await;
    running
        .writer
        .set(&gateway(), &with(1, ConditionStatus::True, &["a"]));
    running.rest().await;
    assert_eq!(running.sent(), ["GET web", "PATCH web"]);
    // Without their word it is written all the same.
    running.server.bump(&gateway(), 2);
    running
        .writer
        .set(&gateway(), &with(2, ConditionStatus::Undecided, &["a"]));
    running.rest().await;
    let status = running.server.status(&gateway());
    assert_eq!(types(&status), ["Accepted=True@2", "Programmed=True@1"]);
    // What was said already is not even compared.
    running.server.log();
    running
        .writer
        .set(&gateway(), &with(2, ConditionStatus::Undecided, &["a"]));
    running.rest().await;
    assert_eq!(running.sent(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn many_routes_do_not_drown_the_api_server() {
    let server = Server::default();
    let routes: Vec<_> = (0..450).map(|at| route(&format!("r{at}"))).collect();
    for route in routes.iter().chain([&gateway()]) {
        server.put(route, 1, Value::Null);
    }
    let running = running(server);
    running.rest().await;
    running.server.log();
    for route in &routes {
        running.writer.set(route, &on(route, 1, &["web"]));
    }
    running
        .writer
        .set(&gateway(), &with(1, ConditionStatus::True, &["a"]));
    running.pass(Duration::from_millis(100)).await;
    let log = running.sent();
    assert!(
        log.iter().take(20).any(|request| request == "PATCH web"),
        "a Gateway goes first"
    );
    running.pass(Duration::from_millis(900)).await;
    let written = running.writer.metrics().written;
    assert!(
        (240..=255).contains(&written),
        "{written}: a burst of 50, then 200 a second"
    );
    assert_eq!(running.server.most_flying(), 16);
    running.rest().await;
    running.rest().await;
    let metrics = running.writer.metrics();
    assert_eq!((metrics.written, metrics.queue_depth), (451, 0));
    assert_eq!(metrics.latency.iter().sum::<u64>(), 451);
}

#[tokio::test(start_paused = true)]
async fn a_policy_has_sixteen_ancestors_at_most() {
    let server = Server::default();
    let policy = object(kinds::BACKEND_TLS_POLICY, "p");
    let theirs: Vec<Value> = (0..10)
        .map(|at| {
            json!({
                "ancestorRef": {"name": format!("g{at}")}, "controllerName": "example.com/theirs",
                "conditions": [foreign()],
            })
        })
        .collect();
    server.put(&policy, 1, json!({"ancestors": theirs}));
    let running = running(server);
    let ancestors: Vec<String> = (0..16).map(|at| format!("g{at}")).collect();
    let ancestors: Vec<&str> = ancestors.iter().map(String::as_str).collect();
    let document = policy_document(&policy, 1, &ancestors);
    running.writer.set(&policy, &document);
    running.rest().await;
    let status = running.server.status(&policy);
    let ancestors = status["ancestors"].as_array().expect("ancestors");
    assert_eq!(ancestors.len(), 16);
    assert_eq!(ancestors[..10], theirs);
    // That it has no room for the rest is no difference that would be written again and again.
    running.pass(Settings::default().resync).await;
    assert_eq!(running.sent(), ["PATCH p"]);
}

#[tokio::test(start_paused = true)]
async fn conditions_of_backends_are_merged() {
    let server = Server::default();
    let backend = object(kinds::BACKEND, "b");
    server.put(
        &backend,
        2,
        json!({"conditions": [foreign(), live("Accepted", "True", 1)]}),
    );
    let running = running(server);
    let conditions = vec![condition("Accepted", ConditionStatus::False, 2)];
    let status = Status::Conditions(ConditionsStatus { conditions });
    running.writer.set(&backend, &document(&backend, 2, status));
    running.rest().await;
    let status = running.server.status(&backend);
    assert_eq!(
        types(&status),
        ["example.com/Theirs=Unknown@1", "Accepted=False@2"]
    );
    assert_eq!(status["conditions"][0].to_string(), foreign().to_string());
    assert_ne!(status["conditions"][1]["lastTransitionTime"], OLD);
}
