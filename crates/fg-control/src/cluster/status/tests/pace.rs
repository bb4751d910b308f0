//! How often and how fast is written: after failures, before proxies confirm, and when there is much.

use std::time::Duration;

use fg_model::kinds;
use fg_status::ConditionStatus;
use fg_testkit::status::{OURS, gateway_document, route_document as on};
use futures::FutureExt;
use serde_json::Value;

use super::server::Server;
use super::{Settings, StatusWriter, gateway, object, route, running, types, with};

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
async fn news_that_can_wait_wakes_nobody() {
    use ConditionStatus::{True, Undecided};
    let writer = StatusWriter::new(Settings::default());
    writer.shared.state().writing = true;
    let set = |name: &str, programmed: ConditionStatus| {
        let gateway = object(kinds::GATEWAY, name);
        let document = gateway_document(&gateway, 1, programmed, &["a"]);
        writer.set(&gateway, &document);
        writer.shared.wake.notified().now_or_never().is_some()
    };
    let looks = |at: Option<Duration>| writer.shared.state().looks = at;
    assert!(set("one", Undecided), "nobody looks");
    let settled = Settings::default().settle;
    looks(Some(settled));
    assert!(!set("two", Undecided), "it is looked at by then");
    looks(Some(settled + Duration::from_millis(1)));
    assert!(set("three", Undecided), "that would be too late");
    assert!(set("four", True));
    looks(Some(Duration::ZERO));
    assert!(
        !set("five", True),
        "it is looked at as soon as it can be written"
    );
}
