//! Compiled match tables: from a request to the rule that owns it, never by a scan of the rules.
//!
//! A [`Router`] is an immutable snapshot. A connection's address and port give a [`SocketTable`],
//! the request's host the [`ListenerTable`] that owns it, and that the rule: hosts by hash, exact
//! paths by hash, prefixes by a tree of path elements, then regular expressions. A [`Builder`]
//! keeps what it takes to make the next snapshot from a change, at a cost in proportion to it;
//! whatever the change does not touch is shared with the snapshot before.
//!
//! The order of precedence (Gateway API `HTTPRouteRule`): the hostname as the route writes it
//! (exact, longer wildcard, shorter wildcard, none), exact path, longest prefix, regular expression
//! (longer first), then whether there is a method, the number of headers, the number of query
//! parameters, the route's age, its namespace and name, and the place in the route. A request that
//! the rules of the better hostname do not match falls through to those of the next.
//!
//! That of gRPC calls (`GRPCRouteRule`) is the same with other words for the path: service and
//! method exactly, then the service exactly, then the rest by the characters of service, then of
//! method.

mod builder;
mod candidate;
mod condition;
mod hash;
mod host_table;
mod hosts;
mod paths;
mod preflight;
mod query;
mod refusal;
mod table;
mod trace;

pub use builder::Builder;
pub use refusal::reason;
pub use table::{ListenerTable, Router, SocketTable};
pub use trace::{Entry, Found, Lost, Outcome, Tried};
