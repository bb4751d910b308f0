//! TLS of backends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fg_exchange::Reason;
use fg_ir::{
    Backend, BackendKey, BackendTls, Change, Credential, CredentialKey, ListenerKey,
    SubjectAltName, TlsOrigination, Trust,
};
use fg_tls::{ALPN_H2, ALPN_HTTP1, Name, Origination};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::Keys;

/// What a handshake with a backend is told.
pub(crate) struct ClientTls {
    /// Tells it from every other one: connections of different identities are never exchanged.
    /// Never 0, which is clear text.
    pub(crate) identity: u64,
    /// Offers HTTP/1.1.
    pub(crate) http1: Arc<ClientConfig>,
    /// Offers HTTP/2.
    pub(crate) http2: Arc<ClientConfig>,
    /// Sent as SNI.
    pub(crate) name: ServerName<'static>,
}

/// How the endpoints of a cluster are called.
pub(crate) enum ClusterTls {
    /// In clear text.
    Off,
    /// Not at all.
    Broken(Reason),
    /// Over TLS, by the certificate that the listener's Gateway shows to backends. `None`: that
    /// could not be set up.
    On(Vec<(Option<CredentialKey>, Option<Arc<ClientTls>>)>),
}

impl ClusterTls {
    /// How requests are sent that came by a listener with this certificate for backends.
    ///
    /// # Errors
    /// Why they cannot be.
    #[inline]
    pub(crate) fn by(
        &self,
        certificate: Option<&CredentialKey>,
    ) -> Result<Option<&Arc<ClientTls>>, Reason> {
        match self {
            Self::Off => Ok(None),
            Self::Broken(reason) => Err(*reason),
            Self::On(variants) => {
                let variant = variants.iter().find(|(key, _)| key.as_ref() == certificate);
                let tls = variant.and_then(|(_, tls)| tls.as_ref());
                tls.map(Some).ok_or(Reason::UpstreamTls)
            }
        }
    }
}

/// Builds [`ClusterTls`], and keeps what that takes.
#[derive(Default)]
pub(crate) struct Clients {
    identity: u64,
    certificates: BTreeMap<ListenerKey, CredentialKey>,
    /// The distinct ones of `certificates`.
    shown: BTreeSet<CredentialKey>,
    built: BTreeMap<BackendKey, Vec<Built>>,
}

struct Built {
    certificate: Option<CredentialKey>,
    origination: TlsOrigination,
    credentials: Vec<Arc<Credential>>,
    tls: Option<Arc<ClientTls>>,
}

impl Clients {
    /// Takes what is new of listeners; [`Keys::apply`] comes first. Says whether all backends with
    /// TLS have to be asked for again.
    pub(crate) fn apply(&mut self, change: &Change) -> bool {
        for (key, listener) in &change.listeners {
            match listener
                .as_ref()
                .and_then(|l| l.backend_certificate.clone())
            {
                Some(certificate) => drop(self.certificates.insert(key.clone(), certificate)),
                None => drop(self.certificates.remove(key)),
            }
        }
        let shown: BTreeSet<CredentialKey> = self.certificates.values().cloned().collect();
        let changed = shown != self.shown || !change.credentials.is_empty();
        self.shown = shown;
        changed
    }

    /// Forgets a backend that is gone.
    pub(crate) fn forget(&mut self, backend: &BackendKey) {
        self.built.remove(backend);
    }

    /// How a backend is called. `refused` gives the reason of a refusal.
    pub(crate) fn cluster(
        &mut self,
        backend: &Backend,
        keys: &mut Keys,
        refused: impl Fn(&fg_ir::Refusal) -> Reason,
    ) -> ClusterTls {
        let origination = match &backend.tls {
            BackendTls::Off => {
                self.forget(&backend.key);
                return ClusterTls::Off;
            }
            BackendTls::Broken(refusal) => {
                self.forget(&backend.key);
                return ClusterTls::Broken(refused(refusal));
            }
            BackendTls::Verify(origination) => origination,
        };
        let mut before = self.built.remove(&backend.key).unwrap_or_default();
        let variants = std::iter::once(None).chain(self.shown.iter().cloned().map(Some));
        let mut built = Vec::new();
        for certificate in variants {
            let credentials = keys.inputs(used(origination, certificate.as_ref()));
            let same = |before: &Built| {
                before.certificate == certificate
                    && before.origination == *origination
                    && before.credentials == credentials
                    && before.tls.is_some()
            };
            if let Some(index) = before.iter().position(same) {
                built.push(before.swap_remove(index));
                continue;
            }
            self.identity += 1;
            let tls = client(self.identity, origination, certificate.as_ref(), keys);
            let tls = tls
                .inspect_err(|error| tracing::error!(backend = %backend.key, %error, "TLS to a backend cannot be set up"))
                .ok()
                .map(Arc::new);
            built.push(Built {
                certificate,
                origination: origination.clone(),
                credentials,
                tls,
            });
        }
        let variants = built
            .iter()
            .map(|built| (built.certificate.clone(), built.tls.clone()))
            .collect();
        self.built.insert(backend.key.clone(), built);
        ClusterTls::On(variants)
    }
}

fn client(
    identity: u64,
    origination: &TlsOrigination,
    certificate: Option<&CredentialKey>,
    keys: &mut Keys,
) -> Result<ClientTls, String> {
    let roots = match &origination.trust {
        Trust::System => keys.system_roots()?,
        Trust::Authorities(authorities) => keys.roots(authorities)?,
    };
    let certificate = certificate.map(|key| keys.certificate(key)).transpose()?;
    let config = |protocol: &[u8]| {
        let names = origination.names.iter().map(|name| match name {
            SubjectAltName::Dns(name) => Name::Dns(name.to_string()),
            SubjectAltName::Uri(uri) => Name::Uri(uri.to_string()),
        });
        fg_tls::client_config(
            &keys.provider,
            Origination {
                hostname: origination.hostname.to_string(),
                names: names.collect(),
                roots: roots.clone(),
                certificate: certificate.clone(),
                alpn: vec![protocol.to_vec()],
            },
        )
    };
    let (http1, name) = config(ALPN_HTTP1)?;
    let (http2, _) = config(ALPN_H2)?;
    Ok(ClientTls {
        identity,
        http1,
        http2,
        name,
    })
}

/// The credentials for a backend.
fn used<'a>(
    origination: &'a TlsOrigination,
    certificate: Option<&'a CredentialKey>,
) -> impl Iterator<Item = &'a CredentialKey> {
    origination.trust.authorities().iter().chain(certificate)
}
