//! What others have written stays as it is.

use fg_model::kinds;
use fg_status::{ConditionStatus, ConditionsStatus, Status};
use fg_testkit::status::{condition, document, policy_document, route_document as on};
use serde_json::{Value, json};

use super::server::Server;
use super::{
    OLD, foreign, gateway, live, object, our_parent, route, running, their_parent, types, with,
};
use crate::cluster::status::Settings;

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
