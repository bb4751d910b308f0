//! What route configurations, virtual hosts, routes and clusters are called.

use std::net::SocketAddr;

use fg_ir::{BackendKey, Listener, Protocol, RefusalKind, RuleKey, Socket};

use super::Speech;
use super::answers;

/// The virtual host of all hosts that another listener owns. Its name is no hostname.
pub(super) const ELSEWHERE: &str = "~misdirected";

/// The route configuration that serves a listener on a socket. Those of clear text share one; each
/// with TLS has its own, since the connection has chosen the listener.
pub(crate) fn configuration((address, port): Socket, listener: &Listener) -> String {
    let at = match address {
        None => port.to_string(),
        Some(address) => SocketAddr::new(address, port).to_string(),
    };
    match listener.protocol {
        Protocol::Http => format!("http/{at}"),
        Protocol::Https => format!("https/{at}/{}", listener.key),
    }
}

/// A virtual host of a route configuration; the last `/` separates.
pub(super) fn virtual_host(configuration: &str, domain: &str) -> String {
    format!("{configuration}/{domain}")
}

/// A rule.
pub(super) fn rule(rule: &RuleKey) -> String {
    let route = &rule.route;
    format!(
        "{}/{}/{}/{}",
        route.kind, route.namespace, route.name, rule.rule
    )
}

/// The route of one match: it stands in access logs.
pub(super) fn route(rule: &str, matched: u32) -> String {
    format!("{rule}/{matched}")
}

/// The name of a backend's cluster.
pub(crate) fn cluster(backend: &BackendKey, speech: Speech) -> String {
    let word = match speech {
        Speech::Http1 => "http1",
        Speech::Http2 => "http2",
    };
    format!(
        "{}/{}/{}/{}/{word}",
        backend.object.kind, backend.object.namespace, backend.object.name, backend.port
    )
}

/// The cluster, which never exists, of a share that goes nowhere. It is answered 500.
pub(super) fn nowhere(why: RefusalKind) -> String {
    format!("refused/{}", answers::reason(why).text())
}
