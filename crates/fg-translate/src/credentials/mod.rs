//! Certificates and keys: what Secrets and ConfigMaps hold, and who may refer to them.
//!
//! A missing grant outranks everything else, so that a namespace cannot be probed.

mod holder;
#[cfg(test)]
mod tests;

pub use holder::{Holder, Judged};

use std::sync::Arc;

use fg_base::Text;
use fg_ir::{Credential, CredentialKey, CredentialKind, Material};
use fg_model::{FindingKind, ObjectRef, kinds};
use fg_tls::credential::{Authorities, Facts, KeyPair};

use crate::absent::absent;
use crate::grants::Reference;
use crate::lookup::Lookup;
use crate::notes::Notes;

/// Who refers.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    /// Group and kind of the object that refers.
    pub(crate) from: (&'a str, &'a str),
    /// Its namespace.
    pub(crate) namespace: &'a Text,
    /// What may be read; each read is recorded.
    pub(crate) lookup: &'a dyn Lookup,
}

/// What is referred to.
#[derive(Clone, Copy)]
pub(crate) struct Named<'a> {
    /// API group.
    pub(crate) group: &'a str,
    /// Kind.
    pub(crate) kind: &'a str,
    /// Namespace; absent means that of the referrer.
    pub(crate) namespace: Option<&'a Text>,
    /// Name.
    pub(crate) name: &'a Text,
}

/// What a reference gives.
pub(crate) struct Found<T> {
    /// What serves, perhaps what last could be used.
    pub(crate) usable: Option<(CredentialKey, Arc<T>)>,
    /// Why what is written now cannot be used.
    pub(crate) failure: Option<Failure>,
}

/// Why a reference cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// In which way.
    pub(crate) kind: FailureKind,
    /// In words.
    pub(crate) text: String,
    /// What to do.
    pub(crate) hint: Option<String>,
}

/// The ways in which a reference cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// No grant.
    NotPermitted,
    /// Not a kind that holds such things.
    Kind,
    /// The object is missing, or what it holds cannot be used.
    Broken,
}

impl Failure {
    /// The finding about it: `kind` and `broken` for those two ways.
    pub(crate) fn finding(&self, kind: FindingKind, broken: FindingKind) -> FindingKind {
        match self.kind {
            FailureKind::NotPermitted => FindingKind::RefNotPermitted,
            FailureKind::Kind => kind,
            FailureKind::Broken => broken,
        }
    }
}

/// A certificate with its key, from a Secret.
pub(crate) fn key_pair(site: Site<'_>, named: Named<'_>) -> Found<KeyPair> {
    let holder = find(site, named, &[kinds::SECRET], "certificates are");
    found(holder, CredentialKind::KeyPair, Holder::key_pair, |pair| {
        format!(
            "certificate (serial number {}) serves on",
            pair.facts.serial
        )
    })
}

/// Certificate authorities, from a ConfigMap or Secret.
pub(crate) fn authorities(site: Site<'_>, named: Named<'_>) -> Found<Authorities> {
    let allowed = [kinds::CONFIG_MAP, kinds::SECRET];
    let holder = find(site, named, &allowed, "certificate authorities are");
    let kind = CredentialKind::Authorities;
    found(holder, kind, Holder::authorities, |_| {
        "authorities stay in force".to_owned()
    })
}

/// What an object gives. `serves` says what of it does.
fn found<T>(
    holder: Result<Arc<Holder>, Failure>,
    kind: CredentialKind,
    judged: impl Fn(&Holder) -> &Judged<T>,
    serves: impl Fn(&T) -> String,
) -> Found<T> {
    let holder = match holder {
        Ok(holder) => holder,
        Err(failure) => {
            return Found {
                usable: None,
                failure: Some(failure),
            };
        }
    };
    let object = &holder.origin().object;
    let Judged { usable, flaw } = judged(&holder);
    let failure = flaw.as_ref().map(|flaw| {
        let still = usable.as_ref().map(|usable| serves(usable));
        let still = still.map(|still| format!("; its last good {still}"));
        Failure {
            kind: FailureKind::Broken,
            text: format!(
                "the {} `{}`: {flaw}{}",
                object.kind,
                object.name,
                still.unwrap_or_default()
            ),
            hint: None,
        }
    });
    let usable = usable.clone().map(|usable| {
        let object = object.clone();
        (CredentialKey { object, kind }, usable)
    });
    Found { usable, failure }
}

