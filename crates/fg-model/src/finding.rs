//! What was found wrong with somebody's configuration. A user's mistake is a value, never an error.

use std::fmt;

use fg_base::Text;
use serde::{Deserialize, Serialize};

use crate::Origin;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something does not work as written.
    Error,
    /// It works, but probably not as meant.
    Warning,
    /// Good to know.
    Info,
}

/// The part of an object's status that a finding concerns.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// The object as a whole (for a route: each of its parents).
    #[default]
    Object,
    /// One entry of a route's `spec.parentRefs`, by index.
    Parent(usize),
    /// One listener of a Gateway, by name.
    Listener(Text),
}

/// A place in a source file, for people who edit files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Path as the user gave it or as found under the folder.
    pub file: Text,
    /// Line, from 1; 0 when unknown.
    pub line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            f.write_str(&self.file)
        } else {
            write!(f, "{}:{}", self.file, self.line)
        }
    }
}

/// What can be wrong. `fg-status` holds the one table from kind to condition and reason.
///
/// The names follow the reasons of the Gateway API where one exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FindingKind {
    // -- what the API server would have refused -----------------------------------------------------
    /// A file could not be read or is not YAML or JSON.
    Unreadable,
    /// A folder or file without any object.
    NoObjects,
    /// A value breaks the schema: type, enum, bound, pattern, required.
    SchemaViolation,
    /// A field that the schema does not know.
    UnknownField,
    /// A CEL rule of the schema is broken.
    RuleViolation,
    /// The same object stands twice; the first one serves.
    Duplicate,
    /// A limit on files, documents or aliases was hit.
    LimitExceeded,
    /// A source of objects cannot be read, wholly or one kind of it; what it said before serves on.
    SourceUnavailable,
    /// The Gateway API's definitions are of a version that is not supported.
    UnsupportedVersion,
    // -- classes and gateways -----------------------------------------------------------------------
    /// A Gateway names a class that does not exist.
    ClassNotFound,
    /// A class of ours that is not supported (yet).
    UnsupportedClass,
    /// A Gateway's class exists and is ours, but cannot be used.
    ClassNotAccepted,
    /// `parametersRef` cannot be used.
    InvalidParameters,
    /// An address type that is not supported.
    UnsupportedAddress,
    /// An address that cannot be bound here.
    AddressNotUsable,
    // -- listeners ----------------------------------------------------------------------------------
    /// Port reserved, taken by an older Gateway, or not bindable.
    PortUnavailable,
    /// A protocol that is not supported.
    UnsupportedProtocol,
    /// Two listeners of one Gateway share port and hostname.
    HostnameConflict,
    /// Two listeners of one Gateway share a port with protocols that do not go together.
    ProtocolConflict,
    /// `allowedRoutes.kinds` asks for a kind that cannot attach.
    InvalidRouteKinds,
    /// A certificate reference that cannot be used.
    InvalidCertificateRef,
    /// A certificate that has expired or does not hold yet; it is shown all the same.
    CertificateExpired,
    /// No certificate of a listener is for its hostname.
    CertificateMismatch,
    /// The Gateway's certificate for backends cannot be used.
    InvalidClientCertificateRef,
    /// A reference to certificate authorities that cannot be used.
    InvalidCaCertificateRef,
    /// Certificate authorities are not read from objects of this kind.
    InvalidCaCertificateKind,
    /// Clients without a valid certificate are let in.
    InsecureFallback,
    /// None of the references to certificate authorities can be used.
    NoValidCaCertificate,
    /// A Gateway does not let a `ListenerSet` in.
    SetNotAllowed,
    /// A namespace selector that cannot be used.
    InvalidSelector,
    // -- routes -------------------------------------------------------------------------------------
    /// No listener of the parent has that name or port, or the parent does not exist.
    NoMatchingParent,
    /// The listener allows no such route from there.
    NotAllowedByListeners,
    /// No hostname of the route fits the listener.
    NoMatchingListenerHostname,
    /// A value that is valid but that we do not support (yet, or on this plane).
    UnsupportedValue,
    /// Filters that do not go together.
    IncompatibleFilters,
    /// One rule or match cannot work and was fenced; the rest serves.
    RuleDropped,
    // -- references ---------------------------------------------------------------------------------
    /// No `ReferenceGrant` allows this reference. Says nothing about existence.
    RefNotPermitted,
    /// The reference names a group and kind that cannot be referred to here.
    InvalidKind,
    /// The referenced backend does not exist or has no such port.
    BackendNotFound,
    /// The backend's protocol is not supported.
    UnsupportedBackendProtocol,
    /// A filter's extension reference cannot be used.
    FilterNotFound,
    /// A rule without a redirect has no backend, or none with a weight above 0.
    NoBackends,
    // -- backends -----------------------------------------------------------------------------------
    /// A Backend object that cannot be used.
    InvalidBackend,
    /// A Service that nothing stands behind.
    NoEndpoints,
    // -- policies -----------------------------------------------------------------------------------
    /// An older policy has the same target.
    PolicyConflict,
    /// A policy's target does not exist or has no such part.
    TargetNotFound,
    /// A policy that cannot be used.
    InvalidPolicy,
    // -- data planes --------------------------------------------------------------------------------
    /// The data plane of a Gateway does not run.
    PlaneUnavailable,
    /// A data plane refused what was made of an object.
    RefusedByPlane,
}

