//! What is a request head and what is refused, whole and in every pair of pieces.

use fg_exchange::{Fault, Reason, Request, Version};

use super::super::{Framing, HeadScan, write_request_head};
use super::{ParsedRequest, parse_request};
use crate::Limits;

mod meaning;
mod promise;

/// Reads as the engine does: pieces that end at `cuts`, parsed when the scan advises it.
fn read(
    input: &[u8],
    cuts: &[usize],
    limits: &Limits,
) -> Result<Option<(Request, ParsedRequest)>, Fault> {
    let mut request = Request::new();
    let mut scan = HeadScan::new();
    let mut start = 0;
    for &end in cuts.iter().chain([&input.len()]) {
        let bytes = request.head.bytes_mut();
        bytes.extend_from_slice(&input[start..end]);
        start = end;
        if scan.may_be_complete(request.head.bytes())
            && let Some(parsed) = parse_request(&mut request, limits)?
        {
            return Ok(Some((request, parsed)));
        }
    }
    Ok(None)
}

/// What a reader of the parsed head can see.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    parsed: ParsedRequest,
    line: (String, String, Option<String>, Version),
    authority: (String, String),
    fields: Vec<(String, Vec<u8>)>,
    sent: Vec<u8>,
}

fn seen((request, parsed): &(Request, ParsedRequest)) -> Seen {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let mut sent = Vec::new();
    write_request_head(request, parsed.body, parsed.hop.upgrade, &mut sent);
    Seen {
        parsed: *parsed,
        line: (
            text(request.method_text()),
            text(request.path()),
            request.query().map(text),
            request.version(),
        ),
        authority: (text(request.authority()), text(request.host())),
        fields: request
            .head
            .iter()
            .map(|(_, name, value)| (text(name), value.to_vec()))
            .collect(),
        sent,
    }
}

type Verdict = Result<Option<Seen>, Reason>;

fn verdict(input: &[u8], cuts: &[usize], limits: &Limits) -> Verdict {
    read(input, cuts, limits)
        .map(|found| found.as_ref().map(seen))
        .map_err(|fault| fault.reason)
}

/// The verdict on the whole, after checking that it is the same for every cut in two, byte by
/// byte, and with another request behind.
fn check_within(input: &[u8], limits: &Limits) -> Verdict {
    let whole = verdict(input, &[], limits);
    let closed = [input, b"\r\n\r\n"].concat();
    let same = |cuts: &[usize]| {
        let mut cut = verdict(input, cuts, limits);
        if whole.is_err() && cut == Ok(None) {
            // What is wrong in a head without an end may be found later, but as the same.
            cut = verdict(&closed, &[cuts, &[input.len()]].concat(), limits);
        }
        let text = String::from_utf8_lossy(input);
        assert_eq!(cut, whole, "{text:?} cut at {cuts:?}");
    };
    for cut in 1..input.len() {
        same(&[cut]);
    }
    same(&(1..input.len()).collect::<Vec<_>>());
    if let Ok(Some(seen)) = &whole {
        let more = [input, b"GET /next HTTP/1.1\r\nHost: next\r\n\r\n"].concat();
        assert_eq!(verdict(&more, &[], limits), whole, "with more behind");
        assert_eq!(
            verdict(&input[..seen.parsed.head_len], &[], limits),
            whole,
            "alone"
        );
    }
    whole
}

fn check(input: &str) -> Verdict {
    check_within(input.as_bytes(), &Limits::default())
}

fn refused(input: &str) -> Reason {
    match check(input) {
        Err(reason) => reason,
        Ok(found) => panic!("{input:?} gives {found:?}"),
    }
}

fn accepted(input: &str) -> Seen {
    match check(input) {
        Ok(Some(seen)) => seen,
        other => panic!("{input:?} gives {other:?}"),
    }
}

/// The canonical form that a backend would get.
fn sent(input: &str) -> String {
    String::from_utf8(accepted(input).sent).expect("text")
}

/// A head with these field lines besides `Host`.
fn with(lines: &str) -> String {
    format!("POST /a HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n")
}

#[test]
fn what_an_ordinary_request_becomes() {
    let seen = accepted(
        "\r\nPUT /a/%2e/b?c=%2f HTTP/1.1\r\nhOST: Shop.Example:8080\r\nX-A:1 \r\nX-b:  2\t\r\n\
         X-Empty:\r\nX-Blank: \t \r\ncontent-length: 5\r\n\r\nhello",
    );
    assert_eq!(seen.parsed.body, Framing::Length(5));
    assert_eq!(seen.authority.1, "shop.example");
    assert!(seen.parsed.hop.keep_alive && !seen.parsed.hop.upgrade);
    assert_eq!(
        String::from_utf8(seen.sent).expect("text"),
        "PUT /a/b?c=%2f HTTP/1.1\r\nhost: Shop.Example:8080\r\nX-A: 1\r\nX-b: 2\r\nX-Empty: \r\n\
         X-Blank: \r\ncontent-length: 5\r\n\r\n"
    );
}

