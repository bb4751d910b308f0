//! CBOR with field names, and the envelope around every resource.

use std::fmt;

use bytes::Bytes;
use fg_base::Text;
use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// How deep values may be nested. Source: the IR needs 14, a multiple of that leaves room for later.
const DEPTH_LIMIT: usize = 64;

/// Why bytes cannot be read; in words that stand in a status.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// They are no CBOR, or not that of this type: perhaps the writer is newer. What was there before
    /// should stay.
    #[error("cannot be read: {0}")]
    Malformed(Text),
    /// There is something behind the value.
    #[error("cannot be read: {0} bytes too many")]
    Trailing(usize),
    /// It can be read, but nobody may have written it.
    #[error("is invalid: {0}")]
    Invalid(&'static str),
}

/// What is around the value of every resource.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Envelope {
    /// Names of the features that the reader must know to use the value as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) must: Vec<Text>,
    /// The value, as CBOR of its own.
    pub(crate) value: Octets,
}

impl Envelope {
    /// Wraps and writes a value.
    pub(crate) fn write<T: Serialize>(must: Vec<&'static str>, value: &T) -> Bytes {
        let envelope = Self {
            must: must.into_iter().map(Text::from).collect(),
            value: Octets(write(value)),
        };
        write(&envelope).into()
    }
}

/// Bytes, which serde would take for a list of numbers.
#[derive(Debug)]
pub(crate) struct Octets(pub(crate) Vec<u8>);

impl Serialize for Octets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(OctetsVisitor)
    }
}

struct OctetsVisitor;

impl<'de> Visitor<'de> for OctetsVisitor {
    type Value = Octets;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Octets, E> {
        Ok(Octets(bytes.to_vec()))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Octets, E> {
        Ok(Octets(bytes))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Octets, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = list.next_element()? {
            bytes.push(byte);
        }
        Ok(Octets(bytes))
    }
}

/// Writes a value. Equal values give equal bytes.
pub(crate) fn write<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1024);
    ciborium::into_writer(value, &mut bytes).expect("memory takes all, and no value refuses");
    bytes
}

/// Reads a value, which must be all there is.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH_LIMIT)
        .map_err(|error| DecodeError::Malformed(words(&error).into()))?;
    match rest.len() {
        0 => Ok(value),
        more => Err(DecodeError::Trailing(more)),
    }
}

fn words<E: fmt::Debug>(error: &ciborium::de::Error<E>) -> String {
    use ciborium::de::Error;
    match error {
        Error::Io(_) => "it ends too early".to_owned(),
        Error::Syntax(at) => format!("byte {at} is no CBOR"),
        Error::Semantic(_, words) => words.clone(),
        Error::RecursionLimitExceeded => format!("nested deeper than {DEPTH_LIMIT}"),
    }
}
