//! Certificates and keys, apart from what uses them: they change on their own.

use std::fmt;
use std::sync::Arc;

use fg_base::Secret;
use fg_model::{ObjectRef, Origin};
use serde::{Deserialize, Serialize};

/// Names a credential: the object that holds it, and what is read from it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CredentialKey {
    /// A Secret or ConfigMap.
    pub object: Arc<ObjectRef>,
    /// What is read from it.
    pub kind: CredentialKind,
}

impl fmt::Display for CredentialKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.object.fmt(f)
    }
}

/// The kinds of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CredentialKind {
    /// A certificate chain and its private key (`tls.crt`, `tls.key`).
    KeyPair,
    /// Certificates whose signatures are believed (`ca.crt`).
    Authorities,
}

/// A credential that was checked: it parses, and a key belongs to its certificate. Serialized, it is
/// without its bytes; only `fg-wire` sends those.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Credential {
    /// Its name.
    pub key: CredentialKey,
    /// Where it was written.
    pub origin: Origin,
    /// The bytes.
    #[serde(skip)]
    pub material: Material,
}

/// The bytes of a credential, all DER.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Material {
    /// Of [`CredentialKind::KeyPair`].
    KeyPair {
        /// The chain, leaf first; never empty.
        chain: Vec<Vec<u8>>,
        /// The key: PKCS #8, PKCS #1 or SEC1.
        key: Secret<Vec<u8>>,
    },
    /// Of [`CredentialKind::Authorities`]; never empty.
    Authorities(Vec<Vec<u8>>),
}
