//! Which namespaces are read.

use super::*;

fn selecting(selectors: Value) -> Options {
    Options {
        namespaces: serde_json::from_value(selectors).expect("selectors"),
        ..options()
    }
}

#[tokio::test]
async fn objects_of_other_namespaces_are_not_read() {
    let server = Server::start().await;
    server.put(namespace("shop", json!({"team": "blue"})));
    server.put(namespace("lab", json!({"stage": "test", "team": "red"})));
    server.put(namespace("bank", json!({"team": "red"})));
    for name in ["shop", "lab", "bank"] {
        server.put(route(name, "a", "a.test"));
    }
    let selectors = json!([
        {"matchLabels": {"team": "blue"}},
        {"matchExpressions": [
            {"key": "team", "operator": "In", "values": ["red"]},
            {"key": "stage", "operator": "Exists"},
        ]},
    ]);
    let mut source = Watched::new(server, selecting(selectors));
    let objects = [
        "+Namespace bank 1",
        "+Namespace lab 1",
        "+Namespace shop 1",
        "+HTTPRoute lab/a 1",
        "+HTTPRoute shop/a 1",
    ];
    assert_eq!(told(&source.first().await), objects);
    source.server.put(route("bank", "b", "b.test"));
    source.server.put(route("lab", "b", "b.test"));
    assert_eq!(told(&source.next().await), ["+HTTPRoute lab/b 1"]);
}

#[tokio::test]
async fn namespaces_enter_and_leave_with_their_labels() {
    let server = Server::start().await;
    server.put(namespace("shop", json!({"team": "blue"})));
    server.put(namespace("lab", json!({})));
    server.put(route("shop", "a", "a.test"));
    server.put(route("lab", "a", "a.test"));
    let selectors = json!([{"matchLabels": {"team": "blue"}}]);
    let mut source = Watched::new(server, selecting(selectors));
    source.first().await;
    let gateways = source.server.requests("gateways?").len();

    source.server.put(namespace("lab", json!({"team": "blue"})));
    let mut all = Vec::new();
    while all.len() < 2 {
        all.extend(told(&source.next().await));
    }
    assert_eq!(all, ["+Namespace lab 1", "+HTTPRoute lab/a 1"]);
    // Only what has objects there is listed again.
    assert_eq!(source.server.requests("gateways?").len(), gateways);

    source.server.put(namespace("shop", json!({})));
    let batch = source.next().await;
    assert_eq!(told(&batch), ["+Namespace shop 1", "-HTTPRoute shop/a"]);
    source
        .server
        .put(namespace("shop", json!({"team": "blue"})));
    let mut all = Vec::new();
    while all.len() < 2 {
        all.extend(told(&source.next().await));
    }
    assert_eq!(all, ["+Namespace shop 1", "+HTTPRoute shop/a 1"]);
}
