//! Configurations larger than what a message of gRPC may usually be.

use std::fmt::Write as _;

use fg_testkit::envoy::{NEWEST, OLDEST};

use crate::ground::{child, condition, folder, program};
use crate::support::{Echo, Folder, Gateway, until};

/// What gRPC clients take if they are not told otherwise. Units: bytes.
const USUAL: usize = 4 << 20;

/// A route of as many and as long paths as a route may have; gives their length.
fn long_route(folder: &Folder, number: usize) -> usize {
    const RULES: usize = 16;
    const MATCHES: usize = 8;
    const LONG: usize = 1_000;
    let mut rules = String::from("[");
    for rule in 0..RULES {
        rules.push_str("{backendRefs: [{name: shop, port: 80}], matches: [");
        for one in 0..MATCHES {
            let path = format!("/{number}/{rule}/{one}/");
            let _ = write!(rules, "{{path: {{type: Exact, value: {path:x<LONG$}}}}},");
        }
        rules.push_str("]},");
    }
    rules.push(']');
    folder.route(&format!("long-{number}"), &rules);
    RULES * MATCHES * LONG
}

fn arrives(ip: &str, version: &str) {
    let echo = Echo::start(ip, 9101, "shop");
    let folder = folder(ip);
    folder.service("shop", echo.address);
    folder.route(
        "shop",
        "[{matches: [{path: {value: /first}}], backendRefs: [{name: shop, port: 80}]}]",
    );
    let sent: usize = (0..40).map(|number| long_route(&folder, number)).sum();
    // All of it is of one host, which is one resource: no message can have a part of it.
    assert!(sent > USUAL);
    let gateway = Gateway::start(ip, &folder, &["--envoy", &program(version)]);
    let process = child(&gateway);
    assert_eq!(gateway.get("/first").echo().as_deref(), Some("shop"));
    assert_eq!(gateway.get("/second").status, 404);
    for number in [0, 39] {
        let path = format!(
            "/{number}/15/7/{:x<1$}",
            "",
            1_000 - format!("/{number}/15/7/").len()
        );
        assert_eq!(gateway.get(&path).echo().as_deref(), Some("shop"), "{path}");
    }
    folder.route(
        "shop",
        "[{matches: [{path: {value: /second}}], backendRefs: [{name: shop, port: 80}]}]",
    );
    until("an edit of it", || {
        (gateway.get("/second").status == 200).then_some(())
    });
    assert_eq!(
        condition(&gateway, "Gateway", "web", "Programmed"),
        "True/Programmed"
    );
    assert_eq!(child(&gateway), process);
}

#[test]
fn what_is_larger_than_usual_messages_arrives_at_the_oldest() {
    arrives("127.34.47.1", OLDEST);
}

#[test]
fn what_is_larger_than_usual_messages_arrives_at_the_newest() {
    arrives("127.34.47.2", NEWEST);
}
