//! What is accepted is the same request again when it is written and read again.

use fg_exchange::Version;
use proptest::prelude::*;

use super::{check_within, verdict};
use crate::Limits;

/// Pieces of heads, good, odd and bad, so that random heads are often almost right.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "GET",
        "POST",
        "OPTIONS",
        "PATCH",
        "X-Y",
        " ",
        " ",
        "/",
        "/a",
        "/../b",
        "/%41%2e",
        "%2F",
        "*",
        "http://h",
        "?q",
        "?",
        "#",
        " HTTP/1.1",
        " HTTP/1.0",
        " HTTP/2.0",
        "\r\n",
        "\r\n",
        "\r\n",
        "\r\n\r\n",
        "\n",
        "\r",
        "Host: a",
        "host:b.c:1",
        "Host",
        ":",
        ": ",
        " :",
        "\t",
        "Content-Length: 3",
        "Content-Length: 0",
        "Transfer-Encoding: chunked",
        "chunked",
        "Connection: close",
        "Connection: upgrade",
        "Connection: x",
        "Upgrade: websocket",
        "Upgrade: h2c",
        "X: y",
        "x:",
        "X_Y: z",
        "Expect: 100-continue",
        "TE: trailers",
        "\0",
        "\u{e9}",
        "\u{7f}",
        "0",
        "9",
        ",",
        ";",
    ])
}

/// Heads that are mostly right: a line, a host, and fields of which each may be odd.
fn head() -> impl Strategy<Value = String> {
    let line = (
        prop::sample::select(vec!["GET", "HEAD", "POST", "OPTIONS", "DELETE", "x"]),
        prop_oneof![
            "/[a-z./%;]{0,8}(\\?[!-~]{0,6})?",
            Just("*".to_owned()),
            "http://[a-z.]{1,6}(:[0-9]{1,5})?(/[a-z.]{0,4})?(\\?[a-z]{0,3})?",
        ],
        prop::sample::select(vec!["1.1", "1.1", "1.1", "1.0"]),
    );
    let field = prop_oneof![
        3 => "[A-Za-z-]{1,6}:[ \\t]{0,2}[ -~]{0,10}[ \\t]{0,2}",
        2 => piece().prop_map(str::to_owned),
    ];
    (line, prop::collection::vec(field, 0..8)).prop_map(|((method, target, version), fields)| {
        let mut head = format!("{method} {target} HTTP/{version}\r\nHost: a.B:80\r\n");
        for field in fields {
            head.push_str(&field);
            head.push_str("\r\n");
        }
        head + "\r\n"
    })
}

/// What is accepted, when it is written and read again, is the same request, in the same bytes.
fn holds_its_promise(input: &[u8]) {
    let Ok(Some(first)) = check_within(input, &Limits::default()) else {
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
    if first.authority.0.is_empty() {
        assert_eq!(first.line.3, Version::Http10);
        return;
    }
    let again = match verdict(&first.sent, &[], &Limits::default()) {
        Ok(Some(again)) => again,
        other => panic!("{text:?} gives {other:?}"),
    };
    assert_eq!(again.parsed.head_len, first.sent.len());
    assert_eq!(again.sent, first.sent);
    assert_eq!(
        (&again.line.0, &again.line.1, &again.line.2),
        (&first.line.0, &first.line.1, &first.line.2)
    );
    assert_eq!(again.authority, first.authority);
    assert_eq!(again.fields, first.fields);
    assert_eq!(again.parsed.body, first.parsed.body);
    assert_eq!(again.parsed.hop.upgrade, first.parsed.hop.upgrade);
    assert_eq!(again.parsed.expectation, first.parsed.expectation);
}

proptest! {
    #[test]
    fn random_pieces_hold_the_promise(pieces in prop::collection::vec(piece(), 0..24)) {
        holds_its_promise(pieces.concat().as_bytes());
    }

    #[test]
    fn almost_good_heads_hold_the_promise(head in head()) {
        holds_its_promise(head.as_bytes());
    }

    #[test]
    fn good_heads_with_one_byte_changed_hold_the_promise(
        head in head(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = head.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        holds_its_promise(&bytes);
    }
}
