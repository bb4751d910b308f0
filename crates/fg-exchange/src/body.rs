//! The seam for filters that see bodies: observe, replace, or collect a stream.
//!
//! The engine asks each body filter of a rule once per direction whether it wants the body; only
//! then are bytes led through it. Requests whose rules have no body filter never come here.

use std::fmt;

use crate::{Facts, LocalReply, Reply, Request};

/// What became of the bytes that a [`BodyStep`] was given.
#[derive(Debug)]
pub enum BodyVerdict {
    /// Go on; what is in the output is sent.
    Continue,
    /// Nothing may be sent until the end of the body: the head waits too. Used to collect.
    Hold,
    /// Stop and answer with this (request side, before anything was sent), or cut the reply off
    /// (reply side, after its head was sent).
    Stop(Box<LocalReply>),
}

/// One body on its way through one filter.
///
/// Back-pressure: the engine gives the next bytes only when the output was sent.
pub trait BodyStep: Send {
    /// Takes the next bytes of the body and appends what is to be sent to `output`.
    fn data(&mut self, input: &[u8], output: &mut Vec<u8>) -> BodyVerdict;

    /// The body ended; appends what is left to be sent.
    fn end(&mut self, output: &mut Vec<u8>) -> BodyVerdict {
        let _ = output;
        BodyVerdict::Continue
    }
}

/// A filter of bodies.
///
/// Whoever wants a body is led through with the length unknown (chunked), unless the step holds it
/// to the end: then its length is known and sent.
pub trait BodyFilter: Send + Sync + fmt::Debug {
    /// Wants the request's body? Called with the head as it will be sent.
    fn request(&self, request: &mut Request, facts: &Facts) -> Option<Box<dyn BodyStep>> {
        let _ = (request, facts);
        None
    }

    /// Wants the reply's body? Called with the head as it will be sent.
    fn reply(&self, reply: &mut Reply, facts: &Facts) -> Option<Box<dyn BodyStep>> {
        let _ = (reply, facts);
        None
    }

    /// What it would do, in words, for `ferrogate explain`.
    fn describe(&self) -> String;
}
