//! TLS of discovery: HTTP/2 over TLS 1.3 or 1.2, the server with a certificate, the client with a
//! token.

use std::sync::Arc;

pub use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// The name of HTTP/2 in ALPN. Source: RFC 9113 §3.2.
const ALPN: &[u8] = b"h2";

/// A certificate, a key or an authority that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Flaw(String);

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// For a server: a certificate chain, leaf first, and its key, both PEM.
///
/// # Errors
/// In words, when either cannot be read or they do not belong together.
pub fn server_config(chain: &str, key: &str) -> Result<Arc<ServerConfig>, Flaw> {
    let chain = certificates(chain.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|error| Flaw(format!("the private key cannot be read: {error}")))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| Flaw(error.to_string()))?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// For a client: the authorities it trusts, PEM, one or more.
///
/// # Errors
/// In words, when there is none.
pub fn client_config(authorities: &[u8]) -> Result<Arc<ClientConfig>, Flaw> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(authorities)?);
    if roots.is_empty() {
        return Err(Flaw("no certificate authority can be used".to_owned()));
    }
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| Flaw(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Flaw> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| Flaw(format!("the certificates cannot be read: {error}")))?;
    if found.is_empty() {
        return Err(Flaw("there is no certificate".to_owned()));
    }
    Ok(found)
}
