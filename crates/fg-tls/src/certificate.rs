//! A key pair ready for handshakes, and the names that its certificate carries.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// A certificate chain with its key, parsed.
#[derive(Debug)]
pub struct Certificate {
    pub(crate) key: Arc<CertifiedKey>,
    /// DNS names of the leaf, lower-case, as written there (`*.` included).
    names: Vec<String>,
}

impl Certificate {
    /// Takes a chain (DER, leaf first) and a key (DER: PKCS #8, PKCS #1 or SEC1).
    ///
    /// # Errors
    /// In words for the owner, when the key is unusable or belongs to another certificate.
    pub fn new(provider: &CryptoProvider, chain: &[Vec<u8>], key: &[u8]) -> Result<Self, String> {
        let chain: Vec<CertificateDer<'static>> =
            chain.iter().cloned().map(CertificateDer::from).collect();
        let names = chain.first().map(|leaf| dns_names(leaf));
        let key = PrivateKeyDer::try_from(key.to_vec())
            .map_err(|error| format!("the private key cannot be read: {error}"))?;
        let key = CertifiedKey::from_der(chain, key, provider)
            .map_err(|error| format!("the certificate or its key cannot be used: {error}"))?;
        Ok(Self {
            key: Arc::new(key),
            names: names.unwrap_or_default(),
        })
    }

    /// The first URI of the certificate.
    pub fn first_uri(&self) -> Option<String> {
        uris(self.key.cert.first()?).into_iter().next()
    }

    /// Whether the certificate has exactly this name (lower-case).
    pub(crate) fn has_name(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name)
    }

    /// Whether a wildcard of the certificate stands for this name (lower-case): for one label.
    pub(crate) fn has_wildcard_for(&self, name: &str) -> bool {
        let Some((_, parent)) = name.split_once('.') else {
            return false;
        };
        let suffixes = self.names.iter().filter_map(|own| own.strip_prefix("*."));
        suffixes.into_iter().any(|suffix| suffix == parent)
    }
}

/// The DNS names of a certificate, lower-case.
pub(crate) fn dns_names(certificate: &[u8]) -> Vec<String> {
    alternative_names(certificate, |name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    })
}

/// The URIs of a certificate.
pub(crate) fn uris(certificate: &[u8]) -> Vec<String> {
    alternative_names(certificate, |name| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    })
}

fn alternative_names<T>(
    certificate: &[u8],
    take: impl Fn(&GeneralName<'_>) -> Option<T>,
) -> Vec<T> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    match parsed.subject_alternative_name() {
        Ok(Some(names)) => names.value.general_names.iter().filter_map(take).collect(),
        _ => Vec::new(),
    }
}
