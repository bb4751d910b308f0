//! What a policy gives a data plane that runs in Rust: one [`Part`].

use std::borrow::Cow;
use std::fmt;

use crate::body::BodyFilter;
use crate::{Facts, Reply, Request, Session, Setting, WaitingFilter};

/// What a filter wants to happen next.
#[derive(Debug)]
pub enum Verdict {
    /// Go on.
    Continue,
    /// Answer with this instead; filters after this one do not see the request.
    Reply(Box<LocalReply>),
}

/// An answer that a filter gives itself.
#[derive(Debug, Default)]
pub struct LocalReply {
    /// Status, 200 to 599.
    pub status: u16,
    /// Header fields: lower-case name and a valid value. Framing fields are the engine's.
    pub headers: Vec<(Cow<'static, str>, Vec<u8>)>,
    /// Body; may be empty.
    pub body: Vec<u8>,
}

/// A filter that decides at once: no allocation it can avoid, no waiting.
pub trait Filter: Send + Sync + fmt::Debug {
    /// Sees and edits the request before a backend is chosen (or, for a backend's own filters,
    /// before it is sent there).
    fn request(&self, request: &mut Request, facts: &Facts) -> Verdict {
        let _ = (request, facts);
        Verdict::Continue
    }

    /// Sees and edits the reply; called in the reverse order of the requests' filters. `request` is
    /// the one that it answers, as all filters left it.
    fn reply(&self, reply: &mut Reply, request: &Request, facts: &Facts) {
        let _ = (reply, request, facts);
    }

    /// The lower-case names of fields that it decides about, in requests or replies: a trailer must
    /// not bring back what it took away. Asked only for bodies in chunks.
    fn owned_fields(&self, reply: bool) -> Vec<&str> {
        let _ = reply;
        Vec::new()
    }

    /// What it would do, in words, for `ferrogate explain`.
    fn describe(&self) -> String;
}

/// What a policy gives the proxy.
#[derive(Debug)]
pub enum Part {
    /// A filter of heads that decides at once.
    Filter(Box<dyn Filter>),
    /// A filter of heads that asks somebody first.
    Waiting(Box<dyn WaitingFilter>),
    /// A filter of bodies.
    Body(Box<dyn BodyFilter>),
    /// Settings that the engine reads.
    Settings(Vec<Setting>),
    /// How clients carry a session that keeps them at an endpoint.
    Session(Box<Session>),
}
