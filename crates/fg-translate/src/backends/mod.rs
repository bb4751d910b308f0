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

/// Whether a backend of this `appProtocol` can be spoken to. WebSocket is HTTP/1.1 with an
/// upgrade. Source: GEP-1911.
pub(crate) fn speaks(protocol: &str) -> bool {
    matches!(protocol, "" | "http" | "tcp" | "kubernetes.io/ws")
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
pub(crate) fn backend(key: &BackendKey, lookup: &dyn Lookup) -> Option<Backend> {
    let (namespace, name) = (&key.object.namespace, &key.object.name);
    if key.object.is(kinds::SERVICE) {
        let service = lookup.service(namespace, name)?;
        return Some(from_service(key, &service));
    }
    let backend = lookup.backend(namespace, name)?;
    Some(Backend {
        key: key.clone(),
        origin: backend.origin.clone(),
        protocol: BackendProtocol::Auto,
        tls: BackendTls::Off,
        kind: BackendKind::Static(backend.hosts.clone()),
    })
}

fn from_service(key: &BackendKey, service: &Object<ServiceSpec>) -> Backend {
    let at = tcp_port(&service.spec, key.port).map(|(at, _)| at);
    let external = (service.spec.kind.as_deref() == Some("ExternalName"))
        .then(|| service.spec.external_name.clone())
        .flatten();
    Backend {
        key: key.clone(),
        origin: match at {
            Some(at) => service.origin().at(format!("spec.ports[{at}]")),
            None => service.origin(),
        },
        protocol: BackendProtocol::Auto,
        tls: BackendTls::Off,
        kind: match external {
            Some(host) => BackendKind::Static(vec![StaticHost {
                host,
                port: key.port,
            }]),
            None => BackendKind::Endpoints,
        },
    }
}
