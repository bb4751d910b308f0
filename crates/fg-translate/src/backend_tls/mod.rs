//! `BackendTLSPolicy`: how the ports of a Service are called over TLS.
//!
//! A policy that cannot be used closes what it is for: nothing is ever sent in clear text, or
//! unchecked, where somebody asked for TLS. Of several policies for one target the oldest holds,
//! whether it can be used or not; one for a port goes before one for the whole Service.
//! Source: Gateway API `BackendTLSPolicy`, GEP-1897.

#[cfg(test)]
mod tests;

use fg_api::Object;
use fg_api::backend_tls_policy::{BackendTlsPolicySpec, BackendTlsValidation, PolicyTarget};
use fg_api::core::ServiceSpec;
use fg_base::Text;
use fg_ir::{
    BackendTls, CredentialKey, Refusal, RefusalKind, SubjectAltName, TlsOrigination, Trust,
};
use fg_model::{Finding, FindingKind, HostPattern, kinds};

use crate::absent::{ADD, absent, listed};
use crate::credentials::{self, Named, Site};
use crate::lookup::Lookup;
use crate::notes::Notes;

/// A policy as backends see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PolicyView {
    /// The targets that it holds for.
    pub(crate) targets: Vec<Target>,
    /// What holds for them; never [`BackendTls::Off`].
    pub(crate) tls: BackendTls,
}

/// A Service of the policy's namespace, or one port of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    /// Name of the Service.
    pub(crate) service: Text,
    /// Name of the port; `None` means all.
    pub(crate) section: Option<Text>,
}

impl Target {
    /// The target that is written, when it is a Service.
    pub(crate) fn read(written: &PolicyTarget) -> Option<Self> {
        ((&*written.group, &*written.kind) == kinds::SERVICE).then(|| Self {
            service: written.name.clone(),
            section: written.section_name.clone(),
        })
    }

    /// Whether it covers a port of its Service.
    pub(crate) fn covers(&self, port: Option<&str>) -> bool {
        self.section.is_none() || self.section.as_deref() == port
    }
}

/// The Services that a policy is for, whether it holds or not.
pub(crate) fn targets(policy: &Object<BackendTlsPolicySpec>) -> impl Iterator<Item = Target> {
    policy.spec.target_refs.iter().filter_map(Target::read)
}

/// Judges a policy.
pub(crate) fn judge(
    policy: &Object<BackendTlsPolicySpec>,
    lookup: &dyn Lookup,
) -> (PolicyView, Vec<Finding>) {
    let mut notes = Notes::new(policy.origin());
    let targets = held(policy, lookup, &mut notes);
    if !policy.spec.options.is_empty() {
        notes.warning(
            "spec.options",
            FindingKind::UnsupportedValue,
            "options are not supported and have no effect",
        );
    }
    let origination = match policy.meta.is_stand_in {
        false => origination(policy, lookup, &mut notes),
        true => Err(FindingKind::SchemaViolation),
    };
    let tls = match origination {
        Ok(origination) => BackendTls::Verify(origination),
        Err(kind) => BackendTls::Broken(Refusal {
            kind: RefusalKind::InvalidBackend,
            finding: Some(kind),
            text: format!(
                "the BackendTLSPolicy `{}` cannot be used, and without it nothing is sent there",
                policy.id.name
            )
            .into(),
        }),
    };
    notes.findings.sort();
    if policy.meta.is_stand_in {
        notes.findings.clear();
    }
    (PolicyView { targets, tls }, notes.findings)
}

