//! Walks a value along its schema: nulls and defaults first, then types, fields, bounds, and rules.
//!
//! The order is that of the API server: nulls that say "absent" are gone and defaults are there
//! before anything is judged, and the rules of a node are asked only when everything below it has
//! the right shape.

use std::collections::BTreeSet;

use fg_model::FindingKind;
use serde_json::{Map, Value};

use super::SchemaFinding;
use super::advice;
use super::catalog::Kind;
use super::nearest::{nearest, shortened};
use super::node::{List, Node, Type};
use super::text::{describe, how_many, one_of, push_field, push_index, push_key, quote};
use super::words::words;

/// Fields of every object that are not judged here.
const ENVELOPE: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];

/// One walk. Values are not deeper than the schema: open fields are not walked.
struct Walk<'a> {
    root: &'a Node,
    lenient_null: bool,
    /// Values are not repeated in findings.
    secret: bool,
    path: String,
    found: Vec<SchemaFinding>,
}

/// Judges the body of an object and fills in defaults. Findings are in document order.
pub(crate) fn check(kind: &Kind, object: &mut Value) -> Vec<SchemaFinding> {
    let mut walk = Walk {
        root: &kind.schema,
        lenient_null: kind.lenient_null,
        secret: kind.group.is_empty() && kind.kind == "Secret",
        path: String::new(),
        found: Vec::new(),
    };
    walk.value(&kind.schema, object);
    walk.found
}

