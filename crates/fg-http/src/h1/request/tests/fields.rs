//! Field lines: their form, their ends, and how they say the length of the body.

use fg_exchange::Reason;

use super::{accepted, refused, with};
use crate::h1::Framing;

#[test]
fn lengths_are_said_once_and_plainly() {
    for odd in [
        "Content-Length: 1\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 1",
        "Transfer-Encoding: chunked\r\nContent-Length: x",
        "Content-Length: 1\r\nContent-Length: 1",
        "Content-Length: 1\r\ncontent-length: 2",
        "Content-Length: 1, 1",
        "Content-Length: 1,2",
        "Content-Length: +1",
        "Content-Length: -1",
        "Content-Length: 0x1",
        "Content-Length: 1e1",
        "Content-Length: 1 1",
        "Content-Length: 1;",
        "Content-Length: \"1\"",
        "Content-Length:",
        "Content-Length: \u{661}",
        "Content-Length: 9223372036854775808",
        "Content-Length: 99999999999999999999999",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: chunked;a=b",
        "Transfer-Encoding: chunked,",
        "Transfer-Encoding: ,chunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunkedx",
        "Transfer-Encoding: chunk",
        "Transfer-Encoding:",
    ] {
        assert_eq!(refused(&with(odd)), Reason::BadRequest, "{odd}");
    }
    let old = "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(refused(old), Reason::BadRequest);
    for (plain, body) in [
        ("Content-Length: 0", Framing::Length(0)),
        ("Content-Length: \t12 \t", Framing::Length(12)),
        (
            "content-LENGTH: 9223372036854775807",
            Framing::Length(i64::MAX.unsigned_abs()),
        ),
        ("Transfer-Encoding:Chunked", Framing::Chunked),
        ("X: y", Framing::Length(0)),
    ] {
        assert_eq!(accepted(&with(plain)).parsed.body, body, "{plain}");
    }
}

#[test]
fn lines_end_in_crlf_and_fields_are_well_formed() {
    for odd in [
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\nZ: w\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y \t\nZ: w\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX:\nZ: w\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \nZ: w\r\n\r\n",
        "GET / HTTP/1.0\n\r\n",
        "GET / HTTP/1.0\r\n\n",
    ] {
        assert_eq!(refused(odd), Reason::BadRequest, "{odd:?}");
    }
    for odd in [
        "X: y\rZ: w",
        "X: y\r\rZ: w",
        "X: y\r",
        "\rX: y",
        "X: a\r\n b",
        "X: a\r\n\tb",
        "X:\r\n b",
        "X : a",
        "X\t: a",
        "Transfer-Encoding : chunked",
        " X: a",
        "\tX: a",
        ": a",
        "X",
        "X a",
        "X(: a",
        "X/Y: a",
        "\"X\": a",
        "X\0: a",
        "X: a\0b",
        "X: \u{1}",
        "X: \u{b}",
        "X: \u{7f}",
        "X\u{e9}: a",
        "\u{e9}: a",
    ] {
        assert_eq!(refused(&with(odd)), Reason::BadRequest, "{odd:?}");
    }
    // The same first after the request line, where other code reads it.
    for odd in [" Host: a", "\tHost: a", "Host : a", "\rHost: a"] {
        let head = format!("GET / HTTP/1.1\r\n{odd}\r\n\r\n");
        assert_eq!(refused(&head), Reason::BadRequest, "{odd:?}");
    }
    let seen = accepted(&with("X: a:b \u{e9}\t\"c\"\r\n!#$%&'*+-.^_`|~9: d"));
    assert_eq!(seen.fields[0].1, "a:b \u{e9}\t\"c\"".as_bytes());
    assert_eq!(
        seen.fields[1],
        ("!#$%&'*+-.^_`|~9".to_owned(), b"d".to_vec())
    );
}
