//! From a live status and a wanted one to the status that should stand. Pure.
//!
//! Everything is copied from the live status and only what is ours is edited, so that what belongs
//! to others stays as it was to the byte, in its place.

use fg_base::Text;
use fg_model::kinds;
use fg_status::OWN_CONDITIONS;
use serde_json::{Map, Value, json};

use super::kind::Shape;

/// What a merge goes by.
pub(super) struct Terms<'a> {
    /// The shape of the status.
    pub(super) shape: Shape,
    /// `metadata.generation` of the live object.
    pub(super) generation: i64,
    /// Namespace of the object.
    pub(super) namespace: &'a str,
    /// The `controllerName`s that are ours.
    pub(super) controllers: &'a [Text],
    /// The time to write for conditions that change, RFC 3339.
    pub(super) now: &'a str,
}

/// The status that should stand where `live` stands. With no `wanted` one, what is recognizably
/// ours goes.
pub(super) fn merged(live: &Value, wanted: Option<&Value>, terms: &Terms<'_>) -> Value {
    let mut status = live.as_object().cloned().unwrap_or_default();
    match (terms.shape, wanted) {
        (Shape::Entries { list, about, most }, _) => {
            let none = Value::Null;
            let wanted = wanted.map_or(&none, |wanted| &wanted[list]);
            let live = items(&live[list]);
            let entries = entries(live, items(wanted), about, most, terms);
            if !(entries.is_empty() && live.is_empty()) || status.contains_key(list) {
                status.insert(list.to_owned(), Value::Array(entries));
            }
        }
        (Shape::Owned | Shape::Plain, Some(wanted)) => {
            let conditions = conditions(items(&live["conditions"]), &wanted["conditions"], terms);
            status.insert("conditions".to_owned(), Value::Array(conditions));
            if terms.shape == Shape::Owned {
                owned(&mut status, live, wanted, terms);
            }
        }
        // Whose the conditions are is known to the API server alone.
        (Shape::Owned | Shape::Plain, None) => {}
    }
    Value::Object(status)
}

/// The part of a merged status that is ours, for server-side apply.
pub(super) fn ours(merged: &Value, wanted: &Value) -> Value {
    let mut status = Map::new();
    let own = |holder: &Value| {
        let conditions = items(&holder["conditions"]).iter();
        let own = conditions.filter(|condition| is_own(condition)).cloned();
        Value::Array(own.collect())
    };
    status.insert("conditions".to_owned(), own(merged));
    for field in OWN_FIELDS {
        if let Some(value) = wanted.get(*field) {
            status.insert((*field).to_owned(), value.clone());
        }
    }
    if let Some(wanted) = wanted.get("listeners") {
        let listeners = items(wanted).iter().map(|listener| {
            let mut listener = listener.clone();
            if let Some(merged) = named(items(&merged["listeners"]), &listener["name"]) {
                listener["conditions"] = own(merged);
            }
            listener
        });
        let listeners = listeners.collect();
        status.insert("listeners".to_owned(), Value::Array(listeners));
    }
    Value::Object(status)
}

/// The fields of a status that are ours whole.
const OWN_FIELDS: &[&str] = &["addresses", "attachedListenerSets", "supportedFeatures"];

fn owned(status: &mut Map<String, Value>, live: &Value, wanted: &Value, terms: &Terms<'_>) {
    for field in OWN_FIELDS {
        match wanted.get(*field) {
            // An empty list is none: the API server says so too.
            Some(Value::Array(list)) if list.is_empty() && !status.contains_key(*field) => {}
            Some(value) => {
                status.insert((*field).to_owned(), value.clone());
            }
            None => {
                status.remove(*field);
            }
        }
    }
    let Some(wanted) = wanted.get("listeners") else {
        return;
    };
    let (live, wanted) = (items(&live["listeners"]), items(wanted));
    let kept = live.iter().filter_map(|live| {
        let wanted = named(wanted, &live["name"])?;
        Some(listener(live.clone(), wanted, terms))
    });
    let new = wanted
        .iter()
        .filter(|wanted| named(live, &wanted["name"]).is_none());
    let new = new.map(|wanted| listener(json!({}), wanted, terms));
    let listeners: Vec<Value> = kept.chain(new).collect();
    if !listeners.is_empty() || status.contains_key("listeners") {
        status.insert("listeners".to_owned(), Value::Array(listeners));
    }
}

fn listener(mut entry: Value, wanted: &Value, terms: &Terms<'_>) -> Value {
    let conditions = conditions(items(&entry["conditions"]), &wanted["conditions"], terms);
    edit(&mut entry, wanted);
    entry["conditions"] = Value::Array(conditions);
    entry
}

