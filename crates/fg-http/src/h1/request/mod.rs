//! Reads the head of a request. Source: RFC 9112 §2, §3, §5.

use fg_exchange::{Fault, Method, Name, Reason, Request, Span, Version};
use fg_model::path;

use super::fields::{self, Wrong};
use super::framing::{self, Framing};
use super::target::{self, Target};
use super::{Hop, MAX_FIELDS, request_hop_by_hop};
use crate::Limits;

/// What the client wants to hear before it sends its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// Nothing.
    None,
    /// `100 (Continue)`.
    Continue,
}

/// A complete request head. The fields themselves are in the [`Request`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsedRequest {
    /// Where the head ends in the received bytes; the body or the next request follows.
    pub head_len: usize,
    /// Its body.
    pub body: Framing,
    /// What it said about the connection.
    pub hop: Hop,
    /// `Expect`.
    pub expectation: Expectation,
}

/// Reads the head at the start of `request.head.bytes()` and indexes it; `None` when more bytes
/// are needed.
///
/// On success the request is ready for routing: method, canonical path, query, authority and host
/// are set; `Host`, framing fields and hop-by-hop fields are dropped from the head.
///
/// # Errors
/// A fault whose reason is the answer; the connection must be closed after it, since nothing that
/// follows can be trusted.
pub fn parse_request(
    request: &mut Request,
    limits: &Limits,
) -> Result<Option<ParsedRequest>, Fault> {
    let Some(head_len) = index(request, limits)? else {
        return Ok(None);
    };
    if request.method() == Method::Connect {
        return Err(Fault::new(Reason::MethodNotAllowed));
    }
    set_authority(request)?;
    let chunked_allowed = request.version() == Version::Http11;
    let body = framing::read(&mut request.head, chunked_allowed)
        .map_err(|framing::Ambiguous| {
            Fault::new(Reason::BadRequest).detail("ambiguous or odd message length")
        })?
        .unwrap_or(Framing::Length(0));
    let hop = request_hop_by_hop(request, body);
    let expectation = expectation(request)?;
    Ok(Some(ParsedRequest {
        head_len,
        body,
        hop,
        expectation,
    }))
}

/// Parses the bytes and fills method, version, target and fields.
///
/// What is refused is refused for the same reason however the bytes were cut: a bad byte counts
/// before a limit only when it stands before it.
fn index(request: &mut Request, limits: &Limits) -> Result<Option<usize>, Fault> {
    // Of an attempt when fewer bytes were there.
    request.head.clear_index();
    let bytes = std::mem::take(request.head.bytes_mut());
    let result = read(request, &bytes, limits);
    *request.head.bytes_mut() = bytes;
    result
}

fn read(request: &mut Request, bytes: &[u8], limits: &Limits) -> Result<Option<usize>, Fault> {
    // An empty line before the request line is tolerated (RFC 9112 §2.2), one.
    let skipped = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
    let slice = bytes.get(skipped..).unwrap_or_default();
    if matches!(slice.first(), Some(b'\r' | b'\n')) && slice != b"\r" {
        return Err(bad("line break before the request line"));
    }
    let (window, partial) = window(slice, limits);
    let incomplete = || partial.map_or(Ok(None), |reason| Err(Fault::new(reason)));
    let line = match usual_line(window) {
        Some(line) => line,
        None => match other_line(window)? {
            Some(line) => line,
            None => return incomplete(),
        },
    };
    let span =
        |part: &[u8]| Span::received(part.as_ptr().addr() - bytes.as_ptr().addr(), part.len());
    request.set_method(line.method, span(line.method_text));
    request.set_version(line.version);
    let window = bytes.get(..skipped + window.len()).unwrap_or_default();
    let fields = fields::read(
        &mut request.head,
        window,
        skipped + line.length,
        limits.fields.min(MAX_FIELDS),
    );
    match fields {
        Ok(Some(length)) => set_target(request, line.target, span).map(|()| Some(length)),
        Ok(None) => incomplete(),
        Err(Wrong::TooMany) => Err(Fault::new(Reason::HeadTooLarge)),
        Err(Wrong::Malformed(detail)) => Err(bad(detail)),
    }
}

