//! What is asked of clients' certificates at a listener.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};

/// The rules for clients' certificates.
#[derive(Clone, Debug)]
pub struct ClientRules {
    strict: Arc<dyn ClientCertVerifier>,
    insecure_fallback: bool,
}

impl ClientRules {
    /// Certificates must be signed by one of `authorities`, be of the present, and be meant for
    /// clients. With `insecure_fallback` others are let in too, as nobody.
    ///
    /// # Errors
    /// In words, when the authorities are unusable.
    pub fn new(
        provider: &Arc<CryptoProvider>,
        authorities: Arc<RootCertStore>,
        insecure_fallback: bool,
    ) -> Result<Self, String> {
        let strict = WebPkiClientVerifier::builder_with_provider(authorities, provider.clone())
            .build()
            .map_err(|error| format!("the authorities for clients cannot be used: {error}"))?;
        Ok(Self {
            strict,
            insecure_fallback,
        })
    }

    /// Whether a chain that a client has shown holds now.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<(), Error> {
        let (leaf, rest) = chain.split_first().ok_or(Error::NoCertificatesPresented)?;
        self.strict.verify_client_cert(leaf, rest, now).map(|_| ())
    }

    /// Whether clients are let in whose certificate does not hold.
    pub fn insecure_fallback(&self) -> bool {
        self.insecure_fallback
    }

    pub(crate) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        if self.insecure_fallback {
            Arc::new(Lenient(self.strict.clone()))
        } else {
            self.strict.clone()
        }
    }
}

/// Lets everybody through the handshake who holds the key that he shows; who he is, is judged
/// after it.
#[derive(Debug)]
struct Lenient(Arc<dyn ClientCertVerifier>);

impl Lenient {
    /// A certificate that cannot even be read is nobody's, and then its signature says nothing.
    fn unreadable(certificate: &CertificateDer<'_>) -> bool {
        ParsedCertificate::try_from(certificate).is_err()
    }
}

impl ClientCertVerifier for Lenient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // Whoever has a certificate of another authority shall show it or none, as he likes.
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if Self::unreadable(certificate) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if Self::unreadable(certificate) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
