//! The schema as a tree: read once from the embedded files, then only walked.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

use super::rules::{BoundRule, bind};

/// What type a value must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    IntOrString,
    /// Anything: a known field that is not read.
    Any,
}

/// How the entries of a list are told apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum List {
    /// Not at all.
    #[default]
    Atomic,
    /// By value.
    Set,
    /// By these fields.
    Map(Vec<String>),
}

/// A pattern over a string.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// As the schema writes it.
    pub(crate) source: String,
    /// Compiled.
    pub(crate) regex: Regex,
}

/// One node of a schema.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: Type,
    pub(crate) properties: BTreeMap<String, Node>,
    pub(crate) required: Vec<String>,
    /// The schema of the values, for maps with free keys.
    pub(crate) values: Option<Box<Node>>,
    /// Unknown fields are allowed.
    pub(crate) open: bool,
    pub(crate) items: Option<Box<Node>>,
    pub(crate) list: List,
    pub(crate) allowed: Vec<Value>,
    pub(crate) pattern: Option<Pattern>,
    pub(crate) format: Option<String>,
    pub(crate) default: Option<Value>,
    /// An empty string counts as absent.
    pub(crate) empty_is_absent: bool,
    /// Bounds of a number.
    pub(crate) bounds: (Option<i64>, Option<i64>),
    /// Bounds of the count of characters, entries, or fields.
    pub(crate) sizes: (Option<u64>, Option<u64>),
    pub(crate) rules: Vec<BoundRule>,
}

/// Why an embedded schema cannot be read.
pub(crate) type NodeError = String;

impl Node {
    /// Reads a node and all below it.
    ///
    /// # Errors
    /// A keyword or value that is not understood. Embedded files are known to be good by a test.
    pub(crate) fn read(value: &Value) -> Result<Self, NodeError> {
        let map = value.as_object().ok_or("a node is an object")?;
        let kind = kind(map)?;
        let mut node = Self {
            kind,
            properties: BTreeMap::new(),
            required: strings(map.get("required"))?,
            values: below(map, "additionalProperties")?,
            open: map.get("open") == Some(&Value::Bool(true)),
            items: below(map, "items")?,
            list: list(map.get("list"))?,
            allowed: map
                .get("enum")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default(),
            pattern: pattern(map.get("pattern"))?,
            format: map.get("format").and_then(Value::as_str).map(str::to_owned),
            default: map.get("default").cloned(),
            empty_is_absent: map.get("empty") == Some(&Value::from("absent")),
            bounds: (integer(map, "minimum")?, integer(map, "maximum")?),
            sizes: sizes(map, kind)?,
            rules: rules(map)?,
        };
        if let Some(properties) = map.get("properties").and_then(Value::as_object) {
            for (name, property) in properties {
                let property = Self::read(property).map_err(|error| format!("{name}: {error}"))?;
                node.properties.insert(name.clone(), property);
            }
        }
        for name in strings(map.get("others"))? {
            node.properties.insert(name, Self::any());
        }
        Ok(node)
    }

    /// A node that allows anything.
    pub(crate) fn any() -> Self {
        Self {
            kind: Type::Any,
            properties: BTreeMap::new(),
            required: Vec::new(),
            values: None,
            open: true,
            items: None,
            list: List::Atomic,
            allowed: Vec::new(),
            pattern: None,
            format: None,
            default: None,
            empty_is_absent: false,
            bounds: (None, None),
            sizes: (None, None),
            rules: Vec::new(),
        }
    }

    /// Where a field of that name is known: the path of its nearest owner, with `[]` for lists.
    pub(crate) fn place_of(&self, name: &str) -> Option<String> {
        if self.properties.contains_key(name) {
            return Some(String::new());
        }
        let places = self.properties.iter().filter_map(|(field, property)| {
            let (inner, brackets) = match &property.items {
                Some(items) => (&**items, "[]"),
                None => (property, ""),
            };
            let rest = inner.place_of(name)?;
            let dot = if rest.is_empty() { "" } else { "." };
            Some(format!("{field}{brackets}{dot}{rest}"))
        });
        places.min_by_key(|place| place.matches('.').count())
    }
}

fn kind(map: &Map<String, Value>) -> Result<Type, NodeError> {
    Ok(match map.get("type").and_then(Value::as_str) {
        Some("object") => Type::Object,
        Some("array") => Type::Array,
        Some("string") => Type::String,
        Some("integer") => Type::Integer,
        Some("number") => Type::Number,
        Some("boolean") => Type::Boolean,
        Some("int-or-string") => Type::IntOrString,
        None => Type::Any,
        Some(other) => return Err(format!("type {other}")),
    })
}

fn below(map: &Map<String, Value>, keyword: &str) -> Result<Option<Box<Node>>, NodeError> {
    let Some(value) = map.get(keyword) else {
        return Ok(None);
    };
    let node = Node::read(value).map_err(|error| format!("{keyword}: {error}"))?;
    Ok(Some(Box::new(node)))
}

fn strings(value: Option<&Value>) -> Result<Vec<String>, NodeError> {
    let list = value.and_then(Value::as_array).into_iter().flatten();
    list.map(|word| word.as_str().map(str::to_owned).ok_or("no word".to_owned()))
        .collect()
}

fn list(value: Option<&Value>) -> Result<List, NodeError> {
    Ok(match value {
        None => List::Atomic,
        Some(Value::String(word)) if word == "set" => List::Set,
        Some(keys) => List::Map(strings(keys.get("map"))?),
    })
}

fn pattern(value: Option<&Value>) -> Result<Option<Pattern>, NodeError> {
    let Some(source) = value.and_then(Value::as_str) else {
        return Ok(None);
    };
    let regex = Regex::new(source).map_err(|error| error.to_string())?;
    Ok(Some(Pattern {
        source: source.to_owned(),
        regex,
    }))
}

fn integer(map: &Map<String, Value>, keyword: &str) -> Result<Option<i64>, NodeError> {
    match map.get(keyword) {
        None => Ok(None),
        Some(value) => Ok(Some(
            value.as_i64().ok_or(format!("{keyword} is no integer"))?,
        )),
    }
}

fn sizes(map: &Map<String, Value>, kind: Type) -> Result<(Option<u64>, Option<u64>), NodeError> {
    let (least, most) = match kind {
        Type::Array => ("minItems", "maxItems"),
        Type::Object => ("minProperties", "maxProperties"),
        _ => ("minLength", "maxLength"),
    };
    let size = |keyword| -> Result<Option<u64>, NodeError> {
        Ok(integer(map, keyword)?.map(i64::unsigned_abs))
    };
    Ok((size(least)?, size(most)?))
}

/// The rules of a node. A `oneOf` counts as one, with its JSON as the text.
fn rules(map: &Map<String, Value>) -> Result<Vec<BoundRule>, NodeError> {
    let mut texts = strings(map.get("rules"))?;
    texts.extend(map.get("oneOf").map(|one| format!("oneOf {one}")));
    Ok(texts.iter().filter_map(|text| bind(text)).collect())
}
