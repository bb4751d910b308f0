//! Reads the head of a reply. Source: RFC 9112 §4, §6.3.

use std::mem::MaybeUninit;

use fg_exchange::{Fault, Method, Name, Reason, Reply, Span, Version};

use super::framing::{self, Framing};
use super::request::push_field;
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
    let bytes = std::mem::take(reply.head.bytes_mut());
    if let Some(b'\r' | b'\n') = bytes.first() {
        *reply.head.bytes_mut() = bytes;
        return Err(Fault::new(Reason::BadReply).detail("line break before the status line"));
    }
    let (window, full) = match bytes.get(..limits.head) {
        Some(window) => (window, true),
        None => (&*bytes, false),
    };
    let mut slots = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let slots = slots
        .get_mut(..limits.fields.min(MAX_FIELDS))
        .unwrap_or_default();
    let mut parsed = httparse::Response::new(&mut []);
    let outcome = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut parsed,
        window,
        slots,
    );
    let result = match outcome {
        Ok(httparse::Status::Complete(length)) => {
            store(reply, &bytes, length, &parsed).map(|()| Some(length))
        }
        Ok(httparse::Status::Partial) if full => Err(Fault::new(Reason::ReplyTooLarge)),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(httparse::Error::TooManyHeaders) => Err(Fault::new(Reason::ReplyTooLarge)),
        Err(error) => Err(Fault::new(Reason::BadReply).detail(error)),
    };
    *reply.head.bytes_mut() = bytes;
    result
}

fn store(
    reply: &mut Reply,
    bytes: &[u8],
    length: usize,
    parsed: &httparse::Response<'_, '_>,
) -> Result<(), Fault> {
    let bad = |detail: &str| Fault::new(Reason::BadReply).detail(detail);
    let line_end = memchr::memchr(b'\n', bytes).unwrap_or(0);
    if line_end == 0
        || bytes.get(line_end - 1) != Some(&b'\r')
        || bytes.get(length - 2) != Some(&b'\r')
    {
        return Err(bad("line that does not end in CRLF"));
    }
    reply.status = parsed
        .code
        .filter(|code| (100..=999).contains(code))
        .ok_or_else(|| bad("no status code"))?;
    reply.version = if parsed.version == Some(0) {
        Version::Http10
    } else {
        Version::Http11
    };
    let span =
        |part: &[u8]| Span::received(part.as_ptr().addr() - bytes.as_ptr().addr(), part.len());
    for header in parsed.headers.iter() {
        let (name, value) = (span(header.name.as_bytes()), span(header.value));
        push_field(
            &mut reply.head,
            bytes,
            (name, value),
            Name::resolve(header.name.as_bytes()),
        )
        .ok_or_else(|| bad("header line that does not end in CRLF"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
