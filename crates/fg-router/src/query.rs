//! Query parameters: form-decoded on the fly.
//!
//! `&` separates; `+` is a blank; an escape that is none stays as written. Source: the URL
//! standard, application/x-www-form-urlencoded parsing.

use std::borrow::Cow;

/// The value, still encoded, of the first parameter with this (decoded) name.
pub(crate) fn first<'q>(query: &'q [u8], name: &[u8]) -> Option<&'q [u8]> {
    query.split(|&b| b == b'&').find_map(|pair| {
        let end = pair.iter().position(|&b| b == b'=').unwrap_or(pair.len());
        let (raw, value) = pair.split_at_checked(end)?;
        (!pair.is_empty() && decodes_to(raw, name))
            .then(|| value.strip_prefix(b"=").unwrap_or(value))
    })
}

/// Whether this is the given text once decoded. Allocates nothing.
pub(crate) fn decodes_to(raw: &[u8], text: &[u8]) -> bool {
    if raw.len() < text.len() {
        return false;
    }
    let mut rest = raw;
    let mut expected = text.iter();
    while let Some(byte) = next(&mut rest) {
        if expected.next() != Some(&byte) {
            return false;
        }
    }
    expected.next().is_none()
}

/// Decodes; borrows when there is nothing to decode.
pub(crate) fn decoded(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.iter().any(|b| matches!(b, b'+' | b'%')) {
        return Cow::Borrowed(raw);
    }
    let mut rest = raw;
    Cow::Owned(std::iter::from_fn(|| next(&mut rest)).collect())
}

/// Takes one decoded byte from the front.
fn next(rest: &mut &[u8]) -> Option<u8> {
    let (byte, taken) = match **rest {
        [] => return None,
        [b'+', ..] => (b' ', 1),
        [b'%', high, low, ..] => match (digit(high), digit(low)) {
            (Some(high), Some(low)) => (high << 4 | low, 3),
            _ => (b'%', 1),
        },
        [byte, ..] => (byte, 1),
    };
    *rest = rest.get(taken..).unwrap_or_default();
    Some(byte)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_several_counts_and_is_decoded() {
        for (query, name, value) in [
            ("a=1&a=2", "a", Some("1")),
            ("b=2&a=1", "a", Some("1")),
            ("a", "a", Some("")),
            ("a=", "a", Some("")),
            ("a=b=c", "a", Some("b=c")),
            ("&&a=1", "a", Some("1")),
            ("%61=1", "a", Some("1")),
            ("a+b=1", "a b", Some("1")),
            ("a%2Bb=c%2bd", "a+b", Some("c+d")),
            ("A=1", "a", None),
            ("ab=1", "a", None),
            ("", "a", None),
            ("&", "", None),
            ("a=%zz%4", "a", Some("%zz%4")),
            ("a=%C3%A9+x", "a", Some("é x")),
        ] {
            let found = first(query.as_bytes(), name.as_bytes());
            assert_eq!(
                found.map(|raw| decoded(raw).into_owned()),
                value.map(|value| value.as_bytes().to_vec()),
                "{query} {name}"
            );
            if let (Some(raw), Some(value)) = (found, value) {
                assert!(decodes_to(raw, value.as_bytes()), "{query}");
                assert!(!decodes_to(raw, format!("{value}x").as_bytes()), "{query}");
            }
        }
    }
}
