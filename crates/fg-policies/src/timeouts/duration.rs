//! Durations as the Gateway API writes them.

use std::time::Duration;

/// Reads a duration such as `1h30m`, `500ms` or `0s`: one to four numbers of up to five digits,
/// each with a unit out of `h`, `m`, `s`, `ms`. `None` when it is no such duration.
///
/// Source: GEP-2257.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    let mut parts = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at(letters);
        if digits == 0 || digits > 5 {
            return None;
        }
        let number: u64 = number.parse().ok()?;
        total += match unit {
            "h" => Duration::from_secs(number * 3600),
            "m" => Duration::from_secs(number * 60),
            "s" => Duration::from_secs(number),
            "ms" => Duration::from_millis(number),
            _ => return None,
        };
        parts += 1;
        rest = after;
    }
    (1..=4).contains(&parts).then_some(total)
}
