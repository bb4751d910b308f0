//! Which rule answers a CORS preflight: the same as in our own proxy (`fg_router`, `preflight.rs`).
//!
//! A preflight is an `OPTIONS` request. The rule that gets it as it came answers, if it has a CORS
//! policy or its match names `OPTIONS`; else that of the method asked about, if that has a CORS
//! policy. Envoy takes the first route that fits, so a match with another method gets a second
//! route, for preflights that ask about this method: behind the routes that would answer by
//! themselves, and before the first one that would not.
//!
//! One difference stays: a preflight whose method belongs to a rule without CORS goes to that rule,
//! when a rule with CORS for the same method comes behind it, whose second route would answer else.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::table::Entry;
use super::write::Written;
use super::{encode, list, matches};
use crate::settings::RouteShape;

/// The routes of one virtual host, in their order, with those for preflights between them.
pub(super) fn with_preflights<'a>(
    shape: RouteShape,
    entries: impl Iterator<Item = (&'a Entry, Written)>,
) -> Vec<Bytes> {
    let mut all = Vec::new();
    let mut pending: Vec<(&Entry, Written, &str)> = Vec::new();
    for (entry, written) in entries {
        match entry
            .matched()
            .and_then(|matched| matched.method.as_deref())
        {
            Some("OPTIONS") => {}
            Some(method) => pending.push((entry, written.clone(), method)),
            None if entry.has_cors() => {}
            None => flush(shape, &mut pending, &mut all),
        }
        all.push(written.routes);
    }
    flush(shape, &mut pending, &mut all);
    all
}

/// Writes those that wait, up to the last one that answers preflights.
fn flush(shape: RouteShape, pending: &mut Vec<(&Entry, Written, &str)>, all: &mut Vec<Bytes>) {
    let last = pending.iter().rposition(|(entry, ..)| entry.has_cors());
    let Some(last) = last else {
        return;
    };
    let answering = pending.iter().enumerate();
    let answering = answering.filter(|(_, (entry, ..))| entry.has_cors());
    // The last one of each method.
    let answering: BTreeMap<&str, usize> = answering
        .map(|(at, (_, _, method))| (*method, at))
        .collect();
    for (at, (entry, written, method)) in pending.drain(..=last).enumerate() {
        if entry.has_cors() {
            all.push(written.preflights);
        } else if answering.get(method).is_some_and(|later| *later > at) {
            all.extend(asking(shape, written.routes, method));
        }
    }
}

/// Routes without a CORS policy, for preflights that ask about this method.
fn asking(shape: RouteShape, routes: Bytes, method: &str) -> Option<Bytes> {
    let mut fields = Vec::new();
    for mut route in list::read(shape, routes)? {
        let headers = &mut route.r#match.as_mut()?.headers;
        headers.retain(|header| header.name != ":method");
        headers.extend([
            matches::is(":method", "OPTIONS"),
            matches::is_there("origin"),
            matches::is("access-control-request-method", method),
        ]);
        encode::field(list::number(shape), &encode::route(route), &mut fields);
    }
    Some(fields.into())
}