/// The object, if it is one of these kinds and there, and may be referred to.
fn find(
    site: Site<'_>,
    named: Named<'_>,
    allowed: &[(&str, &str)],
    what: &str,
) -> Result<Arc<Holder>, Failure> {
    let Named {
        group, kind, name, ..
    } = named;
    let namespace = named.namespace.unwrap_or(site.namespace);
    let crossing = Reference {
        from: site.from,
        namespace: site.namespace,
        to: (group, kind),
        target: namespace,
        name,
    };
    if !crossing.permitted(site.lookup) {
        let (text, hint) = crossing.words(site.lookup);
        return Err(Failure {
            kind: FailureKind::NotPermitted,
            text,
            hint: Some(hint),
        });
    }
    if !allowed.contains(&(group, kind)) {
        let words: Vec<String> = allowed.iter().map(|(_, kind)| format!("{kind}s")).collect();
        let named = if group.is_empty() {
            kind.to_owned()
        } else {
            format!("{kind}.{group}")
        };
        return Err(Failure {
            kind: FailureKind::Kind,
            text: format!(
                "{what} read from {}, not from objects of kind {named}",
                words.join(" and ")
            ),
            hint: None,
        });
    }
    let secret = (group, kind) == kinds::SECRET;
    let found = if secret {
        site.lookup.secret(namespace, name)
    } else {
        site.lookup.config_map(namespace, name)
    };
    found.ok_or_else(|| {
        // Those of other namespaces are not told: a grant may be for one alone.
        let names = match namespace == site.namespace {
            false => Vec::new(),
            true if secret => site.lookup.secret_names(namespace),
            true => site.lookup.config_map_names(namespace),
        };
        let (text, hint) = absent((group, kind), namespace, name, &names, site.lookup);
        Failure {
            kind: FailureKind::Broken,
            text,
            hint,
        }
    })
}

/// Warns about a certificate that does not hold now. `what` begins the sentence.
pub(crate) fn warn_of_time(
    facts: &Facts,
    what: &str,
    path: &str,
    lookup: &dyn Lookup,
    notes: &mut Notes,
) {
    let (text, hint) = if lookup.passed(facts.until) == Some(true) {
        (
            format!("{what} has expired: nobody who checks it accepts it"),
            "renew it; a changed object is taken at once",
        )
    } else if lookup.passed(facts.from) == Some(false) {
        (
            format!("{what} does not hold yet: nobody who checks it accepts it"),
            "wait, or use one that begins earlier",
        )
    } else {
        return;
    };
    notes
        .warning(path, FindingKind::CertificateExpired, text)
        .hint(hint);
}

/// What a key stands for, if it can be used.
pub(crate) fn credential(key: &CredentialKey, lookup: &dyn Lookup) -> Option<Credential> {
    let ObjectRef {
        namespace, name, ..
    } = &*key.object;
    let holder = if key.object.is(kinds::SECRET) {
        lookup.secret(namespace, name)
    } else {
        lookup.config_map(namespace, name)
    }?;
    let material = match key.kind {
        CredentialKind::KeyPair => {
            let pair = holder.key_pair().usable.as_ref()?;
            Material::KeyPair {
                chain: pair.chain.clone(),
                key: pair.key.clone(),
            }
        }
        CredentialKind::Authorities => {
            let authorities = holder.authorities().usable.as_ref()?;
            Material::Authorities(authorities.certificates.clone())
        }
    };
    Some(Credential {
        key: key.clone(),
        origin: holder.origin().clone(),
        material,
    })
}
