//! Who writes meanwhile, and what is newer, is not overwritten.

use fg_status::ConditionStatus;
use fg_testkit::status::{OURS, route_document as on};
use serde_json::{Value, json};

use super::server::Server;
use super::{foreign, gateway, our_parent, route, running, their_parent, types, with};

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
