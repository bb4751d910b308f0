//! Text in RE2's syntax.

use std::fmt::Write as _;

/// An expression for this text.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii_punctuation() && !matches!(letter, '/' | '-' | '_' | ',') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// An expression for all ways to write this text as the value of a query parameter.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::new();
    let mut letters = [0; 4];
    for letter in text.chars() {
        out.push_str("(?:");
        match letter {
            ' ' => out.push_str(r"\+|"),
            // These mean something else unless they are escaped.
            '&' | '%' | '+' | '#' => {}
            _ => {
                out.push_str(&quoted(letter.encode_utf8(&mut letters)));
                out.push('|');
            }
        }
        for byte in letter.encode_utf8(&mut letters).bytes() {
            out.push('%');
            for digit in format!("{byte:02X}").chars() {
                match digit.is_ascii_digit() {
                    true => out.push(digit),
                    false => {
                        let _ = write!(out, "[{digit}{}]", digit.to_ascii_lowercase());
                    }
                }
            }
        }
        out.push(')');
    }
    out
}

/// This text as a browser writes it in a query.
pub(super) fn one_way(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'&' | b'%' | b'+' | b'#' | b'=' | ..0x20 | 0x7f.. => {
                let _ = write!(out, "%{byte:02X}");
            }
            _ => out.push(char::from(byte)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_to_write_a_value() {
        assert_eq!(encoded("b c"), r"(?:b|%62)(?:\+|%20)(?:c|%63)");
        assert_eq!(encoded("+/."), r"(?:%2[Bb])(?:/|%2[Ff])(?:\.|%2[Ee])");
        assert_eq!(encoded("é"), r"(?:é|%[Cc]3%[Aa]9)");
        assert_eq!(one_way("p r%é"), "p+r%25%C3%A9");
        assert_eq!(quoted("a.b/c*"), r"a\.b/c\*");
    }
}
