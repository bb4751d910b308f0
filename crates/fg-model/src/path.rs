//! The one canonical form of a request path: the router, filters, logs and backends all see it.
//!
//! Dot segments are removed, escapes of unreserved characters decoded, hexadecimal digits
//! upper-cased, characters that a URI may not hold raw are escaped; `//` and `;` are kept. What
//! two readers could read in two ways is refused: `%2F`, `%5C`, `\`, NUL, malformed escapes,
//! control characters, bytes above 127.
//!
//! Source: RFC 3986 §3.3, §5.2.4, §6.2.2.

use std::fmt;

/// Whether a path was canonical already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// It was; nothing was written.
    AsWritten,
    /// It was not; the canonical form was appended to the output.
    Rewritten,
}

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// It does not begin with `/`.
    NotAbsolute,
    /// It holds a byte that no URI may hold, or a backslash.
    ForbiddenByte(u8),
    /// `%` without two hexadecimal digits.
    MalformedEscape,
    /// An escaped `/`, `\` or NUL.
    AmbiguousEscape(u8),
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAbsolute => f.write_str("the path does not begin with `/`"),
            Self::ForbiddenByte(byte) => write!(f, "the path holds the byte 0x{byte:02x}"),
            Self::MalformedEscape => {
                f.write_str("the path holds `%` without two hexadecimal digits")
            }
            Self::AmbiguousEscape(byte) => write!(
                f,
                "the path holds the escape %{byte:02X}, which is ambiguous"
            ),
        }
    }
}

impl std::error::Error for PathError {}

/// Stands as it is.
const PLAIN: u8 = 0;
/// A dot: may be part of a dot segment.
const DOT: u8 = 1;
/// Has to be looked at: `%`, or a character to escape.
const OTHER: u8 = 2;
/// Refused.
const BAD: u8 = 4;

/// What each byte is in a path.
const CLASS: [u8; 256] = {
    let mut table = [BAD; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        table[byte] = OTHER;
        byte += 1;
    }
    let plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~!$&'()*+,;=:@/";
    let mut i = 0;
    while i < plain.len() {
        table[plain[i] as usize] = PLAIN;
        i += 1;
    }
    table[b'.' as usize] = DOT;
    table[b'\\' as usize] = BAD;
    table[b'#' as usize] = BAD;
    table[b'?' as usize] = BAD;
    table
};

/// Brings a path (without query) into its canonical form.
///
/// Cost: one pass without a copy for a path that is canonical already.
///
/// # Errors
/// When the path is malformed or ambiguous; nothing meaningful is in `out` then.
pub fn canonicalize(raw: &[u8], out: &mut Vec<u8>) -> Result<Form, PathError> {
    if raw.first() != Some(&b'/') {
        return Err(PathError::NotAbsolute);
    }
    let seen = raw
        .iter()
        .fold(PLAIN, |seen, &byte| seen | CLASS[usize::from(byte)]);
    if seen & (BAD | OTHER) == 0 && (seen & DOT == 0 || !has_dot_segment(raw)) {
        return Ok(Form::AsWritten);
    }
    let start = out.len();
    decode(raw, out)?;
    remove_dot_segments(out, start);
    if out[start..] == *raw {
        out.truncate(start);
        return Ok(Form::AsWritten);
    }
    Ok(Form::Rewritten)
}

fn has_dot_segment(path: &[u8]) -> bool {
    path.split(|&byte| byte == b'/')
        .any(|segment| segment == b"." || segment == b"..")
}

/// Decodes what may be, escapes what must be, upper-cases the rest.
fn decode(raw: &[u8], out: &mut Vec<u8>) -> Result<(), PathError> {
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        at += 1;
        match CLASS[usize::from(byte)] {
            PLAIN | DOT => out.push(byte),
            BAD => return Err(PathError::ForbiddenByte(byte)),
            _ if byte == b'%' => {
                let digit = |at: usize| {
                    raw.get(at)
                        .and_then(|&digit| char::from(digit).to_digit(16))
                };
                let (Some(high), Some(low)) = (digit(at), digit(at + 1)) else {
                    return Err(PathError::MalformedEscape);
                };
                at += 2;
                let decoded = (high * 16 + low) as u8;
                match decoded {
                    b'/' | b'\\' | 0 => return Err(PathError::AmbiguousEscape(decoded)),
                    _ if decoded.is_ascii_alphanumeric() || b"-._~".contains(&decoded) => {
                        out.push(decoded)
                    }
                    _ => escape(decoded, out),
                }
            }
            _ => escape(byte, out),
        }
    }
    Ok(())
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(&[
        b'%',
        HEX[usize::from(byte >> 4)],
        HEX[usize::from(byte & 15)],
    ]);
}

