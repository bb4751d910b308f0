//! Random listeners, rules, requests and histories, out of so few words that they meet often.

use std::net::IpAddr;
use std::sync::Arc;

use fg_ir::{Change, Listener, Rule};
use fg_model::Match;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::build::{And as _, listener_at, listener_key, path, rule, rule_key};
use crate::calls::call;
use crate::reference::Plain;

const HOSTS: &[&str] = &[
    "a.com",
    "b.a.com",
    "c.b.a.com",
    "x.com",
    "com",
    "b.x.com",
    "",
];
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
/// Ports that sockets have.
pub(crate) const PORTS: &[u16] = &[80, 81];

/// Addresses that sockets have.
pub(crate) fn addresses() -> [IpAddr; 2] {
    [[127, 0, 0, 2].into(), [127, 0, 0, 3].into()]
}

/// Half of them a few that everybody uses.
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
    let values = &["1", "2", "1, 2", "~[12]", "~.*", "~.*"][..];
    let conditions = (
        prop::option::of(select(&["GET", "PUT", "BREW"][..])),
        subsequence(&["x", "accept"][..], 0..=2),
        subsequence(&["q", "p r"][..], 0..=2),
        prop::collection::vec(select(values), 4),
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
            one = one.query(name, value);
        }
        one
    })
}

fn a_rule() -> impl Strategy<Value = Rule> {
    let on = prop::collection::vec((select(SECTIONS), subsequence(PATTERNS, 1..=2)), 1..3);
    (
        select(ROUTES),
        0_u32..3,
        on,
        prop::collection::vec(a_match(), 1..4),
        select(&[1_i64, 2, i64::MAX][..]),
    )
        .prop_map(|(route, index, on, matches, created)| {
            let on: Vec<(&str, &[&str])> = on
                .iter()
                .map(|(section, names)| (*section, &names[..]))
                .collect();
            let mut rule = rule(route, index, &on, matches);
            Arc::make_mut(&mut rule.age).created = created;
            rule
        })
}

/// A listener. What it is called decides where it listens, so that no two have one address, port
/// and hostname: the hostnames of those that share a socket are apart.
fn a_listener() -> impl Strategy<Value = Listener> {
    (
        0..SECTIONS.len(),
        0..PATTERNS.len() / 4,
        select(PORTS),
        subsequence(addresses().to_vec(), 0..=2),
    )
        .prop_map(|(at, which, port, addresses)| {
            let hostname = PATTERNS[which * 4 + at];
            listener_at(SECTIONS[at], hostname, &addresses, port)
        })
}

/// A change: some rules and listeners set, some removed.
pub(crate) fn a_change() -> impl Strategy<Value = Change> {
    let rules = prop::collection::vec((a_rule(), prop::bool::weighted(0.8)), 0..6);
    let listeners = prop::collection::vec((a_listener(), prop::bool::weighted(0.8)), 0..4);
    (rules, listeners).prop_map(|(rules, listeners)| Change {
        rules: rules
            .into_iter()
            .map(|(one, set)| (one.key.clone(), set.then(|| Arc::new(one))))
            .collect(),
        listeners: listeners
            .into_iter()
            .map(|(one, set)| (one.key.clone(), set.then(|| Arc::new(one))))
            .collect(),
        ..Change::default()
    })
}

/// A change that removes everything.
pub(crate) fn the_end() -> Change {
    Change {
        rules: ROUTES
            .iter()
            .flat_map(|route| (0..3).map(|index| (rule_key(route, index), None)))
            .collect(),
        listeners: SECTIONS
            .iter()
            .map(|section| (listener_key(section), None))
            .collect(),
        ..Change::default()
    }
}

/// A request.
pub(crate) fn a_request() -> impl Strategy<Value = Plain> {
    let query = prop::collection::vec(
        select(
            &[
                "q=1", "q=2", "%71=1", "p+r=1", "p%20r=2", "q", "=1", "", "q=1%2C+2", "z=1",
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
