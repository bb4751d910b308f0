//! `listeners[].tls` and `spec.tls`: certificates, what is asked of clients, and what backends are
//! shown.
//!
//! A listener serves with those of its certificates that can be used, or last could be; without
//! any, it does not serve. What is asked of clients never falls away: a listener none of whose authorities can be
//! used does not serve either.

#[cfg(test)]
mod tests;

use fg_api::Object;
use fg_api::gateway::{FrontendTlsValidation, GatewaySpec, Listener, SecretReference};
use fg_base::Text;
use fg_ir::{ClientValidation, CredentialKey, ListenerTls};
use fg_model::{FindingKind, HostPattern, kinds};

use super::listeners::Owner;
use crate::credentials::{self, Named, Site};
use crate::lookup::Lookup;
use crate::notes::Notes;

/// What was found about the TLS of a listener.
#[derive(Default)]
pub(super) struct Terminated {
    /// How TLS ends there; `None` when it cannot.
    pub(super) tls: Option<ListenerTls>,
    /// The names of its certificates.
    pub(super) names: Vec<Text>,
}

fn site<'a>(gateway: &'a Object<GatewaySpec>, lookup: &'a dyn Lookup) -> Site<'a> {
    Site {
        from: kinds::GATEWAY,
        namespace: &gateway.id.namespace,
        lookup,
    }
}

/// Who refers to certificates in a listener.
fn site_of<'a>(owner: Owner<'a>, lookup: &'a dyn Lookup) -> Site<'a> {
    let object = &owner.origin.object;
    Site {
        from: (&object.group, &object.kind),
        namespace: &object.namespace,
        lookup,
    }
}

fn named(reference: &SecretReference) -> Named<'_> {
    Named {
        group: reference.group.as_deref().unwrap_or(kinds::SECRET.0),
        kind: reference.kind.as_deref().unwrap_or(kinds::SECRET.1),
        namespace: reference.namespace.as_ref(),
        name: &reference.name,
    }
}

/// The TLS of an HTTPS listener.
pub(super) fn terminate(
    owner: Owner<'_>,
    listener: &Listener,
    hostname: Option<&HostPattern>,
    path: &str,
    lookup: &dyn Lookup,
    notes: &mut Notes,
) -> Terminated {
    let tls = listener.tls.as_ref();
    let path = format!("{path}.tls");
    let mut terminates = true;
    if let Some(mode) = tls.and_then(|tls| tls.mode.as_deref())
        && !matches!(mode, "" | "Terminate")
    {
        notes
            .error(
                &format!("{path}.mode"),
                FindingKind::UnsupportedValue,
                format!("an HTTPS listener cannot have the mode `{mode}`"),
            )
            .hint("set it to `Terminate`");
        terminates = false;
    }
    if tls.is_some_and(|tls| !tls.options.is_empty()) {
        notes.warning(
            &format!("{path}.options"),
            FindingKind::UnsupportedValue,
            "options are not supported and have no effect",
        );
    }
    let references = tls.map_or(&[][..], |tls| &tls.certificate_refs);
    let path = format!("{path}.certificateRefs");
    let site = site_of(owner, lookup);
    let (certificates, names) = certificates(site, references, hostname, &path, notes);
    let client = clients(owner, listener.port, &path, lookup, notes);
    let tls = match client {
        Ok(client) if terminates && !certificates.is_empty() => Some(ListenerTls {
            certificates,
            client,
        }),
        _ => None,
    };
    Terminated { tls, names }
}

