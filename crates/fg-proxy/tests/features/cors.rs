//! Preflights are answered by the gateway, and replies are marked for browsers.

use std::sync::Arc;

use fg_ir::{Change, Rule};
use fg_policies::{cors, header_modifier, request_redirect};
use fg_testkit::{Client, Upstream, address, ir, upstream};

use crate::gateway::{Gateway, plain};

/// A CORS policy for pages of `https://page.com`.
pub(crate) fn policy() -> cors::Ir {
    cors::Ir {
        origins: cors::Origins::Some(vec![
            cors::OriginPattern::parse("https://page.com").expect("an origin"),
        ]),
        credentials: false,
        methods: cors::Names::Some(vec!["PUT".into()]),
        headers: cors::Names::Some(Vec::new()),
        expose: cors::Names::Some(Vec::new()),
        max_age: 5,
    }
}

/// A rule for `/`, after `change`.
fn rule(name: &str, backend: &str, change: impl FnOnce(&mut Rule)) -> Rule {
    let mut rule = ir::rule(name, "http", "/", backend);
    change(&mut rule);
    rule
}

fn serving(upstreams: &[(&str, &Upstream)], rules: Vec<Rule>) -> Gateway {
    let address = address::own_address();
    let mut changes = ir::Changes::new().listener(ir::listener("http", address, None));
    for (name, upstream) in upstreams {
        changes = changes.backend(name, &[upstream.address()]);
    }
    for rule in rules {
        changes = changes.rule(rule);
    }
    let change: Change = changes.build();
    Gateway::serving(plain(), address, &change)
}

pub(crate) const PREFLIGHT: &str = "OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: https://page.com\r\n\
    Access-Control-Request-Method: PUT\r\n\r\n";

#[test]
fn a_preflight_never_reaches_the_backend_and_the_connection_goes_on() {
    let upstream = Upstream::replying(
        "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 2\r\n\r\nok",
    );
    let with_cors = rule("r", "b", |rule| rule.policies.cors = Some(policy().into()));
    let gateway = serving(&[("b", &upstream)], vec![with_cors]);
    let mut client = gateway.connect();
    client.send(PREFLIGHT);
    let reply = client.reply();
    assert_eq!(reply.status, 204);
    let field = |name: &str| reply.field(name);
    assert_eq!(
        field("access-control-allow-origin"),
        Some("https://page.com")
    );
    assert_eq!(field("access-control-allow-methods"), Some("PUT"));
    assert_eq!(field("access-control-max-age"), Some("5"));
    assert_eq!(field("access-control-allow-credentials"), None);

    client.send("PUT / HTTP/1.1\r\nHost: a\r\nOrigin: https://page.com\r\n\r\n");
    let reply = client.reply();
    assert_eq!(
        reply.field("access-control-allow-origin"),
        Some("https://page.com"),
        "ours, not the backend's"
    );
    assert_eq!(reply.field("vary"), Some("Origin"));
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nOrigin: https://evil.com\r\n\r\n");
    let reply = client.reply();
    assert_eq!(
        (reply.status, reply.field("access-control-allow-origin")),
        (200, None)
    );
    assert_eq!(upstream.lines(), ["PUT a /", "PUT a /"]);

    // One that asks nothing is a request like any other.
    client.send("OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: https://page.com\r\n\r\n");
    assert_eq!(client.reply().status, 200);
    assert_eq!(upstream.requests().len(), 3);
}

#[test]
fn a_rule_that_redirects_or_cannot_serve_answers_preflights_all_the_same() {
    let redirect = request_redirect::Ir {
        scheme: None,
        hostname: Some("b.com".into()),
        path: None,
        port: None,
        status: 302,
    };
    let redirecting = rule("r", "gone", |rule| {
        rule.policies.cors = Some(policy().into());
        rule.policies.request_redirect = Some(redirect.into());
    });
    let gateway = serving(&[], vec![redirecting]);
    let mut client = gateway.connect();
    client.send(PREFLIGHT);
    assert_eq!(client.reply().status, 204);
    client.send("GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://page.com\r\n\r\n");
    let reply = client.reply();
    assert_eq!(reply.status, 302);
    assert_eq!(
        reply.field("access-control-allow-origin"),
        Some("https://page.com")
    );

    let without_endpoints = rule("r", "gone", |rule| {
        rule.policies.cors = Some(policy().into());
    });
    let gateway = serving(&[], vec![without_endpoints]);
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://page.com\r\n\r\n");
    let reply = client.reply();
    assert_eq!(reply.status, 500);
    assert_eq!(
        reply.field("access-control-allow-origin"),
        Some("https://page.com"),
        "a page may read why it failed"
    );
}

/// Sends a preflight for PUT and says who answered: the gateway, or a backend by its body.
fn answers(client: &mut Client) -> String {
    client.send(PREFLIGHT);
    let reply = client.reply();
    match reply.status {
        204 => "gateway".to_owned(),
        status => format!("{status} {}", reply.text().trim()),
    }
}

#[test]
fn the_rule_of_the_method_asked_about_answers_its_preflights() {
    let named = |name: &str| Upstream::replying(upstream::ok(name));
    let (puts, rest) = (named("puts"), named("rest"));
    let upstreams = [("puts", &puts), ("rest", &rest)];
    let of_method = |name: &str, method: &str, backend: &str, with_cors: bool| {
        rule(name, backend, |rule| {
            for (_, matched) in &mut rule.matches {
                matched.method = Some(method.into());
            }
            if with_cors {
                rule.policies.cors = Some(policy().into());
            }
        })
    };
    let everything = |with_cors: bool| {
        rule("all", "rest", |rule| {
            if with_cors {
                rule.policies.cors = Some(policy().into());
            }
        })
    };
    for (rules, expected) in [
        (vec![of_method("put", "PUT", "puts", true)], "gateway"),
        (
            vec![of_method("put", "PUT", "puts", true), everything(false)],
            "gateway",
        ),
        (
            vec![of_method("put", "PUT", "puts", false), everything(true)],
            "gateway",
        ),
        // Where such requests go was said in so many words.
        (
            vec![
                of_method("put", "PUT", "puts", true),
                of_method("options", "OPTIONS", "rest", false),
            ],
            "200 rest",
        ),
        // It is the rule of another method that would allow it.
        (
            vec![of_method("get", "GET", "puts", true), everything(false)],
            "200 rest",
        ),
    ] {
        let words: Vec<_> = rules.iter().map(|rule| rule.key.to_string()).collect();
        let gateway = serving(&upstreams, rules);
        assert_eq!(answers(&mut gateway.connect()), expected, "{words:?}");
    }
}

#[test]
fn a_rule_that_hides_the_origin_from_its_backend_still_knows_it() {
    let upstream = Upstream::echo();
    let mut hide = header_modifier::Ir::default();
    hide.request.remove = vec!["origin".into()];
    let hiding = rule("r", "b", |rule| {
        rule.policies.cors = Some(policy().into());
        rule.policies.header_modifier = Some(Arc::new(hide));
    });
    let gateway = serving(&[("b", &upstream)], vec![hiding]);
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://page.com\r\n\r\n");
    assert_eq!(
        client.reply().field("access-control-allow-origin"),
        Some("https://page.com")
    );
    assert_eq!(upstream.only_request().field("origin"), None);
}
