//! `backendRefs` of a rule: what each share of the requests goes to.
//!
//! A reference that cannot be used keeps its share and answers 500: weights are never spread over
//! the others. A missing grant outranks a missing object, so that a namespace cannot be probed.

use fg_api::Object;
use fg_api::core::ServicePort;
use fg_api::http_route::{HttpBackendRef, HttpRouteSpec};
use fg_base::Text;
use fg_ir::{BackendKey, Refusal, RefusalKind, RuleBackend, Target};
use fg_model::{FindingKind, kinds};

use super::filters;
use crate::backends::{speaks, tcp_port};
use crate::grants::Reference;
use crate::lookup::Lookup;
use crate::notes::Notes;
use crate::options::Options;
use fg_api::schema::nearest;

/// Why a reference cannot be used: the field below the reference, kind, text, hint.
struct Problem(&'static str, FindingKind, String, Option<String>);

/// Translates the references of a rule, in their order.
pub(super) fn backends(
    route: &Object<HttpRouteSpec>,
    written: &[HttpBackendRef],
    rule: &str,
    options: &Options,
    lookup: &dyn Lookup,
    notes: &mut Notes,
) -> Vec<RuleBackend> {
    written
        .iter()
        .enumerate()
        .map(|(at, reference)| {
            let path = format!("{rule}.backendRefs[{at}]");
            let filters = filters::translate(
                &reference.filters,
                filters::Place::Backend,
                &format!("{path}.filters"),
                notes,
            );
            if reference.port.is_some() && reference.kind.as_deref() == Some(kinds::BACKEND.1) {
                notes.warning(
                    &format!("{path}.port"),
                    FindingKind::UnsupportedValue,
                    "the ports of a Backend are its own; this one has no effect",
                );
            }
            let target = match target(route, reference, options, lookup) {
                Err(Problem(field, kind, text, hint)) => {
                    notes
                        .error(&format!("{path}{field}"), kind, text.clone())
                        .hint_if(hint);
                    Target::Broken(Refusal {
                        kind: RefusalKind::InvalidBackend,
                        finding: Some(kind),
                        text: text.into(),
                    })
                }
                Ok(key) => match filters.refusal {
                    Some(refusal) => Target::Broken(refusal),
                    None => Target::Backend(key),
                },
            };
            RuleBackend {
                origin: route.origin().at(path),
                weight: reference.weight.unwrap_or(1),
                target,
                policies: filters.set,
            }
        })
        .collect()
}

fn target(
    route: &Object<HttpRouteSpec>,
    reference: &HttpBackendRef,
    options: &Options,
    lookup: &dyn Lookup,
) -> Result<BackendKey, Problem> {
    let group = reference.group.as_deref().unwrap_or("");
    let kind = reference.kind.as_deref().unwrap_or(kinds::SERVICE.1);
    let to = match (group, kind) {
        kinds::SERVICE => kinds::SERVICE,
        kinds::BACKEND => kinds::BACKEND,
        _ => {
            let named = if group.is_empty() {
                kind.to_owned()
            } else {
                format!("{kind}.{group}")
            };
            return Err(Problem(
                ".kind",
                FindingKind::InvalidKind,
                format!("objects of kind {named} cannot be backends"),
                Some("use a Service, or a Backend of gateway.kgateway.dev".to_owned()),
            ));
        }
    };
    let namespace = reference.namespace.as_ref().unwrap_or(&route.id.namespace);
    let crossing = Reference {
        from: kinds::HTTP_ROUTE,
        namespace: &route.id.namespace,
        to,
        target: namespace,
        name: &reference.name,
    };
    if !crossing.permitted(lookup) {
        let (text, hint) = crossing.words();
        return Err(Problem("", FindingKind::RefNotPermitted, text, Some(hint)));
    }
    if to == kinds::SERVICE {
        service(namespace, reference, options, lookup)
    } else {
        backend(namespace, reference, lookup)
    }
}

/// A port of a Service that can be used.
fn service(
    namespace: &Text,
    reference: &HttpBackendRef,
    options: &Options,
    lookup: &dyn Lookup,
) -> Result<BackendKey, Problem> {
    let name = &reference.name;
    let Some(service) = lookup.service(namespace, name) else {
        let names = lookup.service_names(namespace);
        return Err(Problem(
            ".name",
            FindingKind::BackendNotFound,
            format!("there is no Service `{name}` in namespace `{namespace}`"),
            nearest(name, names.iter().map(|name| &**name))
                .map(|name| format!("did you mean `{name}`?")),
        ));
    };
    let Some(port) = reference.port else {
        return Err(Problem(
            ".port",
            FindingKind::BackendNotFound,
            format!(
                "a reference to a Service needs its `port`; `{name}` has {}",
                ports(&service.spec.ports)
            ),
            None,
        ));
    };
    let key = |port| BackendKey {
        object: service.id.clone(),
        port,
    };
    if service.spec.kind.as_deref() == Some("ExternalName") {
        if !options.allow_external_name {
            return Err(Problem(
                "",
                FindingKind::InvalidKind,
                format!("the Service `{name}` is of type ExternalName, which is refused (CVE-2021-25740)"),
                Some("use a Backend of gateway.kgateway.dev with `static` hosts, or start with `--allow-external-name`".to_owned()),
            ));
        }
        return Ok(key(port));
    }
    let Some((_, found)) = tcp_port(&service.spec, port) else {
        let other = service.spec.ports.iter().find(|found| found.port == port);
        return Err(match other {
            Some(other) => Problem(
                ".port",
                FindingKind::UnsupportedBackendProtocol,
                format!(
                    "port {port} of Service `{name}` is {}, not TCP",
                    other.protocol.as_deref().unwrap_or_default()
                ),
                None,
            ),
            None => Problem(
                ".port",
                FindingKind::BackendNotFound,
                format!("the Service `{name}` has no port {port}"),
                Some(format!("it has {}", ports(&service.spec.ports))),
            ),
        });
    };
    match &found.app_protocol {
        Some(protocol) if !speaks(protocol) => Err(Problem(
            ".port",
            FindingKind::UnsupportedBackendProtocol,
            format!(
                "port {port} of Service `{name}` speaks `{protocol}`, which is not supported yet"
            ),
            None,
        )),
        _ => Ok(key(port)),
    }
}

/// `port 80 (http), port 9090`.
fn ports(ports: &[ServicePort]) -> String {
    if ports.is_empty() {
        return "no ports".to_owned();
    }
    let words: Vec<String> = ports
        .iter()
        .map(|port| match &port.name {
            Some(name) => format!("port {} ({name})", port.port),
            None => format!("port {}", port.port),
        })
        .collect();
    words.join(", ")
}

/// A kgateway `Backend` that can be used.
fn backend(
    namespace: &Text,
    reference: &HttpBackendRef,
    lookup: &dyn Lookup,
) -> Result<BackendKey, Problem> {
    let name = &reference.name;
    let Some(backend) = lookup.backend(namespace, name) else {
        return Err(Problem(
            ".name",
            FindingKind::BackendNotFound,
            format!("there is no Backend `{name}` in namespace `{namespace}`"),
            None,
        ));
    };
    match &backend.problem {
        None => Ok(BackendKey {
            object: backend.origin.object.clone(),
            port: 0,
        }),
        Some((kind, text)) => Err(Problem(
            "",
            *kind,
            format!("the Backend `{name}` cannot be used: {text}"),
            None,
        )),
    }
}
