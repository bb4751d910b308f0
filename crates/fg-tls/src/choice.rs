//! Which of several certificates a client is shown.

use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::certificate::Certificate;

/// The certificates of a listener, in the order written.
#[derive(Debug)]
pub(crate) struct Choice(pub(crate) Vec<Arc<Certificate>>);

impl Choice {
    /// Of the certificates that suit the client's algorithms the first one with exactly its name,
    /// else the first with a wildcard for it, else the first; without a suiting one the first.
    fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<&Arc<Certificate>> {
        let suits = |one: &&Arc<Certificate>| one.key.key.choose_scheme(schemes).is_some();
        let suiting = || self.0.iter().filter(suits);
        let name = name.map(str::to_ascii_lowercase);
        let name = name.as_deref().unwrap_or_default();
        suiting()
            .find(|one| one.has_name(name))
            .or_else(|| suiting().find(|one| one.has_wildcard_for(name)))
            .or_else(|| suiting().next())
            .or(self.0.first())
    }
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let chosen = self.choose(hello.server_name(), hello.signature_schemes())?;
        Some(chosen.key.clone())
    }
}
