//! The discovery protocol (`envoy.service.discovery.v3`), server and client, generic over what is
//! served.
//!
//! A [`Store`] holds, for each *scope* (what one group of clients may see), resources by type URL and
//! name. A [`Server`] sends each client what differs from what it has, one response in flight a type,
//! and tells by [`Event`]s who confirmed or refused what. A [`Client`] keeps a stream to such a server
//! for ever, and hands each transaction on as one [`Batch`].

pub mod client;
pub mod message;
mod metrics;
mod rejection;
pub mod server;
mod store;
pub mod tls;

pub use self::client::{Batch, Client, Delivery, Verdict};
pub use self::metrics::{ACK_BUCKETS, Metrics};
pub use self::rejection::Rejection;
pub use self::server::{Authenticator, ClientId, Event, Identity, Protocol, Security, Server};
pub use self::store::{Serial, Store, Transaction, Upsert};
