//! What a cluster does to those who watch it.

use std::time::Duration;

use super::*;

/// A server with two routes and a source that knows them.
async fn two_routes() -> Watched {
    let server = Server::start().await;
    server.put(route("shop", "a", "a.test"));
    server.put(route("shop", "b", "b.test"));
    let mut source = Watched::new(server, options());
    source.first().await;
    source
}

/// A deletes, an addition and an edit, of which nothing is heard as it happens.
fn change_behind_its_back(source: &Watched) {
    source.server.delete("HTTPRoute", "shop", "a");
    source.server.put(route("shop", "c", "c.test"));
}

#[tokio::test]
async fn lost_history_costs_a_list_and_nothing_flaps() {
    let mut source = two_routes().await;
    source.server.change_in_the_dark(|server| {
        server.delete("HTTPRoute", "shop", "a");
        server.put(route("shop", "c", "c.test"));
    });
    let batch = source.next().await;
    assert_eq!(told(&batch), ["+HTTPRoute shop/c 1", "-HTTPRoute shop/a"]);
    // Nothing else was told of that list.
    source.server.put(route("shop", "d", "d.test"));
    assert_eq!(told(&source.next().await), ["+HTTPRoute shop/d 1"]);
}

#[tokio::test]
async fn a_watch_that_ends_goes_on_where_it_was() {
    let mut source = two_routes().await;
    source.server.end_watches();
    change_behind_its_back(&source);
    let mut all = Vec::new();
    while all.len() < 2 {
        all.extend(told(&source.next().await));
    }
    all.sort();
    assert_eq!(all, ["+HTTPRoute shop/c 1", "-HTTPRoute shop/a"]);
    let lists = source.server.requests("httproutes?").into_iter();
    let lists = lists.filter(|request| request.contains("sendInitialEvents"));
    assert_eq!(lists.count(), 1);
}

#[tokio::test]
async fn an_api_server_that_is_away_costs_nothing_but_news() {
    let mut source = two_routes().await;
    source.server.down().await;
    let findings = source.findings().await;
    assert_eq!(
        findings,
        ["warning: APIServer kubernetes: it does not answer; what it last said serves"]
    );
    change_behind_its_back(&source);
    source.server.up().await;
    let mut all = Vec::new();
    let mut findings = None;
    while all.len() < 2 || findings.is_none() {
        let batch = source.next().await;
        all.extend(told(&batch));
        findings = batch.findings.filter(Vec::is_empty).or(findings);
    }
    all.sort();
    assert_eq!(all, ["+HTTPRoute shop/c 1", "-HTTPRoute shop/a"]);
}

#[tokio::test]
async fn servers_without_streaming_lists_are_listed() {
    let server = Server::start().await;
    server.without_streaming_lists();
    for number in 0..1200 {
        server.put(route("shop", &format!("r{number:04}"), "a.test"));
    }
    let mut source = Watched::new(server, options());
    assert_eq!(source.first().await.upserts.len(), 1200);
    let pages = source.server.requests("httproutes?&limit").len();
    assert_eq!(pages, 3);
    source.server.put(route("shop", "new", "a.test"));
    assert_eq!(told(&source.next().await), ["+HTTPRoute shop/new 1"]);
}

#[tokio::test]
async fn a_definition_that_appears_is_picked_up_and_one_that_goes_is_dropped() {
    let server = Server::start().await;
    let mut options = options();
    // Nobody waits for that.
    options.backoff.refused = Duration::from_secs(3600);
    options.backoff.first = Duration::from_millis(5);
    let mut source = Watched::new(server, options);
    assert_eq!(source.first().await.findings, Some(Vec::new()));
    source.server.define("Backend");
    source.server.put(backend("one"));
    source.server.put(json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "backends.gateway.kgateway.dev"},
    }));
    assert_eq!(told(&source.next().await), ["+Backend shop/one 1"]);
    source.server.undefine("Backend");
    assert_eq!(told(&source.next().await), ["-Backend shop/one"]);
}

#[tokio::test]
async fn a_kind_that_may_not_be_read_is_a_finding_and_the_rest_works() {
    let server = Server::start().await;
    server.put(route("shop", "a", "a.test"));
    server.put(json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": "shop", "name": "tls"},
        "type": "kubernetes.io/tls",
        "data": {"tls.crt": "YQ==", "tls.key": "Yg=="},
    }));
    server.deny("Secret");
    let mut source = Watched::new(server, options());
    let batch = source.first().await;
    assert_eq!(told(&batch), ["+HTTPRoute shop/a 1"]);
    let findings = batch.findings.expect("findings");
    assert_eq!(findings.len(), 1);
    assert_eq!(
        findings[0].to_string(),
        "error: Resource secrets: the API server does not let Ferrogate read them: \
         /api/v1/secrets is forbidden: no RBAC policy matched (grant `get`, `list` and `watch` on \
         `secrets` in the API group `` to its ServiceAccount)"
    );
    source.server.grant("Secret");
    let batch = source.next().await;
    assert_eq!(told(&batch), ["+Secret shop/tls 1"]);
    assert_eq!(batch.findings, Some(Vec::new()));
}

#[tokio::test]
async fn what_was_read_serves_on_when_it_may_no_longer_be() {
    let mut source = two_routes().await;
    source.server.deny("HTTPRoute");
    source.server.end_watches();
    let batch = source.next().await;
    assert_eq!(told(&batch), [""; 0]);
    let findings = batch.findings.expect("findings");
    assert!(findings[0].text.contains("what was read before serves"));
    source.server.put(route("shop", "c", "c.test"));
    source.server.grant("HTTPRoute");
    let mut all = Vec::new();
    let mut resolved = false;
    while all.is_empty() || !resolved {
        let batch = source.next().await;
        all.extend(told(&batch));
        resolved |= batch.findings.is_some_and(|findings| findings.is_empty());
    }
    assert_eq!(all, ["+HTTPRoute shop/c 1"]);
}

#[tokio::test]
async fn an_object_that_cannot_be_read_is_a_finding_and_its_last_version_stays() {
    let mut source = two_routes().await;
    let mut broken = route("shop", "a", "a.test");
    broken["spec"]["hostnames"] = json!({"a.test": true});
    source.server.put(broken);
    let batch = source.next().await;
    assert_eq!(told(&batch), [""; 0]);
    let findings = batch.findings.expect("findings");
    let text = findings[0].to_string();
    let start = "error: HTTPRoute shop/a spec: cannot be read: invalid type: map";
    assert!(text.starts_with(start), "{text}");
    assert!(text.contains("its last good version serves"), "{text}");
    // A list that finds it still broken takes nothing away.
    source.server.forget_history();
    source.server.requested("httproutes?", 2).await;
    source.server.put(route("shop", "a", "z.test"));
    let batch = source.next().await;
    assert_eq!(told(&batch), ["+HTTPRoute shop/a 3"]);
    assert_eq!(batch.findings, Some(Vec::new()));
}
