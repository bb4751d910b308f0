//! The credentials of a configuration, parsed once each.

use std::collections::BTreeMap;
use std::sync::Arc;

use fg_ir::{Change, Credential, CredentialKey, Material};
use fg_tls::Certificate;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;

/// All credentials, and the one provider of cryptography.
pub(crate) struct Keys {
    pub(super) provider: Arc<CryptoProvider>,
    credentials: BTreeMap<CredentialKey, Held>,
    system: Option<Result<Arc<RootCertStore>, String>>,
}

struct Held {
    credential: Arc<Credential>,
    /// Of key pairs; of authorities an error.
    certificate: Result<Arc<Certificate>, String>,
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self {
            provider: fg_tls::provider(),
            credentials: BTreeMap::new(),
            system: None,
        }
    }

    /// Takes what is new.
    pub(crate) fn apply(&mut self, change: &Change) {
        for (key, credential) in &change.credentials {
            match credential {
                Some(credential) => {
                    let certificate = self.parse(credential);
                    let held = Held {
                        credential: credential.clone(),
                        certificate,
                    };
                    self.credentials.insert(key.clone(), held);
                }
                None => drop(self.credentials.remove(key)),
            }
        }
    }

    fn parse(&self, credential: &Credential) -> Result<Arc<Certificate>, String> {
        match &credential.material {
            Material::KeyPair { chain, key } => {
                Certificate::new(&self.provider, chain, key.expose()).map(Arc::new)
            }
            Material::Authorities(_) => Err("it holds authorities, not a key pair".to_owned()),
        }
    }

    /// The credentials of these keys as they stand, those that are missing left out: what tells
    /// whether something has to be built again.
    pub(super) fn inputs<'a>(
        &self,
        keys: impl IntoIterator<Item = &'a CredentialKey>,
    ) -> Vec<Arc<Credential>> {
        keys.into_iter()
            .filter_map(|key| Some(self.credentials.get(key)?.credential.clone()))
            .collect()
    }

    /// The certificate of a key pair.
    pub(super) fn certificate(&self, key: &CredentialKey) -> Result<Arc<Certificate>, String> {
        match self.credentials.get(key) {
            Some(held) => held
                .certificate
                .clone()
                .map_err(|error| format!("{key}: {error}")),
            None => Err(format!("{key} is not there")),
        }
    }

    /// Trust in the authorities of all of these credentials.
    ///
    /// A missing one is an error: trusting fewer than was said is safe, but trusting nobody because
    /// of a mistake must not go unseen.
    pub(super) fn roots<'a>(
        &self,
        keys: impl IntoIterator<Item = &'a CredentialKey>,
    ) -> Result<Arc<RootCertStore>, String> {
        let mut authorities: Vec<&[u8]> = Vec::new();
        for key in keys {
            let held = self
                .credentials
                .get(key)
                .ok_or_else(|| format!("{key} is not there"))?;
            match &held.credential.material {
                Material::Authorities(list) => {
                    authorities.extend(list.iter().map(Vec::as_slice));
                }
                Material::KeyPair { .. } => {
                    return Err(format!("{key}: it holds a key pair, not authorities"));
                }
            }
        }
        fg_tls::roots(authorities).map(Arc::new)
    }

    /// Trust in the authorities of the system, which are read when they are first asked for.
    pub(super) fn system_roots(&mut self) -> Result<Arc<RootCertStore>, String> {
        self.system
            .get_or_insert_with(|| {
                let found = rustls_native_certs::load_native_certs();
                for error in &found.errors {
                    tracing::warn!(%error, "a certificate authority of the system cannot be read");
                }
                let authorities = found.certs.iter().map(|certificate| &**certificate);
                fg_tls::roots(authorities)
                    .map(Arc::new)
                    .map_err(|error| format!("the system's authorities: {error}"))
            })
            .clone()
    }
}
