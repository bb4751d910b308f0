//! Hosts with letters beyond ASCII, in the form in which clients send them.
//!
//! Source: RFC 3492 (Punycode), RFC 5891 §5 (what clients do with a name). Letters that have several
//! forms are not brought into one, but for capitals: browsers do more.

/// The parameters of RFC 3492 §5.
const BASE: u32 = 36;
const TMIN: u32 = 1;
const TMAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const FIRST: u32 = 128;
const BIAS: u32 = 72;

/// A host as a client sends it, with its port if it has one.
///
/// # Errors
/// When it holds something beyond ASCII that is no letter or digit, in the user's words.
pub fn ascii_host(host: &str) -> Result<String, String> {
    if host.is_ascii() {
        return Ok(host.to_owned());
    }
    let labels: Option<Vec<String>> = host.split('.').map(label).collect();
    labels.map(|labels| labels.join(".")).ok_or_else(|| {
        format!(
            "how clients send the host `{host}` is not known here: write it as they do, `xn--…`"
        )
    })
}

/// A label, of which the last one may have a port behind it.
fn label(label: &str) -> Option<String> {
    if label.is_ascii() {
        return Some(label.to_owned());
    }
    let (name, port) = label.split_once(':').unwrap_or((label, ""));
    let lower: Vec<char> = name.chars().flat_map(char::to_lowercase).collect();
    let is_plain = |one: &char| one.is_alphanumeric() || *one == '-';
    if !lower.iter().all(is_plain) {
        return None;
    }
    let colon = if label.contains(':') { ":" } else { "" };
    Some(format!("xn--{}{colon}{port}", encoded(&lower)?))
}

/// RFC 3492 §6.3. `None` when it is far too long.
fn encoded(label: &[char]) -> Option<String> {
    let mut out: String = label.iter().filter(|one| one.is_ascii()).collect();
    let basic = u32::try_from(out.len()).ok()?;
    if basic > 0 {
        out.push('-');
    }
    let total = u32::try_from(label.len()).ok()?;
    let (mut next, mut delta, mut bias, mut done) = (FIRST, 0_u32, BIAS, basic);
    while done < total {
        let codes = label.iter().map(|one| u32::from(*one));
        let least = codes.filter(|code| *code >= next).min()?;
        delta = delta.checked_add((least - next).checked_mul(done + 1)?)?;
        next = least;
        for one in label {
            let code = u32::from(*one);
            if code < next {
                delta = delta.checked_add(1)?;
            }
            if code == next {
                digits(delta, bias, &mut out);
                bias = adapted(delta, done + 1, done == basic);
                delta = 0;
                done += 1;
            }
        }
        delta = delta.checked_add(1)?;
        next += 1;
    }
    Some(out)
}

/// A number in digits of which the first are the least, RFC 3492 §3.3.
fn digits(number: u32, bias: u32, out: &mut String) {
    let mut left = number;
    for step in 1.. {
        let threshold = (step * BASE).saturating_sub(bias).clamp(TMIN, TMAX);
        if left < threshold {
            break;
        }
        let span = BASE - threshold;
        out.extend(char::from_digit(threshold + (left - threshold) % span, 36).map(letter));
        left = (left - threshold) / span;
    }
    out.extend(char::from_digit(left, BASE).map(letter));
}

/// Punycode's digits are `a` to `z`, then `0` to `9`; Rust's the other way round.
fn letter(digit: char) -> char {
    let value = digit.to_digit(BASE).unwrap_or(0);
    match value {
        0..26 => char::from(b'a' + value as u8),
        _ => char::from_digit(value - 26, 10).unwrap_or('0'),
    }
}

/// RFC 3492 §6.1.
fn adapted(delta: u32, points: u32, is_first: bool) -> u32 {
    let mut delta = delta / if is_first { DAMP } else { 2 };
    delta += delta / points;
    let mut steps = 0;
    while delta > (BASE - TMIN) * TMAX / 2 {
        delta /= BASE - TMIN;
        steps += BASE;
    }
    steps + (BASE - TMIN + 1) * delta / (delta + SKEW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_sent_in_ascii() {
        for (written, sent) in [
            ("shop.Example:80", "shop.Example:80"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example:8080", "xn--bcher-kva.example:8080"),
            ("münchen", "xn--mnchen-3ya"),
            ("mañana.com", "xn--maana-pta.com"),
            ("пример.испытание:81", "xn--e1afmkfd.xn--80akhbyknj4f:81"),
            ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("3年b組金八先生", "xn--3b-ww4c5e180e575a65lsy2b"),
        ] {
            assert_eq!(ascii_host(written).as_deref(), Ok(sent), "{written}");
        }
    }

    #[test]
    fn what_is_not_known_is_said() {
        for host in ["a\u{301}.example", "☃.example", "a。b"] {
            let words = ascii_host(host).expect_err("it is no name");
            assert!(words.contains(host) && words.contains("xn--"), "{words}");
        }
    }
}
