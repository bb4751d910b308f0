//! `metadata`: names, labels, generation, age.

use std::collections::BTreeMap;
use std::sync::Arc;

use fg_base::Text;
use fg_model::{FindingKind, ObjectRef, kinds};
use serde_json::{Map, Value};

use super::SchemaFinding;
use super::catalog::Kind;
use super::nearest::nearest;
use super::text::{describe, quote};
use crate::Meta;

/// The namespace of an object that names none.
const DEFAULT_NAMESPACE: &str = "default";

/// The longest name of most kinds. Units: characters. Source: RFC 1123 §2.1 as Kubernetes has it.
const NAME: usize = 253;

/// The longest DNS label. Units: characters. Source: RFC 1035 §2.3.4.
const LABEL: usize = 63;

/// The most that all annotations may hold. Units: bytes. Source: the API server's own limit.
const ANNOTATIONS: usize = 256 * 1024;

/// Fields of `metadata` that mean nothing to a gateway, or that only the API server writes.
const IGNORED: [&str; 8] = [
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
];

/// Fields of `metadata` that are read.
const READ: [&str; 7] = [
    "annotations",
    "creationTimestamp",
    "generation",
    "labels",
    "name",
    "namespace",
    "uid",
];

/// What `metadata` says.
pub(crate) struct Metadata {
    pub(crate) id: Arc<ObjectRef>,
    /// With generation 1 when none is written.
    pub(crate) meta: Meta,
    pub(crate) generation_given: bool,
}

/// Who an object says it is, as far as it can be told: `None` without a name.
pub(crate) fn id_of(kind: &Kind, object: &Value) -> Option<ObjectRef> {
    let word = |field: &str| object.get("metadata")?.get(field)?.as_str();
    let name = word("name").filter(|name| !name.is_empty())?;
    let namespace = match kind.namespaced {
        true => word("namespace")
            .filter(|name| !name.is_empty())
            .unwrap_or(DEFAULT_NAMESPACE),
        false => "",
    };
    Some(ObjectRef::new(&kind.group, &kind.kind, namespace, name))
}

/// Reads `metadata`; everything wrong with it goes to `found`. `None` when there is no name.
pub(crate) fn read(
    kind: &Kind,
    object: &Value,
    found: &mut Vec<SchemaFinding>,
) -> Option<Metadata> {
    let map = match object.get("metadata") {
        Some(Value::Object(map)) => map,
        Some(Value::Null) | None => {
            found.push(SchemaFinding::violation("metadata.name", "is required"));
            return None;
        }
        Some(other) => {
            let text = format!("must be an object with fields, not {}", describe(other));
            found.push(SchemaFinding::violation("metadata", text));
            return None;
        }
    };
    unknown(map, found);
    name(kind, map, found);
    namespace(kind, map, found);
    let generation = generation(map, found);
    let meta = Meta {
        generation: generation.unwrap_or(1),
        created: created(map, found),
        labels: labels(map, found),
        annotations: annotations(map, found),
        uid: uid(kind, map),
        is_stand_in: false,
    };
    Some(Metadata {
        id: Arc::new(id_of(kind, object)?),
        meta,
        generation_given: generation.is_some(),
    })
}

fn unknown(map: &Map<String, Value>, found: &mut Vec<SchemaFinding>) {
    let known = || READ.iter().chain(&IGNORED).copied();
    for field in map
        .keys()
        .filter(|field| !known().any(|name| name == field.as_str()))
    {
        let absent = known().filter(|name| !map.contains_key(*name));
        found.push(SchemaFinding {
            path: format!("metadata.{field}"),
            kind: FindingKind::UnknownField,
            text: format!("unknown field {}", quote(field)),
            hint: nearest(field, absent).map(|near| format!("did you mean `{near}`?")),
        });
    }
}

fn name(kind: &Kind, map: &Map<String, Value>, found: &mut Vec<SchemaFinding>) {
    let path = "metadata.name";
    let name = match map.get("name") {
        Some(Value::String(name)) if !name.is_empty() => name,
        Some(Value::String(_)) | None | Some(Value::Null) => {
            let finding = SchemaFinding::violation(path, "is required");
            found.push(match map.contains_key("generateName") {
                true => finding.hint("`generateName` needs an API server: write a `name`"),
                false => finding,
            });
            return;
        }
        Some(other) => {
            let text = format!("must be a string, not {}", describe(other));
            found.push(SchemaFinding::violation(path, text).hint("put it in quotes"));
            return;
        }
    };
    let short = kind.group.is_empty() && matches!(&*kind.kind, "Namespace" | "Service");
    let (good, must) = match short {
        true => (
            is_dns_label(name) && name.len() <= LABEL,
            "a DNS label: up to 63 lower-case letters, digits and `-`",
        ),
        false => (
            is_dns_name(name) && name.len() <= NAME,
            "a DNS name: up to 253 lower-case letters, digits, `-` and `.`",
        ),
    };
    if !good {
        let text = format!(
            "must be {must}, with a letter or digit at both ends, not {}",
            quote(name)
        );
        found.push(SchemaFinding::violation(path, text));
    }
}

