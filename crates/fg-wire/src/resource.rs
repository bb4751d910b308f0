//! The five kinds of values, each to bytes and back.

use bytes::Bytes;
use fg_base::Text;
use fg_ir::{
    Action, Backend, BackendTls, Credential, Endpoints, Listener, ListenerTls, Protocol, Rule,
    Trust,
};

use crate::cbor::{self, DecodeError, Envelope};
use crate::close::{BackendSketch, RuleSketch};
use crate::credential::WireCredential;
use crate::{Kind, Name, features};

/// A value of the IR that is a resource of its own.
pub trait Resource: Sized {
    /// Its kind.
    const KIND: Kind;

    /// Its name.
    fn name(&self) -> Name;

    /// Its bytes; equal values have equal bytes.
    fn encode(&self) -> Bytes;

    /// Reads it.
    ///
    /// # Errors
    /// When nothing can be made of it; what was there before should stay.
    fn decode(bytes: &[u8]) -> Result<Decoded<Self>, DecodeError>;
}

/// What could be made of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded<T> {
    /// All of it.
    Whole(T),
    /// It needs what is not known here. This stands in its place: it lets nothing pass and says why.
    Closed {
        /// The substitute.
        value: T,
        /// Why, in words for a status.
        reason: String,
    },
    /// It needs what is not known here, and nothing can stand in its place: what was there before has
    /// to go.
    Refused {
        /// Why, in words for a status.
        reason: String,
    },
}

/// The bytes of a value; see [`Resource::encode`].
pub fn encode<T: Resource>(value: &T) -> Bytes {
    value.encode()
}

/// Reads a value.
///
/// # Errors
/// As [`Resource::decode`].
pub fn decode<T: Resource>(bytes: &[u8]) -> Result<Decoded<T>, DecodeError> {
    T::decode(bytes)
}

impl Resource for Listener {
    const KIND: Kind = Kind::Listener;

    fn name(&self) -> Name {
        Name::Listener(self.key.clone())
    }

    fn encode(&self) -> Bytes {
        Envelope::write(features::of_listener(self), self)
    }

    fn decode(bytes: &[u8]) -> Result<Decoded<Self>, DecodeError> {
        let envelope: Envelope = cbor::read(bytes)?;
        if let Some(reason) = lacking(Self::KIND, &envelope.must) {
            return Ok(Decoded::Refused { reason });
        }
        let listener: Self = cbor::read(&envelope.value.0)?;
        match flaw_of_listener(&listener) {
            Some(flaw) => Err(DecodeError::Invalid(flaw)),
            None => Ok(Decoded::Whole(listener)),
        }
    }
}

impl Resource for Rule {
    const KIND: Kind = Kind::Rule;

    fn name(&self) -> Name {
        Name::Rule(self.key.clone())
    }

    fn encode(&self) -> Bytes {
        Envelope::write(features::of_rule(self), self)
    }

    fn decode(bytes: &[u8]) -> Result<Decoded<Self>, DecodeError> {
        let envelope: Envelope = cbor::read(bytes)?;
        let read = cbor::read::<Self>(&envelope.value.0);
        let lacking = lacking(Self::KIND, &envelope.must);
        let (sketch, reason) = match (read, lacking) {
            (Ok(rule), None) => match flaw_of_rule(&rule) {
                None => return Ok(Decoded::Whole(rule)),
                Some(flaw) => (rule.into(), DecodeError::Invalid(flaw).to_string()),
            },
            (Ok(rule), Some(reason)) => (rule.into(), reason),
            (Err(error), lacking) => {
                let sketch: RuleSketch =
                    cbor::read(&envelope.value.0).map_err(|_| error.clone())?;
                (sketch, lacking.unwrap_or_else(|| error.to_string()))
            }
        };
        Ok(Decoded::Closed {
            value: sketch.close(&reason),
            reason,
        })
    }
}

impl Resource for Backend {
    const KIND: Kind = Kind::Backend;

    fn name(&self) -> Name {
        Name::Backend(self.key.clone())
    }

    fn encode(&self) -> Bytes {
        Envelope::write(features::of_backend(self), self)
    }