#[cold]
fn bad(detail: &str) -> Fault {
    Fault::new(Reason::BadRequest).detail(detail)
}

/// A request line.
struct Line<'a> {
    method: Method,
    method_text: &'a [u8],
    target: &'a [u8],
    version: Version,
    /// Up to and with its end.
    length: usize,
}

/// The request line as nearly all requests have it: a common method, nothing but visible ASCII in
/// the target, HTTP/1.1 or 1.0. `None` leaves the judgement to [`other_line`].
fn usual_line(bytes: &[u8]) -> Option<Line<'_>> {
    let method = match bytes {
        [b'G', b'E', b'T', b' ', ..] => Method::Get,
        [b'P', b'O', b'S', b'T', b' ', ..] => Method::Post,
        [b'P', b'U', b'T', b' ', ..] => Method::Put,
        [b'H', b'E', b'A', b'D', b' ', ..] => Method::Head,
        [b'P', b'A', b'T', b'C', b'H', b' ', ..] => Method::Patch,
        [b'D', b'E', b'L', b'E', b'T', b'E', b' ', ..] => Method::Delete,
        [b'O', b'P', b'T', b'I', b'O', b'N', b'S', b' ', ..] => Method::Options,
        _ => return None,
    };
    let (method_text, rest) = bytes.split_at_checked(method.text().len())?;
    let rest = rest.get(1..)?;
    let (target, rest) = rest.split_at_checked(fields::run::<{ b' ' + 1 }>(rest))?;
    let version = match rest.first_chunk()? {
        b" HTTP/1.1\r\n" => Version::Http11,
        b" HTTP/1.0\r\n" => Version::Http10,
        _ => return None,
    };
    (!target.is_empty() && target.is_ascii()).then(|| Line {
        method,
        method_text,
        target,
        version,
        length: method_text.len() + target.len() + " ".len() + " HTTP/1.1\r\n".len(),
    })
}

/// Any request line, and what is wrong with those that are none; `None` when it is not whole.
fn other_line(bytes: &[u8]) -> Result<Option<Line<'_>>, Fault> {
    let mut parsed = httparse::Request::new(&mut []);
    match parsed.parse(bytes) {
        // There is no room for fields, and that is how the parser says that the line is over.
        Ok(httparse::Status::Complete(_)) | Err(httparse::Error::TooManyHeaders) => {}
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::Version) => return version_fault(bytes).map_or(Ok(None), Err),
        Err(error) => return Err(bad(&error.to_string())),
    }
    let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version)
    else {
        return Err(bad("incomplete request line"));
    };
    let end = method.len() + target.len() + " HTTP/1.1 ".len();
    // The parser also takes lines that end in a bare LF.
    if bytes.get(end..end + 2) != Some(b"\r\n") {
        return Err(bad("line that does not end in CRLF"));
    }
    Ok(Some(Line {
        method: Method::resolve(method.as_bytes()),
        method_text: method.as_bytes(),
        target: target.as_bytes(),
        version: if version == 0 {
            Version::Http10
        } else {
            Version::Http11
        },
        length: end + 2,
    }))
}

/// The bytes that the limits allow to be looked at, and which limit is hit when the head is not
/// complete within them.
fn window<'a>(slice: &'a [u8], limits: &Limits) -> (&'a [u8], Option<Reason>) {
    if let Some(line) = slice.get(..limits.request_line + 2)
        && memchr::memchr(b'\n', line).is_none()
    {
        return (line, Some(Reason::UriTooLong));
    }
    match slice.get(..limits.head) {
        Some(head) => (head, Some(Reason::HeadTooLarge)),
        None => (slice, None),
    }
}

