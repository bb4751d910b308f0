//! Who begins to lead compares everything, once.

use fg_testkit::status::route_document as on;
use serde_json::json;

use super::server::Server;
use super::{gateway, live, our_parent, route, their_parent, types, waiting};
use crate::cluster::status::Settings;

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