impl Walk<'_> {
    fn value(&mut self, node: &Node, value: &mut Value) {
        let before = self.found.len();
        match (node.kind, &mut *value) {
            (Type::Any, _) => return,
            (Type::Object, Value::Object(map)) => self.object(node, map),
            (Type::Array, Value::Array(list)) => self.list(node, list),
            (Type::String, Value::String(text)) => self.string(node, text),
            (Type::Boolean, Value::Bool(_)) | (Type::Number, Value::Number(_)) => {}
            (Type::Integer, Value::Number(_)) => self.integer(node, value),
            (Type::IntOrString, Value::Number(_) | Value::String(_)) => {}
            (_, value) => self.wrong_type(node, value),
        }
        if self.found.len() == before {
            self.allowed(node, value);
        }
        let shaped = |found: &SchemaFinding| found.kind != FindingKind::SchemaViolation;
        if self.found[before..].iter().all(shaped) {
            for rule in &node.rules {
                for broken in rule.check(value) {
                    let mut path = self.path.clone();
                    if !broken.at.is_empty() && !broken.at.starts_with('[') {
                        path.push('.');
                    }
                    path.push_str(&broken.at);
                    self.found.push(SchemaFinding {
                        path: path.trim_start_matches('.').to_owned(),
                        kind: FindingKind::RuleViolation,
                        text: broken.text,
                        hint: broken.hint,
                    });
                }
            }
        }
    }

    fn object(&mut self, node: &Node, map: &mut Map<String, Value>) {
        self.fill_in(node, map);
        self.size(node.sizes, map.len(), "field", "fields");
        for field in &node.required {
            if !map.contains_key(field) {
                self.missing(field, map.keys().map(String::as_str), node);
            }
        }
        let at_root = self.path.is_empty();
        let mark = self.path.len();
        let mut unknown = Vec::new();
        for (field, value) in map.iter_mut() {
            if at_root && ENVELOPE.contains(&field.as_str()) {
                continue;
            }
            match (node.properties.get(field), &node.values) {
                (Some(property), _) => {
                    push_field(&mut self.path, field);
                    self.value(property, value);
                }
                (None, Some(values)) => {
                    push_key(&mut self.path, field);
                    self.value(values, value);
                }
                (None, None) if node.open => {}
                (None, None) => unknown.push(field.clone()),
            }
            self.path.truncate(mark);
        }
        for field in unknown {
            self.unknown(&field, node);
        }
    }

    /// Absent fields that have a default get it, and so do those that are `null`. Other known
    /// fields that are `null` count as absent: no schema here says `nullable`. Source:
    /// `PruneNonNullableNullsWithoutDefaults` of apiextensions. An unknown field stays, to be told
    /// of, but in kinds that are lenient.
    fn fill_in(&self, node: &Node, map: &mut Map<String, Value>) {
        map.retain(|field, value| {
            let known = node.properties.contains_key(field) || node.values.is_some();
            !value.is_null() || !(known || self.lenient_null)
        });
        for (field, property) in &node.properties {
            let Some(default) = &property.default else {
                continue;
            };
            let absent = |value: &Value| {
                value.is_null() || (property.empty_is_absent && value.as_str() == Some(""))
            };
            if map.get(field).is_none_or(absent) {
                map.insert(field.clone(), default.clone());
            }
        }
    }

    fn list(&mut self, node: &Node, list: &mut [Value]) {
        self.size(node.sizes, list.len(), "entry", "entries");
        let Some(items) = &node.items else { return };
        let mark = self.path.len();
        for (index, item) in list.iter_mut().enumerate() {
            push_index(&mut self.path, index);
            self.value(items, item);
            self.path.truncate(mark);
        }
        self.distinct(&node.list, list);
    }

    /// No two entries of a set are equal, no two of a map have equal keys.
    fn distinct(&mut self, list: &List, entries: &[Value]) {
        let mut seen = BTreeSet::new();
        for (index, entry) in entries.iter().enumerate() {
            let (identity, words) = match list {
                List::Atomic => return,
                List::Set => (entry.to_string(), describe(entry)),
                List::Map(keys) => {
                    let parts: Vec<&Value> = keys.iter().filter_map(|key| entry.get(key)).collect();
                    if parts.len() < keys.len() {
                        continue;
                    }
                    let words = keys.iter().zip(&parts);
                    let words: Vec<String> = words
                        .map(|(key, part)| match part {
                            Value::String(text) => format!("{key} {}", quote(text)),
                            other => format!("{key} {other}"),
                        })
                        .collect();
                    (format!("{parts:?}"), words.join(" and "))
                }
            };
            if !seen.insert(identity) {
                let mut path = self.path.clone();
                push_index(&mut path, index);
                let text = format!("an entry with {words} is already in the list");
                let text = text.replace("an entry with the string ", "");
                let hint = match list {
                    List::Map(keys) => format!("give each entry its own {}", keys.join(" and ")),
                    List::Atomic | List::Set => "remove one of the two".to_owned(),
                };
                self.found
                    .push(SchemaFinding::violation(path, text).hint(hint));
            }
        }
    }

    fn string(&mut self, node: &Node, text: &str) {
        let (least, most) = node.sizes;
        let length = text.chars().count();
        if least == Some(1) && length == 0 {
            return self.violation("must not be empty");
        }
        self.size((least, most), length, "character", "characters");
        if let Some(pattern) = &node.pattern
            && !pattern.regex.is_match(text)
        {
            let must = match words(&pattern.source) {
                Some(words) => format!("must be {words}"),
                None => format!("must match {}", pattern.source),
            };
            let finding = match self.secret {
                true => SchemaFinding::violation(self.path.clone(), must),
                false => {
                    let text = format!("{must}, not {}", quote(text));
                    SchemaFinding::violation(self.path.clone(), text)
                }
            };
            let advice = advice::for_pattern(text, &self.path, &pattern.source, &pattern.regex);
            let hint = advice.filter(|_| !self.secret);
            self.found.push(SchemaFinding { hint, ..finding });
        }
    }

    fn integer(&mut self, node: &Node, value: &mut Value) {
        let number = value.as_i64().or_else(|| whole(value));
        let Some(number) = number else {
            let text = format!("must be a whole number, not {value}");
            return self.violation(text);
        };
        *value = number.into();
        let (least, most) = node.bounds;
        let narrow = node.format.as_deref() == Some("int32");
        let fits = least.is_none_or(|least| number >= least)
            && most.is_none_or(|most| number <= most)
            && (!narrow || i32::try_from(number).is_ok());
        if !fits {
            let must = match (least, most) {
                (Some(least), Some(most)) => format!("must be {least} to {most}"),
                (Some(least), None) => format!("must be at least {least} (and fit into 32 bits)"),
                (None, Some(most)) => format!("must be at most {most}"),
                (None, None) => "must fit into 32 bits".to_owned(),
            };
            self.violation(format!("{must}, not {number}"));
        }
    }

    fn allowed(&mut self, node: &Node, value: &Value) {
        if node.allowed.is_empty() || node.allowed.contains(value) {
            return;
        }
        let words: Vec<String> = node.allowed.iter().map(plain).collect();
        let text = format!(
            "must be {}, not {}",
            one_of(words.iter().map(String::as_str)),
            quote(&plain(value))
        );
        let mut finding = SchemaFinding::violation(self.path.clone(), text);
        let words = || words.iter().map(String::as_str);
        let written = plain(value);
        if let Some(near) = nearest(&written, words()).or_else(|| shortened(&written, words())) {
            finding = finding.hint(format!("did you mean `{near}`?"));
        }
        self.found.push(finding);
    }

    fn wrong_type(&mut self, node: &Node, value: &Value) {
        let must = match node.kind {
            Type::Object => "an object with fields",
            Type::Array => "a list",
            Type::String => "a string",
            Type::Integer => "a whole number",
            Type::Number => "a number",
            Type::Boolean => "`true` or `false`",
            Type::IntOrString => "a number or a string",
            Type::Any => return,
        };
        let text = match self.secret {
            true => format!("must be {must}"),
            false => format!("must be {must}, not {}", describe(value)),
        };
        let hint = advice::for_type(node, &self.path, value);
        let finding = SchemaFinding::violation(self.path.clone(), text);
        self.found.push(SchemaFinding { hint, ..finding });
    }

    fn size(
        &mut self,
        (least, most): (Option<u64>, Option<u64>),
        has: usize,
        one: &str,
        many: &str,
    ) {
        let has = u64::try_from(has).unwrap_or(u64::MAX);
        if least.is_some_and(|least| has < least) || most.is_some_and(|most| has > most) {
            let must = how_many(least, most, one, many);
            self.violation(format!("must have {must}, not {has}"));
        }
    }

    fn missing<'k>(&mut self, field: &str, written: impl Iterator<Item = &'k str>, node: &Node) {
        let mut path = self.path.clone();
        push_field(&mut path, field);
        let mut finding = SchemaFinding::violation(path, "is required");
        let strange = written.filter(|written| !node.properties.contains_key(*written));
        if let Some(near) = nearest(field, strange) {
            finding = finding.hint(format!("is `{near}` meant as `{field}`?"));
        }
        self.found.push(finding);
    }

    fn unknown(&mut self, field: &str, node: &Node) {
        let mut path = self.path.clone();
        push_field(&mut path, field);
        let envelope: &[&str] = match self.path.is_empty() {
            true => &ENVELOPE,
            false => &[],
        };
        let hint = advice::for_unknown(field, &self.path, node, envelope, self.root);
        self.found.push(SchemaFinding {
            path,
            kind: FindingKind::UnknownField,
            text: format!("unknown field {}", quote(field)),
            hint,
        });
    }

    fn violation(&mut self, text: impl Into<String>) {
        let finding = SchemaFinding::violation(self.path.clone(), text);
        self.found.push(finding);
    }
}

/// A number without a fraction, such as `80.0`, as the API server takes it.
fn whole(value: &Value) -> Option<i64> {
    let number = value.as_f64()?;
    let whole = number.fract() == 0.0 && number.abs() < 9e15;
    whole.then(|| format!("{number:.0}").parse().ok())?
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
