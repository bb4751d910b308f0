//! What a server tells: who is there, who confirmed what, who refused what.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Protocol;
use crate::message::Node;
use crate::{Rejection, Serial};

/// One stream of one client. Never the same twice in a process: a client that reconnects is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

impl fmt::Display for ClientId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// News of one client. Of each client they come in the order in which they happened: first
/// [`Event::Connected`], last [`Event::Disconnected`].
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A client was let in. It may have something from an earlier stream; what it lacks is on its way.
    Connected {
        /// Which.
        client: ClientId,
        /// What it may see.
        scope: Arc<str>,
        /// Who it says it is. What the authenticator did not check is not to be trusted.
        node: Box<Node>,
        /// From where; none if that socket has no address.
        peer: Option<SocketAddr>,
        /// Which protocol it speaks.
        protocol: Protocol,
    },
    /// A client has everything of a type up to a serial, and uses it.
    Acked {
        /// Which.
        client: ClientId,
        /// What it may see.
        scope: Arc<str>,
        /// The type it subscribed by.
        type_url: Arc<str>,
        /// Of the scope. Serials between this and the last were skipped, not lost.
        serial: Serial,
        /// From sending the (first part of the) response to the answer.
        took: Duration,
    },
    /// A client has everything of a type up to a serial, and uses it, but for some resources.
    Rejected {
        /// Which.
        client: ClientId,
        /// What it may see.
        scope: Arc<str>,
        /// The type it subscribed by.
        type_url: Arc<str>,
        /// Of the scope.
        serial: Serial,
        /// From sending the (first part of the) response to the answer.
        took: Duration,
        /// The resources it did not take; of each its last good version is in use, or none. A client
        /// that names them itself names those of this response; of one that does not (Envoy) these
        /// are all of the type that it refused and has no later version of. Empty if it refused
        /// removals alone.
        resources: Vec<Rejection>,
        /// All in words.
        message: String,
    },
    /// A client has asked for everything that there is, and has answered all of it up to a serial: it
    /// uses it but for what it refused, and what it did not ask for.
    Settled {
        /// Which.
        client: ClientId,
        /// What it may see.
        scope: Arc<str>,
        /// Of the scope. Greater each time; serials between are skipped.
        serial: Serial,
        /// What there is of the types that are ordered ([`super::Options::order`]) and it did not ask for:
        /// type URL and name. It would have learned of it from something that it refused
        /// ([`super::Ordered::leads_to`]), or does not use what leads to it, and had time to ask
        /// ([`super::Options::ask_deadline`]).
        unasked: Vec<(Arc<str>, Arc<str>)>,
    },
    /// A client cannot use some resources that it had confirmed (a port that is taken). Each report
    /// replaces the client's last one: an empty list means that all is well again.
    Report {
        /// Which.
        client: ClientId,
        /// What it may see.
        scope: Arc<str>,
        /// The type it subscribed by.
        type_url: Arc<str>,
        /// The resources and reasons.
        resources: Vec<Rejection>,
    },
    /// A client is gone. It comes back, if it does, as another.
    Disconnected {
        /// Which.
        client: ClientId,
        /// What it could see.
        scope: Arc<str>,
        /// Why, in words.
        reason: String,
    },
}