    fn decode(bytes: &[u8]) -> Result<Decoded<Self>, DecodeError> {
        let envelope: Envelope = cbor::read(bytes)?;
        let read = cbor::read::<Self>(&envelope.value.0);
        let lacking = lacking(Self::KIND, &envelope.must);
        let (sketch, reason) = match (read, lacking) {
            (Ok(backend), None) => match flaw_of_backend(&backend) {
                None => return Ok(Decoded::Whole(backend)),
                Some(flaw) => (backend.into(), DecodeError::Invalid(flaw).to_string()),
            },
            (Ok(backend), Some(reason)) => (backend.into(), reason),
            (Err(error), lacking) => {
                let sketch: BackendSketch =
                    cbor::read(&envelope.value.0).map_err(|_| error.clone())?;
                (sketch, lacking.unwrap_or_else(|| error.to_string()))
            }
        };
        Ok(Decoded::Closed {
            value: sketch.close(&reason),
            reason,
        })
    }
}

impl Resource for Endpoints {
    const KIND: Kind = Kind::Endpoints;

    fn name(&self) -> Name {
        Name::Endpoints(self.key.clone())
    }

    fn encode(&self) -> Bytes {
        Envelope::write(Vec::new(), self)
    }

    fn decode(bytes: &[u8]) -> Result<Decoded<Self>, DecodeError> {
        let envelope: Envelope = cbor::read(bytes)?;
        match lacking(Self::KIND, &envelope.must) {
            Some(reason) => Ok(Decoded::Refused { reason }),
            None => Ok(Decoded::Whole(cbor::read(&envelope.value.0)?)),
        }
    }
}

impl Resource for Credential {
    const KIND: Kind = Kind::Credential;

    fn name(&self) -> Name {
        Name::Credential(self.key.clone())
    }

    fn encode(&self) -> Bytes {
        Envelope::write(Vec::new(), &WireCredential::from(self))
    }

    fn decode(bytes: &[u8]) -> Result<Decoded<Self>, DecodeError> {
        let envelope: Envelope = cbor::read(bytes)?;
        match lacking(Self::KIND, &envelope.must) {
            Some(reason) => Ok(Decoded::Refused { reason }),
            None => {
                let wire: WireCredential = cbor::read(&envelope.value.0)?;
                wire.try_into().map(Decoded::Whole)
            }
        }
    }
}

/// The words on features that are not known here, if there are any.
fn lacking(kind: Kind, must: &[Text]) -> Option<String> {
    let unknown = must.iter().filter(|name| !features::is_known(kind, name));
    let names: Vec<String> = unknown.map(|name| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| {
        format!(
            "this version of the proxy does not know {}, and nothing may pass without",
            names.join(", ")
        )
    })
}

/// What a listener would do harm by.
fn flaw_of_listener(listener: &Listener) -> Option<&'static str> {
    match (listener.protocol, &listener.tls) {
        (Protocol::Http, None) => None,
        (Protocol::Http, Some(_)) => Some("a listener in clear text has TLS settings"),
        (Protocol::Https, None) => Some("a listener over TLS has no TLS settings"),
        (Protocol::Https, Some(tls)) => flaw_of_tls(tls),
    }
}

fn flaw_of_tls(tls: &ListenerTls) -> Option<&'static str> {
    if tls.certificates.is_empty() {
        return Some("a listener over TLS has no certificate");
    }
    let client = tls.client.as_ref();
    client
        .is_some_and(|client| client.authorities.is_empty())
        .then_some("nobody may sign certificates of clients")
}

/// What a rule would do harm by.
fn flaw_of_rule(rule: &Rule) -> Option<&'static str> {
    let mut sets = vec![&rule.policies];
    if let Action::Forward(backends) = &rule.action {
        if backends.iter().all(|backend| backend.weight == 0) {
            return Some("no backend has a weight");
        }
        sets.extend(backends.iter().map(|backend| &backend.policies));
    }
    let mirrors = sets.iter().filter_map(|set| set.request_mirror.as_ref());
    let mut mirrors = mirrors.flat_map(|ir| &ir.mirrors);
    mirrors
        .any(|mirror| mirror.denominator == 0)
        .then_some("a share of 0 parts is mirrored")
}

/// What a backend would do harm by.
fn flaw_of_backend(backend: &Backend) -> Option<&'static str> {
    match &backend.tls {
        BackendTls::Verify(origination) => match &origination.trust {
            Trust::Authorities(keys) if keys.is_empty() => Some("nobody may sign its certificate"),
            Trust::Authorities(_) | Trust::System => None,
        },
        BackendTls::Off | BackendTls::Broken(_) => None,
    }
}
