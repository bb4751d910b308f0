//! How long a body is. Source: RFC 9112 §6, read strictly: one length, said once, in one way.

use fg_exchange::{Head, Name};

/// The framing of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// So many bytes; 0 is no body.
    Length(u64),
    /// Chunks.
    Chunked,
    /// Replies only: up to the end of the connection.
    UntilClose,
}

/// The framing fields say different things, or one thing in an odd way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous;

/// Reads `Content-Length` and `Transfer-Encoding` and drops both from the head: whoever sends the
/// message writes its framing anew. `None` when neither is there.
pub(crate) fn read(head: &mut Head, chunked_allowed: bool) -> Result<Option<Framing>, Ambiguous> {
    let mut lengths = head.get_all(Name::ContentLength);
    let length = lengths.next().map(parse_length);
    let repeated = lengths.next().is_some();
    drop(lengths);
    let mut codings = head.get_all(Name::TransferEncoding);
    let coding = codings
        .next()
        .map(|coding| coding.eq_ignore_ascii_case(b"chunked"));
    let repeated = repeated || codings.next().is_some();
    drop(codings);
    let framing = match (length, coding) {
        _ if repeated => return Err(Ambiguous),
        (None, None) => return Ok(None),
        (Some(Some(length)), None) => Framing::Length(length),
        (None, Some(true)) if chunked_allowed => Framing::Chunked,
        _ => return Err(Ambiguous),
    };
    head.remove(Name::ContentLength);
    head.remove(Name::TransferEncoding);
    Ok(Some(framing))
}

/// Digits only, and no more than a signed 64-bit number holds: what backends in other languages
/// count bodies with.
fn parse_length(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    // 19 digits cannot overflow 64 bits.
    let length = text.iter().try_fold(0u64, |number, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        Some(number * 10 + digit)
    })?;
    i64::try_from(length).is_ok().then_some(length)
}

#[cfg(test)]
mod tests {
    use super::parse_length;

    #[test]
    fn lengths_are_digits_that_fit() {
        assert_eq!(parse_length(b"0"), Some(0));
        assert_eq!(parse_length(b"007"), Some(7));
        assert_eq!(
            parse_length(b"9223372036854775807"),
            Some(i64::MAX.unsigned_abs())
        );
        for bad in [
            "",
            "+1",
            "-1",
            "1 ",
            "1,1",
            "0x10",
            "9223372036854775808",
            "18446744073709551617",
            "1e3",
            "00000000000000000001",
        ] {
            assert_eq!(parse_length(bad.as_bytes()), None, "{bad}");
        }
    }
}