/// The certificates that can be used, each once, and the names that they are for.
fn certificates(
    site: Site<'_>,
    references: &[SecretReference],
    hostname: Option<&HostPattern>,
    path: &str,
    notes: &mut Notes,
) -> (Vec<CredentialKey>, Vec<Text>) {
    if references.is_empty() {
        notes
            .error(
                path,
                FindingKind::InvalidCertificateRef,
                "an HTTPS listener needs a certificate",
            )
            .hint("name a Secret of type kubernetes.io/tls in `certificateRefs`");
    }
    let mut keys: Vec<CredentialKey> = Vec::new();
    let mut names: Vec<Text> = Vec::new();
    let mut covered = false;
    for (at, reference) in references.iter().enumerate() {
        let path = format!("{path}[{at}]");
        let found = credentials::key_pair(site, named(reference));
        if let Some((key, pair)) = found.usable {
            let what = format!("the certificate in Secret `{}`", reference.name);
            credentials::warn_of_time(&pair.facts, &what, &path, site.lookup, notes);
            covered |= match hostname {
                Some(HostPattern::Any) | None => true,
                Some(host) => pair.facts.covers(&host.to_string()),
            };
            for name in &pair.facts.names {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        if let Some(failure) = found.failure {
            let bad = FindingKind::InvalidCertificateRef;
            notes
                .error(&path, failure.finding(bad, bad), failure.text)
                .hint_if(failure.hint);
        }
    }
    if let Some(hostname) = hostname.filter(|_| !covered && !keys.is_empty()) {
        let words: Vec<&str> = names.iter().map(|name| &**name).collect();
        let text = format!("no certificate is for the listener's hostname `{hostname}`");
        let hint = match words.as_slice() {
            [] => "use certificates with DNS names (subject alternative names)".to_owned(),
            words => format!("they are for {}", words.join(", ")),
        };
        notes
            .warning(path, FindingKind::CertificateMismatch, text)
            .hint(hint);
    }
    (keys, names)
}

/// What holds for clients of a port, and where it is written: `perPort` replaces `default`.
fn validation(spec: &GatewaySpec, port: u16) -> Option<(&FrontendTlsValidation, String)> {
    let frontend = spec.tls.as_ref()?.frontend.as_ref()?;
    let own = frontend
        .per_port
        .iter()
        .enumerate()
        .find(|(_, entry)| entry.port == port);
    let (config, path) = match own {
        Some((at, entry)) => (
            &entry.tls,
            format!("spec.tls.frontend.perPort[{at}].tls.validation"),
        ),
        None => (
            &frontend.default,
            "spec.tls.frontend.default.validation".to_owned(),
        ),
    };
    Some((config.validation.as_ref()?, path))
}

/// What is asked of the clients of a port; `Err` when it cannot be asked.
///
/// About listeners of a set it is said at `listener`, a path of theirs: they know no field of the
/// Gateway.
fn clients(
    owner: Owner<'_>,
    port: u16,
    listener: &str,
    lookup: &dyn Lookup,
    notes: &mut Notes,
) -> Result<Option<ClientValidation>, ()> {
    let gateway = owner.gateway;
    let Some((validation, path)) = validation(&gateway.spec, port) else {
        return Ok(None);
    };
    let set = owner.is_set();
    let path = match set {
        true => listener.to_owned(),
        false => format!("{path}.caCertificateRefs"),
    };
    let mut authorities: Vec<CredentialKey> = Vec::new();
    for (at, reference) in validation.ca_certificate_refs.iter().enumerate() {
        let path = match set {
            true => path.clone(),
            false => format!("{path}[{at}]"),
        };
        let named = Named {
            group: &reference.group,
            kind: &reference.kind,
            namespace: reference.namespace.as_ref(),
            name: &reference.name,
        };
        let found = credentials::authorities(site(gateway, lookup), named);
        if let Some((key, usable)) = found.usable {
            let what = format!(
                "the certificate authority in {} `{}`",
                reference.kind, reference.name
            );
            credentials::warn_of_time(&usable.facts, &what, &path, lookup, notes);
            if !authorities.contains(&key) {
                authorities.push(key);
            }
        }
        if let Some(failure) = found.failure {
            let kind = failure.finding(
                FindingKind::InvalidCaCertificateKind,
                FindingKind::InvalidCaCertificateRef,
            );
            notes.error(&path, kind, failure.text).hint_if(failure.hint);
        }
    }
    if authorities.is_empty() {
        notes.error(
            &path,
            FindingKind::NoValidCaCertificate,
            "no certificate authority can be used, so that no client could be checked",
        );
        return Err(());
    }
    Ok(Some(ClientValidation {
        authorities,
        insecure_fallback: insecure(validation),
    }))
}

fn insecure(validation: &FrontendTlsValidation) -> bool {
    validation.mode.as_deref() == Some("AllowInsecureFallback")
}

/// Whether clients that fail the check are let in anywhere. Says so, and which ports are checked
/// in vain.
pub(super) fn frontend(spec: &GatewaySpec, notes: &mut Notes) -> bool {
    let Some(frontend) = spec.tls.as_ref().and_then(|tls| tls.frontend.as_ref()) else {
        return false;
    };
    let mut any = false;
    let default = (
        &frontend.default,
        "spec.tls.frontend.default.validation".to_owned(),
    );
    let ports = frontend.per_port.iter().enumerate().map(|(at, entry)| {
        let path = format!("spec.tls.frontend.perPort[{at}].tls.validation");
        (&entry.tls, path)
    });
    for (config, path) in std::iter::once(default).chain(ports) {
        if config.validation.as_ref().is_some_and(insecure) {
            any = true;
            notes
                .warning(
                    &format!("{path}.mode"),
                    FindingKind::InsecureFallback,
                    "clients without a valid certificate are let in",
                )
                .hint("set it to `AllowValidOnly` when all clients have one");
        }
    }
    for (at, entry) in frontend.per_port.iter().enumerate() {
        let used =
            |listener: &Listener| listener.port == entry.port && &*listener.protocol == "HTTPS";
        if !spec.listeners.iter().any(used) {
            notes.warning(
                &format!("spec.tls.frontend.perPort[{at}].port"),
                FindingKind::UnsupportedValue,
                format!(
                    "there is no HTTPS listener on port {}; this has no effect",
                    entry.port
                ),
            );
        }
    }
    any
}

/// What backends are shown that ask for a certificate.
pub(super) fn backend_certificate(
    gateway: &Object<GatewaySpec>,
    lookup: &dyn Lookup,
    notes: &mut Notes,
) -> Option<CredentialKey> {
    let backend = gateway.spec.tls.as_ref()?.backend.as_ref()?;
    let reference = backend.client_certificate_ref.as_ref()?;
    let path = "spec.tls.backend.clientCertificateRef";
    let found = credentials::key_pair(site(gateway, lookup), named(reference));
    if let Some(failure) = found.failure {
        let bad = FindingKind::InvalidClientCertificateRef;
        notes
            .error(path, failure.finding(bad, bad), failure.text)
            .hint_if(failure.hint);
    }
    let (key, pair) = found.usable?;
    let what = format!("the certificate in Secret `{}`", reference.name);
    credentials::warn_of_time(&pair.facts, &what, path, lookup, notes);
    Some(key)
}
