//! Which socket and listener a request meets.

use std::net::IpAddr;
use std::sync::Arc;

use fg_exchange::{Reason, Request};
use fg_ir::{GatewayKey, Ir, Listener, Protocol, Rule};
use fg_router::{Builder, ListenerTable, Router};

use super::walk::refused;
use super::{Answer, Explanation, Hint, Question};

pub(super) type Table = Arc<ListenerTable<Arc<Rule>>>;

/// The tables of a whole configuration.
pub(super) fn router(ir: &Ir) -> Arc<Router<Arc<Rule>>> {
    let mut change = fg_ir::Change::default();
    for (key, listener) in &ir.listeners {
        change.listeners.insert(key.clone(), Some(listener.clone()));
    }
    for (key, rule) in &ir.rules {
        change.rules.insert(key.clone(), Some(rule.clone()));
    }
    Builder::new().apply(&change, &mut Arc::clone)
}

/// The listener that owns the request's host; writes what it assumed, or why there is none.
pub(super) fn listener(
    router: &Router<Arc<Rule>>,
    question: &Question<'_>,
    request: &Request,
    explanation: &mut Explanation,
) -> Result<Table, Answer> {
    let port = port(router, question, explanation)?;
    let host = String::from_utf8_lossy(request.host()).into_owned();
    let (address, socket) = socket(router, port, &host).ok_or_else(|| unconnected(port))?;
    if let Some(address) = address.filter(|address| address.to_string() != host) {
        explanation.notes.push(format!(
            "port {port} is served on single addresses only; took {address}"
        ));
    }
    let mut protocols = socket.listeners().map(|table| table.listener().protocol);
    let speaks_tls = protocols.next() == Some(Protocol::Https);
    if let Some(is_secure) = question.is_secure
        && is_secure != speaks_tls
    {
        let (why, scheme) = match speaks_tls {
            true => (
                "is for TLS only: a request in clear text gets no answer",
                "https",
            ),
            false => ("speaks no TLS: there is no handshake", "http"),
        };
        explanation.hints.push(Hint {
            text: format!("ask for {scheme}://{host}:{port}"),
            source: None,
        });
        return Err(Answer {
            why: format!("port {port} {why}"),
            ..unconnected(port)
        });
    }
    if let Some(table) = socket.listener(request.host()) {
        return Ok(table.clone());
    }
    for table in socket.listeners() {
        let listener = table.listener();
        explanation.hints.push(Hint {
            text: format!(
                "listener `{}` on port {port} serves {} only",
                listener.key, listener.hostname
            ),
            source: Some(question.source(&listener.origin)),
        });
    }
    let is_secure = |table: &Table| table.listener().protocol == Protocol::Https;
    Err(if socket.listeners().all(is_secure) {
        Answer {
            reason: "unknown_name".to_owned(),
            why: format!("no listener has the name {host}, so that the TLS handshake is refused"),
            ..unconnected(port)
        }
    } else {
        refused(Reason::NoListener, Reason::NoListener.words())
    })
}

/// There is not even a connection.
fn unconnected(port: u16) -> Answer {
    Answer {
        status: 0,
        reason: "no_connection".to_owned(),
        grpc: None,
        why: format!("nothing accepts connections on port {port}"),
        headers: Vec::new(),
    }
}

/// The port asked for; without one that of HTTP, or the only one there is.
fn port(
    router: &Router<Arc<Rule>>,
    question: &Question<'_>,
    explanation: &mut Explanation,
) -> Result<u16, Answer> {
    let mut ports: Vec<u16> = router.sockets().map(|((_, port), _)| port).collect();
    ports.sort_unstable();
    ports.dedup();
    let asked = question.port.unwrap_or(80);
    if ports.contains(&asked) {
        return Ok(asked);
    }
    match (question.port, ports.as_slice()) {
        (None, &[only]) => {
            explanation.notes.push(format!(
                "the URL has no port and no listener has 80; took {only}, the only one"
            ));
            Ok(only)
        }
        (_, []) => {
            explanation.hints.push(Hint {
                text: "there is no listener at all: a Gateway of a class of ours is missing, or none of its listeners works".to_owned(),
                source: None,
            });
            Err(unconnected(asked))
        }
        (_, some) => {
            let list: Vec<String> = some.iter().map(u16::to_string).collect();
            explanation.hints.push(Hint {
                text: format!(
                    "no listener has port {asked}; there are listeners on {}",
                    list.join(", ")
                ),
                source: None,
            });
            Err(unconnected(asked))
        }
    }
}

type Socket<'a> = (Option<IpAddr>, &'a Arc<fg_router::SocketTable<Arc<Rule>>>);

/// The socket for a host: its own address, all addresses, or the first single one.
fn socket<'a>(router: &'a Router<Arc<Rule>>, port: u16, host: &str) -> Option<Socket<'a>> {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = literal.parse::<IpAddr>()
        && let Some(table) = router.socket(Some(address), port)
    {
        return Some((Some(address), table));
    }
    if let Some(table) = router.socket(None, port) {
        return Some((None, table));
    }
    router
        .sockets()
        .find(|((_, at), _)| *at == port)
        .map(|((address, _), table)| (address, table))
}

/// The listener's step.
pub(super) fn step(listener: &Listener, question: &Question<'_>) -> super::ListenerStep {
    super::ListenerStep {
        gateway: format!("{}/{}", listener.key.namespace, listener.key.gateway),
        name: listener.key.section.to_string(),
        port: listener.port,
        hostname: listener.hostname.to_string(),
        plane: (question.plane)(&GatewayKey::from(&listener.key)),
        source: question.source(&listener.origin),
    }
}
