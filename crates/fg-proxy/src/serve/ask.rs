//! Filters that ask somebody before they decide, among the other filters of a rule.
//!
//! Requests of rules without such filters never come here.

use std::task::Poll;
use std::time::{Duration, Instant};

use fg_exchange::{Answer, Call, Decision, Fault, Name, Reason, Verdict};
use fg_http::h1::{Expectation, Framing};

use super::call::{call, gathering};
use super::connection::{Connection, Terms};
use super::exchange::Exchange;
use super::flow::{FlowError, Sink};
use super::head;
use super::route::{self, Route};
use crate::generation::{CompiledWaiting, Generation};

/// How much of a request's body is read at once. Units: bytes.
const ROOM: usize = 32 * 1024;

/// Leads the request through the rule's filters, those that wait in their places.
///
/// # Errors
/// What became of reading the request's body, or what a filter could not decide.
pub(super) async fn request_filters(
    connection: &mut Connection,
    exchange: &mut Exchange,
    generation: &Generation,
    route: &Route<'_>,
    terms: &mut Terms,
) -> Result<Verdict, Fault> {
    let chain = &route.rule.chain;
    let mut from = 0;
    for waiting in &chain.waiting {
        let passed = route::some_request_filters(route, exchange, from..waiting.at);
        if let reply @ Verdict::Reply(_) = passed {
            return Ok(reply);
        }
        from = waiting.at;
        let body = read_body(connection, exchange, terms, waiting.filter.body()).await?;
        let facts = exchange.record.facts();
        let Some(wanted) = waiting.filter.call(&exchange.request, &body, &facts) else {
            continue;
        };
        let began = Instant::now();
        let answer = answer(connection, exchange, generation, route, waiting, wanted).await;
        exchange.record.waited += began.elapsed();
        match waiting.filter.decide(&mut exchange.request, answer, &facts) {
            Decision::Continue(fields) => exchange.record.reply_fields.extend(fields),
            Decision::Reply(reply) => return Ok(Verdict::Reply(reply)),
            Decision::Fault(fault) => return Err(fault),
        }
    }
    Ok(route::some_request_filters(
        route,
        exchange,
        from..chain.filters.len(),
    ))
}

/// Makes the call of a filter, within the time that the route leaves.
async fn answer(
    connection: &Connection,
    exchange: &Exchange,
    generation: &Generation,
    route: &Route<'_>,
    waiting: &CompiledWaiting,
    mut wanted: Call,
) -> Result<Answer, Fault> {
    let cluster = generation
        .clusters
        .get(waiting.target)
        .and_then(Option::as_ref)
        .ok_or_else(|| Fault::new(Reason::InvalidBackend))?;
    let certificate = route.listener.backend_certificate.as_ref();
    let tls = cluster.tls.by(certificate).map_err(Fault::new)?;
    if let Some(limit) = route.rule.chain.request_timeout {
        let left = limit.saturating_sub(exchange.record.waited);
        wanted.timeout = wanted.timeout.min(left).max(Duration::from_millis(1));
    }
    call(&connection.worker, cluster, tls, wanted).await
}

/// Reads the whole of a body that is at most so large, and puts it back as one whose length is
/// known. Trailers are not kept.
async fn read_body(
    connection: &mut Connection,
    exchange: &mut Exchange,
    terms: &mut Terms,
    most: usize,
) -> Result<Vec<u8>, Fault> {
    match terms.parsed.body {
        Framing::Length(0) => return Ok(Vec::new()),
        _ if most == 0 || terms.parsed.hop.upgrade => return Ok(Vec::new()),
        Framing::Length(length) if length > most as u64 => {
            return Err(Fault::new(Reason::BodyTooLarge));
        }
        _ => {}
    }
    if terms.parsed.expectation == Expectation::Continue {
        // We want the body, so it is on us to say so.
        exchange.request.head.remove(Name::Expect);
        terms.parsed.expectation = Expectation::None;
        head::invite(connection, exchange).await?;
    }
    let settings = &connection.worker.shared.settings;
    let patience = settings.body_timeout;
    let up = &mut exchange.up;
    up.begin(terms.parsed.body, Sink::Raw, gathering(), &settings.limits);
    up.limit(most as u64);
    if connection.client.is_http2() {
        up.receive_frames();
    }
    connection.timer.set(patience);
    let Connection { client, timer, .. } = &mut *connection;
    std::future::poll_fn(|context| {
        timer.attach(context);
        if timer.is_expired() {
            return Poll::Ready(Err(Fault::new(Reason::RequestTimeout)));
        }
        up.poll_collect(context, client, ROOM, || timer.set(patience))
            .map_err(fault_of)
    })
    .await?;
    let body = std::mem::take(&mut up.output);
    let rest = up.input.split_off(up.at.min(up.input.len()));
    up.clear();
    if body.is_empty() {
        connection.carry.extend_from_slice(&rest);
    } else {
        up.input.extend_from_slice(&body);
        up.input.extend_from_slice(&rest);
    }
    terms.parsed.body = Framing::Length(body.len() as u64);
    Ok(body)
}

fn fault_of(error: FlowError) -> Fault {
    match error {
        FlowError::From(None) => {
            Fault::new(Reason::BadRequest).detail("the client closed in the middle of the body")
        }
        FlowError::From(Some(error)) | FlowError::To(error) => {
            Fault::new(Reason::ClientClosed).detail(error)
        }
        FlowError::Malformed(detail) => Fault::new(Reason::BadRequest).detail(detail),
        FlowError::TooLarge => Fault::new(Reason::BodyTooLarge),
        FlowError::Stopped(_) => Fault::new(Reason::Internal),
    }
}