fn namespace(kind: &Kind, map: &Map<String, Value>, found: &mut Vec<SchemaFinding>) {
    let text = match map.get("namespace") {
        None | Some(Value::Null) => return,
        Some(Value::String(name)) if name.is_empty() => return,
        Some(_) if !kind.namespaced => {
            format!("must not be set: a {} is in no namespace", kind.kind)
        }
        Some(Value::String(name)) if is_dns_label(name) && name.len() <= LABEL => return,
        Some(Value::String(name)) => {
            format!(
                "must be a DNS label: up to 63 lower-case letters, digits and `-`, not {}",
                quote(name)
            )
        }
        Some(other) => format!("must be a string, not {}", describe(other)),
    };
    found.push(SchemaFinding::violation("metadata.namespace", text));
}

/// Only of Gateways: what is deployed for them belongs to them by it.
fn uid(kind: &Kind, map: &Map<String, Value>) -> Option<Text> {
    let is_gateway = (&*kind.group, &*kind.kind) == kinds::GATEWAY;
    let uid = map.get("uid")?.as_str()?;
    is_gateway.then(|| uid.into())
}

fn generation(map: &Map<String, Value>, found: &mut Vec<SchemaFinding>) -> Option<i64> {
    match map.get("generation")? {
        Value::Null => None,
        value => {
            let generation = value.as_i64().filter(|generation| *generation >= 0);
            if generation.is_none() {
                let text = format!("must be a whole number from 0, not {}", describe(value));
                found.push(SchemaFinding::violation("metadata.generation", text));
            }
            // 0 is what an API server reports for kinds without generations.
            generation.filter(|generation| *generation > 0)
        }
    }
}

fn created(map: &Map<String, Value>, found: &mut Vec<SchemaFinding>) -> Option<i64> {
    let value = map.get("creationTimestamp")?;
    if value.is_null() {
        return None;
    }
    let time = value
        .as_str()
        .and_then(|text| text.parse::<jiff::Timestamp>().ok());
    if time.is_none() {
        let text = format!(
            "must be a time such as `2026-01-31T12:00:00Z`, not {}",
            describe(value)
        );
        found.push(SchemaFinding::violation("metadata.creationTimestamp", text));
    }
    time.map(jiff::Timestamp::as_second)
}

/// The entries of a map of strings; anything else is a finding.
fn strings(
    map: &Map<String, Value>,
    field: &str,
    found: &mut Vec<SchemaFinding>,
) -> BTreeMap<Text, Text> {
    let entries = match map.get(field) {
        None | Some(Value::Null) => return BTreeMap::new(),
        Some(Value::Object(entries)) => entries,
        Some(other) => {
            let text = format!("must be an object with fields, not {}", describe(other));
            found.push(SchemaFinding::violation(format!("metadata.{field}"), text));
            return BTreeMap::new();
        }
    };
    let mut strings = BTreeMap::new();
    for (key, value) in entries {
        let path = || format!("metadata.{field}[\"{key}\"]");
        if !is_qualified_name(&key.to_lowercase()) || (field == "labels" && !is_qualified_name(key))
        {
            let text = "the key must be a name of up to 63 letters, digits and `-_.`, with an optional domain and `/` before it";
            found.push(SchemaFinding::violation(path(), text));
        }
        match value {
            Value::String(value) => {
                strings.insert(key.as_str().into(), value.as_str().into());
            }
            // As the API server has it: no value is the empty one.
            Value::Null => {
                strings.insert(key.as_str().into(), "".into());
            }
            other => {
                let text = format!("must be a string, not {}", describe(other));
                found.push(SchemaFinding::violation(path(), text).hint("put it in quotes"));
            }
        }
    }
    strings
}

fn labels(map: &Map<String, Value>, found: &mut Vec<SchemaFinding>) -> BTreeMap<Text, Text> {
    let labels = strings(map, "labels", found);
    for (key, value) in &labels {
        if !value.is_empty() && !is_name_part(value) {
            let text = format!(
                "must be up to 63 letters, digits and `-_.`, with a letter or digit at both ends, not {}",
                quote(value)
            );
            found.push(SchemaFinding::violation(
                format!("metadata.labels[\"{key}\"]"),
                text,
            ));
        }
    }
    labels
}

fn annotations(map: &Map<String, Value>, found: &mut Vec<SchemaFinding>) -> BTreeMap<Text, Text> {
    let annotations = strings(map, "annotations", found);
    let total: usize = annotations
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    if total > ANNOTATIONS {
        let text = format!("all annotations together must not be longer than {ANNOTATIONS} bytes");
        found.push(SchemaFinding::violation("metadata.annotations", text));
    }
    annotations
}

/// One label of lower-case letters, digits and `-`. Its length is not judged.
pub(crate) fn is_dns_label(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(good) && !text.starts_with('-') && !text.ends_with('-')
}

/// Such labels joined by dots. Its length is not judged.
pub(crate) fn is_dns_name(text: &str) -> bool {
    text.split('.').all(is_dns_label)
}

/// `[domain/]name`, as keys of labels and annotations are. Source: Kubernetes "qualified name".
pub(crate) fn is_qualified_name(text: &str) -> bool {
    match text.split_once('/') {
        Some((domain, name)) => is_dns_name(domain) && domain.len() <= NAME && is_name_part(name),
        None => is_name_part(text),
    }
}

/// The name part of a key, and the form of a label's value.
fn is_name_part(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    text.len() <= LABEL
        && text.bytes().all(good)
        && end(text.bytes().next())
        && end(text.bytes().last())
}