/// Removes `.` and `..` segments of `out[start..]` in place. Source: RFC 3986 §5.2.4.
fn remove_dot_segments(out: &mut Vec<u8>, start: usize) {
    let mut write = start;
    let mut read = start;
    let end = out.len();
    while read < end {
        // out[read] is `/`; a segment goes up to the next one.
        let next = out[read + 1..end]
            .iter()
            .position(|&byte| byte == b'/')
            .map_or(end, |at| read + 1 + at);
        let last = next == end;
        let segment = &out[read + 1..next];
        let (dot, dots) = (segment == b".", segment == b"..");
        if dots {
            write = out[start..write]
                .iter()
                .rposition(|&byte| byte == b'/')
                .map_or(start, |at| start + at);
        }
        if dot || dots {
            if last {
                out[write] = b'/';
                write += 1;
            }
        } else {
            out.copy_within(read..next, write);
            write += next - read;
        }
        read = next;
    }
    out.truncate(write);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(raw: &str) -> Result<String, PathError> {
        let mut out = b"keep".to_vec();
        let form = canonicalize(raw.as_bytes(), &mut out)?;
        assert_eq!(&out[..4], b"keep");
        let text = String::from_utf8(out[4..].to_vec()).expect("text");
        Ok(if form == Form::AsWritten {
            raw.to_owned()
        } else {
            text
        })
    }

    #[test]
    fn paths_have_one_form() {
        for (raw, expected) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a//b;c=d", "/a//b;c=d"),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/..", "/"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/..", "/"),
            ("/../../a", "/a"),
            ("/a//../b", "/a/b"),
            ("/...", "/..."),
            ("/.a/b.", "/.a/b."),
            ("/%61%2e%2E/x", "/a../x"),
            ("/%2e%2e/a", "/a"),
            ("/a/%2E/b", "/a/b"),
            ("/%e4%bd%a0", "/%E4%BD%A0"),
            ("/a%20b", "/a%20b"),
            ("/{a}|^`\"<>[]", "/%7Ba%7D%7C%5E%60%22%3C%3E%5B%5D"),
            ("/%3f%23%25", "/%3F%23%25"),
            ("/%7e", "/~"),
            ("/a/..;/b", "/a/..;/b"),
        ] {
            assert_eq!(canonical(raw), Ok(expected.to_owned()), "{raw}");
            assert_eq!(
                canonical(expected),
                Ok(expected.to_owned()),
                "{expected} again"
            );
        }
    }

    #[test]
    fn ambiguous_paths_are_refused() {
        use PathError::{AmbiguousEscape, ForbiddenByte, MalformedEscape, NotAbsolute};
        for (raw, expected) in [
            ("a", NotAbsolute),
            ("", NotAbsolute),
            ("/%2f", AmbiguousEscape(b'/')),
            ("/%5c", AmbiguousEscape(b'\\')),
            ("/a%00", AmbiguousEscape(0)),
            ("/a\\b", ForbiddenByte(b'\\')),
            ("/a b", ForbiddenByte(b' ')),
            ("/a#b", ForbiddenByte(b'#')),
            ("/a\u{7f}", ForbiddenByte(0x7f)),
            ("/\u{e9}", ForbiddenByte(0xc3)),
            ("/%", MalformedEscape),
            ("/%4", MalformedEscape),
            ("/%zz", MalformedEscape),
            ("/%u0041", MalformedEscape),
        ] {
            assert_eq!(canonical(raw), Err(expected), "{raw}");
        }
    }
}
