//! Values and counts in words, for findings.

use serde_json::Value;

/// The longest part of a user's value that a finding repeats. Units: characters.
const QUOTED: usize = 60;

/// A string in backquotes, shortened, control characters escaped.
pub(crate) fn quote(text: &str) -> String {
    let shown: String = text
        .chars()
        .take(QUOTED)
        .flat_map(char::escape_debug)
        .collect();
    let more = if text.chars().nth(QUOTED).is_some() {
        "…"
    } else {
        ""
    };
    format!(
        "`{}{more}`",
        shown.replace("\\'", "'").replace("\\\"", "\"")
    )
}

/// What a value is, in words: `the number 8080`.
pub(crate) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing (null)".to_owned(),
        Value::Bool(word) => format!("the boolean {word}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the string {}", quote(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object with fields".to_owned(),
    }
}

/// Words as alternatives: `a`, `b` or `c`.
pub(crate) fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

/// How many: `at most 3 entries`, `1 to 16 entries`, `exactly 2 fields`.
pub(crate) fn how_many(least: Option<u64>, most: Option<u64>, one: &str, many: &str) -> String {
    let word = |count: u64| if count == 1 { one } else { many };
    match (least, most) {
        (Some(least), Some(most)) if least == most => format!("exactly {least} {}", word(least)),
        (Some(least), Some(most)) if least > 0 => format!("{least} to {most} {many}"),
        (_, Some(most)) => format!("at most {most} {}", word(most)),
        (Some(least), None) => format!("at least {least} {}", word(least)),
        (None, None) => format!("any number of {many}"),
    }
}

/// A path one field further.
pub(crate) fn push_field(path: &mut String, field: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(field);
}

/// A path one map key further.
pub(crate) fn push_key(path: &mut String, key: &str) {
    path.push_str("[\"");
    path.push_str(key);
    path.push_str("\"]");
}

/// A path one list entry further.
pub(crate) fn push_index(path: &mut String, index: usize) {
    path.push('[');
    path.push_str(&index.to_string());
    path.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_short_and_on_one_line() {
        assert_eq!(quote("a\nb"), "`a\\nb`");
        assert_eq!(quote("it's \"so\""), "`it's \"so\"`");
        assert_eq!(quote(&"x".repeat(100)), format!("`{}…`", "x".repeat(60)));
    }

    #[test]
    fn counts_read_well() {
        assert_eq!(
            how_many(Some(1), Some(16), "entry", "entries"),
            "1 to 16 entries"
        );
        assert_eq!(
            how_many(Some(0), Some(1), "entry", "entries"),
            "at most 1 entry"
        );
        assert_eq!(
            how_many(Some(1), None, "entry", "entries"),
            "at least 1 entry"
        );
        assert_eq!(
            how_many(Some(1), Some(1), "entry", "entries"),
            "exactly 1 entry"
        );
    }

    #[test]
    fn alternatives_read_well() {
        assert_eq!(one_of(["a"]), "`a`");
        assert_eq!(one_of(["a", "b", "c"]), "`a`, `b` or `c`");
    }
}
