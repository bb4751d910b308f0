//! Rules that hold in several kinds: a type and its field, references and their ports.

use serde_json::Value;

use super::Broken;

/// A field as a string; empty when absent.
pub(in super::super) fn word<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// Whether a field is there.
pub(in super::super) fn has(value: &Value, field: &str) -> bool {
    value.get(field).is_some()
}

/// The entries of a list field; none when absent.
pub(in super::super) fn entries<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).map_or(&[], list)
}

/// The entries of a list.
pub(in super::super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// At each entry that repeats an earlier one, by a key: what `words` says about that key.
pub(in super::super) fn repeated<K: Ord>(
    entries: &[Value],
    key: impl Fn(&Value) -> Option<K>,
    broken: impl Fn(usize, &K) -> Broken,
) -> Vec<Broken> {
    let mut seen = std::collections::BTreeSet::new();
    let mut found = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let Some(key) = key(entry) else { continue };
        if seen.contains(&key) {
            found.push(broken(index, &key));
        }
        seen.insert(key);
    }
    found
}

/// `{field}` only with `type: {kind}`. Words: field, kind.
pub(super) fn field_needs_type(words: &[String], value: &Value) -> Vec<Broken> {
    field_needs("type", words, value)
}

/// `{field}` only with `protocol: {protocol}`. Words: field, protocol.
pub(super) fn field_needs_protocol(words: &[String], value: &Value) -> Vec<Broken> {
    field_needs("protocol", words, value)
}

/// `type: {kind}` not without `{field}`. Words: field, kind.
pub(super) fn type_needs_field(words: &[String], value: &Value) -> Vec<Broken> {
    let [field, kind] = words else {
        return Vec::new();
    };
    demands("type", kind, field, value)
}

/// `type: {kind}` not without `{field}`. Words: kind, field.
pub(super) fn type_demands_field(words: &[String], value: &Value) -> Vec<Broken> {
    let [kind, field] = words else {
        return Vec::new();
    };
    demands("type", kind, field, value)
}

/// `protocol: {protocol}` not without `{field}`. Words: protocol, field.
pub(super) fn protocol_demands_field(words: &[String], value: &Value) -> Vec<Broken> {
    let [protocol, field] = words else {
        return Vec::new();
    };
    demands("protocol", protocol, field, value)
}

fn field_needs(by: &str, words: &[String], value: &Value) -> Vec<Broken> {
    let [field, wanted] = words else {
        return Vec::new();
    };
    if !has(value, field) || word(value, by) == wanted {
        return Vec::new();
    }
    let is = word(value, by);
    let text = format!("`{field}` goes only with `{by}: {wanted}`, but `{by}` is `{is}`");
    vec![
        Broken::new(field.as_str(), text)
            .hint(format!("remove `{field}` or write `{by}: {wanted}`")),
    ]
}

fn demands(by: &str, wanted: &str, field: &str, value: &Value) -> Vec<Broken> {
    if word(value, by) != wanted || has(value, field) {
        return Vec::new();
    }
    vec![Broken::new(
        field,
        format!("is required with `{by}: {wanted}`"),
    )]
}

/// A reference to a Service names a port.
pub(super) fn service_needs_port(_: &[String], value: &Value) -> Vec<Broken> {
    let service = word(value, "group").is_empty() && word(value, "kind") == "Service";
    if !service || has(value, "port") {
        return Vec::new();
    }
    vec![Broken::new(
        "port",
        "is required in a reference to a Service",
    )]
}

/// A reference to an XBackend names no port.
pub(super) fn xbackend_has_no_port(_: &[String], value: &Value) -> Vec<Broken> {
    let backend =
        word(value, "group") == "gateway.networking.x-k8s.io" && word(value, "kind") == "XBackend";
    if !backend || !has(value, "port") {
        return Vec::new();
    }
    vec![Broken::new(
        "port",
        "must not be set in a reference to an XBackend, which has its own port",
    )]
}
