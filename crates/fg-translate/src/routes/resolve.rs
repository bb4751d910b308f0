//! References to backends, from `backendRefs` and from policies: what they name, if it can be used.

use fg_api::core::ServicePort;
use fg_api::http_route::BackendObjectReference;
use fg_api::schema::nearest;
use fg_base::Text;
use fg_ir::BackendKey;
use fg_model::{FindingKind, kinds};

use crate::absent::{ADD, absent, listed};
use crate::backend_tls;
use crate::backends::{spoken, tcp_port};
use crate::grants::Reference;
use crate::lookup::Lookup;
use crate::options::Options;

/// Resolves the references of one object.
#[derive(Clone, Copy)]
pub(crate) struct Resolver<'a> {
    /// Group and kind of the object.
    pub(crate) from: (&'a str, &'a str),
    /// Its namespace.
    pub(crate) namespace: &'a Text,
    /// What the user allowed.
    pub(crate) options: &'a Options,
    /// What may be read; each read is recorded.
    pub(crate) lookup: &'a dyn Lookup,
}

/// Why a reference cannot be used: the field below the reference, kind, text, hint.
pub(crate) struct Problem(
    pub(crate) &'static str,
    pub(crate) FindingKind,
    pub(crate) String,
    pub(crate) Option<String>,
);

impl Resolver<'_> {
    /// What a reference refers to, if it can be used. A missing grant outranks a missing object,
    /// so that a namespace cannot be probed.
    pub(crate) fn resolve(
        &self,
        reference: &BackendObjectReference,
    ) -> Result<BackendKey, Problem> {
        target(self, reference)
    }
}

