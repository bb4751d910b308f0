//! How a credential goes over the wire: the only place that writes a private key.

use fg_base::Secret;
use fg_ir::{Credential, CredentialKey, CredentialKind, Material};
use fg_model::Origin;
use serde::{Deserialize, Serialize};

use crate::DecodeError;
use crate::cbor::Octets;

/// A credential with its bytes.
#[derive(Serialize, Deserialize)]
pub(crate) struct WireCredential {
    key: CredentialKey,
    origin: Origin,
    /// Certificates, DER; of a key pair the chain, leaf first.
    certificates: Vec<Octets>,
    /// DER; only of a key pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    private_key: Option<Octets>,
}

impl From<&Credential> for WireCredential {
    fn from(credential: &Credential) -> Self {
        let (certificates, private_key) = match &credential.material {
            Material::KeyPair { chain, key } => (chain, Some(Octets(key.expose().clone()))),
            Material::Authorities(certificates) => (certificates, None),
        };
        Self {
            key: credential.key.clone(),
            origin: credential.origin.clone(),
            certificates: certificates.iter().cloned().map(Octets).collect(),
            private_key,
        }
    }
}

impl TryFrom<WireCredential> for Credential {
    type Error = DecodeError;

    fn try_from(wire: WireCredential) -> Result<Self, DecodeError> {
        if wire.certificates.is_empty() {
            return Err(DecodeError::Invalid("it has no certificate"));
        }
        let certificates = wire.certificates.into_iter().map(|octets| octets.0);
        let certificates = certificates.collect();
        let material = match (wire.key.kind, wire.private_key) {
            (CredentialKind::KeyPair, Some(key)) => Material::KeyPair {
                chain: certificates,
                key: Secret::new(key.0),
            },
            (CredentialKind::Authorities, None) => Material::Authorities(certificates),
            (CredentialKind::KeyPair, None) => {
                return Err(DecodeError::Invalid("it has no private key"));
            }
            (CredentialKind::Authorities, Some(_)) => {
                return Err(DecodeError::Invalid("authorities have no private key"));
            }
        };
        Ok(Self {
            key: wire.key,
            origin: wire.origin,
            material,
        })
    }
}