#[test]
fn nothing_incomplete_is_answered_but_nonsense_is() {
    for partial in [
        "\r",
        "\r\n",
        "\r\n\r",
        "G",
        "GET / HTTP/1.1",
        "GET / HTTP/2",
        "GET / HTTP/1.1\r\nHost: a\r\n",
    ] {
        assert_eq!(check(partial), Ok(None), "{partial:?}");
    }
    for nonsense in [
        "\u{16}\u{3}\u{1}",
        "GET /\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n",
        "\r\n\r\n",
        "\n",
        "\rG",
    ] {
        assert_eq!(refused(nonsense), Reason::BadRequest, "{nonsense:?}");
    }
}

#[test]
fn request_lines() {
    for (line, reason) in [
        ("GET /", Reason::BadRequest),
        ("GET / ", Reason::BadRequest),
        ("GET  / HTTP/1.1", Reason::BadRequest),
        ("GET /  HTTP/1.1", Reason::BadRequest),
        ("GET\t/ HTTP/1.1", Reason::BadRequest),
        ("GET /\tHTTP/1.1", Reason::BadRequest),
        ("GET / HTTP/1.1 ", Reason::BadRequest),
        (" GET / HTTP/1.1", Reason::BadRequest),
        ("GET / a HTTP/1.1", Reason::BadRequest),
        ("GE(T / HTTP/1.1", Reason::BadRequest),
        ("G\u{e9}T / HTTP/1.1", Reason::BadRequest),
        (" / HTTP/1.1", Reason::BadRequest),
        ("GET HTTP/1.1", Reason::BadRequest),
        ("GET / http/1.1", Reason::BadRequest),
        ("GET / HTTP/1.10", Reason::BadRequest),
        ("GET / HTTP/11", Reason::BadRequest),
        ("GET / HTTP/1", Reason::BadRequest),
        ("GET / HTTP/a.b", Reason::BadRequest),
        ("GET / HTP/1.1", Reason::BadRequest),
        ("GET / HTTP/1.1\r", Reason::BadRequest),
        ("GET / HTTP/1.1\rX", Reason::BadRequest),
        ("GET /\0 HTTP/1.1", Reason::BadRequest),
        ("GET /\u{1} HTTP/1.1", Reason::BadRequest),
        ("GET /\u{7f} HTTP/1.1", Reason::BadRequest),
        ("GET / HTTP/0.9", Reason::BadRequest),
        ("GET / HTTP/1.2", Reason::VersionNotSupported),
        ("GET / HTTP/2.0", Reason::VersionNotSupported),
        ("PRI * HTTP/2.0", Reason::VersionNotSupported),
        ("GET /\u{e9} HTTP/1.1", Reason::BadPath),
        ("GET /#a HTTP/1.1", Reason::BadPath),
        ("GET /a?b#c HTTP/1.1", Reason::BadPath),
        ("GET /a?b\\c HTTP/1.1", Reason::BadPath),
        ("GET /a?\u{e9} HTTP/1.1", Reason::BadPath),
        ("GET /a\\b HTTP/1.1", Reason::BadPath),
        ("GET /%2f HTTP/1.1", Reason::BadPath),
        ("GET /%5C HTTP/1.1", Reason::BadPath),
        ("GET /%00 HTTP/1.1", Reason::BadPath),
        ("GET /%zz HTTP/1.1", Reason::BadPath),
        ("GET * HTTP/1.1", Reason::BadPath),
        ("GET a HTTP/1.1", Reason::BadRequest),
        ("GET ?a HTTP/1.1", Reason::BadRequest),
        ("GET a.com:80 HTTP/1.1", Reason::BadRequest),
        ("GET ftp://a/ HTTP/1.1", Reason::BadRequest),
        ("GET http:/a HTTP/1.1", Reason::BadRequest),
        ("GET http:///a HTTP/1.1", Reason::BadHost),
        ("GET http://u@a/ HTTP/1.1", Reason::BadHost),
        ("GET http://a:b/ HTTP/1.1", Reason::BadHost),
        ("GET http://a#b HTTP/1.1", Reason::BadHost),
        ("GET http://a%2eb/ HTTP/1.1", Reason::BadHost),
        ("CONNECT a:443 HTTP/1.1", Reason::MethodNotAllowed),
        ("CONNECT / HTTP/1.1", Reason::MethodNotAllowed),
    ] {
        assert_eq!(
            refused(&format!("{line}\r\nHost: a\r\n\r\n")),
            reason,
            "{line:?}"
        );
    }
}

