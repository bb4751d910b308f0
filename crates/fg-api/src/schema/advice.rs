//! What to write instead of what is wrong, as far as that can be told.

use fg_model::ascii_host;
use regex::Regex;
use serde_json::Value;

use super::nearest::nearest;
use super::node::{Node, Type};
use super::words::words;

/// So many fields of a place are told; whoever knows more has a reference at hand.
const TOLD: usize = 9;

/// The field that an unknown one is meant as, or where it belongs, or which fields there are.
pub(super) fn for_unknown(
    field: &str,
    path: &str,
    node: &Node,
    envelope: &[&'static str],
    root: &Node,
) -> Option<String> {
    let known = || {
        let known = node.properties.keys().map(String::as_str);
        known.chain(envelope.iter().copied())
    };
    if let Some(near) = nearest(field, known()).or_else(|| begun(field, known())) {
        return Some(format!("did you mean `{near}`?"));
    }
    match root.place_of(field).as_deref() {
        Some("") => return Some("it belongs at the top".to_owned()),
        Some(place) if is_on_the_way(place, path) => {
            return Some(format!("it belongs in `{place}`"));
        }
        _ => {}
    }
    fields(node).map(|fields| format!("the fields here are {fields}"))
}

/// The only name that begins with a word, such as `hostnames` for `host`.
fn begun<'a>(word: &str, mut names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let is_meant = |name: &&str| word.len() >= 3 && name.starts_with(word);
    let first = names.find(is_meant)?;
    names.all(|name| !is_meant(&name)).then_some(first)
}

/// Whether a place is above or below a path.
fn is_on_the_way(place: &str, path: &str) -> bool {
    let digits = |one: char| one.is_ascii_digit();
    let path: Vec<String> = path
        .split('.')
        .map(|part| part.replace(digits, ""))
        .collect();
    let mut both = place.split('.').zip(&path);
    both.all(|(place, path)| path.is_empty() || place == path)
}

/// The fields of a place, unless they are too many.
fn fields(node: &Node) -> Option<String> {
    let names: Vec<String> = node
        .properties
        .keys()
        .map(|name| format!("`{name}`"))
        .collect();
    let is_told = (1..=TOLD).contains(&names.len());
    is_told.then(|| names.join(", "))
}

/// What to write instead of a value of another type.
pub(super) fn for_type(node: &Node, path: &str, value: &Value) -> Option<String> {
    let text = value.as_str();
    let would_be = |wanted: bool| wanted.then(|| "write it without quotes".to_owned());
    match node.kind {
        Type::Array => (!value.is_null()).then(|| "start each entry with `- `".to_owned()),
        Type::Object => fields(node).map(|fields| format!("its fields are {fields}")),
        Type::String if matches!(value, Value::Bool(_) | Value::Number(_)) => {
            let pattern = node.pattern.as_ref();
            let broken = pattern.filter(|one| !one.regex.is_match(&value.to_string()));
            match broken.and_then(|pattern| words(&pattern.source)) {
                Some(words) => Some(format!("write {words}")),
                None => Some("put it in quotes".to_owned()),
            }
        }
        Type::Boolean => would_be(text.is_some_and(|text| matches!(text, "true" | "false"))),
        Type::Integer | Type::Number => {
            let number = text?.parse::<f64>().is_ok();
            let of_port = || {
                path.ends_with("port")
                    .then(|| "write its number".to_owned())
            };
            would_be(number).or_else(of_port)
        }
        Type::String | Type::IntOrString | Type::Any => None,
    }
}

/// What to write instead of a text that does not fit a pattern.
pub(super) fn for_pattern(text: &str, path: &str, source: &str, good: &Regex) -> Option<String> {
    let path = path.trim_end_matches(|c: char| c.is_ascii_digit() || "[]".contains(c));
    let field = path.rsplit('.').next()?;
    if matches!(field, "hostname" | "hostnames") {
        let may_be_any = path.starts_with("spec.listeners") || field == "hostnames";
        if text == "*" && may_be_any {
            return Some(format!("leave out `{field}`: then it is for every host"));
        }
        return hostname(text, good);
    }
    // Words that the pattern allows by name.
    let named: Vec<&str> = words(source)?.split('`').skip(1).step_by(2).collect();
    let named = named
        .into_iter()
        .filter(|word| word.bytes().all(|byte| byte.is_ascii_alphabetic()));
    nearest(text, named)
        .filter(|near| good.is_match(near))
        .map(|near| format!("did you mean `{near}`?"))
}

/// What to write instead of a hostname that is none.
fn hostname(text: &str, good: &Regex) -> Option<String> {
    if !text.is_ascii() {
        return Some(match ascii_host(&text.to_lowercase()) {
            Ok(ascii) => format!("write it in ASCII, as clients send it: `{ascii}`"),
            Err(_) => "write it in ASCII, as clients send it: `xn--…`".to_owned(),
        });
    }
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let end = rest.find(['/', ':']).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    let lower = name.to_ascii_lowercase();
    let left = [
        (!scheme.is_empty()).then_some("a scheme"),
        rest.starts_with(':').then_some("a port"),
        rest.contains('/').then_some("a path"),
    ];
    let left: Vec<&str> = left.into_iter().flatten().collect();
    good.is_match(&lower).then(|| match left.as_slice() {
        [] => format!("write `{lower}`"),
        left => format!("write `{lower}`: it has no room for {}", left.join(" or ")),
    })
}
