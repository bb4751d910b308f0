//! What may be written into a head: names are tokens, values hold no control characters.

/// Whether these bytes are a token, as methods and field names must be. Source: RFC 9110 §5.6.2.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes
            .iter()
            .all(|&b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// Whether these bytes may stand as a field value: visible characters, blanks and tabs inside, and
/// bytes above 127; no blank at either end. Source: RFC 9110 §5.5.
pub fn is_value(bytes: &[u8]) -> bool {
    let blank = |b: Option<&u8>| matches!(b, Some(b' ' | b'\t'));
    !blank(bytes.first())
        && !blank(bytes.last())
        && bytes
            .iter()
            .all(|&b| b == b'\t' || (b >= b' ' && b != 0x7f))
}
