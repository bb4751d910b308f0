//! Where traffic comes in.

use std::fmt;
use std::net::IpAddr;

use fg_base::Text;
use fg_model::{HostPattern, Origin};
use serde::Serialize;

/// Names a listener: its Gateway and its name there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ListenerKey {
    /// Namespace of the Gateway.
    pub namespace: Text,
    /// Name of the Gateway.
    pub gateway: Text,
    /// Name of the listener.
    pub section: Text,
}

impl fmt::Display for ListenerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.namespace, self.gateway, self.section)
    }
}

/// What is spoken on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Protocol {
    /// HTTP in clear text.
    Http,
}

/// A listener that works.
///
/// Shape: of all listeners on one address and port each has another hostname; losers of a conflict
/// are not in the IR.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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
}
