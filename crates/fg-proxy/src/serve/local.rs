//! Replies that the gateway makes itself.

use std::task::Poll;

use fg_exchange::{Fault, LocalReply, Method, Name, Reason, Version, grpc};
use fg_http::h1::{Framing, ReplyConnection};

use super::connection::{Connection, Next, Terms};
use super::exchange::Exchange;
use super::head;
use super::route::{self, Route};
use crate::generation::Chain;

/// Answers a request that could not even be read; the connection ends with it.
pub(super) async fn fault(connection: &mut Connection, exchange: &mut Exchange, fault: Fault) {
    let reply = reply_to(&fault);
    let status = fault.reason.status();
    exchange.record.fault = Some(fault);
    write(
        connection,
        exchange,
        reply,
        status,
        Filters::None,
        ReplyConnection::Close,
    );
    send(connection, exchange).await;
}

/// Answers a request with a fault.
pub(super) async fn answer_fault(
    connection: &mut Connection,
    exchange: &mut Exchange,
    fault: Fault,
    route: Option<(&Route<'_>, Option<&Chain>)>,
    mut terms: Terms,
) -> Next {
    terms.keep_alive &= !exchange.record.ends_connection;
    let reply = spoken(exchange, reply_to(&fault), Some(fault.reason));
    let gone = fault.reason == Reason::ClientClosed;
    if gone {
        exchange.record.status = fault.reason.status();
    }
    exchange.record.fault = Some(fault);
    if gone {
        return Next::Close;
    }
    let status = reply.status;
    let filters = route.map_or(Filters::None, |(route, backend)| {
        Filters::Passed(route, backend)
    });
    finish(connection, exchange, reply, status, filters, terms).await
}

/// Answers a request as a filter said.
pub(super) async fn answer(
    connection: &mut Connection,
    exchange: &mut Exchange,
    reply: LocalReply,
    route: Option<(&Route<'_>, Option<&Chain>)>,
    terms: Terms,
) -> Next {
    let reply = spoken(exchange, reply, None);
    let status = reply.status;
    let filters = route.map_or(Filters::None, |(route, backend)| {
        Filters::Passed(route, backend)
    });
    finish(connection, exchange, reply, status, filters, terms).await
}

/// The reply in the language of the request: who calls a gRPC method gets a gRPC status.
fn spoken(exchange: &Exchange, reply: LocalReply, reason: Option<Reason>) -> LocalReply {
    if grpc::is_call(&exchange.request) {
        grpc::answer(reply, reason)
    } else {
        reply
    }
}

/// Which filters see a reply.
enum Filters<'a> {
    None,
    /// Those that saw the request.
    Passed(&'a Route<'a>, Option<&'a Chain>),
}

async fn finish(
    connection: &mut Connection,
    exchange: &mut Exchange,
    reply: LocalReply,
    status: u16,
    filters: Filters<'_>,
    terms: Terms,
) -> Next {
    // A body that is not wholly here would be read as the next request.
    let whole = exchange.up.discard(terms.parsed.body);
    let keep_alive = terms.keep_alive && whole;
    let how = match (keep_alive, exchange.request.version()) {
        (false, _) => ReplyConnection::Close,
        (true, Version::Http10) => ReplyConnection::KeepAlive,
        (true, Version::Http11 | Version::Http2) => ReplyConnection::Implied,
    };
    write(connection, exchange, reply, status, filters, how);
    let sent = send(connection, exchange).await;
    match (sent, keep_alive) {
        (true, true) => {
            exchange.up.give_rest(&mut connection.carry);
            Next::KeepAlive
        }
        (true, false) => Next::Linger,
        (false, _) => Next::Close,
    }
}

fn reply_to(fault: &Fault) -> LocalReply {
    let mut headers = Vec::new();
    if fault.reason == Reason::MethodNotAllowed {
        headers.push((
            "allow".into(),
            b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS".to_vec(),
        ));
    }
    headers.push(("content-type".into(), b"text/plain; charset=utf-8".to_vec()));
    let body = format!("{}\n", fault.reason.words()).into_bytes();
    LocalReply {
        status: fault.reason.status(),
        headers,
        body,
    }
}

/// Composes the reply in the flow to the client.
fn write(
    connection: &mut Connection,
    exchange: &mut Exchange,
    local: LocalReply,
    status: u16,
    filters: Filters<'_>,
    how: ReplyConnection,
) {
    exchange.reply.clear();
    exchange.reply.status = status;
    for (name, value) in &local.headers {
        exchange.reply.head.append(name, value);
    }
    // What a filter answers may be what somebody else told it.
    let head = &mut exchange.reply.head;
    head.remove(Name::XFerrogateReason);
    if connection.worker.shared.settings.reason_header
        && let Some(reason) = exchange.record.reason()
    {
        head.append_known(Name::XFerrogateReason, |out| {
            out.extend_from_slice(reason.text().as_bytes());
        });
    }
    if let Filters::Passed(route, backend) = filters {
        route::reply_filters(route, backend, exchange);
    }
    exchange.record.status = status;
    let body = if exchange.request.method() == Method::Head {
        &[][..]
    } else {
        &local.body
    };
    let framing = (status >= 200 && status != 204 && status != 304)
        .then_some(Framing::Length(local.body.len() as u64));
    exchange.reply.head.remove(Name::ContentLength);
    let Exchange { reply, down, .. } = exchange;
    down.clear();
    head::give(
        &connection.worker,
        &mut connection.client,
        reply,
        framing,
        how,
        body.is_empty(),
        &mut down.output,
    );
    down.send_frames();
    down.output.extend_from_slice(body);
    down.body_bytes = body.len() as u64;
}

/// Sends what was composed. `false` when the client did not take it.
async fn send(connection: &mut Connection, exchange: &mut Exchange) -> bool {
    exchange.record.replied = true;
    connection
        .timer
        .set(connection.worker.shared.settings.body_timeout);
    let Connection { client, timer, .. } = connection;
    let down = &mut exchange.down;
    std::future::poll_fn(|context| {
        timer.attach(context);
        if timer.is_expired() {
            client.abandon();
            return Poll::Ready(false);
        }
        down.poll_output(context, client).map(|sent| sent.is_ok())
    })
    .await
}
