//! From a connection to its requests, and from a request to its reply.
//!
//! One task drives both sockets of an exchange: receive from the client, send to the backend,
//! receive from the backend, send to the client. Reading downward: [`connection`] → [`exchange`] →
//! [`route`] → [`forward`] → [`flow`].

mod ask;
mod call;
mod connection;
mod exchange;
mod finish;
mod flow;
mod forward;
mod head;
mod http2;
mod linger;
mod local;
mod mirror;
mod outlet;
mod retry;
mod route;
mod session;
mod signs;
pub mod trust;
mod tunnel;
mod upstream;

pub(crate) use connection::connection;
pub(crate) use exchange::Exchange;
pub(crate) use retry::Budgets;
pub(crate) use session::Sessions;
