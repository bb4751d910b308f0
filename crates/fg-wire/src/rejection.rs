//! What a proxy could not use, and the form in which it says so.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::cbor::{self, DecodeError};

/// The type URL of a list of rejections, which stands in the details of a negative acknowledgement.
pub const REJECTIONS_TYPE: &str = "type.ferrogate.dev/ferrogate.Rejections";

/// A resource that a proxy does not use as it was sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rejection {
    /// The name of the resource.
    pub name: String,
    /// Why, in words for a status: lower-case, no full stop.
    pub reason: String,
}

/// Writes rejections.
pub fn encode_rejections(rejections: &[Rejection]) -> Bytes {
    cbor::write(&rejections).into()
}

/// Reads rejections.
///
/// # Errors
/// When they are malformed.
pub fn decode_rejections(bytes: &[u8]) -> Result<Vec<Rejection>, DecodeError> {
    cbor::read(bytes)
}
