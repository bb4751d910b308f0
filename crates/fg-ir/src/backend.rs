//! Where requests go.

use std::net::SocketAddr;

use fg_base::Text;
use fg_model::{BackendKey, Origin};
use serde::{Deserialize, Serialize};

use crate::CredentialKey;

/// A backend that exists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Backend {
    /// Its name.
    pub key: BackendKey,
    /// Where it was written.
    pub origin: Origin,
    /// What it speaks.
    pub protocol: BackendProtocol,
    /// Whether it is called over TLS.
    pub tls: BackendTls,
    /// How its endpoints are known.
    pub kind: BackendKind,
}

impl Backend {
    /// The credentials by which it is judged.
    pub fn credentials(&self) -> &[CredentialKey] {
        match &self.tls {
            BackendTls::Verify(origination) => origination.trust.authorities(),
            BackendTls::Off | BackendTls::Broken(_) => &[],
        }
    }
}

/// What a backend speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum BackendProtocol {
    /// Not said (no `appProtocol`, `http`, `https`). Rules of an `HTTPRoute` call it by HTTP/1.1,
    /// rules of a `GRPCRoute` by HTTP/2.
    Auto,
    /// HTTP/1.1, because it was said (`kubernetes.io/ws`, `kubernetes.io/wss`).
    Http1,
    /// HTTP/2: with prior knowledge in clear text (`kubernetes.io/h2c`), by ALPN over TLS.
    Http2,
}

/// How a backend is called over TLS.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum BackendTls {
    /// In clear text.
    Off,
    /// Over TLS; a certificate that does not hold fails the connection.
    Verify(TlsOrigination),
    /// The policy that protects it is broken: nothing may be sent there. Answered 500.
    Broken(crate::Refusal),
}

/// What is asked of a backend's certificate. Source: `BackendTLSPolicy`, GEP-1897.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TlsOrigination {
    /// The policy, for `explain` and logs.
    pub origin: Origin,
    /// Sent as SNI. Without [`TlsOrigination::names`], the certificate must be for it.
    pub hostname: Text,
    /// `validation.subjectAltNames`: any one of these must stand in the certificate, and then
    /// `hostname` need not.
    pub names: Vec<SubjectAltName>,
    /// Who may have signed it.
    pub trust: Trust,
}

/// A name that a certificate may carry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SubjectAltName {
    /// A DNS name; `*.example.com` matches one label.
    Dns(Text),
    /// A URI, compared byte for byte (`spiffe://…`).
    Uri(Text),
}

/// Whose signatures are believed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Trust {
    /// The certificate authorities of the system.
    System,
    /// Those of these credentials, all of kind [`crate::CredentialKind::Authorities`].
    Authorities(Vec<CredentialKey>),
}

impl Trust {
    /// The credentials with the authorities; none for those of the system.
    pub fn authorities(&self) -> &[CredentialKey] {
        match self {
            Self::System => &[],
            Self::Authorities(keys) => keys,
        }
    }
}

/// How the endpoints of a backend are known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum BackendKind {
    /// By an [`Endpoints`] resource of the same key.
    Endpoints,
    /// Written down: addresses, and names that the data plane resolves.
    Static(Vec<StaticHost>),
}

/// One host of a static backend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StaticHost {
    /// IP address or DNS name.
    pub host: Text,
    /// Port.
    pub port: u16,
}

/// The endpoints of a backend; changes often, alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Endpoints {
    /// The backend.
    pub key: BackendKey,
    /// Addresses that may get requests, sorted, without duplicates. May be empty: 503.
    pub addresses: Vec<SocketAddr>,
}
