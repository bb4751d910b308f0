//! Requests that are not served as somebody wished: what is near, and what is wrong.

use fg_api::Resource;
use fg_model::kinds;
use serde_json::{Value, json};

use super::{ask, backend, gateway, listener, object, route, shop};
use crate::explain::Hint;

#[test]
fn a_broken_share_names_its_line() {
    let explanation = ask(&shop(), Some(80), "GET / HTTP/1.1\nHost: shop.com");
    let broken = &explanation.backends[1];
    assert_eq!(broken.share, 1_000);
    let answer = broken.answer.as_ref().expect("an answer");
    assert_eq!((answer.status, &*answer.reason), (500, "invalid_backend"));
    assert_eq!(broken.source.field, "spec.rules[0].backendRefs[1]");
    assert_eq!(explanation.hints[0].source.as_ref(), Some(&broken.source));
    assert_eq!(explanation.answer, None, "the other share is served");
}

#[test]
fn no_rule_lists_what_is_near() {
    let rules = json!([{
        "matches": [{"path": {"type": "PathPrefix", "value": "/a"}, "headers": [{"name": "x", "value": "1"}]}],
        "backendRefs": [{"name": "one", "port": 80}],
    }]);
    let mut resources = vec![gateway(listener(80)), route("shop", rules)];
    resources.extend(backend("one"));
    let explanation = ask(&resources, Some(80), "GET /a HTTP/1.1\nHost: h\nX: 2");
    assert!(!explanation.is_served());
    let answer = explanation.answer.as_ref().expect("an answer");
    assert_eq!((answer.status, &*answer.reason), (404, "no_route"));
    assert_eq!(
        explanation.others[0].why,
        "does not fit: it needs header x = 1; the request has 2"
    );
    let explanation = ask(&resources, Some(80), "GET /b HTTP/1.1\nHost: h");
    assert_eq!(
        explanation.others[0].why,
        "does not fit: the path is another"
    );
}

#[test]
fn no_listener_lists_those_there_are() {
    let mut spec = listener(8080);
    spec["listeners"][0]["hostname"] = json!("*.shop.com");
    let resources = [gateway(spec)];
    let explanation = ask(&resources, None, "GET / HTTP/1.1\nHost: other.com");
    assert_eq!(explanation.notes.len(), 1, "the only port was taken");
    let answer = explanation.answer.as_ref().expect("an answer");
    assert_eq!((answer.status, &*answer.reason), (404, "no_listener"));
    assert_eq!(
        explanation.hints[0].text,
        "listener `default/web/http` on port 8080 serves *.shop.com only"
    );
    let explanation = ask(&resources, Some(81), "GET / HTTP/1.1\nHost: a.shop.com");
    assert_eq!(
        explanation.hints[0].text,
        "no listener has port 81; there are listeners on 8080"
    );
}

#[test]
fn errors_of_routes_are_suspects() {
    let rules = json!([{"backendRefs": [{"name": "one", "port": 80}]}]);
    let spec = json!({"parentRefs": [{"name": "web", "sectionName": "nope"}], "rules": rules});
    let resources = [
        gateway(listener(80)),
        Resource::HttpRoute(object(kinds::HTTP_ROUTE, "lost", spec)),
    ];
    let explanation = ask(&resources, Some(80), "GET / HTTP/1.1\nHost: h");
    let told = explanation.hints.iter().any(|hint| {
        let source = hint.source.as_ref();
        source.is_some_and(|source| source.object == "HTTPRoute default/lost")
    });
    assert!(told, "{:#?}", explanation.hints);
}

#[test]
fn a_route_that_asked_for_the_host_says_why_it_does_not_serve() {
    let spec = |name: &str, parent: Value| {
        let spec = json!({"parentRefs": [parent], "hostnames": ["shop.com"],
            "rules": [{"backendRefs": [{"name": "one", "port": 80}]}]});
        Resource::HttpRoute(object(kinds::HTTP_ROUTE, name, spec))
    };
    let mut listeners = listener(80);
    let other = json!({"name": "other", "protocol": "HTTP", "port": 81});
    let list = listeners["listeners"].as_array_mut();
    list.expect("a list").push(other);
    let resources = [
        gateway(listeners),
        spec("elsewhere", json!({"name": "web", "sectionName": "other"})),
        spec("lost", json!({"name": "web", "sectionName": "nope"})),
    ];
    let explanation = ask(&resources, Some(80), "GET / HTTP/1.1\nHost: shop.com");
    let told: Vec<_> = explanation
        .hints
        .iter()
        .filter_map(|hint| Some((&*hint.source.as_ref()?.object, &*hint.text)))
        .collect();
    let elsewhere = "asks for this host, but on `default/web/other` only";
    assert!(
        told.contains(&("HTTPRoute default/elsewhere", elsewhere)),
        "{told:#?}"
    );
    let lost = "asks for this host, but none of its rules is attached to a listener";
    let lost = told
        .iter()
        .position(|one| *one == ("HTTPRoute default/lost", lost));
    let (object, why) = told[lost.expect("the lost route") + 1];
    assert_eq!(object, "HTTPRoute default/lost");
    assert!(why.contains("nope"), "{why}");
}

#[test]
fn what_is_wrong_in_the_rule_is_said() {
    let mirror = json!([{
        "filters": [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "gone", "port": 80}}}],
        "backendRefs": [{"name": "a", "port": 80}],
    }]);
    let mut all = vec![gateway(listener(80)), route("shop", mirror)];
    all.extend(backend("a"));
    let explanation = ask(&all, None, "GET / HTTP/1.1\nHost: a");
    assert!(explanation.is_served(), "without its copies");
    let hint = explanation.hints.first().expect("a hint");
    assert!(hint.text.contains("gone"), "{hint:?}");
    let field = hint.source.as_ref().map(|source| &*source.field);
    assert!(
        field.is_some_and(|field| field.starts_with("spec.rules[0].filters[0]")),
        "{hint:?}"
    );

    let auth = json!([{
        "filters": [{"type": "ExternalAuth", "externalAuth": {"protocol": "HTTP", "http": {}, "backendRef": {"name": "gone", "port": 80}}}],
        "backendRefs": [{"name": "a", "port": 80}],
    }]);
    let mut all = vec![gateway(listener(80)), route("shop", auth)];
    all.extend(backend("a"));
    let explanation = ask(&all, None, "GET / HTTP/1.1\nHost: a");
    assert!(!explanation.is_served());
    assert_eq!(
        explanation.answer.as_ref().map(|answer| answer.status),
        Some(500)
    );
    let cause = |hint: &Hint| {
        let field = hint.source.as_ref().map_or("", |source| &source.field);
        hint.text.contains("gone") && field.contains("externalAuth.backendRef")
    };
    assert!(
        explanation.hints.iter().any(cause),
        "{:?}",
        explanation.hints
    );
}

#[test]
fn a_listener_without_a_certificate_takes_no_connection() {
    let spec = json!({
        "gatewayClassName": "ferrogate",
        "listeners": [{
            "name": "https", "protocol": "HTTPS", "port": 443,
            "tls": {"certificateRefs": [{"name": "gone"}]},
        }],
    });
    let all = [gateway(spec), route("shop", json!([{}]))];
    let explanation = ask(&all, Some(443), "GET / HTTP/1.1\nHost: a");
    let answer = explanation.answer.expect("an answer");
    assert_eq!((answer.status, &*answer.reason), (0, "no_connection"));
    let hints = &explanation.hints;
    assert!(
        hints.iter().any(|hint| hint.text.contains("gone")),
        "{hints:?}"
    );
}
