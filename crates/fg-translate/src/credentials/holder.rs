//! An object that may hold certificates and keys, judged when somebody first asks.

use std::sync::{Arc, OnceLock};

use fg_api::core::{ConfigMap, Secret};
use fg_api::{Meta, Object, Resource};
use fg_model::Origin;
use fg_tls::credential::{self, Authorities, Flaw, KeyPair};

/// Where certificate chains stand. Source: Secrets of type `kubernetes.io/tls`.
const CERTIFICATE: &str = "tls.crt";
/// Where keys stand.
const KEY: &str = "tls.key";
/// Where authorities stand. Source: Gateway API `caCertificateRefs`.
const AUTHORITIES: &str = "ca.crt";

/// A Secret or ConfigMap. What is in it is read when somebody first asks, and then remembered: it
/// costs a signature's worth of arithmetic, and most Secrets of a cluster are not for gateways.
#[derive(Debug)]
pub struct Holder {
    origin: Origin,
    content: Content,
    key_pair: OnceLock<Judged<KeyPair>>,
    authorities: OnceLock<Judged<Authorities>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Content {
    Secret(Arc<Object<Secret>>),
    ConfigMap(Arc<Object<ConfigMap>>),
}

/// What is read of an object.
#[derive(Debug)]
pub struct Judged<T> {
    /// What serves: what the object holds, or while that cannot be used, what last could be; `None`
    /// when nothing ever could.
    pub usable: Option<Arc<T>>,
    /// Why what it holds cannot be used.
    pub flaw: Option<Flaw>,
}

/// Which values of an object.
#[derive(Clone, Copy)]
enum Version {
    /// `data`.
    Now,
    /// `last_good`.
    LastGood,
}

impl<T> Judged<T> {
    fn of(read: impl Fn(Version) -> Result<T, Flaw>) -> Self {
        let (usable, flaw) = match read(Version::Now) {
            Ok(now) => (Some(now), None),
            Err(flaw) => (read(Version::LastGood).ok(), Some(flaw)),
        };
        Self {
            usable: usable.map(Arc::new),
            flaw,
        }
    }

    /// Which values serve.
    fn serving(&self) -> Option<Version> {
        let version = match self.flaw {
            None => Version::Now,
            Some(_) => Version::LastGood,
        };
        self.usable.as_ref().map(|_| version)
    }
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
    pub fn key_pair(&self) -> &Judged<KeyPair> {
        self.key_pair.get_or_init(|| {
            Judged::of(|version| {
                let chain = self.bytes(version, CERTIFICATE)?;
                let key = self.bytes(version, KEY)?;
                credential::key_pair([CERTIFICATE, KEY], chain, key)
            })
        })
    }

    /// Its `ca.crt`.
    pub fn authorities(&self) -> &Judged<Authorities> {
        self.authorities.get_or_init(|| {
            Judged::of(|version| {
                credential::authorities(AUTHORITIES, self.bytes(version, AUTHORITIES)?)
            })
        })
    }

    fn bytes(&self, version: Version, key: &str) -> Result<&[u8], Flaw> {
        match &self.content {
            Content::Secret(secret) => match version {
                Version::Now => &secret.spec.data,
                Version::LastGood => &secret.spec.last_good,
            }
            .get(key)
            .map(|value| value.expose()),
            Content::ConfigMap(map) => match version {
                Version::Now => &map.spec.data,
                Version::LastGood => &map.spec.last_good,
            }
            .get(key),
        }
        .map(Vec::as_slice)
        .ok_or_else(|| Flaw::missing(key))
    }

    /// Whether an object of its name can be its next version. One with another `uid` cannot: this
    /// one was deleted in between. Without `uid`s, as from folders, nobody can tell, and it can.
    pub(crate) fn may_become(&self, next: &Meta) -> bool {
        let uid = match &self.content {
            Content::Secret(secret) => &secret.meta.uid,
            Content::ConfigMap(map) => &map.meta.uid,
        };
        match (uid, &next.uid) {
            (Some(uid), Some(next)) => uid == next,
            _ => true,
        }
    }

    /// Whether it has values of earlier versions.
    fn bears(&self, keys: &[&str]) -> bool {
        let mut keys = keys.iter();
        keys.any(|key| self.bytes(Version::LastGood, key).is_ok())
    }

    /// Its values that serve on while those of `new`, its next version, cannot be used. What nobody
    /// asked for serves nobody, and is not read for this, unless some of it did before.
    fn lasting(&self, new: &Self) -> Vec<(&'static str, Vec<u8>)> {
        let mut lasting = Vec::new();
        let mut last = |version: Option<Version>, keys: &[&'static str]| {
            for key in keys {
                let value = version.and_then(|version| self.bytes(version, key).ok());
                lasting.extend(value.map(|value| (*key, value.to_vec())));
            }
        };
        let pair = [CERTIFICATE, KEY];
        let served = self.key_pair.get().is_some() || self.bears(&pair);
        if served && new.key_pair().flaw.is_some() {
            last(self.key_pair().serving(), &pair);
        }
        let served = self.authorities.get().is_some() || self.bears(&[AUTHORITIES]);
        if served && new.authorities().flaw.is_some() {
            last(self.authorities().serving(), &[AUTHORITIES]);
        }
        lasting
    }

    /// The next version of this object, with what serves on of this one.
    pub(crate) fn next(&self, new: Resource) -> Resource {
        match new {
            Resource::Secret(mut object) => {
                let lasting = self.lasting(&Self::secret(object.clone()));
                if !lasting.is_empty() {
                    let values = lasting.into_iter();
                    let values =
                        values.map(|(key, value)| (key.into(), fg_base::Secret::new(value)));
                    Arc::make_mut(&mut object).spec.last_good = values.collect();
                }
                Resource::Secret(object)
            }
            Resource::ConfigMap(mut object) => {
                let lasting = self.lasting(&Self::config_map(object.clone()));
                if !lasting.is_empty() {
                    let values = lasting.into_iter().map(|(key, value)| (key.into(), value));
                    Arc::make_mut(&mut object).spec.last_good = values.collect();
                }
                Resource::ConfigMap(object)
            }
            other => other,
        }
    }
}
