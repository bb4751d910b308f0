//! The slow, obviously right matcher: every match of every rule, sorted by the whole order, and the
//! first that fits. Shares no code with the router.

use std::cell::RefCell;
use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;
use std::net::IpAddr;

use fg_ir::{Ir, Listener, Rule};
use fg_model::{GrpcMatch, HostPattern, Match, PathMatch, Pattern, ValueMatch};
use fg_testkit::routing::Plain;
use regex::Regex;

/// What owns a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    NoListener,
    NoRule,
    Rule {
        route: String,
        rule: u32,
        index: u32,
        prefix: Option<usize>,
        hostname: String,
    },
}

/// Who owns a request that came in on this socket.
pub(crate) fn owner(ir: &Ir, socket: Option<IpAddr>, port: u16, request: &Plain) -> Owner {
    let mut listeners: Vec<&Listener> = ir
        .listeners
        .values()
        .map(|listener| &**listener)
        .filter(|listener| {
            listener.port == port
                && listener.hostname.matches(&request.host)
                && (listener.addresses.is_empty()
                    || socket.is_some_and(|address| listener.addresses.contains(&address)))
        })
        .collect();
    listeners.sort_by(|a, b| {
        a.hostname
            .cmp_specificity(&b.hostname)
            .then(a.addresses.is_empty().cmp(&b.addresses.is_empty()))
    });
    let Some(listener) = listeners.first() else {
        return Owner::NoListener;
    };
    let mut all: Vec<(&HostPattern, &Rule, u32, &Match)> = Vec::new();
    for rule in ir.rules.values() {
        for attachment in rule
            .attachments
            .iter()
            .filter(|one| one.listener == listener.key)
        {
            for hostname in attachment
                .hostnames
                .iter()
                .filter(|one| one.matches(&request.host))
            {
                all.extend(
                    rule.matches
                        .iter()
                        .map(|(at, one)| (hostname, &**rule, *at, one)),
                );
            }
        }
    }
    all.sort_by(|a, b| order(*a, *b));
    match all.into_iter().find(|(.., one)| fits(one, request)) {
        None => Owner::NoRule,
        Some((hostname, rule, index, one)) => Owner::Rule {
            route: rule.key.route.name.to_string(),
            rule: rule.key.rule,
            index,
            prefix: match &one.path {
                PathMatch::Prefix(prefix) => Some(prefix.len()),
                PathMatch::Grpc(GrpcMatch {
                    service: Some(ValueMatch::Exact(service)),
                    method: None,
                }) => Some(1 + service.len()),
                _ => None,
            },
            hostname: hostname.to_string(),
        },
    }
}

fn order(
    (a_host, a_rule, a_index, a): (&HostPattern, &Rule, u32, &Match),
    (b_host, b_rule, b_index, b): (&HostPattern, &Rule, u32, &Match),
) -> Ordering {
    // The kind of path, and for prefixes their length; then what was written of the rest.
    let path = |one: &Match| match &one.path {
        PathMatch::Exact(_) => (0, Reverse(0), Reverse((0, 0))),
        PathMatch::Prefix(text) => (1, Reverse(text.len()), Reverse((0, 0))),
        PathMatch::Regex(text) => (2, Reverse(0), Reverse((text.source().len(), 0))),
        PathMatch::Grpc(call) => {
            let characters = |value: &Option<ValueMatch>| match value {
                None => 0,
                Some(ValueMatch::Exact(text)) => text.len(),
                Some(ValueMatch::Regex(text)) => text.source().len(),
            };
            let exact = |value: &Option<ValueMatch>| matches!(value, Some(ValueMatch::Exact(_)));
            let written = (characters(&call.service), characters(&call.method));
            let (kind, prefix) = match (exact(&call.service), &call.method) {
                (true, method) if exact(method) => (0, 0),
                (true, None) => (1, 1 + written.0),
                _ => (2, 0),
            };
            (kind, Reverse(prefix), Reverse(written))
        }
    };
    a_host
        .cmp_specificity(b_host)
        .then_with(|| path(a).cmp(&path(b)))
        .then_with(|| b.method.is_some().cmp(&a.method.is_some()))
        .then_with(|| b.headers.len().cmp(&a.headers.len()))
        .then_with(|| b.query.len().cmp(&a.query.len()))
        .then_with(|| a_rule.age.created.cmp(&b_rule.age.created))
        .then_with(|| a_rule.age.namespace.cmp(&b_rule.age.namespace))
        .then_with(|| a_rule.age.name.cmp(&b_rule.age.name))
        .then_with(|| a_rule.key.rule.cmp(&b_rule.key.rule))
        .then_with(|| a_index.cmp(&b_index))
}

fn fits(one: &Match, request: &Plain) -> bool {
    let path = match &one.path {
        PathMatch::Exact(text) => request.path == **text,
        PathMatch::Prefix(text) => {
            text.is_empty()
                || request.path == **text
                || request.path.starts_with(&format!("{text}/"))
        }
        PathMatch::Regex(pattern) => whole(pattern, &request.path),
        PathMatch::Grpc(call) => is_call(call, &request.path),
    };
    let headers = one.headers.iter().all(|header| {
        let values: Vec<&str> = request
            .headers
            .iter()
            .filter(|(name, _)| name.to_lowercase() == *header.name)
            .map(|(_, value)| value.as_str())
            .collect();
        !values.is_empty() && value_fits(&header.value, &values.join(", "))
    });
    let query = one.query.iter().all(|parameter| {
        request
            .query
            .iter()
            .flat_map(|query| query.split('&'))
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .find(|(name, _)| decode(name) == *parameter.name)
            .is_some_and(|(_, value)| value_fits(&parameter.value, &decode(value)))
    });
    let method = one
        .method
        .as_ref()
        .is_none_or(|method| request.method == **method);
    path && headers && query && method
}

fn is_call(call: &GrpcMatch, path: &str) -> bool {
    match (&call.service, &call.method) {
        (None, None) => true,
        (Some(ValueMatch::Exact(service)), None) => {
            path == format!("/{service}") || path.starts_with(&format!("/{service}/"))
        }
        (service, method) => {
            let elements: Vec<&str> = path.split('/').collect();
            let [_, of @ .., called] = &elements[..] else {
                return false;
            };
            let of = of.join("/");
            let fits = |wanted: &Option<ValueMatch>, value: &str| {
                !value.is_empty()
                    && wanted
                        .as_ref()
                        .is_none_or(|wanted| value_fits(wanted, value))
            };
            fits(service, &of) && fits(method, called)
        }
    }
}

fn value_fits(wanted: &ValueMatch, value: &str) -> bool {
    match wanted {
        ValueMatch::Exact(text) => value == &**text,
        ValueMatch::Regex(pattern) => whole(pattern, value),
    }
}

fn whole(pattern: &Pattern, value: &str) -> bool {
    thread_local! {
        static COMPILED: RefCell<BTreeMap<String, Regex>> = RefCell::default();
    }
    let anchored = format!(r"\A(?:{})\z", pattern.source());
    COMPILED.with_borrow_mut(|compiled| {
        compiled
            .entry(anchored)
            .or_insert_with_key(|text| Regex::new(text).expect("a good pattern"))
            .is_match(value)
    })
}

/// Enough for what the generator writes: `+`, and `%` with two digits.
fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first == '%' {
            bytes.push(u8::from_str_radix(&rest[1..3], 16).expect("two digits"));
            rest = &rest[3..];
        } else {
            bytes.push(if first == '+' { b' ' } else { first as u8 });
            rest = &rest[1..];
        }
    }
    String::from_utf8(bytes).expect("text")
}
