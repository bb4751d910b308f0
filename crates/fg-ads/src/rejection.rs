//! Which resources a client could not use, and why, as a detail of a negative acknowledgement.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::message::{Any, Status};

/// The type of the detail: a list of [`Rejection`]s in CBOR, with field names.
pub(crate) const TYPE_URL: &str = "type.ferrogate.dev/ferrogate.Rejections";
/// gRPC's `INVALID_ARGUMENT`, which a refusal has.
const INVALID_ARGUMENT: i32 = 3;
/// As many are read from one message, and no more.
const MOST: usize = 10_000;

/// A resource that a client could not use. It goes on with the last version that it could use, or
/// with none; everything else of the same response is in use.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rejection {
    /// The resource.
    pub name: String,
    /// What the client said.
    pub reason: String,
    /// The version that was refused; a client need not say it, the server knows what it sent. Empty if
    /// it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
}

/// A status that carries the rejections; a code only if there is one.
pub(crate) fn to_status(rejections: &[Rejection]) -> Status {
    let mut value = Vec::new();
    let details = match ciborium::into_writer(rejections, &mut value) {
        Ok(()) => vec![Any {
            type_url: TYPE_URL.to_owned(),
            value: Bytes::from(value),
        }],
        Err(_) => Vec::new(),
    };
    let (code, message) = match rejections {
        [] => (0, String::new()),
        [one] => (INVALID_ARGUMENT, format!("{}: {}", one.name, one.reason)),
        [one, rest @ ..] => (
            INVALID_ARGUMENT,
            format!("{}: {} (and {} more)", one.name, one.reason, rest.len()),
        ),
    };
    Status {
        code,
        message,
        details,
    }
}

/// The rejections of a status; none if it names no resource, as Envoy's do not.
pub(crate) fn from_status(status: &Status) -> Vec<Rejection> {
    let mut found = Vec::new();
    for detail in status.details.iter().filter(|any| any.type_url == TYPE_URL) {
        if let Ok(list) = ciborium::from_reader::<Vec<Rejection>, _>(detail.value.as_ref()) {
            found.extend(list);
        }
    }
    found.truncate(MOST);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejections_survive_the_way() {
        let list = vec![
            Rejection {
                name: "listener/a".into(),
                reason: "port in use".into(),
                version: String::new(),
            },
            Rejection {
                name: "rule/b".into(),
                reason: "unknown feature".into(),
                version: "7".into(),
            },
        ];
        let status = to_status(&list);
        assert_eq!(status.message, "listener/a: port in use (and 1 more)");
        assert_eq!(from_status(&status), list);
        let plain = Status {
            code: 13,
            message: "no".into(),
            details: Vec::new(),
        };
        assert_eq!(from_status(&plain), []);
    }
}