fn target(
    resolver: &Resolver<'_>,
    reference: &BackendObjectReference,
) -> Result<BackendKey, Problem> {
    let Resolver {
        from,
        namespace: own,
        options,
        lookup,
    } = *resolver;
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
                Some(match nearest(kind, [kinds::SERVICE.1]) {
                    Some(meant) if group.is_empty() => format!("did you mean `{meant}`?"),
                    _ if kind == kinds::BACKEND.1 => format!("write `group: {}`", kinds::BACKEND.0),
                    _ => "use a Service, or a Backend of gateway.kgateway.dev".to_owned(),
                }),
            ));
        }
    };
    let namespace = reference.namespace.as_ref().unwrap_or(own);
    let crossing = Reference {
        from,
        namespace: own,
        to,
        target: namespace,
        name: &reference.name,
    };
    if !crossing.permitted(lookup) {
        let (text, hint) = crossing.words(lookup);
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
    reference: &BackendObjectReference,
    options: &Options,
    lookup: &dyn Lookup,
) -> Result<BackendKey, Problem> {
    let name = &reference.name;
    let Some(service) = lookup.service(namespace, name) else {
        // Those of other namespaces are not told: a grant may be for one alone.
        let is_own = reference.namespace.is_none();
        let names = is_own.then(|| lookup.service_names(namespace));
        let names = names.unwrap_or_default();
        let (text, hint) = absent(kinds::SERVICE, namespace, name, &names, lookup);
        let hint = hint.or_else(|| listed(&names));
        let hint = hint.or_else(|| Some(ADD.to_owned()));
        return Err(Problem(".name", FindingKind::BackendNotFound, text, hint));
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
    let protocol = found.app_protocol.as_deref().unwrap_or_default();
    match spoken(protocol) {
        None => Err(Problem(
            ".port",
            FindingKind::UnsupportedBackendProtocol,
            format!(
                "port {port} of Service `{name}` speaks `{protocol}`, which is not supported yet"
            ),
            None,
        )),
        // Without a policy nothing tells whose certificate to believe. Source: GEP-1911.
        Some(spoken)
            if spoken.tls && !has_policy(namespace, name, found.name.as_deref(), lookup) =>
        {
            Err(Problem(
                ".port",
                FindingKind::UnsupportedBackendProtocol,
                format!(
                    "port {port} of Service `{name}` speaks `{protocol}`, but no BackendTLSPolicy tells how to check its certificate"
                ),
                Some(format!(
                    "add a BackendTLSPolicy for the Service in namespace `{namespace}`"
                )),
            ))
        }
        Some(_) => Ok(key(port)),
    }
}

/// Whether a policy is for a port of a Service, be it good or broken.
fn has_policy(namespace: &Text, name: &Text, port: Option<&str>, lookup: &dyn Lookup) -> bool {
    let policies = lookup.policies(namespace, name);
    policies.iter().any(|policy| {
        backend_tls::targets(policy).any(|target| target.service == *name && target.covers(port))
    })
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
    reference: &BackendObjectReference,
    lookup: &dyn Lookup,
) -> Result<BackendKey, Problem> {
    let name = &reference.name;
    let Some(backend) = lookup.backend(namespace, name) else {
        let (text, hint) = absent(kinds::BACKEND, namespace, name, &[], lookup);
        let hint = hint.or_else(|| Some(ADD.to_owned()));
        return Err(Problem(".name", FindingKind::BackendNotFound, text, hint));
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

#[cfg(test)]
mod tests {
    use crate::testing::{BASE, action, findings, listeners, put, remove, route, rule, translated};

    const TO_WEB: &str = "backendRefs: [{name: web, port: 80}]";

    /// A rule to `web` that sends copies as these filters say.
    fn mirrored(filters: &str) -> String {
        format!(
            "{BASE}{}",
            route(
                "r",
                &format!("  rules:\n  - filters: {filters}\n    {TO_WEB}")
            )
        )
    }

    fn mirror(reference: &str) -> String {
        format!("{{type: RequestMirror, requestMirror: {{backendRef: {reference}}}}}")
    }

    const COPY: &str = "
---
apiVersion: v1
kind: Service
metadata: {name: copy}
spec: {ports: [{port: 90}]}
";

    /// Who gets copies.
    fn mirrors(world: &crate::Translator) -> Vec<String> {
        let policies = &rule(world, "r", 0).policies;
        let mirrors = policies.request_mirror.iter().flat_map(|ir| &ir.mirrors);
        mirrors.map(|mirror| mirror.backend.to_string()).collect()
    }

    #[test]
    fn what_policies_refer_to_is_a_backend_of_its_rule() {
        let mut world = translated(&format!(
            "{}{COPY}",
            mirrored(&format!("[{}]", mirror("{name: copy, port: 90}")))
        ));
        assert_eq!(
            findings(&world),
            ["Warning NoEndpoints Service default/copy spec.ports[0]"]
        );
        assert_eq!(mirrors(&world), ["Service default/copy:90"]);
        let backends = |world: &crate::Translator| -> Vec<String> {
            world
                .ir()
                .backends
                .keys()
                .map(ToString::to_string)
                .collect()
        };
        assert_eq!(
            backends(&world),
            ["Service default/copy:90", "Service default/web:80"]
        );
        put(&mut world, &mirrored("[]"));
        assert_eq!(backends(&world), ["Service default/web:80"]);
    }

    #[test]
    fn a_mirror_that_cannot_be_used_is_told_and_left_out_and_the_rule_serves() {
        let mut world = translated(&mirrored(&format!(
            "[{}, {}]",
            mirror("{name: copy, port: 90}"),
            mirror("{name: far, namespace: other, port: 90}")
        )));
        let at = "spec.rules[0].filters";
        assert_eq!(
            findings(&world),
            [
                format!(
                    "Error BackendNotFound HTTPRoute default/r {at}[0].requestMirror.backendRef.name"
                ),
                format!(
                    "Error RefNotPermitted HTTPRoute default/r {at}[1].requestMirror.backendRef"
                ),
            ]
        );
        assert_eq!(mirrors(&world), Vec::<String>::new());
        assert_eq!(action(&rule(&world, "r", 0)), "web:80=1");
        assert_eq!(listeners(&world, "gw"), ["http=1"]);
        // What was missing is read: once it is there, copies are made.
        put(&mut world, COPY);
        assert_eq!(mirrors(&world), ["Service default/copy:90"]);
        remove(&mut world, COPY);
        assert_eq!(mirrors(&world), Vec::<String>::new());
    }
}
