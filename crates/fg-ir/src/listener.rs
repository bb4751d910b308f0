//! Where traffic comes in.

use std::fmt;
use std::net::IpAddr;

use fg_base::Text;
use fg_model::{HostPattern, Origin};
use serde::{Deserialize, Serialize};

use crate::CredentialKey;

/// Names a listener: its Gateway and its name there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ListenerKey {
    /// Namespace of the Gateway.
    pub namespace: Text,
    /// Name of the Gateway.
    pub gateway: Text,
    /// Name of the listener; `namespace/set/name` for that of a `ListenerSet`.
    pub section: Text,
}

impl fmt::Display for ListenerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.namespace, self.gateway, self.section)
    }
}

/// Names a Gateway.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GatewayKey {
    /// Its namespace.
    pub namespace: Text,
    /// Its name.
    pub name: Text,
}

impl GatewayKey {
    /// Names a Gateway.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// Whether a listener is one of its own.
    pub fn has(&self, listener: &ListenerKey) -> bool {
        self.namespace == listener.namespace && self.name == listener.gateway
    }
}

impl From<&ListenerKey> for GatewayKey {
    fn from(listener: &ListenerKey) -> Self {
        Self {
            namespace: listener.namespace.clone(),
            name: listener.gateway.clone(),
        }
    }
}

impl fmt::Display for GatewayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// An address and a port as configured; no address is all of them, v4 and v6.
pub type Socket = (Option<IpAddr>, u16);

/// What is spoken on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// HTTP in clear text.
    Http,
    /// HTTP over TLS that ends here.
    Https,
}

/// A listener that works.
///
/// Shape: of all listeners on one address and port each has another hostname; losers of a conflict
/// are not in the IR.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Listener {
    /// Its name.
    pub key: ListenerKey,
    /// Where it was written.
    pub origin: Origin,
    /// Addresses to bind; empty means all, v4 and v6.
    pub addresses: Vec<IpAddr>,
    /// Port as configured.
    pub port: u16,
    /// Protocol.
    pub protocol: Protocol,
    /// Hosts it owns on its addresses and port.
    pub hostname: HostPattern,
    /// How TLS ends here; always there with [`Protocol::Https`], never with [`Protocol::Http`].
    pub tls: Option<ListenerTls>,
    /// What the Gateway shows to backends that ask for a certificate (`spec.tls.backend.
    /// clientCertificateRef`); of kind [`crate::CredentialKind::KeyPair`].
    pub backend_certificate: Option<CredentialKey>,
}

impl Listener {
    /// The sockets that it asks for, with the addresses in their canonical form.
    pub fn sockets(&self) -> impl Iterator<Item = Socket> {
        let all = self.addresses.is_empty().then_some(None);
        let some = self.addresses.iter();
        let some = some.map(|address| Some(address.to_canonical()));
        all.into_iter()
            .chain(some)
            .map(|address| (address, self.port))
    }

    /// Its credentials: what it shows to clients and to backends, and by what it judges clients.
    pub fn credentials(&self) -> Vec<&CredentialKey> {
        let mut keys: Vec<&CredentialKey> = self.backend_certificate.iter().collect();
        if let Some(tls) = &self.tls {
            keys.extend(&tls.certificates);
            keys.extend(tls.client.iter().flat_map(|client| &client.authorities));
        }
        keys
    }

    /// Whether, and how closely, it binds what a socket is bound to: the address itself (0), all of
    /// its family (1), or all (2). Of two listeners with one hostname the closer one owns it there.
    pub fn closeness(&self, (address, port): Socket) -> Option<u8> {
        if self.port != port {
            return None;
        }
        let has = |wanted: IpAddr| {
            let mut addresses = self.addresses.iter();
            addresses.any(|address| address.to_canonical() == wanted)
        };
        match address {
            Some(address) if has(address) => Some(0),
            Some(address) if has(unspecified(address)) => Some(1),
            _ if self.addresses.is_empty() => Some(2),
            _ => None,
        }
    }
}

/// `0.0.0.0` or `::`.
fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// How TLS ends at a listener. Source: `ListenerTLSConfig`, `GatewayTLSConfig`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListenerTls {
    /// Its certificates in the order written, the usable ones; never empty. The first one that
    /// has the client's server name and suits its algorithms is shown, else the first.
    pub certificates: Vec<CredentialKey>,
    /// What is asked of clients, if anything.
    pub client: Option<ClientValidation>,
}

/// What is asked of clients' certificates. Source: `FrontendTLSValidation`, GEP-91.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClientValidation {
    /// Who may have signed them; never empty.
    pub authorities: Vec<CredentialKey>,
    /// `AllowInsecureFallback`: a client without a certificate, or with one that does not hold, is
    /// let in all the same, and backends are told nothing about it.
    pub insecure_fallback: bool,
}
