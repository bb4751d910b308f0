//! What is a reply head and what is refused, whole and in every pair of pieces.

use fg_exchange::{Fault, Method, Reason, Reply, Version};
use proptest::prelude::*;

use super::super::{Framing, HeadScan, Hop, ReplyConnection, write_reply_head};
use super::{ParsedReply, parse_reply};
use crate::Limits;

fn read(
    input: &[u8],
    cuts: &[usize],
    method: Method,
    limits: &Limits,
) -> Result<Option<(Reply, ParsedReply)>, Fault> {
    let mut reply = Reply::new();
    let mut scan = HeadScan::new();
    let mut start = 0;
    for &end in cuts.iter().chain([&input.len()]) {
        reply.head.bytes_mut().extend_from_slice(&input[start..end]);
        start = end;
        if scan.may_be_complete(reply.head.bytes())
            && let Some(parsed) = parse_reply(&mut reply, method, limits)?
        {
            return Ok(Some((reply, parsed)));
        }
    }
    Ok(None)
}

/// What a reader of the parsed head can see.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    parsed: ParsedReply,
    status: u16,
    version: Version,
    fields: Vec<(String, Vec<u8>)>,
    sent: Vec<u8>,
}

fn seen((reply, parsed): &(Reply, ParsedReply)) -> Seen {
    let mut sent = Vec::new();
    let framing = match parsed.declared.unwrap_or(parsed.body) {
        Framing::UntilClose => None,
        framing => Some(framing),
    };
    let connection = if parsed.hop.upgrade {
        ReplyConnection::Upgrade
    } else {
        ReplyConnection::Implied
    };
    write_reply_head(reply, framing, connection, b"now", &mut sent);
    Seen {
        parsed: *parsed,
        status: reply.status,
        version: reply.version,
        fields: reply
            .head
            .iter()
            .map(|(_, name, value)| {
                let name = String::from_utf8(name.to_vec()).expect("text");
                (name, value.to_vec())
            })
            .collect(),
        sent,
    }
}

type Verdict = Result<Option<Seen>, Reason>;

fn verdict(input: &[u8], cuts: &[usize], method: Method, limits: &Limits) -> Verdict {
    read(input, cuts, method, limits)
        .map(|found| found.as_ref().map(seen))
        .map_err(|fault| fault.reason)
}

/// The verdict on the whole, after checking that it is the same for every cut in two and byte by
/// byte.
fn check_within(input: &[u8], method: Method, limits: &Limits) -> Verdict {
    let whole = verdict(input, &[], method, limits);
    let closed = [input, b"\r\n\r\n"].concat();
    let same = |cuts: &[usize]| {
        let mut cut = verdict(input, cuts, method, limits);
        if whole.is_err() && cut == Ok(None) {
            // What is wrong in a head without an end may be found later, but as the same.
            cut = verdict(&closed, &[cuts, &[input.len()]].concat(), method, limits);
        }
        let text = String::from_utf8_lossy(input);
        assert_eq!(cut, whole, "{text:?} cut at {cuts:?}");
    };
    for cut in 1..input.len() {
        same(&[cut]);
    }
    same(&(1..input.len()).collect::<Vec<_>>());
    if let Ok(Some(_)) = &whole {
        let more = [input, b"\r\nbody HTTP/1.1 200 OK\r\n\r\n"].concat();
        assert_eq!(
            verdict(&more, &[], method, limits),
            whole,
            "with more behind"
        );
    }
    whole
}

fn accepted_for(method: Method, input: &str) -> Seen {
    match check_within(input.as_bytes(), method, &Limits::default()) {
        Ok(Some(seen)) => seen,
        other => panic!("{input:?} gives {other:?}"),
    }
}

fn accepted(input: &str) -> Seen {
    accepted_for(Method::Get, input)
}

fn refused(input: &str) -> Reason {
    match check_within(input.as_bytes(), Method::Get, &Limits::default()) {
        Err(reason) => reason,
        Ok(found) => panic!("{input:?} gives {found:?}"),
    }
}

/// A reply with these field lines.
fn with(lines: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n")
}

#[test]
fn what_an_ordinary_reply_becomes() {
    let seen = accepted(
        "HTTP/1.1 200 Whatever you \t like\r\nDate: today\r\nX-A:1 \r\nX-Empty:\r\nConnection: \
         keep-alive, x-mine\r\nX-Mine: 1\r\nKeep-Alive: 1\r\nProxy-Authenticate: x\r\n\
         Upgrade: h2c\r\nTrailer: x\r\nTE: x\r\nContent-Length: 3\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n",
    );
    assert_eq!(
        String::from_utf8(seen.sent).expect("text"),
        "HTTP/1.1 200 OK\r\nDate: today\r\nX-A: 1\r\nX-Empty: \r\nSet-Cookie: a\r\n\
         Set-Cookie: b\r\ncontent-length: 3\r\n\r\n"
    );
    assert_eq!(seen.parsed.body, Framing::Length(3));
    assert!(seen.parsed.hop.keep_alive);
}

