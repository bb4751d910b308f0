//! Rules of `GRPCRoute`.

use serde_json::Value;

use super::super::text::quote;
use super::Broken;
use super::shared::{has, word};

/// A match of the method names something.
pub(super) fn service_or_method(_: &[String], value: &Value) -> Vec<Broken> {
    if !has(value, "type") || has(value, "service") || has(value, "method") {
        return Vec::new();
    }
    vec![
        Broken::new("", "one of `service` and `method`, or both, must be set")
            .hint("without `method` altogether a match takes every call"),
    ]
}

/// An exact service is a name with its package: words joined by dots.
pub(super) fn service_characters(_: &[String], value: &Value) -> Vec<Broken> {
    let good = |service: &str| {
        let service = service.strip_prefix('.').unwrap_or(service);
        service.split('.').all(is_name)
    };
    exact(value, "service", good, "shop.v1.Carts")
}

/// An exact method is one word.
pub(super) fn method_characters(_: &[String], value: &Value) -> Vec<Broken> {
    exact(value, "method", is_name, "AddItem")
}

/// What is wrong with a field that is compared byte for byte.
fn exact(value: &Value, field: &str, good: impl Fn(&str) -> bool, example: &str) -> Vec<Broken> {
    let exact = matches!(word(value, "type"), "" | "Exact");
    if !exact || !has(value, field) || good(word(value, field)) {
        return Vec::new();
    }
    let written = quote(word(value, field));
    vec![
        Broken::new(
            field,
            format!("{written} can never be the {field} of a call"),
        )
        .hint(format!("write a name such as `{example}`, without slashes")),
    ]
}

/// Letters, digits and `_`, no digit in front. Source: the rule's own expression.
fn is_name(word: &str) -> bool {
    let starts = |c: char| c.is_ascii_alphabetic() || c == '_';
    word.starts_with(starts) && word.chars().all(|c| starts(c) || c.is_ascii_digit())
}
