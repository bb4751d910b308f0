//! From a request to its rule, and through the rule's filters.

use std::ops::Range;
use std::sync::Arc;

use fg_exchange::{Facts, Fault, Reason, Scheme, Verdict};
use fg_ir::{Listener, Protocol};
use fg_router::{Found, SocketTable};

use super::connection::Connection;
use super::exchange::{Exchange, Record};
use super::trust;
use crate::generation::{Chain, CompiledRule};

/// The rule that owns a request.
pub(crate) struct Route<'g> {
    pub(crate) rule: &'g CompiledRule,
    /// Index of the attachment by which it was found.
    pub(crate) attachment: usize,
    pub(crate) listener: &'g Arc<Listener>,
}

/// Finds the rule of a request, and brings its forwarding headers in order.
///
/// # Errors
/// [`Reason::NoListener`], [`Reason::Misdirected`] or [`Reason::NoRoute`].
pub(crate) fn find<'g>(
    table: Option<&'g Arc<SocketTable<CompiledRule>>>,
    connection: &Connection,
    exchange: &mut Exchange,
) -> Result<Route<'g>, Fault> {
    let settings = &connection.worker.shared.settings;
    let client = trust::clean(settings, connection.peer, &mut exchange.request);
    let listener = table
        .and_then(|table| table.listener(exchange.request.host()))
        .ok_or_else(|| Fault::new(Reason::NoListener))?;
    let owner = listener.listener();
    admit(connection, owner, &mut exchange.record)?;
    let asked = exchange.request.preflight_method().map(<[u8]>::to_vec);
    let found = match asked {
        None => listener.find(&exchange.request),
        Some(asked) => listener.find_preflight(&mut exchange.request, &asked, |rule| {
            rule.rule.policies.cors.is_some()
        }),
    };
    let Found {
        rule,
        matched_prefix,
        ..
    } = found.ok_or_else(|| Fault::new(Reason::NoRoute))?;
    exchange.record.set_facts(Facts {
        client,
        scheme: match connection.tls {
            None => Scheme::Http,
            Some(_) => Scheme::Https,
        },
        listener_port: listener.listener().port,
        matched_prefix,
    });
    trust::write(settings, connection, exchange);
    let attachment = match rule.attachments {
        1 => 0,
        _ => rule
            .rule
            .attachments
            .iter()
            .position(|attachment| attachment.listener == listener.listener().key)
            .unwrap_or(0),
    };
    Ok(Route {
        rule,
        attachment,
        listener: owner,
    })
}

/// Whether a connection may speak to the listener that owns its request. It need not be the one it
/// was made for, and that may have changed since.
fn admit(connection: &Connection, owner: &Arc<Listener>, record: &mut Record) -> Result<(), Fault> {
    let mut misdirected = |detail: &str| {
        record.ends_connection = true;
        Err(Fault::new(Reason::Misdirected).detail(detail))
    };
    let Some(tls) = &connection.tls else {
        return match owner.protocol {
            Protocol::Http => Ok(()),
            Protocol::Https => misdirected("clear text, and the listener has TLS"),
        };
    };
    if !Arc::ptr_eq(&tls.listener, owner) {
        if tls.listener.key != owner.key {
            return Err(Fault::new(Reason::Misdirected));
        }
        if owner.protocol != Protocol::Https {
            return misdirected("TLS, and the listener has none");
        }
    }
    let rules = |listener: &Listener| {
        listener
            .tls
            .as_ref()
            .is_some_and(|tls| tls.client.is_some())
    };
    if rules(owner) || rules(&tls.listener) {
        // Others may be clients now than at the handshake, so another handshake is needed.
        let generation = connection.worker.generation();
        let server = generation.servers.listeners.get(&owner.key);
        if !server.is_some_and(|server| Arc::ptr_eq(&server.admission, &tls.admission)) {
            return misdirected("what is asked of clients changed after the handshake");
        }
    }
    Ok(())
}

/// Leads the request through the rule's filters.
pub(crate) fn request_filters(route: &Route<'_>, exchange: &mut Exchange) -> Verdict {
    some_request_filters(route, exchange, 0..route.rule.chain.filters.len())
}

/// Leads the request through some of the rule's filters, by their numbers.
pub(super) fn some_request_filters(
    route: &Route<'_>,
    exchange: &mut Exchange,
    which: Range<usize>,
) -> Verdict {
    let facts = exchange.record.facts();
    run(
        &route.rule.chain,
        which,
        &facts,
        exchange,
        |record, passed| record.passed = passed,
    )
}

/// Leads the request through the filters of a backend.
pub(super) fn backend_filters(chain: &Chain, exchange: &mut Exchange) -> Verdict {
    let facts = exchange.record.facts();
    run(
        chain,
        0..chain.filters.len(),
        &facts,
        exchange,
        |record, passed| record.backend_passed = passed,
    )
}

fn run(
    chain: &Chain,
    which: Range<usize>,
    facts: &Facts,
    exchange: &mut Exchange,
    note: impl Fn(&mut Record, usize),
) -> Verdict {
    let filters = chain.filters.get(which.clone()).unwrap_or_default();
    for (index, filter) in which.zip(filters) {
        note(&mut exchange.record, index + 1);
        match filter.request(&mut exchange.request, facts) {
            Verdict::Continue => {}
            reply @ Verdict::Reply(_) => return reply,
        }
    }
    Verdict::Continue
}

/// Leads the reply back through the filters that the request passed.
pub(super) fn reply_filters(route: &Route<'_>, backend: Option<&Chain>, exchange: &mut Exchange) {
    let facts = exchange.record.facts();
    for (name, value) in &exchange.record.reply_fields {
        exchange.reply.head.append(name, value);
    }
    let of_backend = backend.map_or(&[][..], |chain| &chain.filters);
    let of_backend = of_backend.iter().take(exchange.record.backend_passed).rev();
    let of_rule = route
        .rule
        .chain
        .filters
        .iter()
        .take(exchange.record.passed)
        .rev();
    for filter in of_backend.chain(of_rule) {
        filter.reply(&mut exchange.reply, &exchange.request, &facts);
    }
}

/// The fields that the filters of a rule and its backend decide about, in one direction.
pub(super) fn owned_fields<'a>(
    route: &Route<'a>,
    backend: &'a Chain,
    reply: bool,
) -> impl Iterator<Item = &'a str> {
    let filters = route.rule.chain.filters.iter().chain(&backend.filters);
    let waiting = if reply {
        &[][..]
    } else {
        &route.rule.chain.waiting
    };
    let of_waiting = waiting.iter().flat_map(|one| one.filter.owned_fields());
    filters
        .flat_map(move |filter| filter.owned_fields(reply))
        .chain(of_waiting)
}