#[test]
fn status_lines() {
    for good in [
        "HTTP/1.1 200 OK",
        "HTTP/1.1 200 ",
        "HTTP/1.1 200",
        "HTTP/1.0 404 \u{e9}",
        "HTTP/1.1 999 x",
        "HTTP/1.1 200  two blanks",
    ] {
        accepted(&format!("{good}\r\nContent-Length: 0\r\n\r\n"));
    }
    for bad in [
        "",
        "\r\nHTTP/1.1 200 OK",
        "\nHTTP/1.1 200 OK",
        "\rHTTP/1.1 200 OK",
        " HTTP/1.1 200 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1\t200 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 200OK",
        "HTTP/1.1 099 OK",
        "HTTP/1.1 000 OK",
        "HTTP/1.1 -20 OK",
        "HTTP/1.1 20a OK",
        "HTTP/1.1 OK",
        "HTTP/1.1",
        "HTTP/1.2 200 OK",
        "HTTP/2.0 200 OK",
        "HTTP/2 200 OK",
        "HTTP/0.9 200 OK",
        "http/1.1 200 OK",
        "ICY 200 OK",
        "200 OK",
        "HTTP/1.1 200 O\rK",
        "HTTP/1.1 200 OK\r",
        "HTTP/1.1 200 O\0K",
        "HTTP/1.1 200 O\u{7f}K",
        "<html>hello</html>",
    ] {
        let head = format!("{bad}\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(refused(&head), Reason::BadReply, "{bad:?}");
    }
}

#[test]
fn lengths_are_said_once_and_plainly() {
    for odd in [
        "Content-Length: 1\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 1",
        "Content-Length: 1\r\nContent-Length: 1",
        "Content-Length: 1\r\nContent-Length: 2",
        "Content-Length: 1, 1",
        "Content-Length: +1",
        "Content-Length: -1",
        "Content-Length: 1x",
        "Content-Length:",
        "Content-Length: 9223372036854775808",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding:",
    ] {
        assert_eq!(refused(&with(odd)), Reason::BadReply, "{odd}");
        for (method, status) in [(Method::Head, "200"), (Method::Get, "304")] {
            let head = format!("HTTP/1.1 {status} x\r\n{odd}\r\n\r\n");
            let found = check_within(head.as_bytes(), method, &Limits::default());
            assert_eq!(found, Err(Reason::BadReply), "{status} {odd}");
        }
    }
    let old = "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(refused(old), Reason::BadReply);
}

#[test]
fn lines_end_in_crlf_and_fields_are_well_formed() {
    for odd in [
        "HTTP/1.1 200 OK\nA: b\r\n\r\n",
        "HTTP/1.1 200\nA: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n\n",
        "HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA:\nC: d\r\n\r\n",
        "HTTP/1.1 200 OK\n\n",
        "HTTP/1.1 200 OK\r\n\n",
        "HTTP/1.1 200 OK\n\r\n",
    ] {
        assert_eq!(refused(odd), Reason::BadReply, "{odd:?}");
    }
    for odd in [
        "X: a\r\n b",
        "X: a\r\n\tb",
        "X : a",
        "Content-Length : 3",
        " X: a",
        ": a",
        "X",
        "X a",
        "X: a\rb",
        "X: a\0",
        "X: \u{b}",
        "X\u{e9}: a",
        "X(: a",
    ] {
        assert_eq!(refused(&with(odd)), Reason::BadReply, "{odd:?}");
    }
}

#[test]
fn bodies_are_as_long_as_status_method_and_fields_say() {
    use Framing::{Chunked, Length, UntilClose};
    for (method, status, lines, body, declared) in [
        (Method::Get, "200", "Content-Length: 3\r\n", Length(3), None),
        (
            Method::Get,
            "200",
            "Transfer-Encoding: Chunked\r\n",
            Chunked,
            None,
        ),
        (Method::Get, "200", "", UntilClose, None),
        (
            Method::Head,
            "200",
            "Content-Length: 3\r\n",
            Length(0),
            Some(Length(3)),
        ),
        (
            Method::Head,
            "200",
            "Transfer-Encoding: chunked\r\n",
            Length(0),
            Some(Chunked),
        ),
        (Method::Head, "200", "", Length(0), None),
        (
            Method::Get,
            "304",
            "Content-Length: 3\r\n",
            Length(0),
            Some(Length(3)),
        ),
        (Method::Get, "304", "", Length(0), None),
        (Method::Get, "204", "", Length(0), None),
        (Method::Get, "204", "Content-Length: 0\r\n", Length(0), None),
        (Method::Get, "100", "", Length(0), None),
        (Method::Get, "103", "Link: x\r\n", Length(0), None),
        (Method::Get, "205", "", UntilClose, None),
    ] {
        let seen = accepted_for(method, &format!("HTTP/1.1 {status} x\r\n{lines}\r\n"));
        assert_eq!(seen.parsed.body, body, "{method:?} {status} {lines}");
        assert_eq!(
            seen.parsed.declared, declared,
            "{method:?} {status} {lines}"
        );
    }
    for bodied in [
        "100 x\r\nContent-Length: 3",
        "101 x\r\nContent-Length: 3",
        "103 x\r\nTransfer-Encoding: chunked",
        "204 x\r\nContent-Length: 3",
        "204 x\r\nTransfer-Encoding: chunked",
    ] {
        let head = format!("HTTP/1.1 {bodied}\r\n\r\n");
        assert_eq!(refused(&head), Reason::BadReply, "{bodied}");
    }
}

#[test]
fn connections_are_kept_as_version_and_backend_say() {
    let hop = |head: &str| {
        accepted(&format!("{head}\r\nContent-Length: 0\r\n\r\n"))
            .parsed
            .hop
    };
    assert!(hop("HTTP/1.1 200 x").keep_alive);
    assert!(!hop("HTTP/1.1 200 x\r\nConnection: X, Close").keep_alive);
    assert!(!hop("HTTP/1.0 200 x").keep_alive);
    assert!(hop("HTTP/1.0 200 x\r\nConnection: keep-alive").keep_alive);
    let switch = "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket";
    assert!(hop(switch).upgrade);
    assert_eq!(
        hop("HTTP/1.1 101 x\r\nUpgrade: websocket"),
        Hop {
            keep_alive: true,
            upgrade: false,
            trailers: false,
        }
    );
    assert!(!hop("HTTP/1.1 426 x\r\nConnection: upgrade\r\nUpgrade: h2c").upgrade);
}

#[test]
fn limits_are_felt_at_their_byte() {
    let limits = Limits {
        head: 100,
        fields: 4,
        ..Limits::default()
    };
    let check = |head: &str| check_within(head.as_bytes(), Method::Get, &limits);
    let head = |length: usize| {
        let start = "HTTP/1.1 200 OK\r\nX: ";
        format!("{start}{}\r\n\r\n", "x".repeat(length - start.len() - 4))
    };
    assert!(check(&head(100)).is_ok());
    assert_eq!(check(&head(101)), Err(Reason::ReplyTooLarge));
    assert_eq!(check(head(300).split_at(250).0), Err(Reason::ReplyTooLarge));
    let fields = |count| format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(count));
    assert!(check(&fields(4)).is_ok());
    assert_eq!(check(&fields(5)), Err(Reason::ReplyTooLarge));
}

