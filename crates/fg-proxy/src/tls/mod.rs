//! TLS of listeners and backends, compiled: what handshakes are told, built with the configuration
//! and never by a connection. What did not change is not built again, and its sessions go on.

mod backends;
mod keys;
mod listeners;

pub(crate) use self::backends::{ClientTls, Clients, ClusterTls};
pub(crate) use self::keys::Keys;
pub(crate) use self::listeners::{Listeners, ServerTls, Servers};
