//! Which object a document is meant to be that cannot be parsed: read from its lines, as well as that
//! goes.

use std::sync::Arc;

use fg_api::schema::named;
use fg_model::ObjectRef;
use serde_json::{Map, Value};

use crate::{Limits, yaml};

/// What the lines of a document say of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Meant {
    /// The object, when it is of a kind that is read and has a name.
    pub(super) id: Option<Arc<ObjectRef>>,
    /// What of kind and name there is, such as ``Deployment `shop` ``; else empty.
    pub(super) words: String,
}

/// Looks at the lines that begin with `apiVersion:`, `kind:` and `metadata:`, and what stands in the
/// last one.
pub(super) fn meant(text: &str, limits: &Limits) -> Meant {
    let mut document = Map::new();
    for field in ["apiVersion", "kind", "metadata"] {
        let value = block(text, field).and_then(|block| {
            let mut read = yaml::documents(&block, limits).ok()?.into_iter();
            let value = read.next()?.value.get_mut(field).map(Value::take);
            value.or_else(|| Some(Value::Null))
        });
        let value = match (field, value) {
            // It may be what is broken.
            ("metadata", None) => block(text, field).map(|block| names(&block)),
            (_, value) => value,
        };
        document.extend(value.map(|value| (field.to_owned(), value)));
    }
    let document = Value::Object(document);
    let kind = document.get("kind").and_then(Value::as_str);
    let name = document.pointer("/metadata/name").and_then(Value::as_str);
    let words = match (kind, name) {
        (Some(kind), Some(name)) => format!("{kind} `{name}`"),
        (Some(kind), None) => kind.to_owned(),
        (None, Some(name)) => format!("`{name}`"),
        (None, None) => String::new(),
    };
    Meant {
        id: named(&document).map(Arc::new),
        words,
    }
}

/// The line that begins with a field, and what stands further in below it.
fn block(text: &str, field: &str) -> Option<String> {
    let begins = |line: &&str| {
        let rest = line.strip_prefix(field);
        rest.is_some_and(|rest| rest.trim_start().starts_with(':'))
    };
    let mut lines = text.lines().skip_while(|line| !begins(line));
    let mut block = lines.next()?.to_owned();
    for line in lines {
        // The end of what is in brackets may stand at the margin.
        let is_inside = |first: char| first.is_whitespace() || "#}]".contains(first);
        if line.chars().next().is_some_and(|first| !is_inside(first)) {
            break;
        }
        block.push('\n');
        block.push_str(line);
    }
    Some(block)
}

/// The name and the namespace in a block that is no YAML.
fn names(block: &str) -> Value {
    let named = ["name", "namespace"].into_iter().filter_map(|field| {
        let value = word_behind(block, field)?;
        Some((field.to_owned(), Value::String(value)))
    });
    Value::Object(named.collect())
}

/// What stands behind the first `field:`, without quotes.
fn word_behind(text: &str, field: &str) -> Option<String> {
    let colon = format!("{field}:");
    let places = text.match_indices(&colon);
    let mut rests = places.filter_map(|(at, found)| {
        let before = text.get(..at)?.chars().next_back();
        let is_whole = before.is_none_or(|before| !before.is_alphanumeric() && before != '-');
        is_whole.then(|| text.get(at + found.len()..)).flatten()
    });
    let rest = rests.next()?.lines().next()?;
    let end = rest.find([',', '}', '#']).unwrap_or(rest.len());
    let word = rest.get(..end)?.trim().trim_matches(['"', '\'']);
    (!word.is_empty()).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (Option<String>, String) {
        let Meant { id, words } = meant(text, &Limits::default());
        (id.map(|id| id.to_string()), words)
    }

    #[test]
    fn kind_and_name_are_read_wherever_the_error_is() {
        let id = |id: &str| Some(id.to_owned());
        let head = "apiVersion: v1\nkind: ConfigMap\n";
        for (rest, expected) in [
            ("metadata:\n  name: a\ndata: [", "ConfigMap default/a"),
            (
                "metadata: {name: 'a', namespace: \"n\"} # one\ndata:\n\tb: c",
                "ConfigMap n/a",
            ),
            ("metadata: {\n  name: a\n}\ndata: ]", "ConfigMap default/a"),
            (
                "metadata: {name: a, labels: {\ndata: {}",
                "ConfigMap default/a",
            ),
            (
                "metadata:\n  nickname: z\n  labels:\n    x: : y\n  namespace: n\n  name: a # b\n",
                "ConfigMap n/a",
            ),
        ] {
            let (found, words) = of(&format!("# words\n---\n{head}{rest}"));
            assert_eq!(found, id(expected), "{rest}");
            assert_eq!(words, "ConfigMap `a`", "{rest}");
        }
        let text = "kind: HTTPRoute\napiVersion: gateway.networking.k8s.io/v1\nmetadata: {name: r}\nspec: {";
        assert_eq!(of(text).0, id("HTTPRoute default/r"));
    }

    #[test]
    fn what_is_not_there_is_not_made_up() {
        let words = |text: &str| {
            let (id, words) = of(text);
            assert_eq!(id, None, "{text}");
            words
        };
        assert_eq!(
            words("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec: ["),
            "Deployment `shop`"
        );
        assert_eq!(
            words("apiVersion: v1\nkind: ConfigMap\ndata: ["),
            "ConfigMap"
        );
        assert_eq!(words("spec:\n  kind: x\n  name: y\n  z: ["), "");
        assert_eq!(words("["), "");
    }
}
