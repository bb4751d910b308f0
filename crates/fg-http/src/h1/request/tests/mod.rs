//! What is a request head and what is refused, whole and in every pair of pieces.

mod fields;
mod limits;
mod meaning;
mod promise;
mod target;

use fg_exchange::{Fault, Reason, Request, Version};

use super::super::{Framing, HeadScan, write_request_head};
use super::{ParsedRequest, parse_request};
use crate::Limits;

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
