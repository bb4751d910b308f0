//! Random listeners, rules, requests and histories, out of so few words that they meet often.

use std::collections::BTreeMap;
use std::sync::Arc;

use fg_ir::{Change, Listener, Rule};
use fg_model::Match;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::Plain;
use super::build::{And as _, call, listener_key, path, rule, rule_key};

/// Hostnames of listeners and rules that meet often; the first is none.
pub const PATTERNS: &[&str] = &[
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
const RULES: u32 = 3;

/// Words that not everybody who routes reads in the same way.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// Hosts of requests.
    pub hosts: &'static [&'static str],
    /// Names of headers that rules ask for.
    pub headers: &'static [&'static str],
    /// Names of query parameters that rules ask for.
    pub parameters: &'static [&'static str],
    /// Query parameters of requests, as they are sent.
    pub pairs: &'static [&'static str],
}

/// Half of them a few that everybody uses.
fn a_path() -> impl Strategy<Value = String> {
    prop_oneof![
        select(&["/", "/a", "/a/b"][..]).prop_map(str::to_owned),
        prop::collection::vec(select(&["a", "b", "ab", ""][..]), 0..4)
            .prop_map(|elements| format!("/{}", elements.join("/"))),
    ]
}

fn a_match(words: Words) -> impl Strategy<Value = Match> {
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
        subsequence(words.headers, 0..=2),
        subsequence(words.parameters, 0..=2),
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

/// A rule of any of a few routes; of any age.
pub fn a_rule(words: Words) -> impl Strategy<Value = Rule> {
    let on = prop::collection::vec((select(SECTIONS), subsequence(PATTERNS, 1..=2)), 1..3);
    (
        select(ROUTES),
        0..RULES,
        on,
        prop::collection::vec(a_match(words), 1..4),
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

/// Section and hostname of a listener. What it is called decides where it listens, so that no two
/// have one address, port and hostname: the hostnames of those that share a socket are apart.
pub fn a_place() -> impl Strategy<Value = (&'static str, &'static str)> {
    let each = PATTERNS.len() / SECTIONS.len();
    (0..SECTIONS.len(), 0..each)
        .prop_map(|(at, which)| (SECTIONS[at], PATTERNS[which * SECTIONS.len() + at]))
}

/// Some values by their keys, most of them set and others removed.
pub fn some<K: Ord + std::fmt::Debug, V: Clone + std::fmt::Debug>(
    values: impl Strategy<Value = V>,
    at_most: usize,
    key: impl Fn(&V) -> K,
) -> impl Strategy<Value = BTreeMap<K, Option<Arc<V>>>> {
    let all = prop::collection::vec((values, prop::bool::weighted(0.8)), 0..=at_most);
    all.prop_map(move |all| {
        let all = all.into_iter();
        all.map(|(one, is_set)| (key(&one), is_set.then(|| Arc::new(one))))
            .collect()
    })
}

/// A change: some rules and listeners set, some removed.
pub fn a_change(
    rules: impl Strategy<Value = Rule>,
    listeners: impl Strategy<Value = Listener>,
) -> impl Strategy<Value = Change> {
    let rules = some(rules, 5, |one| one.key.clone());
    let listeners = some(listeners, 3, |one| one.key.clone());
    (rules, listeners).prop_map(|(rules, listeners)| Change {
        rules,
        listeners,
        ..Change::default()
    })
}

/// A change that removes all of that.
pub fn the_end() -> Change {
    let rules = ROUTES
        .iter()
        .flat_map(|route| (0..RULES).map(|index| (rule_key(route, index), None)));
    let listeners = SECTIONS.iter().map(|section| (listener_key(section), None));
    Change {
        rules: rules.collect(),
        listeners: listeners.collect(),
        ..Change::default()
    }
}

/// A request.
pub fn a_request(words: Words) -> impl Strategy<Value = Plain> {
    let query = prop::collection::vec(select(words.pairs), 0..4);
    let headers = prop::collection::vec(
        (
            select(&["x", "X", "Accept", "y"][..]),
            select(&["1", "2", "1, 2", "3"][..]),
        ),
        0..4,
    );
    (
        select(&["GET", "PUT", "BREW", "STIR"][..]),
        select(words.hosts),
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