/// What is accepted, when it is written and read again, is the same reply, in the same bytes.
fn holds_its_promise(input: &[u8], method: Method) {
    let Ok(Some(first)) = check_within(input, method, &Limits::default()) else {
        return;
    };
    let text = String::from_utf8_lossy(&first.sent).into_owned();
    let lines = text
        .strip_suffix("\r\n\r\n")
        .expect("ends in an empty line");
    assert!(
        lines
            .split("\r\n")
            .all(|line| !line.contains(['\r', '\n', '\0']) && !line.is_empty()),
        "{text:?}"
    );
    let again = match verdict(&first.sent, &[], method, &Limits::default()) {
        Ok(Some(again)) => again,
        other => panic!("{text:?} gives {other:?}"),
    };
    assert_eq!(again.sent, first.sent);
    assert_eq!(again.status, first.status);
    assert_eq!(again.parsed.body, first.parsed.body);
    assert_eq!(again.parsed.hop.upgrade, first.parsed.hop.upgrade);
    assert!(again.fields.starts_with(&first.fields));
}

fn head() -> impl Strategy<Value = String> {
    let status = prop::sample::select(vec!["100", "101", "103", "200", "204", "304", "404", "999"]);
    let field = prop_oneof![
        2 => "[A-Za-z-]{1,6}:[ \\t]{0,2}[ -~]{0,10}[ \\t]{0,2}",
        2 => prop::sample::select(vec![
            "Content-Length: 3", "content-length:0", "Transfer-Encoding: chunked", "Date: now",
            "Connection: close", "Connection: upgrade", "Upgrade: websocket", "X:", "X: \u{e9}",
            "X : y", " y", "X: a\rb", "X: a\nb", "",
        ]).prop_map(str::to_owned),
    ];
    (status, "[ -~]{0,6}", prop::collection::vec(field, 0..6)).prop_map(
        |(status, phrase, fields)| {
            let mut head = format!("HTTP/1.1 {status} {phrase}\r\n");
            for field in fields {
                head.push_str(&field);
                head.push_str("\r\n");
            }
            head + "\r\n"
        },
    )
}

proptest! {
    #[test]
    fn random_heads_hold_the_promise(head in head(), is_head in any::<bool>()) {
        let method = if is_head { Method::Head } else { Method::Get };
        holds_its_promise(head.as_bytes(), method);
    }

    #[test]
    fn heads_with_one_byte_changed_hold_the_promise(
        head in head(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = head.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        holds_its_promise(&bytes, Method::Get);
    }
}
