//! Whether an expression names characters of ASCII only, and whether it needs others.

use std::iter::Peekable;
use std::str::Chars;

/// Whether it does, by themselves or by an escape. `source` is an expression that is taken; its
/// classes (`.`, `[^a]`, `\pL`) may hold others.
pub(super) fn is_ascii(source: &str) -> bool {
    let mut rest = source;
    while let Some((_, escape)) = rest.split_once('\\') {
        let mut after = escape.chars();
        let code = match after.next() {
            // Between `\Q` and `\E` nothing is an escape.
            Some('Q') => {
                rest = escape.split_once("\\E").map_or("", |(_, rest)| rest);
                continue;
            }
            Some('x') => match after.as_str().strip_prefix('{') {
                Some(digits) => {
                    let digits = digits.split('}').next().unwrap_or_default();
                    u32::from_str_radix(digits, 16)
                }
                None => u32::from_str_radix(escape.get(1..3).unwrap_or_default(), 16),
            },
            Some('0'..='7') => {
                let digits = escape
                    .bytes()
                    .take_while(|byte| (b'0'..b'8').contains(byte));
                let digits = escape.get(..digits.count().min(3)).unwrap_or_default();
                u32::from_str_radix(digits, 8)
            }
            _ => Ok(0),
        };
        if code.is_ok_and(|code| code > 0x7f) {
            return false;
        }
        rest = after.as_str();
    }
    source.is_ascii()
}

/// A character beyond ASCII that each value has to hold that fits, if one is found. `source` is an
/// expression that is taken. Finds those that are written as they are, or in a class of such, outside
/// of what may be left out.
pub(super) fn needed(source: &str) -> Option<char> {
    Needs(source.chars().peekable()).alternation()
}

/// The rest of an expression.
struct Needs<'s>(Peekable<Chars<'s>>);

impl Needs<'_> {
    /// All branches, up to the end of the group.
    fn alternation(&mut self) -> Option<char> {
        let mut needed = self.branch();
        while self.0.next_if_eq(&'|').is_some() {
            let other = self.branch();
            needed = needed.filter(|_| other.is_some());
        }
        needed
    }

    fn branch(&mut self) -> Option<char> {
        let mut needed = None;
        while let Some(next) = self.0.next_if(|next| !matches!(next, '|' | ')')) {
            let atom = match next {
                '(' => self.group(),
                '[' => self.class(),
                '\\' => self.escape(),
                // It may stand for a letter of ASCII where case does not count.
                '\u{17f}' | '\u{212a}' => None,
                other => (!other.is_ascii()).then_some(other),
            };
            if !self.may_be_left_out() {
                needed = needed.or(atom);
            }
        }
        needed
    }

    /// Behind `(`.
    fn group(&mut self) -> Option<char> {
        if self.0.next_if_eq(&'?').is_some() {
            // Flags or a name.
            match self.0.find(|next| matches!(next, ':' | ')' | '>')) {
                Some(')') | None => return None,
                Some(_) => {}
            }
        }
        let needed = self.alternation();
        self.0.next_if_eq(&')');
        needed
    }

    /// Behind `[`.
    fn class(&mut self) -> Option<char> {
        let mut is_beyond = self.0.next_if_eq(&'^').is_none();
        let mut first = None;
        loop {
            let next = self.0.next()?;
            match next {
                ']' if first.is_some() => break,
                '\\' => {
                    is_beyond = false;
                    self.0.next();
                }
                // `[:alpha:]`
                '[' if self.0.next_if_eq(&':').is_some() => {
                    is_beyond = false;
                    self.0.find(|next| *next == ']');
                }
                '-' if first.is_some() => {}
                other => is_beyond &= !other.is_ascii() && !matches!(other, '\u{17f}' | '\u{212a}'),
            }
            first = first.or(Some(next));
        }
        first.filter(|_| is_beyond)
    }

    /// Behind `\`. What an escape stands for is not looked at.
    fn escape(&mut self) -> Option<char> {
        match self.0.next() {
            Some('Q') => {
                let mut before = ' ';
                for next in self.0.by_ref() {
                    if before == '\\' && next == 'E' {
                        break;
                    }
                    before = next;
                }
            }
            Some('p' | 'P' | 'x') if self.0.next_if_eq(&'{').is_some() => {
                self.0.find(|next| *next == '}');
            }
            _ => {}
        }
        None
    }

    /// Whether what stands before may come no time at all; takes the quantifier.
    fn may_be_left_out(&mut self) -> bool {
        let Some(next) = self.0.next_if(|next| matches!(next, '*' | '+' | '?' | '{')) else {
            return false;
        };
        let least = match next {
            '{' => {
                let digit = |next: &char| next.is_ascii_digit() || *next == ',';
                let digits = std::iter::from_fn(|| self.0.next_if(digit));
                let digits: String = digits.collect();
                // It may be no more than a brace.
                if self.0.next_if_eq(&'}').is_none() {
                    return false;
                }
                let least = digits.split(',').next().unwrap_or_default();
                least.parse().unwrap_or(0)
            }
            '+' => 1,
            _ => 0,
        };
        self.0.next_if_eq(&'?');
        least == 0
    }
}

#[cfg(test)]
mod tests {
    use super::{is_ascii, needed};

    #[test]
    fn a_character_is_needed_that_no_fitting_value_can_lack() {
        for source in [
            "/café",
            "/(é|è)+/a",
            "/(?i)caf(?:é|ä)",
            "[éè]",
            "[à-ü]{1,2}",
            "a?é",
            "(?P<x>é).*",
        ] {
            assert!(needed(source).is_some(), "{source}");
        }
        for source in [
            "/cafe",
            "/caf(é|e)",
            "/café?",
            "/caf(é)*",
            "/é{0,3}x",
            "[^é]",
            "[éa]",
            r"[é\d]",
            "[[:alpha:]é]",
            r"\Qé\E?",
            r"\xe9",
            "(?i)\u{17f}",
            ".*",
            "a|é",
        ] {
            assert_eq!(needed(source), None, "{source}");
        }
    }

    #[test]
    fn by_themselves_or_by_an_escape() {
        for source in [
            "a.b",
            r"\x7f\177\x{41}",
            r"\\xe9",
            r"\\\\xe9",
            r"\Q\xe9\Ea",
            r"\Q\xe9",
            r"[^a]\pL\p{Greek}",
            r"\08",
        ] {
            assert!(is_ascii(source), "{source}");
        }
        for source in [
            "é",
            r"\x80",
            r"a\xe9",
            r"\x{100}",
            r"\x{10FFFF}",
            r"\200",
            r"\Qé\E",
            r"\\\xe9",
            r"\Qa\E\xe9",
            r"\d\xe9",
        ] {
            assert!(!is_ascii(source), "{source}");
        }
    }
}
