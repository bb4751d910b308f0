//! A request's head as it arrives by HTTP/2. Source: RFC 9113 §8.3.1, RFC 8441.

use fg_exchange::{Fault, Method, Name, Reason, Request, Span, Version};
use http::request::Parts;

use super::fields::{self, Refused};
use crate::Limits;
use crate::h1::{self, Framing, Hop, ParsedRequest};

/// Writes a head into the request, in the form that HTTP/1 gives it: ready for routing. An extended
/// CONNECT becomes a GET that asks for an upgrade.
///
/// # Errors
/// A fault whose reason is the answer; only the stream is affected.
pub(super) fn read(
    parts: &Parts,
    ended: bool,
    request: &mut Request,
    limits: &Limits,
) -> Result<ParsedRequest, Fault> {
    let protocol = parts.extensions.get::<h2::ext::Protocol>();
    let mut bytes = std::mem::take(request.head.bytes_mut());
    bytes.clear();
    let outcome = index(parts, protocol, request, &mut bytes, limits);
    *request.head.bytes_mut() = bytes;
    outcome?;
    if request.method() == Method::Connect {
        return Err(Fault::new(Reason::MethodNotAllowed));
    }
    if request.authority().is_empty() || request.head.get(Name::Host).is_some() {
        check_host(request)?;
    }
    request.head.remove(Name::Host);
    let declared = h1::read_framing(&mut request.head, false)
        .map_err(|_| Fault::new(Reason::BadRequest).detail("odd or repeated content-length"))?;
    let body = match (ended || protocol.is_some(), declared) {
        (true, _) => Framing::Length(0),
        (false, Some(length)) => length,
        (false, None) => Framing::Chunked,
    };
    let trailers = h1::wants_trailers(&request.head);
    h1::drop_fixed(&mut request.head);
    request.head.remove(Name::Upgrade);
    if let Some(protocol) = protocol {
        request.head.append_known(Name::Upgrade, |out| {
            out.extend_from_slice(protocol.as_ref())
        });
    }
    let expectation = h1::expectation(request)?;
    Ok(ParsedRequest {
        head_len: 0,
        body,
        hop: Hop {
            keep_alive: true,
            upgrade: protocol.is_some(),
            trailers,
        },
        expectation,
    })
}

/// Lays the head out as bytes: method, target, authority, and the fields as lines.
fn index(
    parts: &Parts,
    protocol: Option<&h2::ext::Protocol>,
    request: &mut Request,
    bytes: &mut Vec<u8>,
    limits: &Limits,
) -> Result<(), Fault> {
    let bad = |detail: &str| Fault::new(Reason::BadRequest).detail(detail);
    request.set_version(Version::Http2);
    if let Some(protocol) = protocol
        && !h1::is_forwardable(protocol.as_ref())
    {
        return Err(bad("a protocol that is not forwarded in :protocol"));
    }
    let method = if protocol.is_some() {
        "GET"
    } else {
        parts.method.as_str()
    };
    bytes.extend_from_slice(method.as_bytes());
    request.set_method(
        Method::resolve(method.as_bytes()),
        Span::received(0, method.len()),
    );
    if request.method() == Method::Connect {
        return Ok(());
    }
    let target_at = bytes.len();
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    if target.len() > limits.request_line {
        return Err(Fault::new(Reason::UriTooLong));
    }
    bytes.extend_from_slice(target.as_bytes());
    let authority_at = bytes.len();
    let authority = parts
        .uri
        .authority()
        .map_or("", http::uri::Authority::as_str);
    bytes.extend_from_slice(authority.as_bytes());
    fields::receive(&parts.headers, &mut request.head, bytes, limits).map_err(|refused| {
        match refused {
            Refused::TooLarge => Fault::new(Reason::HeadTooLarge),
            Refused::Blank => bad("a field value that begins or ends with a blank"),
        }
    })?;
    let start = bytes.as_ptr().addr();
    let span = |part: &[u8]| Span::received(part.as_ptr().addr() - start, part.len());
    let target = bytes.get(target_at..authority_at).unwrap_or_default();
    if !matches!(target.first(), Some(b'/' | b'*')) {
        return Err(Fault::new(Reason::BadPath));
    }
    h1::set_target(request, target, span)?;
    let end = authority_at + authority.len();
    let authority = bytes.get(authority_at..end).unwrap_or_default();
    if !authority.is_empty() {
        if !h1::is_valid_authority(authority) {
            return Err(Fault::new(Reason::BadHost).detail("malformed :authority"));
        }
        request.set_authority(authority);
    }
    Ok(())
}

/// `Host` stands in for a missing `:authority`; where both are, they must be equal. Source: RFC
/// 9113 §8.3.1.
fn check_host(request: &mut Request) -> Result<(), Fault> {
    let bad = |detail: &str| Fault::new(Reason::BadHost).detail(detail);
    let mut hosts = request.head.get_all(Name::Host);
    let Some(host) = hosts.next() else {
        return Err(bad("neither :authority nor Host"));
    };
    if hosts.next().is_some() {
        return Err(bad("several Host fields"));
    }
    drop(hosts);
    if request.authority().is_empty() {
        if !h1::is_valid_authority(host) {
            return Err(bad("malformed Host field"));
        }
        let host = host.to_vec();
        request.set_authority(&host);
    } else if !host.eq_ignore_ascii_case(request.authority()) {
        return Err(bad("Host and :authority differ"));
    }
    Ok(())
}
