//! Text in RE2's syntax.

use std::fmt::Write as _;

use fg_policies::envoy::of_path;

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

/// An expression for paths, with the digits of its escapes (`%C3`) in upper and lower case: Envoy leaves
/// them as they came. Those in classes of characters stay as they are.
pub(super) fn of_any_case(expression: &str) -> String {
    let mut out = String::with_capacity(expression.len());
    let mut rest = expression;
    while let Some(letter) = rest.chars().next() {
        let length = match letter {
            '\\' if rest.starts_with(r"\Q") => rest.find(r"\E").map_or(rest.len(), |at| at + 2),
            '\\' => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            '[' => class(rest),
            '%' if is_escape(rest) => {
                out.push_str(&of_path(&rest[..3]));
                rest = &rest[3..];
                continue;
            }
            _ => letter.len_utf8(),
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

/// Whether a text begins with an escape as our own proxy has it.
fn is_escape(text: &str) -> bool {
    let digits = text.as_bytes().get(1..3).unwrap_or_default();
    let is_digit = |digit: &u8| matches!(digit, b'0'..=b'9' | b'A'..=b'F');
    digits.len() == 2 && digits.iter().all(is_digit)
}

/// The length of the class of characters that a text begins with.
fn class(text: &str) -> usize {
    let first = if text.starts_with("[^") { 2 } else { 1 };
    let mut letters = text.char_indices().skip(first).peekable();
    let mut is_first = true;
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '[' if letters.next_if(|(_, next)| *next == ':').is_some() => {
                letters.find(|(_, letter)| *letter == ']');
            }
            ']' if !is_first => return at + 1,
            _ => {}
        }
        is_first = false;
    }
    text.len()
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

    #[test]
    fn escapes_in_paths_are_asked_for_in_both_cases() {
        for (written, expression) in [
            ("/caf%C3%A9+", "/caf%[Cc]3%[Aa]9+"),
            ("/%2F?.%", "/%2[Ff]?.%"),
            ("/%20%GG%4", "/%20%GG%4"),
            (r"/[%C3]%C3[^]%C3]%C3", r"/[%C3]%[Cc]3[^]%C3]%[Cc]3"),
            (r"[[:alpha:]%C3\]%C3]%C3", r"[[:alpha:]%C3\]%C3]%[Cc]3"),
            (r"\%C3\\%C3\Q%C3\E%C3", r"\%C3\\%[Cc]3\Q%C3\E%[Cc]3"),
            ("é%C3é", "é%[Cc]3é"),
            (r"[%C3", r"[%C3"),
        ] {
            assert_eq!(of_any_case(written), expression);
        }
        assert_eq!(of_path("/a.b/%C3%a9c%20"), r"/a\.b/%[Cc]3%[Aa]9c%20");
    }
}