impl FindingKind {
    /// Whether an object with an error of this kind is refused as a whole.
    pub fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::Unreadable | Self::SchemaViolation | Self::UnknownField | Self::RuleViolation
        )
    }
}

/// One thing that is wrong, or good to know, about one field of one object.
///
/// Shape: ordered by origin, then severity and kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Finding {
    /// The object, its generation and the field.
    pub about: Origin,
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub kind: FindingKind,
    /// The part of the status that it concerns.
    pub scope: Scope,
    /// What is wrong, one sentence, lowercase, no full stop.
    pub text: String,
    /// What to do about it, if that can be said; one sentence.
    pub hint: Option<String>,
    /// The source file and line, where there is one.
    pub place: Option<Place>,
}

impl Finding {
    /// An error about `about`.
    pub fn error(about: Origin, kind: FindingKind, text: impl Into<String>) -> Self {
        Self {
            about,
            severity: Severity::Error,
            kind,
            scope: Scope::Object,
            text: text.into(),
            hint: None,
            place: None,
        }
    }

    /// A warning about `about`.
    pub fn warning(about: Origin, kind: FindingKind, text: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(about, kind, text)
        }
    }

    /// A piece of information about `about`.
    pub fn info(about: Origin, kind: FindingKind, text: impl Into<String>) -> Self {
        Self {
            severity: Severity::Info,
            ..Self::error(about, kind, text)
        }
    }

    /// The same finding with a word on what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds to the word on what to do.
    pub fn also(&mut self, more: &str) {
        self.hint = Some(match self.hint.take() {
            None => more.to_owned(),
            // A question is a sentence of its own.
            Some(hint) if hint.ends_with('?') => {
                let mut letters = more.chars();
                let first: Vec<char> = letters
                    .next()
                    .into_iter()
                    .flat_map(char::to_uppercase)
                    .collect();
                let more: String = first.into_iter().chain(letters).collect();
                format!("{hint} {more}")
            }
            Some(hint) => format!("{hint}; {more}"),
        });
    }

    /// The same finding, about one part of the status.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }
}

impl fmt::Display for Finding {
    /// `error: HTTPRoute shop/checkout spec.rules[0]: what is wrong (what to do)`, with the place in front.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        };
        write!(f, "{severity}: {}: {}", self.about, self.text)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ObjectRef;

    #[test]
    fn advice_reads_as_sentences() {
        let about = Origin::of(Arc::new(ObjectRef::new("", "File", "", "a.yaml")), 0);
        let mut finding = Finding::error(about, FindingKind::Unreadable, "is wrong");
        finding.also("mend it");
        finding.also("it serves on");
        assert_eq!(finding.hint.as_deref(), Some("mend it; it serves on"));
        finding.hint = Some("did you mean `b`?".to_owned());
        finding.also("it serves on");
        let expected = "error: File a.yaml: is wrong (did you mean `b`? It serves on)";
        assert_eq!(finding.to_string(), expected);
    }
}
