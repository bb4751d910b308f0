//! Field lines against another parser, and the names that are looked for on the way.

use fg_exchange::{Head, Name};
use proptest::prelude::*;

use super::{Wrong, read};

/// What a reader of the index sees: end, and each field with what is to be sent for it.
type Read = Result<Option<(usize, Vec<(Vec<u8>, Vec<u8>)>)>, Wrong>;

fn ours(bytes: &[u8], most: usize) -> Read {
    let mut head = Head::new();
    head.bytes_mut().extend_from_slice(bytes);
    let end = read(&mut head, bytes, 0, most)?;
    let mut sent = Vec::new();
    head.write_fields(&mut sent);
    let lines: Vec<Vec<u8>> = head
        .iter()
        .map(|(id, name, value)| {
            assert_eq!(id, Name::resolve(name));
            [name, b": ", value, b"\r\n"].concat()
        })
        .collect();
    assert_eq!(sent, lines.concat(), "sent as read");
    let fields = head
        .iter()
        .map(|(_, name, value)| (name.to_vec(), value.to_vec()));
    Ok(end.map(|end| (end, fields.collect())))
}

/// The same by another parser, which also takes lines that end in a bare LF.
fn theirs(bytes: &[u8], most: usize) -> Read {
    let mut slots = vec![httparse::EMPTY_HEADER; most];
    match httparse::parse_headers(bytes, &mut slots) {
        Ok(httparse::Status::Complete((end, headers))) => {
            let has_bare_lf =
                (0..end).any(|at| bytes[at] == b'\n' && (at == 0 || bytes[at - 1] != b'\r'));
            if has_bare_lf {
                return Err(Wrong::Malformed("bare LF"));
            }
            let fields = headers
                .iter()
                .map(|header| (header.name.as_bytes().to_vec(), header.value.to_vec()));
            Ok(Some((end, fields.collect())))
        }
        Ok(httparse::Status::Partial) => Ok(None),
        Err(httparse::Error::TooManyHeaders) => Err(Wrong::TooMany),
        Err(_) => Err(Wrong::Malformed("")),
    }
}

/// Whether the two agree; a bare LF may be found before the head is whole.
fn agree(bytes: &[u8], most: usize) -> bool {
    match (ours(bytes, most), theirs(bytes, most)) {
        (Ok(ours), Ok(theirs)) => ours == theirs,
        (Err(Wrong::TooMany), Err(Wrong::TooMany)) => true,
        (Err(Wrong::Malformed(_)), Err(Wrong::Malformed(_))) => true,
        (Err(_), _) => bytes
            .split(|&byte| byte == b'\n')
            .rev()
            .skip(1)
            .any(|line| line.last() != Some(&b'\r')),
        (Ok(_), Err(_)) => false,
    }
}

#[test]
fn every_byte_counts_the_same_everywhere() {
    let line = b"accept-language-x: abcdefghijklmnopqrstuvwxyz 0123456789\r\n\r\n";
    for at in 0..line.len() {
        for byte in 0..=u8::MAX {
            let mut line = *line;
            line[at] = byte;
            assert!(agree(&line, 4), "{byte:#x} at {at}");
        }
    }
}

#[test]
fn every_token_byte_makes_a_name_of_any_length() {
    for length in 1..60 {
        for byte in 0..=u8::MAX {
            let line = [&vec![byte; length][..], b":x\r\n\r\n"].concat();
            let is_token = fg_exchange::is_token(&[byte]);
            assert_eq!(ours(&line, 4).is_ok(), is_token, "{length} times {byte:#x}");
        }
    }
}

#[test]
fn known_names_are_found_in_any_case_at_any_place() {
    for &name in Name::ALL {
        for text in [name.text().to_owned(), name.text().to_ascii_uppercase()] {
            for before in ["", "a: b\r\n"] {
                let lines = format!("{before}{text}: x\r\n\r\n");
                let mut head = Head::new();
                head.bytes_mut().extend_from_slice(lines.as_bytes());
                let end = read(&mut head, lines.as_bytes(), 0, 4);
                assert_eq!(end, Ok(Some(lines.len())), "{lines:?}");
                assert_eq!(head.get(name), Some(&b"x"[..]), "{lines:?}");
            }
        }
    }
}

#[test]
fn odd_names_are_noted() {
    let odd = |name: &str| {
        let lines = format!("{name}: x\r\n\r\n");
        let mut head = Head::new();
        assert_eq!(
            read(&mut head, lines.as_bytes(), 0, 4),
            Ok(Some(lines.len()))
        );
        let odd = head.odd_names();
        (odd.underscore, odd.forwarded)
    };
    assert_eq!(odd("X-Shop"), (false, false));
    assert_eq!(odd("X_Shop"), (true, false));
    assert_eq!(odd("X-Forwarded-"), (false, true));
    assert_eq!(odd("x-forwarded-By-Somebody-Far-Away"), (false, true));
    assert_eq!(odd("X-FORWARDED-CLIENT_CERT"), (true, true));
    assert_eq!(odd("X-Forwarde"), (false, false));
    assert_eq!(odd("X-Forwarded"), (false, false));
    assert_eq!(odd("X-Forwarded-For"), (false, false));
}

#[test]
fn fields_are_counted() {
    let lines = b"a: b\r\nc: d\r\n\r\n";
    assert!(matches!(ours(lines, 2), Ok(Some(_))));
    assert_eq!(ours(lines, 1), Err(Wrong::TooMany));
}

proptest! {
    #[test]
    fn both_parsers_agree_on_likely_lines(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "a", "Host", ":", ": ", " ", "\t", "\r\n", "\r\n", "\r", "\n", "x-forwarded-for",
                "accept_it", "some text", "\u{e9}", "\0", "\u{7f}", "0123456789abcdef", "(",
            ]),
            0..24,
        ),
        ended in any::<bool>(),
    ) {
        let text = parts.concat() + if ended { "\r\n\r\n" } else { "" };
        prop_assert!(agree(text.as_bytes(), 3), "{text:?}");
    }

    #[test]
    fn both_parsers_agree_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        prop_assert!(agree(&bytes, 3));
    }
}
