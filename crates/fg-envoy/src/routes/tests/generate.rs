//! Random configurations and requests, of all that routes for Envoy differ by.

use fg_ir::{
    Action, Backend, BackendProtocol, BackendTls, Change, Listener, RefusalKind, RouteKind, Rule,
    RuleBackend,
};
use fg_model::{Match, Pattern, ValueMatch};
use fg_policies::path_modifier::PathChange;
use fg_policies::{cors, header_modifier, request_redirect, traffic, url_rewrite};
use fg_testkit::routing::Plain;
use fg_testkit::routing::build::{backend, backend_key, broken, listener, refusal, secure, to};
use fg_testkit::routing::generate::{self, Words};
use proptest::prelude::*;
use proptest::sample::select;

/// Names of parameters are written as Envoy compares them.
const WORDS: Words = Words {
    hosts: &["a.com", "b.a.com", "c.b.a.com", "x.com", "com", "b.x.com"],
    headers: &["x", "accept", "host"],
    parameters: &["q", "p"],
    pairs: &[
        "q=1", "q=2", "q=%31", "p=1", "p=2", "q", "=1", "", "q=1%2C+2", "q=1,%202",
    ],
};

/// Envoy asks expressions of query parameters as they were sent: of these, all say the same.
fn tame(matched: &mut Match) {
    for parameter in &mut matched.query {
        if let ValueMatch::Regex(pattern) = &mut parameter.value {
            *pattern = Pattern::new(".*").expect("a good pattern");
        }
    }
}

fn an_action() -> impl Strategy<Value = Action> {
    let names = select(&["b0", "b1", ""][..]);
    let share = (names, 0_u32..3, some_policies()).prop_map(|(name, weight, policies)| {
        let share = match name {
            "" => broken(weight),
            name => to(name, weight),
        };
        RuleBackend { policies, ..share }
    });
    prop_oneof![
        4 => prop::collection::vec(share, 1..4).prop_map(Action::Forward),
        1 => Just(Action::Refuse(refusal(RefusalKind::NoBackends))),
    ]
}

/// No policies, or some that write to what is around the route, or ask where it stands.
fn some_policies() -> impl Strategy<Value = traffic::Set> {
    let rewrite = url_rewrite::Ir {
        hostname: Some("inner".into()),
        path: Some(PathChange::Prefix("/new".into())),
    };
    let redirect = request_redirect::Ir {
        scheme: None,
        hostname: None,
        path: None,
        port: None,
        status: 302,
    };
    let changes = header_modifier::Changes {
        set: vec![("x-set".into(), "1".into())],
        ..header_modifier::Changes::default()
    };
    let headers = header_modifier::Ir {
        request: changes.clone(),
        response: changes,
    };
    let cors = cors::Ir {
        origins: cors::Origins::Any,
        credentials: true,
        methods: cors::Names::Any,
        headers: cors::Names::Any,
        expose: cors::Names::Some(Vec::new()),
        max_age: 5,
    };
    prop_oneof![
        4 => Just(traffic::Set::default()),
        1 => Just(traffic::Set { url_rewrite: Some(rewrite.into()), ..Default::default() }),
        1 => Just(traffic::Set { request_redirect: Some(redirect.into()), ..Default::default() }),
        1 => Just(traffic::Set { header_modifier: Some(headers.into()), ..Default::default() }),
        1 => Just(traffic::Set { cors: Some(cors.into()), ..Default::default() }),
    ]
}

fn a_rule() -> impl Strategy<Value = Rule> {
    (
        generate::a_rule(WORDS),
        an_action(),
        some_policies(),
        select(&[RouteKind::Http, RouteKind::Grpc][..]),
    )
        .prop_map(|(mut rule, action, policies, kind)| {
            for (_, matched) in &mut rule.matches {
                tame(matched);
            }
            Rule {
                action,
                policies,
                kind,
                ..rule
            }
        })
}

fn a_listener() -> impl Strategy<Value = Listener> {
    (generate::a_place(), prop::bool::ANY, prop::bool::ANY).prop_map(
        |((section, hostname), tls, bound)| {
            let make = if tls { secure } else { listener };
            let mut listener = make(section, hostname);
            if bound {
                listener.addresses = vec![[127, 0, 0, 2].into()];
            }
            listener
        },
    )
}

fn a_backend() -> impl Strategy<Value = Backend> {
    use BackendProtocol::{Auto, Http1, Http2};
    let broken = || BackendTls::Broken(refusal(RefusalKind::InvalidBackend));
    (
        select(&["b0", "b1"][..]),
        select(&[Auto, Http1, Http2][..]),
        prop_oneof![3 => Just(BackendTls::Off), 1 => Just(broken())],
    )
        .prop_map(|(name, protocol, tls)| backend(name, protocol, tls))
}

/// A change: some set, some removed.
pub(super) fn a_change() -> impl Strategy<Value = Change> {
    let change = generate::a_change(a_rule(), a_listener());
    let backends = generate::some(a_backend(), 2, |one| one.key.clone());
    (change, backends).prop_map(|(change, backends)| Change { backends, ..change })
}

/// A change that removes everything.
pub(super) fn the_end() -> Change {
    Change {
        backends: ["b0", "b1"].map(|name| (backend_key(name), None)).into(),
        ..generate::the_end()
    }
}

/// A request.
pub(super) fn a_request() -> impl Strategy<Value = Plain> {
    generate::a_request(WORDS)
}
