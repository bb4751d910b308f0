//! Sessions: tokens that bring a client's requests back to the endpoint of the first one.
//!
//! A token is sealed with a key of its rule, which is derived from the process's secret: whoever
//! has the same secret reads it, nobody else can make one or learn an address from it. It says
//! which backend and which endpoint, and when the session began; both must still be the rule's.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fg_base::Text;
use fg_exchange::{Reply, Request, Scheme, Session};
use fg_ir::Rule;

use crate::generation::{Cluster, CompiledBackend};

/// A token before it is sealed: seconds since 1970, tag of the backend, address, port.
const PLAIN: usize = 8 + TAG + 16 + 2;
/// So much of the hash of a backend's name. Units: bytes.
const TAG: usize = 8;
/// What sealing adds: a nonce in front, a tag behind. Units: bytes.
const NONCE: usize = 12;
const SEAL: usize = 16;
/// A token as clients carry it. Units: bytes.
const TOKEN: usize = (NONCE + PLAIN + SEAL) * 4 / 3 + 1;

/// The sessions of one rule.
pub(crate) struct Sessions {
    session: Session,
    /// Name of the cookie when none is written.
    name: Text,
    key: RandomizedNonceKey,
    /// By backend of the rule; `None` when it gets no requests.
    tags: Vec<Option<[u8; TAG]>>,
}

/// A session that goes on.
#[derive(Clone, Copy)]
pub(crate) struct Resumed {
    /// Index of the rule's backend.
    pub(crate) backend: usize,
    pub(crate) endpoint: SocketAddr,
}

impl Sessions {
    pub(crate) fn new(
        session: Session,
        rule: &Rule,
        backends: &[CompiledBackend],
        secret: &[u8],
    ) -> Self {
        // A named rule keeps its sessions when rules are put before it.
        let identity = match &rule.name {
            Some(name) => format!("{} rule {name}", rule.key.route),
            None => format!("{} rule #{}", rule.key.route, rule.key.rule),
        };
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let key = hmac::sign(&secret, format!("session {identity}").as_bytes());
        let [a, b, c, d, ..] = tag(&identity);
        let mut before = 0;
        let tags = backends.iter().map(|backend| {
            let weight = backend.cumulative - before;
            before = backend.cumulative;
            (weight > 0).then(|| tag(&backend.name))
        });
        Self {
            session,
            name: format!("fg-session-{:08x}", u32::from_be_bytes([a, b, c, d])).into(),
            key: RandomizedNonceKey::new(&AES_256_GCM_SIV, key.as_ref())
                .expect("a SHA-256 is as long as an AES-256 key"),
            tags: tags.collect(),
        }
    }

    /// Where a request goes by its session, if it has one that still holds.
    pub(crate) fn resume(
        &self,
        request: &Request,
        backends: &[CompiledBackend],
        clusters: &[Option<Arc<Cluster>>],
    ) -> Option<Resumed> {
        let tokens = self.session.tokens(&self.name, request);
        // Several may be there: of other paths, or made up. More than a few are an attack.
        tokens.take(4).find_map(|token| {
            let (began, tag, endpoint) = self.open(token)?;
            if let Some(lifetime) = self.session.lifetime {
                let age = now().checked_sub(began)?;
                if age >= lifetime.as_secs().max(1) {
                    return None;
                }
            }
            let backend = self.tags.iter().position(|one| *one == Some(tag))?;
            let cluster = clusters.get(*backends.get(backend)?.target.as_ref().ok()?)?;
            cluster.as_ref()?.endpoints.binary_search(&endpoint).ok()?;
            Some(Resumed { backend, endpoint })
        })
    }

    /// Gives the client a token for a session that begins now.
    pub(crate) fn begin(
        &self,
        reply: &mut Reply,
        backend: usize,
        endpoint: SocketAddr,
        scheme: Scheme,
    ) {
        let Some(Some(tag)) = self.tags.get(backend) else {
            return;
        };
        if let Some(token) = self.seal(now(), tag, endpoint) {
            self.session.write(&self.name, reply, &token, scheme);
        }
    }

    fn seal(&self, began: u64, tag: &[u8; TAG], endpoint: SocketAddr) -> Option<Vec<u8>> {
        let ip = match endpoint.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let mut sealed = Vec::with_capacity(NONCE + PLAIN + SEAL);
        sealed.extend_from_slice(&began.to_be_bytes());
        sealed.extend_from_slice(tag);
        sealed.extend_from_slice(&ip.octets());
        sealed.extend_from_slice(&endpoint.port().to_be_bytes());
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::empty(), &mut sealed)
            .ok()?;
        let mut token = nonce.as_ref().to_vec();
        token.append(&mut sealed);
        Some(URL_SAFE_NO_PAD.encode(token).into_bytes())
    }

    fn open(&self, token: &[u8]) -> Option<(u64, [u8; TAG], SocketAddr)> {
        if token.len() != TOKEN {
            return None;
        }
        let mut sealed = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (nonce, sealed) = sealed.split_at_mut_checked(NONCE)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = self.key.open_in_place(nonce, Aad::empty(), sealed).ok()?;
        let (began, rest) = plain.split_first_chunk()?;
        let (tag, rest) = rest.split_first_chunk()?;
        let (ip, rest) = rest.split_first_chunk::<16>()?;
        let port = u16::from_be_bytes(*rest.first_chunk()?);
        let ip = IpAddr::V6(Ipv6Addr::from(*ip)).to_canonical();
        Some((u64::from_be_bytes(*began), *tag, SocketAddr::new(ip, port)))
    }
}

fn tag(name: &str) -> [u8; TAG] {
    let hash = digest::digest(&digest::SHA256, name.as_bytes());
    *hash
        .as_ref()
        .first_chunk()
        .expect("a SHA-256 is longer than a tag")
}

/// Seconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
