//! Random listeners, rules, backends, requests and histories, out of so few words that they meet
//! often.

use std::sync::Arc;

use fg_ir::{
    Action, Backend, BackendProtocol, BackendTls, Change, Listener, RefusalKind, RouteKind, Rule,
    RuleBackend,
};
use fg_model::Match;
use fg_policies::path_modifier::PathChange;
use fg_policies::{cors, header_modifier, request_redirect, traffic, url_rewrite};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::build::{
    And as _, backend, backend_key, broken, call, listener, listener_key, path, refusal, rule,
    rule_key, secure, to,
};
use super::evaluate::Plain;

const HOSTS: &[&str] = &["a.com", "b.a.com", "c.b.a.com", "x.com", "com", "b.x.com"];
const PATTERNS: &[&str] = &[
    "",
    "a.com",
    "b.a.com",
    "*.com",
    "*.a.com",
    "*.b.a.com",
    "x.com",
    "c.b.a.com",
];
const SECTIONS: &[&str] = &["l0", "l1", "l2", "l3"];
const ROUTES: &[&str] = &["r0", "r1", "r2", "r3", "r4"];

fn a_path() -> impl Strategy<Value = String> {
    prop_oneof![
        select(&["/", "/a", "/a/b"][..]).prop_map(str::to_owned),
        prop::collection::vec(select(&["a", "b", "ab", ""][..]), 0..4)
            .prop_map(|elements| format!("/{}", elements.join("/"))),
    ]
}

fn a_match() -> impl Strategy<Value = Match> {
    let regexes = select(&["/.*", "/a/.+", "/(a|b)", "(/[ab]+)+"][..]);
    let text = prop_oneof![
        3 => a_path(),
        2 => a_path().prop_map(|path| format!("={path}")),
        1 => regexes.prop_map(|regex| format!("~{regex}")),
    ]
    .prop_map(|text| path(&text));
    let part = || select(&["", "a", "b", "ab", "~a|b", "~[ab]+", "~.*"][..]);
    let calls = (part(), part()).prop_map(|(service, method)| call(service, method));
    let text = prop_oneof![3 => text, 2 => calls];
    let conditions = (
        prop::option::of(select(&["GET", "PUT", "BREW"][..])),
        subsequence(&["x", "accept", "host"][..], 0..=2),
        subsequence(&["q", "p"][..], 0..=2),
        prop::collection::vec(select(&["1", "2", "~[12]", "~.*", "1, 2"][..]), 4),
        prop::bool::weighted(0.3),
    );
    (text, conditions).prop_map(|(mut one, (method, headers, query, values, plain))| {
        if plain {
            return one;
        }
        if let Some(method) = method {
            one = one.method(method);
        }
        for (name, value) in headers.into_iter().zip(&values) {
            one = one.header(name, value);
        }
        for (name, value) in query.into_iter().zip(values.iter().rev()) {
            // Envoy asks expressions of values as they were sent: of these, all say the same.
            let is_expression = value.starts_with('~');
            one = one.query(name, if is_expression { "~.*" } else { value });
        }
        one
    })
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
    let on = prop::collection::vec((select(SECTIONS), subsequence(PATTERNS, 1..=2)), 1..3);
    (
        (select(ROUTES), 0_u32..3),
        on,
        prop::collection::vec(a_match(), 1..4),
        select(&[1_i64, 2, i64::MAX][..]),
        (an_action(), some_policies()),
        select(&[RouteKind::Http, RouteKind::Grpc][..]),
    )
        .prop_map(
            |((route, index), on, matches, created, (action, policies), kind)| {
                let on: Vec<(&str, &[&str])> = on
                    .iter()
                    .map(|(section, names)| (*section, &names[..]))
                    .collect();
                let mut rule = rule(route, index, &on, matches);
                Arc::make_mut(&mut rule.age).created = created;
                rule.action = action;
                rule.policies = policies;
                rule.kind = kind;
                rule
            },
        )
}

/// A listener. What it is called decides where it listens, so that no two have one address, port
/// and hostname.
fn a_listener() -> impl Strategy<Value = Listener> {
    (
        0..SECTIONS.len(),
        0..PATTERNS.len() / SECTIONS.len(),
        prop::bool::ANY,
        prop::bool::ANY,
    )
        .prop_map(|(at, which, tls, bound)| {
            let hostname = PATTERNS[which * SECTIONS.len() + at];
            let make = if tls { secure } else { listener };
            let mut listener = make(SECTIONS[at], hostname);
            if bound {
                listener.addresses = vec![[127, 0, 0, 2].into()];
            }
            listener
        })
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
    let stays = || prop::bool::weighted(0.8);
    let rules = prop::collection::vec((a_rule(), stays()), 0..6);
    let listeners = prop::collection::vec((a_listener(), stays()), 0..4);
    let backends = prop::collection::vec((a_backend(), stays()), 0..3);
    (rules, listeners, backends).prop_map(|(rules, listeners, backends)| Change {
        rules: rules
            .into_iter()
            .map(|(one, set)| (one.key.clone(), set.then(|| Arc::new(one))))
            .collect(),
        listeners: listeners
            .into_iter()
            .map(|(one, set)| (one.key.clone(), set.then(|| Arc::new(one))))
            .collect(),
        backends: backends
            .into_iter()
            .map(|(one, set)| (one.key.clone(), set.then(|| Arc::new(one))))
            .collect(),
        ..Change::default()
    })
}

/// A change that removes everything.
pub(super) fn the_end() -> Change {
    Change {
        rules: ROUTES
            .iter()
            .flat_map(|route| (0..3).map(|index| (rule_key(route, index), None)))
            .collect(),
        listeners: SECTIONS
            .iter()
            .map(|section| (listener_key(section), None))
            .collect(),
        backends: ["b0", "b1"].map(|name| (backend_key(name), None)).into(),
        ..Change::default()
    }
}

/// A request. Names of parameters are written as Envoy compares them.
pub(super) fn a_request() -> impl Strategy<Value = Plain> {
    let query = prop::collection::vec(
        select(
            &[
                "q=1", "q=2", "q=%31", "p=1", "p=2", "q", "=1", "", "q=1%2C+2", "q=1,%202",
            ][..],
        ),
        0..4,
    );
    let headers = prop::collection::vec(
        (
            select(&["x", "X", "Accept", "y"][..]),
            select(&["1", "2", "1, 2", "3"][..]),
        ),
        0..4,
    );
    (
        select(&["GET", "PUT", "BREW", "STIR"][..]),
        select(HOSTS),
        a_path(),
        prop::option::of(query),
        headers,
    )
        .prop_map(|(method, host, path, query, headers)| Plain {
            method: method.to_owned(),
            host: host.to_owned(),
            path,
            query: query.map(|pairs| pairs.join("&")),
            headers: headers
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        })
}
