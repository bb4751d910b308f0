//! Matches of gRPC calls.

use fg_model::{GrpcMatch, Match, PathMatch};

use crate::build::value_match;

/// A match of a gRPC call by service and method, either of them empty for any; `~` in front of one makes
/// it a regular expression.
pub(crate) fn call(service: &str, method: &str) -> Match {
    let part = |text: &str| (!text.is_empty()).then(|| value_match(text));
    Match {
        path: PathMatch::Grpc(GrpcMatch {
            service: part(service),
            method: part(method),
        }),
        method: None,
        headers: Vec::new(),
        query: Vec::new(),
    }
}