/// The entries of a list of controllers' entries.
fn entries(
    live: &[Value],
    wanted: &[Value],
    about: &str,
    most: usize,
    terms: &Terms<'_>,
) -> Vec<Value> {
    let same = |one: &Value, other: &Value| {
        one["controllerName"] == other["controllerName"]
            && key(&one[about], terms.namespace) == key(&other[about], terms.namespace)
    };
    let is_ours = |entry: &Value| {
        let name = entry["controllerName"].as_str().unwrap_or_default();
        terms.controllers.iter().any(|ours| **ours == *name)
    };
    let foreign = live.iter().filter(|entry| !is_ours(entry)).count();
    let mut room = most.saturating_sub(foreign);
    let mut take = || {
        room = room.checked_sub(1)?;
        Some(())
    };
    let mut written: Vec<&Value> = Vec::new();
    let mut entries = Vec::new();
    for live in live {
        if !is_ours(live) {
            entries.push(live.clone());
        } else if let Some(wanted) = wanted.iter().find(|wanted| same(wanted, live))
            && !written.contains(&wanted)
            && take().is_some()
        {
            written.push(wanted);
            entries.push(entry(live.clone(), wanted, terms));
        }
    }
    for wanted in wanted {
        if !written.contains(&wanted) && take().is_some() {
            written.push(wanted);
            entries.push(entry(json!({}), wanted, terms));
        }
    }
    entries
}

fn entry(mut entry: Value, wanted: &Value, terms: &Terms<'_>) -> Value {
    let conditions = conditions(items(&entry["conditions"]), &wanted["conditions"], terms);
    edit(&mut entry, wanted);
    entry["conditions"] = Value::Array(conditions);
    entry
}

/// Sets the fields of `wanted`, and leaves those alone that already are so.
fn edit(entry: &mut Value, wanted: &Value) {
    for (field, value) in wanted.as_object().into_iter().flatten() {
        if field != "conditions" && entry.get(field) != Some(value) {
            entry[field.as_str()] = value.clone();
        }
    }
}

/// Two references are the same with their defaults filled in.
fn key<'a>(about: &'a Value, namespace: &'a str) -> ([Option<&'a str>; 5], Option<u64>) {
    let word = |field: &str| about[field].as_str();
    let words = [
        word("group").or(Some(kinds::GATEWAY_API)),
        word("kind").or(Some(kinds::GATEWAY.1)),
        word("namespace").or(Some(namespace)),
        word("name"),
        word("sectionName"),
    ];
    (words, about["port"].as_u64())
}

/// Merges by type: foreign types stay, ours are as wanted, those that nobody wants go.
fn conditions(live: &[Value], wanted: &Value, terms: &Terms<'_>) -> Vec<Value> {
    let wanted = items(wanted);
    let by_type = |list: &'_ [Value], kind: &Value| -> Option<Value> {
        let mut list = list.iter();
        list.find(|condition| condition["type"] == *kind).cloned()
    };
    let generation = wanted.first().map(|first| &first["observedGeneration"]);
    let generation = generation.and_then(Value::as_i64);
    let mut conditions = Vec::new();
    for live in live {
        if !is_own(live) || is_newer(live, generation, terms.generation) {
            conditions.push(live.clone());
        } else if let Some(wanted) = by_type(wanted, &live["type"]) {
            conditions.push(condition(Some(live), wanted, terms.now));
        }
    }
    for wanted in wanted {
        if !is_undecided(wanted) && by_type(live, &wanted["type"]).is_none() {
            conditions.push(condition(None, wanted.clone(), terms.now));
        }
    }
    conditions
}

fn condition(live: Option<&Value>, mut wanted: Value, now: &str) -> Value {
    if let Some(live) = live {
        let same = |field: &str| live[field] == wanted[field];
        let fields = ["status", "observedGeneration", "reason", "message"];
        if is_undecided(&wanted) || fields.into_iter().all(same) {
            return live.clone();
        }
        if same("status") && live["lastTransitionTime"].is_string() {
            wanted["lastTransitionTime"] = live["lastTransitionTime"].clone();
            return wanted;
        }
    }
    wanted["lastTransitionTime"] = now.into();
    wanted
}

/// Whether a live condition was computed from a newer generation than what is wanted. One that is
/// newer than the object itself is of an object of that name that is gone.
fn is_newer(live: &Value, wanted: Option<i64>, object: i64) -> bool {
    let observed = live["observedGeneration"].as_i64().unwrap_or_default();
    wanted.is_some_and(|wanted| observed > wanted) && observed <= object
}

/// Whether a condition is of a type of ours.
pub(super) fn is_own(condition: &Value) -> bool {
    let kind = condition["type"].as_str().unwrap_or_default();
    OWN_CONDITIONS.contains(&kind)
}

fn is_undecided(condition: &Value) -> bool {
    condition["status"] == "Undecided"
}

fn named<'a>(list: &'a [Value], name: &Value) -> Option<&'a Value> {
    list.iter().find(|item| item["name"] == *name)
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}
