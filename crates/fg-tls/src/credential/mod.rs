//! Certificates and keys as users write them: PEM in, checked DER out, or what is wrong in words.
//!
//! No word of a flaw ever repeats a byte of what was read.

mod facts;
#[cfg(test)]
mod tests;

pub use facts::Facts;

use std::fmt;

use fg_base::Secret;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, RootCertStore};

/// The most certificates in a chain: more is a mistake, and would be sent in every handshake.
pub const LONGEST_CHAIN: usize = 16;

/// The most authorities in one object.
pub const MOST_AUTHORITIES: usize = 4096;

/// A certificate chain with the key of its first certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    /// The chain in DER, leaf first; never empty.
    pub chain: Vec<Vec<u8>>,
    /// The key in DER: PKCS #8, PKCS #1 or SEC1.
    pub key: Secret<Vec<u8>>,
    /// What the leaf says.
    pub facts: Facts,
}

/// Certificates whose signatures are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities {
    /// The certificates in DER; never empty, each once.
    pub certificates: Vec<Vec<u8>>,
    /// What holds for the one of them that ends last.
    pub facts: Facts,
}

/// Why certificates or keys cannot be used: words to follow the name of what holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw(String);

impl Flaw {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// What holds it has no `name`.
    pub fn missing(name: &str) -> Self {
        Self(format!("it has no `{name}`"))
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Flaw {}

/// Reads and checks a certificate chain and its key, such as `tls.crt` and `tls.key` of a Secret.
/// `names` are the names of the two, for the words.
///
/// # Errors
/// Either is missing or cannot be read, the key is of a kind that is not supported, or it does not
/// belong to the first certificate. That a certificate has expired is no error: see [`Facts`].
pub fn key_pair(names: [&str; 2], chain: &[u8], key: &[u8]) -> Result<KeyPair, Flaw> {
    let [chain_name, key_name] = names;
    let chain = certificates(chain_name, chain, LONGEST_CHAIN)?;
    let facts = Facts::read(chain_name, &chain)?
        .into_iter()
        .next()
        .ok_or_else(|| none(chain_name))?;
    let key = private_key(key_name, key)?;
    let bytes = key.secret_der().to_vec();
    let der: Vec<Vec<u8>> = chain.iter().map(|one| one.to_vec()).collect();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    match CertifiedKey::from_der(chain, key, &provider) {
        Ok(_) => Ok(KeyPair {
            chain: der,
            key: Secret::new(bytes),
            facts,
        }),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(Flaw::new(format!(
            "`{key_name}` does not belong to the first certificate of `{chain_name}`"
        ))),
        Err(Error::InvalidCertificate(_)) => Err(Flaw::new(format!(
            "the first certificate of `{chain_name}` cannot be used"
        ))),
        Err(_) => Err(Flaw::new(format!(
            "the key in `{key_name}` is broken or of a kind that is not supported; RSA from 2048 bits, ECDSA P-256, P-384 and P-521, and Ed25519 are"
        ))),
    }
}

/// Reads and checks certificate authorities, such as `ca.crt` of a ConfigMap. `name` is its name,
/// for the words.
///
/// # Errors
/// There is none, or one of them cannot be read.
pub fn authorities(name: &str, text: &[u8]) -> Result<Authorities, Flaw> {
    let found = certificates(name, text, MOST_AUTHORITIES)?;
    let facts = Facts::read(name, &found)?
        .into_iter()
        .max_by_key(|facts| facts.until)
        .ok_or_else(|| none(name))?;
    let mut store = RootCertStore::empty();
    for (at, certificate) in found.iter().enumerate() {
        if store.add(certificate.clone()).is_err() {
            return Err(Flaw::new(format!(
                "certificate {} of `{name}` cannot be a certificate authority",
                at + 1
            )));
        }
    }
    let mut certificates: Vec<Vec<u8>> = found.iter().map(|one| one.to_vec()).collect();
    certificates.sort();
    certificates.dedup();
    Ok(Authorities {
        certificates,
        facts,
    })
}

fn none(name: &str) -> Flaw {
    Flaw::new(format!("`{name}` holds no certificate in PEM"))
}

fn certificates(
    name: &str,
    text: &[u8],
    most: usize,
) -> Result<Vec<CertificateDer<'static>>, Flaw> {
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(text) {
        found.push(certificate.map_err(|error| Flaw::new(broken(name, &error)))?);
        if found.len() > most {
            return Err(Flaw::new(format!(
                "`{name}` holds more than {most} certificates"
            )));
        }
    }
    if found.is_empty() {
        return Err(none(name));
    }
    Ok(found)
}

fn private_key(name: &str, text: &[u8]) -> Result<PrivateKeyDer<'static>, Flaw> {
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound if is_encrypted(text) => Flaw::new(format!(
            "the key in `{name}` is encrypted; write it without a passphrase"
        )),
        pem::Error::NoItemsFound => Flaw::new(format!("`{name}` holds no private key in PEM")),
        other => Flaw::new(broken(name, &other)),
    })
}

/// Source: RFC 7468 §11.
fn is_encrypted(text: &[u8]) -> bool {
    const MARK: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
    text.windows(MARK.len()).any(|window| window == MARK)
}

/// What is wrong with PEM, without a byte of it.
fn broken(name: &str, error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => {
            format!("`{name}` is cut off: a line `-----BEGIN …-----` has no `-----END …-----`")
        }
        pem::Error::Base64Decode(_) => format!("`{name}` is no PEM: its base64 is broken"),
        _ => format!("`{name}` is no PEM"),
    }
}
