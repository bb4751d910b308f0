//! `EndpointSlice`s of a Service to the addresses behind one of its ports.

use std::net::{IpAddr, SocketAddr};

use fg_api::Object;
use fg_api::core::{EndpointConditions, EndpointSlice, ServicePort};
use fg_ir::{BackendKey, Endpoints};
use fg_model::{Finding, FindingKind};

use super::tcp_port;
use crate::lookup::Lookup;
use crate::notes::Notes;

/// The label by which slices name their Service.
pub(crate) const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// The endpoints behind one port of a Service, with what was found about the Service and its
/// slices; `None` when the key has none (no Service, or an external name).
pub(crate) fn endpoints(
    key: &BackendKey,
    lookup: &dyn Lookup,
) -> Option<(Endpoints, Vec<Finding>)> {
    let (namespace, name) = (&key.object.namespace, &key.object.name);
    let service = lookup.service(namespace, name)?;
    if service.spec.kind.as_deref() == Some("ExternalName") {
        return None;
    }
    let mut notes = Notes::new(service.origin());
    let port = tcp_port(&service.spec, key.port);
    let slices = lookup.slices(namespace, name);
    let mut found = Found::default();
    if let Some((_, port)) = port {
        for slice in &slices {
            found.slice(slice, port, &mut notes.findings);
        }
    }
    let mut addresses = if found.ready.is_empty() {
        found.draining
    } else {
        found.ready
    };
    addresses.sort();
    addresses.dedup();
    if addresses.is_empty() {
        let path = port.map_or_else(
            || "spec.ports".to_owned(),
            |(at, _)| format!("spec.ports[{at}]"),
        );
        let named = port.and_then(|(_, port)| port.name.as_deref());
        let (text, hint) = nothing(key, named, slices.len(), found.fitting);
        notes
            .warning(
                &path,
                FindingKind::NoEndpoints,
                format!("{text}: requests are answered 503"),
            )
            .hint(hint);
    }
    notes.findings.sort();
    let endpoints = Endpoints {
        key: key.clone(),
        addresses,
    };
    Some((endpoints, notes.findings))
}

/// Why there are no endpoints, and what to do.
fn nothing(
    key: &BackendKey,
    port: Option<&str>,
    slices: usize,
    fitting: usize,
) -> (String, String) {
    if slices == 0 {
        return (
            "no EndpointSlice belongs to this Service".to_owned(),
            format!(
                "add an EndpointSlice in namespace `{}` with the label {SERVICE_NAME}: {}",
                key.object.namespace, key.object.name
            ),
        );
    }
    if fitting == 0 {
        let hint = match port {
            Some(port) => format!("name a port of the slice `{port}`, as in the Service"),
            None => "write a port without a name into the slice, as in the Service".to_owned(),
        };
        return (
            format!("no EndpointSlice of this Service has its port {}", key.port),
            hint,
        );
    }
    (
        "none of its endpoints is ready".to_owned(),
        "set `conditions.ready` of an endpoint, or wait for its pods".to_owned(),
    )
}

#[derive(Default)]
struct Found {
    /// Ready for requests.
    ready: Vec<SocketAddr>,
    /// Terminating, but still serving: for when nothing is ready.
    draining: Vec<SocketAddr>,
    /// Slices that have the port.
    fitting: usize,
}

impl Found {
    fn slice(
        &mut self,
        slice: &Object<EndpointSlice>,
        port: &ServicePort,
        findings: &mut Vec<Finding>,
    ) {
        let mut notes = Notes::new(slice.origin());
        let kind = &*slice.spec.address_type;
        if !matches!(kind, "IPv4" | "IPv6") {
            notes
                .warning(
                    "addressType",
                    FindingKind::UnsupportedValue,
                    format!("slices with addresses of type `{kind}` are not supported"),
                )
                .hint("use a Backend of gateway.kgateway.dev with `static` hosts for DNS names");
            findings.append(&mut notes.findings);
            return;
        }
        let Some(number) = number(&slice.spec, port) else {
            return;
        };
        self.fitting += 1;
        for (at, endpoint) in slice.spec.endpoints.iter().enumerate() {
            let Some(address) = endpoint.addresses.first() else {
                continue;
            };
            let Some(address) = address
                .parse::<IpAddr>()
                .ok()
                .filter(|ip| ip.is_ipv4() == (kind == "IPv4"))
            else {
                notes.warning(
                    &format!("endpoints[{at}].addresses[0]"),
                    FindingKind::UnsupportedValue,
                    format!("`{address}` is no {kind} address; it is left out"),
                );
                continue;
            };
            let address = SocketAddr::new(address, number);
            match state(endpoint.conditions.as_ref()) {
                State::Ready => self.ready.push(address),
                State::Draining => self.draining.push(address),
                State::Down => {}
            }
        }
        findings.append(&mut notes.findings);
    }
}

/// The slice's number for a port of the Service: by name, where absent and empty are one.
fn number(slice: &EndpointSlice, port: &ServicePort) -> Option<u16> {
    let wanted = port.name.as_deref().unwrap_or_default();
    slice
        .ports
        .iter()
        .filter(|found| {
            found
                .protocol
                .as_deref()
                .is_none_or(|protocol| protocol == "TCP")
        })
        .find(|found| found.name.as_deref().unwrap_or_default() == wanted)
        .and_then(|found| found.port)
}

enum State {
    Ready,
    Draining,
    Down,
}

/// Source: EndpointSlice `conditions`; absent `ready` means ready, absent `serving` means as ready.
fn state(conditions: Option<&EndpointConditions>) -> State {
    let Some(conditions) = conditions else {
        return State::Ready;
    };
    let ready = conditions.ready.unwrap_or(true);
    if ready {
        State::Ready
    } else if conditions.serving.unwrap_or(ready) && conditions.terminating.unwrap_or(false) {
        State::Draining
    } else {
        State::Down
    }
}
