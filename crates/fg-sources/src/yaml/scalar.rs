//! Plain words to values, as go-yaml 2 takes them, on which `kubectl` and the API server build.

use serde_json::{Number, Value};
use serde_saphyr::granit_parser::Tag;

use super::own;

/// The value of a scalar. `plain`: written without quotes.
///
/// # Errors
/// A value that JSON does not have, or that does not fit its tag.
pub(super) fn resolve(text: &str, plain: bool, tag: Option<&Tag>) -> Result<Value, String> {
    let Some(tag) = tag else {
        return if plain { infer(text) } else { Ok(text.into()) };
    };
    let misfit = |kind: &str| Err(format!("`{text}` is no {kind}"));
    match own(tag) {
        Some("null") => Ok(Value::Null),
        Some("bool") => match infer(text)? {
            value @ Value::Bool(_) => Ok(value),
            _ => misfit("boolean"),
        },
        Some("int") => match infer(text)? {
            Value::Number(number) if !number.is_f64() => Ok(Value::Number(number)),
            _ => misfit("whole number"),
        },
        Some("float") => match infer(text)? {
            value @ Value::Number(_) => Ok(value),
            _ => misfit("number"),
        },
        Some("binary") => Err("binary values are not supported: use a string in base64".to_owned()),
        // A string, or a tag of somebody else's, which says nothing about the value.
        _ => Ok(text.into()),
    }
}

fn infer(text: &str) -> Result<Value, String> {
    let first = match text.bytes().next() {
        None => return Ok(Value::Null),
        Some(byte) => byte,
    };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => {
            Ok(word(text))
        }
        b'0'..=b'9' | b'+' | b'-' | b'.' => number(text),
        _ => Ok(text.into()),
    }
}

fn word(text: &str) -> Value {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            true.into()
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            false.into()
        }
        "~" | "null" | "Null" | "NULL" => Value::Null,
        _ => text.into(),
    }
}

fn number(text: &str) -> Result<Value, String> {
    match text.trim_start_matches(['+', '-']) {
        ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN" => {
            return Err(format!("`{text}` is no number that JSON has"));
        }
        _ => {}
    }
    if text.starts_with('.') {
        return Ok(float(text).unwrap_or_else(|| text.into()));
    }
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    Ok(integer(&digits)
        .or_else(|| float(&digits))
        .unwrap_or_else(|| text.into()))
}

/// A whole number in any of the notations: decimal, `0x`, `0o`, `0b`, and octal by a leading 0.
fn integer(text: &str) -> Option<Value> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, &lower[..]),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let number = u64::from_str_radix(digits, radix).ok()?;
    if !negative {
        return Some(number.into());
    }
    0i64.checked_sub_unsigned(number).map(Value::from)
}

/// A decimal fraction, with or without an exponent. Whole ones become whole numbers, as they do on
/// their way through JSON.
fn float(text: &str) -> Option<Value> {
    let unsigned = text.trim_start_matches(['+', '-']);
    let decimal = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
    if !unsigned.chars().all(decimal) || !unsigned.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let number: f64 = text
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())?;
    if number.fract() == 0.0
        && number.abs() < 1e15
        && let Ok(whole) = format!("{number:.0}").parse::<i64>()
    {
        return Some(whole.into());
    }
    Number::from_f64(number).map(Value::Number)
}
