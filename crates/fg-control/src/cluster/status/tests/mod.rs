//! The writer against an API server in this process.

mod conflicts;
mod leading;
mod merging;
mod pace;
mod server;
mod sights;

use std::sync::Arc;
use std::time::Duration;

use fg_model::{ObjectRef, kinds};
use fg_status::{ConditionStatus, Document};
use fg_testkit::status::{OURS, gateway_document};
use serde_json::{Value, json};
use server::Server;
use tokio::sync::watch;

use super::{Settings, StatusWriter};

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
