//! An object that may hold certificates and keys, judged when somebody first asks.

use std::sync::{Arc, OnceLock};

use fg_api::Object;
use fg_api::core::{ConfigMap, Secret};
use fg_model::Origin;
use fg_tls::credential::{self, Authorities, Flaw, KeyPair};

/// Where certificate chains stand. Source: Secrets of type `kubernetes.io/tls`.
const CERTIFICATE: &str = "tls.crt";
/// Where keys stand.
const KEY: &str = "tls.key";
/// Where authorities stand. Source: Gateway API `caCertificateRefs`.
const AUTHORITIES: &str = "ca.crt";

/// A Secret or ConfigMap. What is in it is read at most once: it costs a signature's worth of
/// arithmetic, and most Secrets of a cluster are not for gateways.
#[derive(Debug)]
pub struct Holder {
    origin: Origin,
    content: Content,
    key_pair: OnceLock<Result<Arc<KeyPair>, Flaw>>,
    authorities: OnceLock<Result<Arc<Authorities>, Flaw>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Content {
    Secret(Arc<Object<Secret>>),
    ConfigMap(Arc<Object<ConfigMap>>),
}

/// Equal are those that hold the same.
impl PartialEq for Holder {
    fn eq(&self, other: &Self) -> bool {
        self.content == other.content
    }
}

impl Holder {
    fn new(origin: Origin, content: Content) -> Arc<Self> {
        Arc::new(Self {
            origin,
            content,
            key_pair: OnceLock::new(),
            authorities: OnceLock::new(),
        })
    }

    pub(crate) fn secret(secret: Arc<Object<Secret>>) -> Arc<Self> {
        Self::new(secret.origin(), Content::Secret(secret))
    }

    pub(crate) fn config_map(map: Arc<Object<ConfigMap>>) -> Arc<Self> {
        Self::new(map.origin(), Content::ConfigMap(map))
    }

    /// The object.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Its `tls.crt` and `tls.key`.
    pub fn key_pair(&self) -> &Result<Arc<KeyPair>, Flaw> {
        self.key_pair.get_or_init(|| {
            let (chain, key) = (self.bytes(CERTIFICATE)?, self.bytes(KEY)?);
            credential::key_pair([CERTIFICATE, KEY], chain, key).map(Arc::new)
        })
    }

    /// Its `ca.crt`.
    pub fn authorities(&self) -> &Result<Arc<Authorities>, Flaw> {
        self.authorities.get_or_init(|| {
            credential::authorities(AUTHORITIES, self.bytes(AUTHORITIES)?).map(Arc::new)
        })
    }

    fn bytes(&self, key: &str) -> Result<&[u8], Flaw> {
        match &self.content {
            Content::Secret(secret) => secret.spec.data.get(key).map(|value| value.expose()),
            Content::ConfigMap(map) => map.spec.data.get(key),
        }
        .map(Vec::as_slice)
        .ok_or_else(|| Flaw::missing(key))
    }
}
