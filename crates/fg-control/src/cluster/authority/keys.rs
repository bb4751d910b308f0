//! The authority's keys as values: made, read, renewed, and used to sign. No I/O, no clock.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use fg_tls::credential;
use k8s_openapi::ByteString;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};

use super::seconds;

/// How long an authority is good for.
const LIFE: Duration = Duration::from_secs(365 * 24 * 3_600);
/// How long a certificate signed by it is good for.
const LEAF_LIFE: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Between making the next authority and signing with it: time for the ConfigMaps to be written and
/// for kubelets to bring them to the proxies, which takes minutes.
pub const OVERLAP: Duration = Duration::from_secs(24 * 3_600);
/// Certificates begin so long before they are made, since clocks differ.
const SKEW: Duration = Duration::from_secs(3_600);
/// Of a life, after which the successor is made: two thirds.
const RENEWED_AFTER: (u64, u64) = (2, 3);

/// The Secret's keys.
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
const BUNDLE: &str = "ca.crt";
const NEXT_CERTIFICATE: &str = "next.crt";
const NEXT_KEY: &str = "next.key";

/// Why keys cannot be made, read or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Flaw(String);

impl From<rcgen::Error> for Flaw {
    fn from(error: rcgen::Error) -> Self {
        Self(error.to_string())
    }
}

/// One authority.
#[derive(Clone, PartialEq, Eq)]
struct Pair {
    certificate: String,
    key: String,
    /// Units: seconds since the epoch.
    from: i64,
    until: i64,
}

/// All that the Secret holds.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Keys {
    /// It signs.
    signing: Pair,
    /// It will sign; it is trusted already.
    next: Option<Pair>,
    /// Those that signed, and may be trusted until they end, PEM.
    former: Vec<String>,
}

/// A certificate of a server, with its key.
pub(super) struct Leaf {
    /// PEM, leaf first.
    pub(super) chain: String,
    /// PEM.
    pub(super) key: String,
    /// When it should be made anew.
    pub(super) renew_at: SystemTime,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Keys(redacted)")
    }
}

impl Pair {
    fn make(now: SystemTime) -> Result<Self, Flaw> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::default();
        let mut name = DistinguishedName::new();
        // Names of their own: who looks for the signer of a certificate finds one, not two.
        name.push(DnType::CommonName, format!("Ferrogate CA {}", seconds(now)));
        params.distinguished_name = name;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = (now - SKEW).into();
        params.not_after = (now + LIFE).into();
        let certificate = params.self_signed(&key)?;
        Self::read(certificate.pem(), key.serialize_pem())
    }

    fn read(certificate: String, key: String) -> Result<Self, Flaw> {
        let names = [CERTIFICATE, KEY];
        let pair = credential::key_pair(names, certificate.as_bytes(), key.as_bytes())
            .map_err(|flaw| Flaw(flaw.to_string()))?;
        Ok(Self {
            certificate,
            key,
            from: pair.facts.from,
            until: pair.facts.until,
        })
    }

    fn made_at(&self) -> i64 {
        self.from.saturating_add(whole(SKEW))
    }

    /// When its successor should be made.
    fn renew_at(&self) -> i64 {
        let (part, of) = RENEWED_AFTER;
        self.made_at() + (self.until - self.made_at()) / whole_number(of) * whole_number(part)
    }

    fn promoted_at(&self) -> i64 {
        self.made_at() + whole(OVERLAP)
    }
}

impl Keys {
    /// A new authority.
    ///
    /// # Errors
    /// When there is no randomness.
    pub(super) fn make(now: SystemTime) -> Result<Self, Flaw> {
        Ok(Self {
            signing: Pair::make(now)?,
            next: None,
            former: Vec::new(),
        })
    }

    /// What a Secret holds.
    ///
    /// # Errors
    /// When it is not what [`Keys::data`] gives.
    pub(super) fn read(data: &BTreeMap<String, ByteString>) -> Result<Self, Flaw> {
        let text = |key: &str| {
            let bytes = data.get(key).map(|bytes| bytes.0.clone());
            let text = bytes.map(String::from_utf8).transpose();
            text.map_err(|_| Flaw(format!("`{key}` is not PEM")))
        };
        let needed = |key: &str| text(key)?.ok_or_else(|| Flaw(format!("it has no `{key}`")));
        let signing = Pair::read(needed(CERTIFICATE)?, needed(KEY)?)?;
        let next = match (text(NEXT_CERTIFICATE)?, text(NEXT_KEY)?) {
            (Some(certificate), Some(key)) => Some(Pair::read(certificate, key)?),
            _ => None,
        };
        let mut former = split(&text(BUNDLE)?.unwrap_or_default());
        let is_next = |pem: &str| {
            next.as_ref()
                .is_some_and(|next| same(&next.certificate, pem))
        };
        former.retain(|pem| !same(&signing.certificate, pem) && !is_next(pem));
        Ok(Self {
            signing,
            next,
            former,
        })
    }

