//! Names of resources.
//!
//! `listener/NAMESPACE/GATEWAY/SECTION`, `rule/KIND.GROUP/NAMESPACE/NAME/INDEX`,
//! `backend/KIND.GROUP/NAMESPACE/NAME/PORT`, `endpoints/…` likewise, and
//! `credential/KIND.GROUP/NAMESPACE/NAME/key-pair` or `…/authorities`. The core group is left out:
//! `backend/Service/shop/cart/8080`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use fg_ir::{BackendKey, CredentialKey, CredentialKind, ListenerKey, RuleKey};
use fg_model::ObjectRef;
use thiserror::Error;

use crate::Kind;

/// The name of a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// Of a listener.
    Listener(ListenerKey),
    /// Of a rule.
    Rule(RuleKey),
    /// Of a backend.
    Backend(BackendKey),
    /// Of the endpoints of a backend.
    Endpoints(BackendKey),
    /// Of a credential.
    Credential(CredentialKey),
}

/// A text is no name of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("is no name of a resource")]
pub struct NameError;

impl Name {
    /// The kind of what it names.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Listener(_) => Kind::Listener,
            Self::Rule(_) => Kind::Rule,
            Self::Backend(_) => Kind::Backend,
            Self::Endpoints(_) => Kind::Endpoints,
            Self::Credential(_) => Kind::Credential,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.kind())?;
        match self {
            Self::Listener(key) => write!(f, "{key}"),
            Self::Rule(key) => write!(f, "{}/{}", Object(&key.route), key.rule),
            Self::Backend(key) | Self::Endpoints(key) => {
                write!(f, "{}/{}", Object(&key.object), key.port)
            }
            Self::Credential(key) => {
                write!(f, "{}/{}", Object(&key.object), word(key.kind))
            }
        }
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let mut parts = text.splitn(5, '/');
        let mut part = || parts.next().ok_or(NameError);
        let kind = part()?;
        let kind = Kind::ALL.into_iter().find(|one| one.word() == kind);
        let kind = kind.ok_or(NameError)?;
        let (first, second, third, last) = (part()?, part()?, part()?, parts.next());
        if kind == Kind::Listener {
            // The section of a set's listener holds slashes.
            let section = match last {
                Some(rest) => format!("{third}/{rest}").into(),
                None => third.into(),
            };
            return Ok(Self::Listener(ListenerKey {
                namespace: first.into(),
                gateway: second.into(),
                section,
            }));
        }
        let (of_kind, group) = first.split_once('.').unwrap_or((first, ""));
        let object = Arc::new(ObjectRef::new(group, of_kind, second, third));
        let last = last.ok_or(NameError)?;
        match kind {
            Kind::Rule => Ok(Self::Rule(RuleKey {
                route: object,
                rule: number(last)?,
            })),
            Kind::Backend => Ok(Self::Backend(BackendKey {
                object,
                port: number(last)?,
            })),
            Kind::Endpoints => Ok(Self::Endpoints(BackendKey {
                object,
                port: number(last)?,
            })),
            Kind::Credential => {
                let kinds = [CredentialKind::KeyPair, CredentialKind::Authorities];
                let kind = kinds.into_iter().find(|kind| word(*kind) == last);
                let kind = kind.ok_or(NameError)?;
                Ok(Self::Credential(CredentialKey { object, kind }))
            }
            Kind::Listener => Err(NameError),
        }
    }
}

/// An object as it stands in a name.
struct Object<'a>(&'a ObjectRef);

impl fmt::Display for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.kind)?;
        if !self.0.group.is_empty() {
            write!(f, ".{}", self.0.group)?;
        }
        write!(f, "/{}/{}", self.0.namespace, self.0.name)
    }
}

/// A number in its one spelling.
fn number<T: FromStr + ToString>(text: &str) -> Result<T, NameError> {
    let number: T = text.parse().map_err(|_| NameError)?;
    if number.to_string() == text {
        Ok(number)
    } else {
        Err(NameError)
    }
}

const fn word(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::KeyPair => "key-pair",
        CredentialKind::Authorities => "authorities",
    }
}
