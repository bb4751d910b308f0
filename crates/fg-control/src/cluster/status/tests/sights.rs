//! What was seen of an object saves the read before a write, and nothing that others wrote.

use std::sync::Arc;
use std::time::Duration;

use fg_model::{ObjectRef, kinds};
use fg_status::{ConditionStatus, ConditionsStatus, Status};
use fg_testkit::status::{condition, document, route_document as on};
use serde_json::{Value, json};

use super::server::Server;
use super::{
    Running, foreign, gateway, object, our_parent, route, running, their_parent, types, with,
};

impl Running {
    /// The watch shows an object as it stands now.
    fn show(&self, object: &Arc<ObjectRef>) {
        self.server.show(object, |sight| self.writer.saw(sight));
    }
}

/// A writer that leads and has compared everything.
async fn compared(server: Server) -> Running {
    let running = running(server);
    running.rest().await;
    running.server.log();
    running
}

#[tokio::test(start_paused = true)]
async fn an_object_that_was_seen_is_written_by_one_request() {
    let running = compared(Server::default()).await;
    let (r, b) = (route("r"), object(kinds::BACKEND, "b"));
    for object in [&r, &gateway(), &b] {
        running.server.put(object, 1, Value::Null);
        running.show(object);
    }
    running.writer.set(&r, &on(&r, 1, &["web"]));
    running.rest().await;
    assert_eq!(running.sent(), ["PATCH r"]);
    running
        .writer
        .set(&gateway(), &with(1, ConditionStatus::True, &["a"]));
    running.rest().await;
    assert_eq!(running.sent(), ["PATCH web"]);
    let conditions = vec![condition("Accepted", ConditionStatus::False, 1)];
    let status = Status::Conditions(ConditionsStatus { conditions });
    running.writer.set(&b, &document(&b, 1, status));
    running.rest().await;
    assert_eq!(running.sent(), ["PATCH b"]);

    // The answer to a write is as good.
    running.writer.set(&r, &on(&r, 1, &["web", "two"]));
    running
        .writer
        .set(&gateway(), &with(1, ConditionStatus::True, &["a", "b"]));
    running.rest().await;
    assert_eq!(running.sent(), ["PATCH web", "PATCH r"]);
    let parents = running.server.status(&r)["parents"].clone();
    assert_eq!(parents.as_array().map(Vec::len), Some(2));

    // The spec is edited, and somebody has a word.
    running
        .server
        .put(&r, 2, json!({"parents": [their_parent("x")]}));
    running.show(&r);
    running.writer.set(&r, &on(&r, 2, &["web"]));
    running.rest().await;
    assert_eq!(running.sent(), ["PATCH r"]);
    let parents = running.server.status(&r)["parents"].clone();
    assert_eq!(parents[0].to_string(), their_parent("x").to_string());
    assert_eq!(types(&parents[1]), ["Accepted=True@2"]);

    // It is ours no longer: of a route our entries go, of a Gateway what is ours is not known here.
    running.writer.forget(&r);
    running.writer.forget(&gateway());
    running.rest().await;
    assert_eq!(running.sent(), ["GET web", "PATCH r", "PATCH web"]);
    let left = json!({"parents": [their_parent("x")]});
    assert_eq!(running.server.status(&r).to_string(), left.to_string());
    assert_eq!(types(&running.server.status(&gateway())), [""; 0]);
    let metrics = running.writer.metrics();
    assert_eq!((metrics.read, metrics.conflicts), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn who_wrote_since_it_was_seen_is_not_overwritten() {
    let running = compared(Server::default()).await;
    let r = route("r");
    running.server.put(&r, 1, Value::Null);
    running.show(&r);
    // The watch does not tell in time.
    let theirs = json!({"parents": [their_parent("late")]});
    running.server.put(&r, 1, theirs);
    running.writer.set(&r, &on(&r, 1, &["web"]));
    running.rest().await;
    assert_eq!(running.sent(), ["PATCH r", "GET r", "PATCH r"]);
    let status = running.server.status(&r);
    let text = |at: usize| status["parents"][at].to_string();
    assert_eq!(text(0), their_parent("late").to_string());
    assert_eq!(types(&status["parents"][1]), ["Accepted=True@1"]);

    // The same of a Gateway, and since our own write.
    running.server.put(&gateway(), 1, Value::Null);
    running.show(&gateway());
    for (at, listeners) in [&["a"][..], &["a", "b"]].into_iter().enumerate() {
        let mut status = running.server.status(&gateway());
        let mut theirs = foreign();
        theirs["type"] = format!("example.com/{at}").into();
        let conditions = status["conditions"].as_array().cloned();
        let mut conditions = conditions.unwrap_or_default();
        conditions.push(theirs);
        status["conditions"] = conditions.into();
        running.server.put(&gateway(), 1, status);
        running
            .writer
            .set(&gateway(), &with(1, ConditionStatus::True, listeners));
        running.rest().await;
        assert_eq!(running.sent(), ["PATCH web", "GET web", "PATCH web"]);
    }
    let types = types(&running.server.status(&gateway()));
    for theirs in ["example.com/0=Unknown@1", "example.com/1=Unknown@1"] {
        assert!(types.contains(&theirs.to_owned()), "{types:?}");
    }
    assert_eq!(running.writer.metrics().conflicts, 3);
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_is_no_proof_that_nothing_is_to_be_written() {
    let running = compared(Server::default()).await;
    let r = route("r");
    let ours = json!({"parents": [our_parent("web", 1)]});
    running.server.put(&r, 1, ours);
    running.show(&r);
    running.server.put(&r, 1, json!({"parents": []}));
    running.writer.set(&r, &on(&r, 1, &["web"]));
    running.rest().await;
    assert_eq!(running.sent(), ["GET r", "PATCH r"]);
    // Nor that there is no such generation yet.
    running.server.bump(&r, 2);
    running.writer.set(&r, &on(&r, 2, &["web"]));
    running.rest().await;
    assert_eq!(running.sent(), ["GET r", "PATCH r"]);
    let status = running.server.status(&r);
    assert_eq!(types(&status["parents"][0]), ["Accepted=True@2"]);
    // What was read and said so already was seen, too.
    running.writer.forget(&r);
    running.rest().await;
    running.server.log();
    let other = route("other");
    running.server.put(&other, 1, Value::Null);
    running.writer.set(&other, &on(&other, 2, &["web"]));
    running.rest().await;
    running.writer.set(&other, &on(&other, 1, &["web"]));
    running.rest().await;
    assert_eq!(running.sent(), ["GET other", "PATCH other"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_or_takes_no_status_is_asked_once() {
    let running = compared(Server::default()).await;
    let (gone, anew, none) = (route("gone"), route("anew"), route("none"));
    for object in [&gone, &anew, &none, &gateway()] {
        running.server.put(object, 3, Value::Null);
        running.show(object);
    }
    running.server.remove(&gone);
    running.server.remove(&gateway());
    running.writer.set(&gone, &on(&gone, 3, &["web"]));
    running
        .writer
        .set(&gateway(), &with(3, ConditionStatus::True, &["a"]));
    running.pass(Duration::from_secs(60)).await;
    assert_eq!(running.sent(), ["PATCH web", "PATCH gone"]);

    // Another one of that name has come, of which nothing is known yet.
    running.server.put(&anew, 1, Value::Null);
    running.writer.set(&anew, &on(&anew, 3, &["web"]));
    running.pass(Duration::from_secs(60)).await;
    assert_eq!(running.sent(), ["PATCH anew", "GET anew"]);
    assert_eq!(running.server.status(&anew), Value::Null);

    // Its definition has no status of its own.
    running.server.fail("PATCH", 404);
    running.writer.set(&none, &on(&none, 3, &["web"]));
    running.pass(Duration::from_secs(60)).await;
    assert_eq!(running.sent(), ["PATCH none"]);
    let metrics = running.writer.metrics();
    assert_eq!(
        (metrics.gone, metrics.errors, metrics.queue_depth),
        (3, 0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_is_forgotten_when_another_leads() {
    let running = compared(Server::default()).await;
    let (r, s) = (route("r"), route("s"));
    running.server.put(&r, 1, Value::Null);
    running.show(&r);
    running.leading.send_replace(false);
    running.rest().await;
    // Another replica writes for both, and somebody else, too.
    let status = json!({"parents": [their_parent("x"), our_parent("web", 1)]});
    running.server.put(&r, 1, status);
    running.server.put(&s, 1, Value::Null);
    running.show(&s);
    running.server.bump(&s, 2);
    running.writer.set(&r, &on(&r, 1, &["web"]));
    running.rest().await;
    assert_eq!(running.server.log(), [""; 0]);
    running.leading.send_replace(true);
    running.rest().await;
    assert_eq!(running.sent(), [""; 0], "all is as it should be");
    running.writer.set(&r, &on(&r, 1, &["web", "two"]));
    running.writer.set(&s, &on(&s, 2, &["web"]));
    running.rest().await;
    let mut sent = running.sent();
    sent.sort();
    assert_eq!(sent, ["GET r", "GET s", "PATCH r", "PATCH s"]);
    let status = running.server.status(&r);
    let theirs = status["parents"][0].to_string();
    assert_eq!(theirs, their_parent("x").to_string());
}
