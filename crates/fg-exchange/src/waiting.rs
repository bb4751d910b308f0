//! Filters that ask somebody before they decide: an authorization service, a key server.
//!
//! Such a filter does nothing itself that takes time. It says which call it wants made, and is
//! given what came of it; the engine makes the call, by the connections, certificates and time
//! limits that it has for backends. So a filter stays a function of what it is given, and a test
//! needs no socket.
//!
//! The order of things for one request: [`WaitingFilter::call`], with the body if it asked for
//! one; the call; [`WaitingFilter::decide`]. Only then do the filters after it see the request.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use fg_model::BackendKey;

use crate::{Facts, Fault, LocalReply, Reply, Request};

/// A call that a filter wants made.
#[derive(Debug)]
pub struct Call {
    /// Its head. `Host` is written from the authority, lengths are the engine's.
    pub head: Request,
    /// Its body, sent with its length; may be empty.
    pub body: Vec<u8>,
    /// Whether it must go by HTTP/2, as gRPC does. Else by what the backend speaks.
    pub http2: bool,
    /// Time for all of it: connecting, sending, and the whole answer.
    pub timeout: Duration,
}

/// What a call was answered with.
#[derive(Debug)]
pub struct Answer {
    /// Status and header fields.
    pub reply: Reply,
    /// The body without its framing, at most as large as the engine allows.
    pub body: Vec<u8>,
    /// The trailers as they came, as lines `name: value` that end with CR LF; empty when there are
    /// none.
    pub trailers: Vec<u8>,
}

impl Answer {
    /// The values of all trailers of a name, in order.
    pub fn trailers_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.trailers
            .split(|&byte| byte == b'\n')
            .filter_map(move |line| {
                let colon = line.iter().position(|&byte| byte == b':')?;
                let (of_line, value) = line.split_at(colon);
                let is_it = of_line.eq_ignore_ascii_case(name.as_bytes());
                is_it.then(|| value.get(1..).unwrap_or_default().trim_ascii())
            })
    }
}

/// What becomes of the request.
#[derive(Debug)]
pub enum Decision {
    /// It goes on. These fields are added to its reply: lower-case names and valid values.
    Continue(Vec<(Cow<'static, str>, Vec<u8>)>),
    /// It is answered with this; filters after this one do not see it.
    Reply(Box<LocalReply>),
    /// It cannot be decided, and is answered with the reason.
    Fault(Fault),
}

/// A filter that asks somebody before it decides.
pub trait WaitingFilter: Send + Sync + fmt::Debug {
    /// Who is called.
    fn backend(&self) -> &BackendKey;

    /// How much of the request's body it must see. Requests with a larger one are answered 413;
    /// 0 is none of it, and then nothing is read before the decision. Units: bytes.
    fn body(&self) -> usize {
        0
    }

    /// The call for a request; `None` decides without one, and the request goes on. `body` is
    /// empty unless [`WaitingFilter::body`] asks for it.
    fn call(&self, request: &Request, body: &[u8], facts: &Facts) -> Option<Call>;

    /// Decides by what came of the call, and edits the request. Whoever protects something closes
    /// it when the call failed.
    fn decide(
        &self,
        request: &mut Request,
        answer: Result<Answer, Fault>,
        facts: &Facts,
    ) -> Decision;

    /// The lower-case names of request fields that it decides about: a trailer must not bring back
    /// what it took away. Asked only for bodies in chunks.
    fn owned_fields(&self) -> Vec<&str> {
        Vec::new()
    }

    /// What it would do, in words, for `ferrogate explain`.
    fn describe(&self) -> String;
}