    /// For the Secret.
    pub(super) fn data(&self) -> BTreeMap<String, ByteString> {
        let mut data = BTreeMap::from([
            (CERTIFICATE, self.signing.certificate.clone()),
            (KEY, self.signing.key.clone()),
            (BUNDLE, self.bundle()),
        ]);
        if let Some(next) = &self.next {
            data.insert(NEXT_CERTIFICATE, next.certificate.clone());
            data.insert(NEXT_KEY, next.key.clone());
        }
        data.into_iter()
            .map(|(key, text)| (key.to_owned(), ByteString(text.into_bytes())))
            .collect()
    }

    /// Everything to be trusted, PEM: the one that signs, the next one, those that signed.
    pub(super) fn bundle(&self) -> String {
        let mut bundle = self.signing.certificate.trim_end().to_owned();
        let next = self.next.iter().map(|pair| &pair.certificate);
        for pem in next.chain(&self.former) {
            bundle.push('\n');
            bundle.push_str(pem.trim_end());
        }
        bundle.push('\n');
        bundle
    }

    /// What should be kept instead, by now; none if this is right.
    ///
    /// # Errors
    /// When a new authority cannot be made.
    pub(super) fn renewed(&self, now: SystemTime) -> Result<Option<Self>, Flaw> {
        let at = seconds(now);
        let mut new = self.clone();
        new.former.retain(|pem| {
            credential::authorities(BUNDLE, pem.as_bytes())
                .is_ok_and(|authority| authority.facts.until > at)
        });
        if new.next.as_ref().is_some_and(|next| next.until <= at) {
            new.next = None;
        }
        let has_ended = new.signing.until <= at;
        if let Some(next) = new
            .next
            .take_if(|next| has_ended || next.promoted_at() <= at)
        {
            let old = std::mem::replace(&mut new.signing, next);
            if !has_ended {
                new.former.push(old.certificate.trim().to_owned());
            }
        } else if has_ended {
            // Nobody was here for months: what was signed by it is of no use any more.
            new.signing = Pair::make(now)?;
        }
        if new.next.is_none() && new.signing.renew_at() <= at {
            new.next = Some(Pair::make(now)?);
        }
        Ok((new != *self).then_some(new))
    }

    /// Whether a certificate signed by those is as good as one signed by these.
    pub(super) fn signs_as(&self, other: &Self) -> bool {
        same(&self.signing.certificate, &other.signing.certificate)
    }

    /// A certificate for a server of these names and addresses.
    ///
    /// # Errors
    /// When a name cannot be one, or there is no randomness.
    pub(super) fn issue(&self, names: &[String], now: SystemTime) -> Result<Leaf, Flaw> {
        let issuer = Issuer::from_ca_cert_pem(
            &self.signing.certificate,
            KeyPair::from_pem(&self.signing.key)?,
        )?;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(names.to_vec())?;
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, "Ferrogate control plane");
        params.distinguished_name = name;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = (now - SKEW).into();
        params.not_after = (now + LEAF_LIFE).into();
        let certificate = params.signed_by(&key, &issuer)?;
        let (part, of) = RENEWED_AFTER;
        Ok(Leaf {
            chain: certificate.pem(),
            key: key.serialize_pem(),
            renew_at: now
                + LEAF_LIFE / u32::try_from(of).unwrap_or(1) * u32::try_from(part).unwrap_or(1),
        })
    }
}

/// The certificates of a bundle, one by one.
fn split(bundle: &str) -> Vec<String> {
    const END: &str = "-----END CERTIFICATE-----";
    bundle
        .split_inclusive(END)
        .map(str::trim)
        .filter(|pem| pem.ends_with(END))
        .map(str::to_owned)
        .collect()
}

/// Whether two texts are the same certificate.
fn same(one: &str, other: &str) -> bool {
    let normal = |pem: &str| pem.lines().map(str::trim).collect::<String>();
    normal(one) == normal(other)
}

fn whole(duration: Duration) -> i64 {
    whole_number(duration.as_secs())
}

fn whole_number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
