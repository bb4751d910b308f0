//! The conditions of `ListenerSet`s.

use fg_model::kinds;
use serde_json::json;

use super::{PLAIN, bound, conditions, gateway, shown, translated};
use crate::Acknowledgements;

/// A Gateway with this `from`, and a set of generation 4 with these listeners.
fn world(from: &str, class: &str, listeners: &str) -> String {
    let allowed = format!("{PLAIN}\n  allowedListeners: {{namespaces: {{from: {from}}}}}");
    let gateway = gateway(&allowed).replace("Name: ferrogate", &format!("Name: {class}"));
    format!(
        "{gateway}---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {{name: s, generation: 4}}
spec:
  parentRef: {{name: gw}}
  listeners: [{listeners}]
"
    )
}

const GOOD: &str = "{name: good, port: 81, protocol: HTTP}";
const TAKEN: &str = "{name: taken, port: 80, protocol: HTTP}";
const TCP: &str = "{name: tcp, port: 80, protocol: TCP}";

#[test]
fn a_set_is_as_good_as_its_best_listener() {
    for (from, class, listeners, expected) in [
        (
            "All",
            "ferrogate",
            GOOD,
            ["True/Accepted", "True/Programmed"],
        ),
        (
            "All",
            "ferrogate",
            &*format!("{GOOD}, {TAKEN}"),
            ["True/Accepted", "True/Programmed"],
        ),
        (
            "All",
            "ferrogate",
            &*format!("{TAKEN}, {TCP}"),
            ["False/ListenersNotValid"; 2],
        ),
        ("None", "ferrogate", GOOD, ["False/NotAllowed"; 2]),
        (
            "All",
            "ferrogate-waypoint",
            GOOD,
            ["False/ParentNotAccepted"; 2],
        ),
    ] {
        let world = translated(&world(from, class, listeners));
        let shown = shown(&world, &bound(&world), kinds::LISTENER_SET, "s");
        let expected = [
            format!("Accepted={}", expected[0]),
            format!("Programmed={}", expected[1]),
        ];
        assert_eq!(
            conditions(&shown["status"], 4),
            expected,
            "{from} {listeners}"
        );
    }
}

#[test]
fn a_listener_of_a_set_that_loses_says_so() {
    for (loser, reason) in [(TAKEN, "HostnameConflict"), (TCP, "ProtocolConflict")] {
        let world = translated(&world("All", "ferrogate", &format!("{GOOD}, {loser}")));
        let status = shown(&world, &bound(&world), kinds::LISTENER_SET, "s")["status"].clone();
        let entry = |at: usize| conditions(&status["listeners"][at], 4);
        assert_eq!(entry(0)[3], "Programmed=True/Programmed");
        assert_eq!(
            entry(1),
            [
                format!("Accepted=False/{reason}"),
                format!("Conflicted=True/{reason}"),
                "ResolvedRefs=True/ResolvedRefs".to_owned(),
                format!("Programmed=False/{reason}"),
            ]
        );
    }
    let world = translated(&world("All", "ferrogate", GOOD));
    let status = shown(&world, &bound(&world), kinds::LISTENER_SET, "s")["status"].clone();
    assert_eq!(status["listeners"][0]["name"], "good");
    let gateway = shown(&world, &bound(&world), kinds::GATEWAY, "gw");
    assert_eq!(gateway["status"]["attachedListenerSets"], json!(1));
    let pending = shown(
        &world,
        &Acknowledgements::default(),
        kinds::LISTENER_SET,
        "s",
    );
    assert_eq!(
        conditions(&pending["status"], 4),
        ["Accepted=True/Accepted", "Programmed=Unknown/Pending"]
    );
}
