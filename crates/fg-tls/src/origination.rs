//! What rustls is told for a backend, and whether a backend's certificate is good.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ResolvesClientCert, verify_server_cert_signed_by_trust_anchor, verify_server_name,
};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use crate::certificate::{Certificate, dns_names, uris};

/// A name of which a backend's certificate must have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// A DNS name; `*.` stands for one label.
    Dns(String),
    /// A URI, byte for byte.
    Uri(String),
}

/// What is asked of a backend and shown to it.
#[derive(Debug)]
pub struct Origination {
    /// What the certificate must be for, when `names` is empty.
    pub hostname: String,
    /// One of these must stand in the certificate, if there are any.
    pub names: Vec<Name>,
    /// Whose signatures are believed.
    pub roots: Arc<RootCertStore>,
    /// Shown when the backend asks.
    pub certificate: Option<Arc<Certificate>>,
    /// Protocols to offer, the best first.
    pub alpn: Vec<Vec<u8>>,
}

/// A configuration for a backend, and the name to send as SNI. Sessions are resumed, within this
/// configuration only.
///
/// # Errors
/// In words.
pub fn client_config(
    provider: &Arc<CryptoProvider>,
    origination: Origination,
) -> Result<(Arc<ClientConfig>, ServerName<'static>), String> {
    let Origination {
        hostname,
        names,
        roots,
        certificate,
        alpn,
    } = origination;
    let name =
        ServerName::try_from(hostname).map_err(|_| "the hostname is no DNS name".to_owned())?;
    let verifier = Verifier {
        provider: provider.clone(),
        roots,
        names: names
            .into_iter()
            .map(|name| match name {
                Name::Dns(name) => Name::Dns(name.to_ascii_lowercase()),
                uri => uri,
            })
            .collect(),
    };
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match certificate {
        Some(certificate) => builder.with_client_cert_resolver(Arc::new(Shown(certificate))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpn;
    Ok((Arc::new(config), name))
}

/// The one certificate that we have for a backend.
#[derive(Debug)]
struct Shown(Arc<Certificate>);

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let suits = self.0.key.key.choose_scheme(schemes).is_some();
        suits.then(|| self.0.key.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    names: Vec<Name>,
}

impl Verifier {
    /// Whether the certificate has one of the names that stand for the hostname.
    fn has_a_name(&self, parsed: &ParsedCertificate<'_>, certificate: &[u8]) -> bool {
        self.names.iter().any(|name| match name {
            Name::Dns(pattern) => match pattern.strip_prefix("*.") {
                Some(parent) => dns_names(certificate).iter().any(|own| {
                    own == pattern || own.split_once('.').is_some_and(|(_, rest)| rest == parent)
                }),
                None => ServerName::try_from(pattern.as_str())
                    .is_ok_and(|name| verify_server_name(parsed, &name).is_ok()),
            },
            Name::Uri(uri) => uris(certificate).iter().any(|own| own == uri),
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        hostname: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &self.roots,
            intermediates,
            now,
            self.provider.signature_verification_algorithms.all,
        )?;
        if self.names.is_empty() {
            verify_server_name(&parsed, hostname)?;
        } else if !self.has_a_name(&parsed, end_entity) {
            return Err(CertificateError::NotValidForName.into());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
