//! The same in our own proxy: a filter that asks first.

use std::time::Duration;

use fg_base::Text;

use super::grpc::AskByGrpc;
use super::http::AskByHttp;
use super::{Ir, Protocol};
use crate::native::{Decision, Fault, Part, Reason};

/// Time for the service to answer.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);

/// One filter that waits.
pub fn build(ir: &Ir) -> Vec<Part> {
    vec![match &ir.protocol {
        Protocol::Http { .. } => Part::Waiting(Box::new(AskByHttp::new(ir))),
        Protocol::Grpc { headers } => Part::Waiting(Box::new(AskByGrpc::new(ir, headers))),
    }]
}

/// Nobody decided: nothing may pass.
pub(super) fn closed(why: impl std::fmt::Display) -> Decision {
    Decision::Fault(Fault::new(Reason::AuthUnavailable).detail(why))
}

/// Fields that belong to one connection, or describe the very message that they came with, and so
/// never go from one message to another. Source: RFC 9110 §7.6.1, §8.
pub(super) fn is_of_its_message(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "content-encoding"
            | "content-length"
            | "content-type"
            | "date"
            | "host"
            | "keep-alive"
            | "proxy-connection"
            | "server"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Who is asked, and how much of a body it sees, for `explain`.
pub(super) fn asked(ir: &Ir, protocol: &str) -> String {
    let body = match ir.body {
        0 => String::new(),
        most => format!(", with bodies of up to {most} bytes"),
    };
    format!("asks {} by {protocol} for permission{body}", ir.backend)
}

/// Header names for `explain`.
pub(super) fn listed(names: &[Text], none: &str) -> String {
    if names.is_empty() {
        none.to_owned()
    } else {
        names.join(", ")
    }
}
