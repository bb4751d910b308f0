//! Why there is no reply from a backend, or only a part of one.

use fg_exchange::{Fault, LocalReply, Reason};

use crate::serve::flow::FlowError;

/// Why there is no reply from the backend.
pub(super) enum Failure {
    Fault(Fault),
    /// A body filter answers instead.
    Answer(Box<LocalReply>),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What a failure of the request's body means, before a reply.
pub(super) fn request_failure(error: FlowError) -> Failure {
    match error {
        FlowError::From(None) => Fault::new(Reason::BadRequest)
            .detail("the client closed in the middle of the body")
            .into(),
        FlowError::From(Some(error)) => Fault::new(Reason::ClientClosed).detail(error).into(),
        FlowError::Malformed(detail) => Fault::new(Reason::BadRequest).detail(detail).into(),
        FlowError::Stopped(reply) => Failure::Answer(reply),
        FlowError::TooLarge => Fault::new(Reason::BodyTooLarge).into(),
        FlowError::To(error) => Fault::new(Reason::UpstreamReset).detail(error).into(),
    }
}

/// What a failure of the reply's body means, after its head was sent.
pub(super) fn reply_fault(error: FlowError) -> Fault {
    match error {
        FlowError::From(None) => {
            Fault::new(Reason::UpstreamClosed).detail("in the middle of the reply's body")
        }
        FlowError::From(Some(error)) => Fault::new(Reason::UpstreamReset).detail(error),
        FlowError::Malformed(detail) => Fault::new(Reason::BadReply).detail(detail),
        FlowError::To(error) => Fault::new(Reason::ClientClosed).detail(error),
        FlowError::Stopped(_) => {
            Fault::new(Reason::BadReply).detail("a body filter stopped the reply")
        }
        FlowError::TooLarge => Fault::new(Reason::BadReply).detail("its body is too large"),
    }
}
