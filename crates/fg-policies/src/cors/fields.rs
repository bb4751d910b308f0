//! The fields of the CORS protocol, and when a reply needs none but `*`.

use super::{Ir, Origins};

pub(super) const ALLOW_ORIGIN: &str = "access-control-allow-origin";
pub(super) const ALLOW_CREDENTIALS: &str = "access-control-allow-credentials";
pub(super) const ALLOW_METHODS: &str = "access-control-allow-methods";
pub(super) const ALLOW_HEADERS: &str = "access-control-allow-headers";
pub(super) const EXPOSE_HEADERS: &str = "access-control-expose-headers";
pub(super) const MAX_AGE: &str = "access-control-max-age";
pub(super) const REQUEST_METHOD: &str = "access-control-request-method";
pub(super) const REQUEST_HEADERS: &str = "access-control-request-headers";

/// Fields of replies that are ours to write.
pub(super) const OWNED: [&str; 6] = [
    ALLOW_ORIGIN,
    ALLOW_CREDENTIALS,
    ALLOW_METHODS,
    ALLOW_HEADERS,
    EXPOSE_HEADERS,
    MAX_AGE,
];

/// What the answer to a preflight depends on, where it is not for all.
pub(super) fn vary() -> String {
    format!("Origin, {REQUEST_METHOD}, {REQUEST_HEADERS}")
}

/// Whether replies are the same for every origin.
pub(super) fn is_for_all(ir: &Ir) -> bool {
    ir.origins == Origins::Any && !ir.credentials
}
