//! Between our heads and `http`'s header maps.

use bytes::Bytes;
use fg_exchange::{Field, Head, Name, Span};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::Limits;
use crate::h1::may_be_trailer;

/// Trailers as lines, `name: value\r\n`; empty when there are none.
pub type Trailers = Vec<u8>;

/// Why received fields were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Too many, or too large.
    TooLarge,
    /// A value begins or ends with a blank (RFC 9113 §8.2.1).
    Blank,
}

/// Writes received fields to the end of `bytes`, in the form of HTTP/1, and into the index of the
/// head. Cookie crumbs become one field (RFC 9113 §8.2.3).
pub(super) fn receive(
    map: &HeaderMap,
    head: &mut Head,
    bytes: &mut Vec<u8>,
    limits: &Limits,
) -> Result<(), Refused> {
    if map.len() > limits.fields {
        return Err(Refused::TooLarge);
    }
    for name in map.keys() {
        let id = Name::resolve(name.as_str().as_bytes());
        let mut values = map.get_all(name).iter();
        if id == Name::Cookie {
            let crumbs: Vec<&[u8]> = values.map(HeaderValue::as_bytes).collect();
            push(head, bytes, name, id, &crumbs.join(&b"; "[..]), limits)?;
            continue;
        }
        values.try_for_each(|value| push(head, bytes, name, id, value.as_bytes(), limits))?;
    }
    Ok(())
}

fn push(
    head: &mut Head,
    bytes: &mut Vec<u8>,
    name: &HeaderName,
    id: Name,
    value: &[u8],
    limits: &Limits,
) -> Result<(), Refused> {
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    if blank(value.first()) || blank(value.last()) {
        return Err(Refused::Blank);
    }
    let text = name.as_str().as_bytes();
    if bytes.len() + text.len() + value.len() > limits.head {
        return Err(Refused::TooLarge);
    }
    let name = Span::received(bytes.len(), text.len());
    bytes.extend_from_slice(text);
    bytes.extend_from_slice(b": ");
    let span = Span::received(bytes.len(), value.len());
    bytes.extend_from_slice(value);
    bytes.extend_from_slice(b"\r\n");
    head.push_received(Field::received(name, span, id, true), text);
    Ok(())
}

/// Builds a header map of a head's fields, all values of which share one allocation. A field that
/// cannot be said in HTTP/2 does not exist in a head: names are tokens, values were checked.
pub(super) fn send(head: &Head, map: &mut HeaderMap) {
    let fields = || {
        head.iter()
            .filter(|(id, name, _)| !is_of_connection(*id, name))
    };
    let length = fields().map(|(_, _, value)| value.len()).sum();
    let mut all = Vec::with_capacity(length);
    fields().for_each(|(_, _, value)| all.extend_from_slice(value));
    let mut rest = Bytes::from(all);
    map.reserve(fields().count() + 4);
    for (_, name, value) in fields() {
        let value = rest.split_to(value.len());
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name),
            HeaderValue::from_maybe_shared(value),
        ) {
            map.append(name, value);
        }
    }
}

/// Fields that say something of an HTTP/1 connection only. Source: RFC 9113 §8.2.2.
fn is_of_connection(id: Name, name: &[u8]) -> bool {
    match id {
        Name::Connection
        | Name::KeepAlive
        | Name::ProxyConnection
        | Name::TransferEncoding
        | Name::Te
        | Name::Upgrade
        | Name::Host
        | Name::Http2Settings => true,
        Name::Other => {
            name.eq_ignore_ascii_case(b"sec-websocket-key")
                || name.eq_ignore_ascii_case(b"sec-websocket-accept")
        }
        _ => false,
    }
}

/// Adds the body's length.
pub(super) fn set_length(map: &mut HeaderMap, length: u64) {
    map.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
}

/// Received trailers as lines, without those that may not be trailers (RFC 9110 §6.5.1).
pub(super) fn trailers_received(map: &HeaderMap) -> Trailers {
    let mut lines = Vec::new();
    for (name, value) in map {
        if may_be_trailer(name.as_str().as_bytes()) {
            lines.extend_from_slice(name.as_str().as_bytes());
            lines.extend_from_slice(b": ");
            lines.extend_from_slice(value.as_bytes().trim_ascii());
            lines.extend_from_slice(b"\r\n");
        }
    }
    lines
}

/// Trailers as a map, from lines.
pub(super) fn trailers_to_send(lines: &[u8]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for line in lines.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some(colon) = memchr::memchr(b':', line) else {
            continue;
        };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            map.append(name, value);
        }
    }
    map
}