/// Why a target is not the policy's: the field below the reference, kind, text, hint.
struct Problem(&'static str, FindingKind, String, Option<String>);

/// The targets that a policy holds for. Those that it does not are warned of; if there are no
/// others, that is what is wrong with the policy.
fn held(
    policy: &Object<BackendTlsPolicySpec>,
    lookup: &dyn Lookup,
    notes: &mut Notes,
) -> Vec<Target> {
    let mut held = Vec::new();
    let mut problems = Vec::new();
    for (at, written) in policy.spec.target_refs.iter().enumerate() {
        match target(policy, written, lookup) {
            Ok(target) if held.contains(&target) => {}
            Ok(target) => held.push(target),
            Err(problem) => problems.push((at, problem)),
        }
    }
    for (at, Problem(field, kind, text, hint)) in problems {
        let path = format!("spec.targetRefs[{at}]{field}");
        let note = match held.is_empty() {
            true => notes.error(&path, kind, text),
            false => notes.warning(&path, kind, text),
        };
        note.hint_if(hint);
    }
    held
}

fn target(
    policy: &Object<BackendTlsPolicySpec>,
    written: &PolicyTarget,
    lookup: &dyn Lookup,
) -> Result<Target, Problem> {
    let Some(target) = Target::read(written) else {
        return Err(Problem(
            ".kind",
            FindingKind::InvalidPolicy,
            format!(
                "policies for objects of kind {} are not supported",
                written.kind
            ),
            Some("name a Service: group \"\", kind Service".to_owned()),
        ));
    };
    let (namespace, name) = (&policy.id.namespace, &target.service);
    let Some(service) = lookup.service(namespace, name) else {
        let names = lookup.service_names(namespace);
        let (text, hint) = absent(kinds::SERVICE, namespace, name, &names, lookup);
        let hint = hint.or_else(|| listed(&names));
        let hint = hint.or_else(|| Some(ADD.to_owned()));
        return Err(Problem(".name", FindingKind::TargetNotFound, text, hint));
    };
    if let Some(section) = &target.section
        && !has_port(&service.spec, section)
    {
        let named = service.spec.ports.iter();
        let names: Vec<&str> = named.filter_map(|port| port.name.as_deref()).collect();
        return Err(Problem(
            ".sectionName",
            FindingKind::TargetNotFound,
            format!("the Service `{name}` has no port of name `{section}`"),
            Some(match names.as_slice() {
                [] => "its ports have no names".to_owned(),
                names => format!("it has {}", names.join(", ")),
            }),
        ));
    }
    let age = policy.age();
    let older = lookup
        .policies(namespace, name)
        .into_iter()
        .filter(|other| other.id != policy.id && other.age() < age)
        .find(|other| targets(other).any(|other| other == target));
    match older {
        Some(older) => Err(Problem(
            "",
            FindingKind::PolicyConflict,
            match older.age().created < age.created {
                true => format!(
                    "the older BackendTLSPolicy `{}` is for the same",
                    older.id.name
                ),
                false => format!(
                    "the BackendTLSPolicy `{}`, which goes first by name, is for the same",
                    older.id.name
                ),
            },
            Some("remove one of them, or give them different `sectionName`s".to_owned()),
        )),
        None => Ok(target),
    }
}

fn has_port(service: &ServiceSpec, name: &str) -> bool {
    service
        .ports
        .iter()
        .any(|port| port.name.as_deref() == Some(name))
}

/// What is asked of the backends' certificates; the kind of finding when that cannot be asked.
fn origination(
    policy: &Object<BackendTlsPolicySpec>,
    lookup: &dyn Lookup,
    notes: &mut Notes,
) -> Result<TlsOrigination, FindingKind> {
    let validation = &policy.spec.validation;
    let trust = trust(policy, lookup, notes);
    let hostname = hostname(validation, notes);
    let names = names(validation, notes);
    Ok(TlsOrigination {
        origin: policy.origin(),
        hostname: hostname?,
        names: names?,
        trust: trust?,
    })
}

fn hostname(validation: &BackendTlsValidation, notes: &mut Notes) -> Result<Text, FindingKind> {
    match HostPattern::parse(Some(&validation.hostname)) {
        Ok(HostPattern::Exact(name)) => Ok(name),
        _ => {
            let kind = FindingKind::InvalidPolicy;
            notes.error(
                "spec.validation.hostname",
                kind,
                format!("`{}` is no DNS name", validation.hostname),
            );
            Err(kind)
        }
    }
}

fn names(
    validation: &BackendTlsValidation,
    notes: &mut Notes,
) -> Result<Vec<SubjectAltName>, FindingKind> {
    let mut found = Vec::new();
    for (at, written) in validation.subject_alt_names.iter().enumerate() {
        let name = match (&*written.kind, &written.hostname, &written.uri) {
            ("Hostname", Some(name), None) => match HostPattern::parse(Some(name)) {
                Ok(HostPattern::Exact(_) | HostPattern::Wildcard(_)) => {
                    Some(SubjectAltName::Dns(name.to_ascii_lowercase().into()))
                }
                _ => None,
            },
            ("URI", None, Some(uri)) if !uri.is_empty() => Some(SubjectAltName::Uri(uri.clone())),
            _ => None,
        };
        let Some(name) = name else {
            let kind = FindingKind::InvalidPolicy;
            notes
                .error(
                    &format!("spec.validation.subjectAltNames[{at}]"),
                    kind,
                    "it is no name of a certificate",
                )
                .hint("write `type: Hostname` with `hostname`, or `type: URI` with `uri`");
            return Err(kind);
        };
        if !found.contains(&name) {
            found.push(name);
        }
    }
    Ok(found)
}

fn trust(
    policy: &Object<BackendTlsPolicySpec>,
    lookup: &dyn Lookup,
    notes: &mut Notes,
) -> Result<Trust, FindingKind> {
    let validation = &policy.spec.validation;
    let references = &validation.ca_certificate_refs;
    match validation.well_known.as_deref().unwrap_or_default() {
        "System" if references.is_empty() => return Ok(Trust::System),
        "" if !references.is_empty() => {}
        known => {
            let kind = FindingKind::InvalidPolicy;
            let (path, text) = match (known, references.is_empty()) {
                ("", _) => ("", "it names no certificate authorities".to_owned()),
                (_, true) => (
                    ".wellKnownCACertificates",
                    format!("there are no certificate authorities of the name `{known}`"),
                ),
                (_, false) => (
                    ".wellKnownCACertificates",
                    "it does not go together with `caCertificateRefs`".to_owned(),
                ),
            };
            notes
                .error(&format!("spec.validation{path}"), kind, text)
                .hint("set `wellKnownCACertificates: System`, or name a ConfigMap in `caCertificateRefs`");
            return Err(kind);
        }
    }
    let path = "spec.validation.caCertificateRefs";
    let site = Site {
        from: kinds::BACKEND_TLS_POLICY,
        namespace: &policy.id.namespace,
        lookup,
    };
    let mut keys: Vec<CredentialKey> = Vec::new();
    let mut is_any_good = false;
    for (at, reference) in references.iter().enumerate() {
        let path = format!("{path}[{at}]");
        let named = Named {
            group: &reference.group,
            kind: &reference.kind,
            namespace: None,
            name: &reference.name,
        };
        let found = credentials::authorities(site, named);
        if let Some((key, usable)) = found.usable {
            let what = format!(
                "the certificate authority in {} `{}`",
                reference.kind, reference.name
            );
            credentials::warn_of_time(&usable.facts, &what, &path, lookup, notes);
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        is_any_good |= found.failure.is_none();
        if let Some(failure) = found.failure {
            let broken = FindingKind::InvalidCaCertificateRef;
            notes
                .error(
                    &path,
                    failure.finding(FindingKind::InvalidKind, broken),
                    failure.text,
                )
                .hint_if(failure.hint);
        }
    }
    if !is_any_good {
        // What is written is not accepted, whatever is in force: the condition of the Gateway API says that.
        let kind = FindingKind::NoValidCaCertificate;
        let text = match keys.is_empty() {
            true => {
                "no certificate authority can be used, so that no backend could be checked: requests are answered 500"
            }
            false => {
                "no certificate authority that is written can be used: backends are checked by the last good ones"
            }
        };
        notes.error(path, kind, text);
        if keys.is_empty() {
            return Err(kind);
        }
    }
    Ok(Trust::Authorities(keys))
}

/// What holds for a port of a Service, of the policies that are for it.
pub(crate) fn choose<'a>(
    views: impl Iterator<Item = &'a PolicyView> + Clone,
    service: &str,
    port: Option<&str>,
) -> BackendTls {
    let find = |section: Option<&str>| {
        let holds =
            |target: &Target| &*target.service == service && target.section.as_deref() == section;
        views.clone().find(|view| view.targets.iter().any(holds))
    };
    port.and_then(|port| find(Some(port)))
        .or_else(|| find(None))
        .map_or(BackendTls::Off, |view| view.tls.clone())
}
