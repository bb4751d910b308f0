//! Heads that are too large.

use fg_exchange::Reason;

use super::{check_within, verdict};
use crate::Limits;

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
