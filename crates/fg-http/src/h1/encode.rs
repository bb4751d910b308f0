//! Writes heads in canonical form.

#![expect(
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "the digits of our own numbers, which fit their arrays"
)]

use fg_exchange::{Name, Reply, Request};

use super::Framing;

/// Writes a request head for a backend: request line in origin form, `Host` from the authority,
/// the kept fields, then framing and connection fields.
///
/// `body` of length 0 writes no framing for methods that usually have none, and `Content-Length: 0`
/// for the others. `upgrade` writes `Connection: upgrade`; the `Upgrade` field is in the head.
pub fn write_request_head(request: &Request, body: Framing, upgrade: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(request.method_text());
    out.push(b' ');
    out.extend_from_slice(request.path());
    if let Some(query) = request.query() {
        out.push(b'?');
        out.extend_from_slice(query);
    }
    out.extend_from_slice(b" HTTP/1.1\r\nhost: ");
    out.extend_from_slice(request.authority());
    out.extend_from_slice(b"\r\n");
    request.head.write_fields(out);
    use fg_exchange::Method::{Other, Patch, Post, Put};
    match body {
        Framing::Length(0) if !matches!(request.method(), Post | Put | Patch | Other) => {}
        body => write_framing(body, out),
    }
    if upgrade {
        out.extend_from_slice(b"connection: upgrade\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// How a reply's connection goes on, as the client must be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyConnection {
    /// As the version implies; nothing is written.
    Implied,
    /// `close`.
    Close,
    /// `keep-alive`, for HTTP/1.0 clients.
    KeepAlive,
    /// `upgrade`, with a 101.
    Upgrade,
}

/// Writes a reply head for a client. `framing` of `None` writes no framing field (1xx, 204,
/// and bodies that end with the connection). `date` is written when the reply has none.
pub fn write_reply_head(
    reply: &Reply,
    framing: Option<Framing>,
    connection: ReplyConnection,
    date: &[u8],
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"HTTP/1.1 ");
    write_decimal(u64::from(reply.status), out);
    out.push(b' ');
    out.extend_from_slice(reason_phrase(reply.status).as_bytes());
    out.extend_from_slice(b"\r\n");
    reply.head.write_fields(out);
    if reply.status >= 200 && reply.head.get(Name::Date).is_none() {
        out.extend_from_slice(b"date: ");
        out.extend_from_slice(date);
        out.extend_from_slice(b"\r\n");
    }
    if let Some(framing) = framing {
        write_framing(framing, out);
    }
    if reply.status == 426 && reply.head.get(Name::Upgrade).is_some() {
        // RFC 9110 §7.8, §15.5.22.
        out.extend_from_slice(b"connection: upgrade\r\n");
    }
    out.extend_from_slice(match connection {
        ReplyConnection::Implied => &b"\r\n"[..],
        ReplyConnection::Close => b"connection: close\r\n\r\n",
        ReplyConnection::KeepAlive => b"connection: keep-alive\r\n\r\n",
        ReplyConnection::Upgrade => b"connection: upgrade\r\n\r\n",
    });
}

fn write_framing(framing: Framing, out: &mut Vec<u8>) {
    match framing {
        Framing::Length(length) => {
            out.extend_from_slice(b"content-length: ");
            write_decimal(length, out);
            out.extend_from_slice(b"\r\n");
        }
        Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Framing::UntilClose => {}
    }
}

/// Writes a number in decimal.
#[inline]
pub fn write_decimal(number: u64, out: &mut Vec<u8>) {
    // Status codes, parts of addresses, lengths of small bodies.
    if number < 1000 {
        let (hundreds, tens, ones) = (number / 100, number / 10 % 10, number % 10);
        let digits = [hundreds, tens, ones].map(|digit| b'0' + digit as u8);
        let skipped = usize::from(number < 100) + usize::from(number < 10);
        out.extend_from_slice(&digits[skipped..]);
        return;
    }
    write_long_decimal(number, out);
}

fn write_long_decimal(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Writes a chunk's size line, `1f\r\n`.
pub fn write_chunk_size(mut size: usize, out: &mut Vec<u8>) {
    let mut digits = [0; 16];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b"0123456789abcdef"[size % 16];
        size /= 16;
        if size == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
    out.extend_from_slice(b"\r\n");
}

/// The usual phrase for a status; what the backend wrote there means nothing (RFC 9112 §4) and is
/// not forwarded.
fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_whole() {
        for number in [0, 7, 10, 99, 100, 128, 999, 1000, 65_535, u64::MAX] {
            let mut out = Vec::new();
            write_decimal(number, &mut out);
            assert_eq!(String::from_utf8(out).expect("text"), number.to_string());
        }
        let mut out = Vec::new();
        write_chunk_size(0xabc0, &mut out);
        write_chunk_size(0, &mut out);
        assert_eq!(out, b"abc0\r\n0\r\n");
    }
}