#[test]
fn targets_become_their_origin_form() {
    for (line, first_lines) in [
        ("GET http://B:80/x?y", "GET /x?y HTTP/1.1\r\nhost: B:80"),
        ("GET HTTPS://b", "GET / HTTP/1.1\r\nhost: b"),
        ("GET http://b?y", "GET /?y HTTP/1.1\r\nhost: b"),
        ("GET http://b?", "GET /? HTTP/1.1\r\nhost: b"),
        ("GET http://[::1]:1/", "GET / HTTP/1.1\r\nhost: [::1]:1"),
        ("GET http://b/../c", "GET /c HTTP/1.1\r\nhost: b"),
        ("OPTIONS *", "OPTIONS * HTTP/1.1\r\nhost: a"),
        ("OPTIONS http://b", "OPTIONS * HTTP/1.1\r\nhost: b"),
        ("OPTIONS http://b/", "OPTIONS / HTTP/1.1\r\nhost: b"),
        ("GET //b/c", "GET //b/c HTTP/1.1\r\nhost: a"),
        (
            "GET /?a=[{|}]\"<>`",
            "GET /?a=[{|}]\"<>` HTTP/1.1\r\nhost: a",
        ),
        ("get /", "get / HTTP/1.1\r\nhost: a"),
        ("M-SEARCH /", "M-SEARCH / HTTP/1.1\r\nhost: a"),
    ] {
        let sent = sent(&format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(
            sent.starts_with(&format!("{first_lines}\r\n")),
            "{line}: {sent}"
        );
    }
}

#[test]
fn hosts() {
    for hosts in [
        "",
        "Host: a\r\nHost: a\r\n",
        "Host: a\r\nhost: b\r\n",
        "Host:\r\n",
        "Host: \r\n",
        "Host: a b\r\n",
        "Host: a, b\r\n",
        "Host: a/b\r\n",
        "Host: u@a\r\n",
        "Host: a:\r\n",
        "Host: a:x\r\n",
        "Host: a:65536\r\n",
        "Host: a:-1\r\n",
        "Host: a:80:80\r\n",
        "Host: .a\r\n",
        "Host: a..b\r\n",
        "Host: a%00\r\n",
        "Host: \u{e9}.com\r\n",
        "Host: [::1\r\n",
        "Host: [1]\r\n",
        "Host: [::1]a\r\n",
        "Host: ::1\r\n",
        "Host: http://a\r\n",
    ] {
        for line in ["GET / HTTP/1.1", "GET http://good/ HTTP/1.1"] {
            assert_eq!(
                refused(&format!("{line}\r\n{hosts}\r\n")),
                Reason::BadHost,
                "{line} {hosts:?}"
            );
        }
    }
    let seen = accepted("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(seen.authority, (String::new(), String::new()));
    assert!(!seen.parsed.hop.keep_alive);
    let seen = accepted("GET http://b/ HTTP/1.0\r\n\r\n");
    assert_eq!(seen.authority.1, "b");
    assert_eq!(
        refused("GET / HTTP/1.0\r\nHost: a b\r\n\r\n"),
        Reason::BadHost
    );
    assert_eq!(
        refused("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"),
        Reason::BadHost
    );
}

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

#[test]
fn one_empty_line_may_come_before() {
    assert_eq!(
        accepted("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .parsed
            .head_len,
        29
    );
    for odd in [
        "\n", "\r", "\r\n\r\n", "\r\n\n", "\r\n\r", "\n\r\n", " \r\n", " ",
    ] {
        let head = format!("{odd}GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(refused(&head), Reason::BadRequest, "{odd:?}");
    }
}

#[test]
fn limits_are_felt_at_their_byte() {
    let limits = Limits {
        head: 200,
        request_line: 40,
        fields: 5,
        ..Limits::default()
    };
    let line = |path: usize| {
        format!(
            "GET /{} HTTP/1.1\r\nHost: a\r\n\r\n",
            "p".repeat(path - "GET / HTTP/1.1".len())
        )
    };
    assert!(check_within(line(40).as_bytes(), &limits).is_ok());
    assert_eq!(
        check_within(line(41).as_bytes(), &limits),
        Err(Reason::UriTooLong)
    );
    assert_eq!(
        check_within(&[b'p'; 60], &limits),
        Err(Reason::UriTooLong),
        "a line without an end"
    );
    let head = |length: usize| {
        let start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
        format!("{start}{}\r\n\r\n", "x".repeat(length - start.len() - 4))
    };
    assert!(check_within(head(200).as_bytes(), &limits).is_ok());
    assert_eq!(
        check_within(head(201).as_bytes(), &limits),
        Err(Reason::HeadTooLarge)
    );
    assert_eq!(
        check_within(&head(300).as_bytes()[..250], &limits),
        Err(Reason::HeadTooLarge),
        "a head without an end"
    );
    let fields = |count: usize| {
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
            "X: y\r\n".repeat(count - 1)
        )
    };
    assert!(check_within(fields(5).as_bytes(), &limits).is_ok());
    assert_eq!(
        check_within(fields(6).as_bytes(), &limits),
        Err(Reason::HeadTooLarge)
    );
    // What is wrong before the limit counts, what is wrong behind it does not.
    let mut early = line(100);
    early.replace_range(6..7, "\u{1}");
    assert_eq!(
        check_within(early.as_bytes(), &limits),
        Err(Reason::BadRequest)
    );
    let mut late = line(100);
    late.replace_range(60..61, "\u{1}");
    assert_eq!(
        check_within(late.as_bytes(), &limits),
        Err(Reason::UriTooLong)
    );
    let more = Limits {
        fields: 10_000,
        ..Limits::default()
    };
    assert_eq!(
        verdict(fields(257).as_bytes(), &[], &more),
        Err(Reason::HeadTooLarge),
        "the setting itself is bounded"
    );
}
