//! Everything that one request and its reply need, pooled by the worker.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use fg_exchange::{Facts, Fault, Reason, Reply, Request, Scheme};

use super::flow::Flow;
/// A buffer above this size is not kept for the next exchange. Units: bytes.
const KEEP: usize = 256 * 1024;

/// One request and its reply.
#[derive(Default)]
pub(crate) struct Exchange {
    pub(crate) request: Request,
    pub(crate) reply: Reply,
    /// From the client to the backend.
    pub(crate) up: Flow,
    /// From the backend to the client.
    pub(crate) down: Flow,
    pub(crate) record: Record,
}

/// What is noted on the way, for filters, metrics and the log.
#[derive(Default)]
pub(crate) struct Record {
    pub(crate) started: Option<Instant>,
    pub(crate) time: Option<SystemTime>,
    /// Index of the backend chosen.
    pub(crate) backend: Option<usize>,
    pub(crate) endpoint: Option<SocketAddr>,
    /// The endpoint that the client's session keeps it at.
    pub(crate) session: Option<SocketAddr>,
    pub(crate) status: u16,
    pub(crate) fault: Option<Fault>,
    /// How often it was sent to a backend.
    pub(crate) attempts: u32,
    /// More for the log when there is no fault.
    pub(crate) note: &'static str,
    /// From sending to the backend to the head of its reply.
    pub(crate) upstream_time: Option<Duration>,
    facts: Option<Facts>,
    /// Filters of the rule that saw the request, from the first on.
    pub(crate) passed: usize,
    /// The same for the filters of the backend.
    pub(crate) backend_passed: usize,
    /// Time that filters waited for what they asked.
    pub(crate) waited: Duration,
    /// Fields for the reply that filters were told to add.
    pub(crate) reply_fields: Vec<(Cow<'static, str>, Vec<u8>)>,
    /// A reply head, or a part of it, was given to the client's socket.
    pub(crate) replied: bool,
    /// The client's connection fits its listener no more: it ends, and the client makes another.
    pub(crate) ends_connection: bool,
}

impl Record {
    /// Facts for filters.
    pub(crate) fn facts(&self) -> Facts {
        self.facts.unwrap_or(Facts {
            client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            scheme: Scheme::Http,
            listener_port: 0,
            matched_prefix: None,
        })
    }

    pub(crate) fn set_facts(&mut self, facts: Facts) {
        self.facts = Some(facts);
    }

    /// The reason of a reply that we made because of a fault.
    pub(crate) fn reason(&self) -> Option<Reason> {
        self.fault.as_ref().map(|fault| fault.reason)
    }
}

impl Exchange {
    /// Forgets everything but the capacity of the buffers.
    pub(crate) fn clear(&mut self) {
        self.request.clear();
        self.reply.clear();
        self.up.clear();
        self.down.clear();
        self.record = Record::default();
    }

    /// Whether the buffers are small enough to be kept.
    pub(crate) fn is_small(&self) -> bool {
        self.capacity() <= 2 * KEEP
    }

    /// Room of all buffers. Units: bytes.
    pub(crate) fn capacity(&self) -> usize {
        self.request.head.capacity()
            + self.reply.head.capacity()
            + self.up.input.capacity()
            + self.up.output.capacity()
            + self.down.input.capacity()
            + self.down.output.capacity()
    }
}
