//! Reads the head of a reply. Source: RFC 9112 §4, §6.3.

use fg_exchange::{Fault, Method, Reason, Reply, Version};

use super::fields::{self, Wrong};
use super::framing::{self, Framing};
use super::{Hop, MAX_FIELDS, reply_hop_by_hop};
use crate::Limits;

/// A complete reply head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsedReply {
    /// Where the head ends in the received bytes.
    pub head_len: usize,
    /// Its body as it will come on this connection; [`Framing::Length`] 0 for replies without one.
    pub body: Framing,
    /// The length that the reply to HEAD, or a 304, declares for the body that it does not have.
    pub declared: Option<Framing>,
    /// What it said about the connection.
    pub hop: Hop,
}

/// Reads the head at the start of `reply.head.bytes()`; `None` when more bytes are needed.
///
/// # Errors
/// [`Reason::BadReply`] or [`Reason::ReplyTooLarge`]: the connection must be discarded.
pub fn parse_reply(
    reply: &mut Reply,
    method: Method,
    limits: &Limits,
) -> Result<Option<ParsedReply>, Fault> {
    let Some(head_len) = index(reply, limits)? else {
        return Ok(None);
    };
    let bad = |detail: &str| Fault::new(Reason::BadReply).detail(detail);
    let declared = framing::read(&mut reply.head, reply.version == Version::Http11)
        .map_err(|framing::Ambiguous| bad("ambiguous or odd message length"))?;
    let hop = reply_hop_by_hop(reply);
    let bodiless = reply.status < 200 || reply.status == 204;
    if bodiless && matches!(declared, Some(Framing::Chunked | Framing::Length(1..))) {
        return Err(bad("a body where the status allows none"));
    }
    let no_body = bodiless || reply.status == 304 || method == Method::Head;
    let body = if no_body {
        Framing::Length(0)
    } else {
        declared.unwrap_or(Framing::UntilClose)
    };
    let declared = if bodiless || !no_body { None } else { declared };
    Ok(Some(ParsedReply {
        head_len,
        body,
        declared,
        hop,
    }))
}

fn index(reply: &mut Reply, limits: &Limits) -> Result<Option<usize>, Fault> {
    // Of an attempt when fewer bytes were there.
    reply.head.clear_index();
    let bytes = std::mem::take(reply.head.bytes_mut());
    let result = read(reply, &bytes, limits);
    *reply.head.bytes_mut() = bytes;
    result
}

fn read(reply: &mut Reply, bytes: &[u8], limits: &Limits) -> Result<Option<usize>, Fault> {
    if let Some(b'\r' | b'\n') = bytes.first() {
        return Err(bad("line break before the status line"));
    }
    let (window, full) = match bytes.get(..limits.head) {
        Some(window) => (window, true),
        None => (bytes, false),
    };
    let incomplete = || {
        if full {
            Err(Fault::new(Reason::ReplyTooLarge))
        } else {
            Ok(None)
        }
    };
    let line = match usual_line(window) {
        Some(line) => line,
        None => match other_line(window)? {
            Some(line) => line,
            None => return incomplete(),
        },
    };
    if !(100..=999).contains(&line.status) {
        return Err(bad("no status code"));
    }
    reply.status = line.status;
    reply.version = line.version;
    let most = limits.fields.min(MAX_FIELDS);
    match fields::read(&mut reply.head, window, line.length, most) {
        Ok(Some(length)) => Ok(Some(length)),
        Ok(None) => incomplete(),
        Err(Wrong::TooMany) => Err(Fault::new(Reason::ReplyTooLarge)),
        Err(Wrong::Malformed(detail)) => Err(bad(detail)),
    }
}

#[cold]
fn bad(detail: &str) -> Fault {
    Fault::new(Reason::BadReply).detail(detail)
}

/// A status line.
struct Line {
    version: Version,
    status: u16,
    /// Up to and with its end.
    length: usize,
}

/// The status line as nearly all replies have it. `None` leaves the judgement to [`other_line`].
fn usual_line(bytes: &[u8]) -> Option<Line> {
    let (start, rest) = bytes.split_first_chunk::<9>()?;
    let version = match start {
        b"HTTP/1.1 " => Version::Http11,
        b"HTTP/1.0 " => Version::Http10,
        _ => return None,
    };
    let ([hundreds, tens, ones, b' '], rest) = rest.split_first_chunk::<4>()? else {
        return None;
    };
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
    let status = digit(hundreds)? * 100 + digit(tens)? * 10 + digit(ones)?;
    let reason = fields::run::<b' '>(rest);
    rest.get(reason..)?.starts_with(b"\r\n").then(|| Line {
        version,
        status,
        length: start.len() + "200 ".len() + reason + 2,
    })
}

/// Any status line, and what is wrong with those that are none; `None` when it is not whole.
fn other_line(bytes: &[u8]) -> Result<Option<Line>, Fault> {
    let mut parsed = httparse::Response::new(&mut []);
    match parsed.parse(bytes) {
        // There is no room for fields, and that is how the parser says that the line is over.
        Ok(httparse::Status::Complete(_)) | Err(httparse::Error::TooManyHeaders) => {}
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(bad(&error.to_string())),
    }
    let end = memchr::memchr(b'\n', bytes).unwrap_or(0);
    // The parser also takes lines that end in a bare LF.
    if end == 0 || bytes.get(end - 1) != Some(&b'\r') {
        return Err(bad("line that does not end in CRLF"));
    }
    Ok(Some(Line {
        version: if parsed.version == Some(0) {
            Version::Http10
        } else {
            Version::Http11
        },
        status: parsed.code.unwrap_or(0),
        length: end + 1,
    }))
}

#[cfg(test)]
mod tests;
