//! Whether an expression names characters of ASCII only.

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

#[cfg(test)]
mod tests {
    use super::is_ascii;

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
