//! Foreign bytes in a log: nothing that a client sends may end a line, close a quote or reach a
//! terminal as a control character.

use std::io::Write as _;

/// Appends bytes within double quotes for the text form, see [`inside_quotes`].
pub(super) fn quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    inside_quotes(out, bytes);
    out.push(b'"');
}

/// Appends bytes as they stand between double quotes of the text form: `"` and `\` behind a
/// backslash, everything that is not visible ASCII or a blank as `\xNN`.
pub(super) fn inside_quotes(out: &mut Vec<u8>, bytes: &[u8]) {
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b' '..=b'~' => out.push(byte),
            _ => write!(out, "\\x{byte:02x}").expect("writing into memory does not fail"),
        }
    }
}

/// Appends bytes as a word of the text form: bare when they are harmless, else quoted; `-` when
/// there are none.
pub(super) fn word(out: &mut Vec<u8>, bytes: &[u8]) {
    let bare = |b: &u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'=');
    if bytes.is_empty() {
        out.push(b'-');
    } else if bytes.iter().all(bare) {
        out.extend_from_slice(bytes);
    } else {
        quoted(out, bytes);
    }
}

/// Appends bytes as a JSON string. What is not UTF-8 becomes U+FFFD; control characters, C1 and
/// line separators included, become `\uNNNN`. Source: RFC 8259 §7.
pub(super) fn json(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => out.extend_from_slice(&[b'\\', character as u8]),
                '\u{2028}' | '\u{2029}' => unicode(out, character),
                _ if character.is_control() => unicode(out, character),
                _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    out.push(b'"');
}

fn unicode(out: &mut Vec<u8>, character: char) {
    write!(out, "\\u{:04x}", u32::from(character)).expect("writing into memory does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn as_text(write: fn(&mut Vec<u8>, &[u8]), bytes: &[u8]) -> String {
        let mut out = Vec::new();
        write(&mut out, bytes);
        String::from_utf8(out).expect("logs are text")
    }

    #[test]
    fn nothing_breaks_out() {
        let evil = b"a\"\\\r\n\x1b[31m\xff\xc2\x9b";
        assert_eq!(
            as_text(quoted, evil),
            "\"a\\\"\\\\\\x0d\\x0a\\x1b[31m\\xff\\xc2\\x9b\""
        );
        assert_eq!(
            as_text(json, evil),
            "\"a\\\"\\\\\\u000d\\u000a\\u001b[31m\u{fffd}\\u009b\""
        );
    }

    #[test]
    fn words_are_bare_when_harmless() {
        assert_eq!(as_text(word, b"default/a"), "default/a");
        assert_eq!(as_text(word, b""), "-");
        assert_eq!(as_text(word, b"a b=c"), "\"a b=c\"");
    }
}
