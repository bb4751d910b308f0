//! Rules of `BackendTLSPolicy`.

use serde_json::Value;

use super::Broken;
use super::shared::{has, list, repeated, word};

/// Targets of one object all name a section, or there is only one.
pub(super) fn sections_where_shared(_: &[String], value: &Value) -> Vec<Broken> {
    let targets = list(value);
    let same = |a: &Value, b: &Value| object(a) == object(b);
    let bad = targets.iter().enumerate().filter(|(_, target)| {
        word(target, "sectionName").is_empty()
            && targets
                .iter()
                .any(|other| same(target, other) && !word(other, "sectionName").is_empty())
    });
    bad.map(|(index, _)| {
        Broken::new(
            format!("[{index}].sectionName"),
            "is required, since another entry names a section of the same object",
        )
    })
    .collect()
}

/// Targets are distinct.
pub(super) fn distinct_targets(_: &[String], value: &Value) -> Vec<Broken> {
    let key = |target: &Value| Some((object(target), word(target, "sectionName").to_owned()));
    repeated(list(value), key, |index, (_, section)| {
        if section.is_empty() {
            Broken::new(format!("[{index}]"), "another entry names the same object")
        } else {
            Broken::new(
                format!("[{index}].sectionName"),
                format!("another entry names the section `{section}` of the same object"),
            )
        }
    })
}

fn object(target: &Value) -> [String; 3] {
    ["group", "kind", "name"].map(|field| word(target, field).to_owned())
}

/// A name has the field of its type. Words: type, field, field.
pub(super) fn name_has_field(words: &[String], value: &Value) -> Vec<Broken> {
    let [kind, field, _] = words else {
        return Vec::new();
    };
    if word(value, "type") != kind || !word(value, field).is_empty() {
        return Vec::new();
    }
    vec![Broken::new(
        field.as_str(),
        format!("is required with `type: {kind}`"),
    )]
}

/// A name has no field of another type. Words: type, field, field.
pub(super) fn name_has_no_other_field(words: &[String], value: &Value) -> Vec<Broken> {
    let [kind, field, _] = words else {
        return Vec::new();
    };
    let is = word(value, "type");
    if is == kind || word(value, field).is_empty() {
        return Vec::new();
    }
    let text = format!("`{field}` goes only with `type: {kind}`, but `type` is `{is}`");
    vec![Broken::new(field.as_str(), text).hint(format!("remove `{field}`"))]
}

/// Certificate authorities come from one source.
pub(super) fn one_source_of_authorities(_: &[String], value: &Value) -> Vec<Broken> {
    let (own, known) = ("caCertificateRefs", "wellKnownCACertificates");
    match (has(value, own), has(value, known)) {
        (true, true) => vec![
            Broken::new(known, format!("must not be set together with `{own}`"))
                .hint(format!("remove `{known}` or `{own}`")),
        ],
        (false, false) => vec![
            Broken::new("", format!("one of `{own}` and `{known}` is required")).hint(format!(
                "set `{known}: System`, or name a ConfigMap in `{own}`"
            )),
        ],
        _ => Vec::new(),
    }
}