/// A version from 1.0 on is not supported; anything else is a bad request. `None` while
/// the request line is not complete.
fn version_fault(slice: &[u8]) -> Option<Fault> {
    let end = memchr::memchr(b'\n', slice)?;
    let line = slice.get(..end).unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let version = line.rsplit(|&byte| byte == b' ').next().unwrap_or_default();
    let looks_right = matches!(version, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
        if (b'1'..=b'9').contains(major) && minor.is_ascii_digit());
    Some(
        if looks_right && line.iter().filter(|&&byte| byte == b' ').count() == 2 {
            Fault::new(Reason::VersionNotSupported)
        } else {
            Fault::new(Reason::BadRequest).detail("no HTTP version in the request line")
        },
    )
}

pub(crate) fn set_target(
    request: &mut Request,
    target: &[u8],
    span: impl Fn(&[u8]) -> Span,
) -> Result<(), Fault> {
    if request.method() == Method::Connect {
        // Its target has a form of its own; the method is refused whatever it is.
        return Ok(());
    }
    let rest = match target::cut(target).map_err(Fault::new)? {
        Target::Origin(rest) => rest,
        Target::Asterisk if request.method() == Method::Options => {
            request.set_target(span(target), None);
            return Ok(());
        }
        Target::Asterisk => return Err(Fault::new(Reason::BadPath)),
        Target::Absolute { authority, rest } => {
            request.set_authority(authority);
            // The server as a whole, in the absolute form. Source: RFC 9112 §3.2.4.
            if rest.is_empty() && request.method() == Method::Options {
                let path = request.head.keep(b"*");
                request.set_target(path, None);
                return Ok(());
            }
            rest
        }
    };
    let (raw, query) = match memchr::memchr(b'?', rest) {
        Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at + 1..)),
        None => (rest, None),
    };
    if query.is_some_and(|query| !target::is_valid_query(query)) {
        return Err(
            Fault::new(Reason::BadPath).detail("the query holds a byte that no URI may hold")
        );
    }
    let mut fault = None;
    let mut form = path::Form::AsWritten;
    let raw = if raw.is_empty() { &b"/"[..] } else { raw };
    let rewritten = request
        .head
        .keep_with(|out| match path::canonicalize(raw, out) {
            Ok(found) => form = found,
            Err(error) => fault = Some(Fault::new(Reason::BadPath).detail(error)),
        });
    if let Some(fault) = fault {
        return Err(fault);
    }
    let path = match form {
        path::Form::Rewritten => rewritten,
        path::Form::AsWritten if rest.first() == Some(&b'/') => span(raw),
        path::Form::AsWritten => request.head.keep(b"/"),
    };
    request.set_target(path, query.map(span));
    Ok(())
}

/// Exactly one valid `Host` (HTTP/1.0 may have none); the authority of an absolute target wins.
/// Source: RFC 9112 §3.2.
fn set_authority(request: &mut Request) -> Result<(), Fault> {
    let bad = |detail: &str| Fault::new(Reason::BadHost).detail(detail);
    let mut hosts = request.head.spans(Name::Host);
    let first = hosts.next();
    let repeated = hosts.next().is_some();
    drop(hosts);
    match first {
        _ if repeated => return Err(bad("several Host fields")),
        None if request.version() == Version::Http11 => return Err(bad("no Host field")),
        None => {}
        Some(host) => match target::check_authority(request.head.slice(host)) {
            None => return Err(bad("malformed Host field")),
            Some(checked) if request.authority().is_empty() => {
                request.set_checked_authority(host, checked);
            }
            Some(_) => {}
        },
    }
    request.head.remove(Name::Host);
    Ok(())
}

pub(crate) fn expectation(request: &mut Request) -> Result<Expectation, Fault> {
    if request.head.get(Name::Expect).is_none() {
        return Ok(Expectation::None);
    }
    let known = request
        .head
        .get_all(Name::Expect)
        .all(|wish| wish.eq_ignore_ascii_case(b"100-continue"));
    if request.version() == Version::Http10 {
        request.head.remove(Name::Expect);
        return Ok(Expectation::None);
    }
    if known {
        Ok(Expectation::Continue)
    } else {
        Err(Fault::new(Reason::ExpectationFailed))
    }
}

#[cfg(test)]
mod tests;
