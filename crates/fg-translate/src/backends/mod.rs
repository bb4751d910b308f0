//! Backends of the IR: from a Service or a kgateway `Backend` that a rule refers to.

mod endpoints;
mod fixed;
#[cfg(test)]
mod tests;

pub(crate) use endpoints::{SERVICE_NAME, endpoints};
pub use fixed::BackendView;
pub(crate) use fixed::judge;

use fg_api::Object;
use fg_api::core::{ServicePort, ServiceSpec};
use fg_ir::{Backend, BackendKey, BackendKind, BackendProtocol, BackendTls, StaticHost};
use fg_model::kinds;

use crate::lookup::Lookup;

/// What an `appProtocol` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spoken {
    /// What is spoken.
    pub(crate) protocol: BackendProtocol,
    /// Whether it is spoken over TLS, whose rules a `BackendTLSPolicy` must tell.
    pub(crate) tls: bool,
}

/// Reads an `appProtocol`; `None` when it cannot be spoken. WebSocket is HTTP/1.1 with an upgrade.
/// Source: GEP-1911; names of IANA services are compared without case (RFC 6335 §5.1).
pub(crate) fn spoken(protocol: &str) -> Option<Spoken> {
    let (protocol, tls) = match &*protocol.to_ascii_lowercase() {
        "" | "http" | "tcp" => (BackendProtocol::Auto, false),
        "https" => (BackendProtocol::Auto, true),
        "ws" | "kubernetes.io/ws" => (BackendProtocol::Http1, false),
        "wss" | "kubernetes.io/wss" => (BackendProtocol::Http1, true),
        "http2" | "h2c" | "grpc" | "kubernetes.io/h2c" => (BackendProtocol::Http2, false),
        _ => return None,
    };
    Some(Spoken { protocol, tls })
}

/// The number of the TCP port of a Service with that name.
pub(crate) fn tcp_port_named(service: &ServiceSpec, name: &str) -> Option<u16> {
    let named = service
        .ports
        .iter()
        .find(|port| port.name.as_deref() == Some(name))?;
    tcp_port(service, named.port).map(|(_, port)| port.port)
}

/// The TCP port of a Service with that number, and its index.
pub(crate) fn tcp_port(service: &ServiceSpec, number: u16) -> Option<(usize, &ServicePort)> {
    let tcp = |port: &ServicePort| {
        port.protocol
            .as_deref()
            .is_none_or(|protocol| protocol == "TCP")
    };
    service
        .ports
        .iter()
        .enumerate()
        .find(|(_, port)| port.port == number && tcp(port))
}

/// The backend behind a key that some rule refers to; `None` when it cannot be one (any more).
/// `tls` says how a Service's port of that name is called over TLS.
pub(crate) fn backend(
    key: &BackendKey,
    lookup: &dyn Lookup,
    tls: impl FnOnce(Option<&str>) -> BackendTls,
) -> Option<Backend> {
    let (namespace, name) = (&key.object.namespace, &key.object.name);
    if key.object.is(kinds::SERVICE) {
        let service = lookup.service(namespace, name)?;
        return Some(from_service(key, &service, tls));
    }
    let backend = lookup.backend(namespace, name)?;
    Some(Backend {
        key: key.clone(),
        origin: backend.origin.clone(),
        protocol: backend.protocol,
        tls: BackendTls::Off,
        kind: BackendKind::Static(backend.hosts.clone()),
    })
}

fn from_service(
    key: &BackendKey,
    service: &Object<ServiceSpec>,
    tls: impl FnOnce(Option<&str>) -> BackendTls,
) -> Backend {
    let port = tcp_port(&service.spec, key.port);
    let spoken =
        port.and_then(|(_, port)| spoken(port.app_protocol.as_deref().unwrap_or_default()));
    let at = port.map(|(at, _)| at);
    let external = (service.spec.kind.as_deref() == Some("ExternalName"))
        .then(|| service.spec.external_name.clone())
        .flatten();
    Backend {
        key: key.clone(),
        origin: match at {
            Some(at) => service.origin().at(format!("spec.ports[{at}]")),
            None => service.origin(),
        },
        protocol: spoken.map_or(BackendProtocol::Auto, |spoken| spoken.protocol),
        tls: tls(port.and_then(|(_, port)| port.name.as_deref())),
        kind: match external {
            Some(host) => BackendKind::Static(vec![StaticHost {
                host,
                port: key.port,
            }]),
            None => BackendKind::Endpoints,
        },
    }
}
