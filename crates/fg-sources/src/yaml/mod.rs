//! YAML to JSON values, read as `kubectl` reads it: YAML 1.1 words for booleans, merge keys,
//! aliases, all of it bounded.
//!
//! The syntax is serde-saphyr's event parser's; the values are composed here, because a
//! configuration needs the lines of its fields, and numbers, booleans and repeated keys need to be
//! taken as the tools around Kubernetes take them.

mod line;
mod scalar;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};
use serde_saphyr::granit_parser::{self, Event, Parser, ScalarStyle, Span, StrInput, Tag};

use crate::Limits;

pub(crate) use line::line_of;

/// One document of a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Document {
    /// What it says; never null.
    pub(crate) value: Value,
    /// The line of its first value, from 1.
    pub(crate) line: u32,
    /// The lines of the entries of its field `items`.
    pub(crate) items: Vec<u32>,
    /// Fields that stand twice, by path, with the line of the second. The last one counts.
    pub(crate) repeated: Vec<(String, u32)>,
}

impl Document {
    /// Counts its lines from so many further up.
    pub(crate) fn shift(&mut self, lines: u32) {
        self.line += lines;
        self.items.iter_mut().for_each(|line| *line += lines);
        self.repeated.iter_mut().for_each(|field| field.1 += lines);
    }
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct YamlError {
    /// Line, from 1; 0 when unknown.
    pub(crate) line: u32,
    /// What is wrong, lowercase, no full stop.
    pub(crate) text: String,
    /// Whether a limit was hit, rather than a rule of YAML broken.
    pub(crate) limit: bool,
}

impl fmt::Display for YamlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

/// Reads all documents of a text; empty ones are left out.
///
/// # Errors
/// The first break of YAML's rules or of a limit.
pub(crate) fn documents(text: &str, limits: &Limits) -> Result<Vec<Document>, YamlError> {
    let mut reader = Reader {
        parser: parser(text, limits),
        limits,
        anchors: BTreeMap::new(),
        nodes: 0,
        alias_nodes: 0,
        items: Vec::new(),
        repeated: Vec::new(),
        path: String::new(),
    };
    let mut documents = Vec::new();
    while let Some((event, _)) = reader.next()? {
        if !matches!(event, Event::DocumentStart(..)) {
            continue;
        }
        let (event, span) = reader.node()?;
        let line = line(span);
        let value = reader.value(event, span, 1)?.value;
        reader.anchors.clear();
        let repeated = std::mem::take(&mut reader.repeated);
        let items = std::mem::take(&mut reader.items);
        if value.is_null() {
            continue;
        }
        if documents.len() == limits.documents {
            let text = format!("has more than {} documents", limits.documents);
            return Err(limit(span, text));
        }
        documents.push(Document {
            value,
            line,
            items,
            repeated,
        });
    }
    Ok(documents)
}

/// A parser that emits no comments and nests no deeper than allowed.
fn parser<'t>(text: &'t str, limits: &Limits) -> Parser<'t, StrInput<'t>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: limits.depth,
        block_nesting_limit: limits.depth,
    };
    Parser::new_from_str_with_options(text, options)
}

fn line(span: Span) -> u32 {
    u32::try_from(span.start.line()).unwrap_or(0)
}

fn wrong(span: Span, text: impl Into<String>) -> YamlError {
    YamlError {
        line: line(span),
        text: text.into(),
        limit: false,
    }
}

fn limit(span: Span, text: impl Into<String>) -> YamlError {
    YamlError {
        limit: true,
        ..wrong(span, text)
    }
}

/// A value with what it costs to repeat it.
#[derive(Clone)]
struct Composed {
    value: Value,
    /// Values in it, itself included.
    nodes: usize,
    /// Nesting of it; 0 for scalars.
    depth: usize,
}

struct Reader<'t, 'l> {
    parser: Parser<'t, StrInput<'t>>,
    limits: &'l Limits,
    /// Anchors of the document; `None` while the value is still being read.
    anchors: BTreeMap<usize, Option<Composed>>,
    nodes: usize,
    /// Values kept for aliases or repeated by them.
    alias_nodes: usize,
    items: Vec<u32>,
    repeated: Vec<(String, u32)>,
    path: String,
}

impl<'t> Reader<'t, '_> {
    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, YamlError> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok(event)) => Ok(Some(event)),
            Some(Err(error)) => Err(YamlError {
                line: u32::try_from(error.marker().line()).unwrap_or(0),
                text: error.info(),
                limit: false,
            }),
        }
    }

    /// The next event, which the parser guarantees to be there.
    fn node(&mut self) -> Result<(Event<'t>, Span), YamlError> {
        self.next()?.ok_or_else(|| YamlError {
            line: 0,
            text: "the document ends too early".to_owned(),
            limit: false,
        })
    }

    fn value(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Composed, YamlError> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(limit(
                span,
                format!("has more than {} values", self.limits.nodes),
            ));
        }
        if depth > self.limits.depth {
            return Err(self.too_deep(span));
        }
        let anchor = event.anchor_id();
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, None);
        }
        let composed = match event {
            Event::Scalar(text, style, _, tag) => {
                let value = scalar::resolve(&text, style == ScalarStyle::Plain, tag.as_deref());
                let value = value.map_err(|text| wrong(span, text))?;
                Composed {
                    value,
                    nodes: 1,
                    depth: 0,
                }
            }
            Event::SequenceStart(..) => self.list(depth)?,
            Event::MappingStart(..) => self.map(depth)?,
            Event::Alias(anchor) => return self.alias(anchor, span, depth),
            _ => return Err(wrong(span, "a value is missing")),
        };
        if let Some(anchor) = anchor {
            self.charge(composed.nodes, span)?;
            self.anchors.insert(anchor, Some(composed.clone()));
        }
        Ok(composed)
    }

    /// Counts values that exist only because of anchors and aliases.
    fn charge(&mut self, nodes: usize, span: Span) -> Result<(), YamlError> {
        self.alias_nodes += nodes;
        if self.alias_nodes > self.limits.alias_nodes {
            let text = format!(
                "anchors and aliases repeat more than {} values",
                self.limits.alias_nodes
            );
            return Err(limit(span, text));
        }
        Ok(())
    }

    fn too_deep(&self, span: Span) -> YamlError {
        limit(
            span,
            format!("is nested deeper than {} levels", self.limits.depth),
        )
    }

    fn alias(&mut self, anchor: usize, span: Span, depth: usize) -> Result<Composed, YamlError> {
        let Some(Some(meant)) = self.anchors.get(&anchor) else {
            return Err(wrong(span, "an alias stands inside of what it names"));
        };
        let (nodes, deepest) = (meant.nodes, depth + meant.depth);
        self.charge(nodes, span)?;
        if deepest > self.limits.depth {
            return Err(self.too_deep(span));
        }
        self.nodes += nodes;
        let meant = self.anchors.get(&anchor).cloned().flatten();
        meant.ok_or_else(|| wrong(span, "an alias names nothing"))
    }

    fn list(&mut self, depth: usize) -> Result<Composed, YamlError> {
        let mut all = Vec::new();
        let (mut nodes, mut deepest) = (1, 0);
        let mark = self.path.len();
        loop {
            let (event, span) = self.node()?;
            if matches!(event, Event::SequenceEnd) {
                break;
            }
            if self.path == "items" {
                self.items.push(line(span));
            }
            self.path.push_str(&format!("[{}]", all.len()));
            let entry = self.value(event, span, depth + 1)?;
            self.path.truncate(mark);
            nodes += entry.nodes;
            deepest = deepest.max(entry.depth);
            all.push(entry.value);
        }
        Ok(Composed {
            value: Value::Array(all),
            nodes,
            depth: deepest + 1,
        })
    }

    fn map(&mut self, depth: usize) -> Result<Composed, YamlError> {
        let mut all = Map::new();
        let mut merged = Vec::new();
        let (mut nodes, mut deepest) = (1, 0);
        let mark = self.path.len();
        loop {
            let (event, span) = self.node()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key = self.key(event, span)?;
            let (event, value_span) = self.node()?;
            if let Some(key) = &key {
                push_key(&mut self.path, key);
            }
            let entry = self.value(event, value_span, depth + 1)?;
            nodes += entry.nodes + 1;
            deepest = deepest.max(entry.depth);
            match key {
                None => merged.push((entry.value, value_span)),
                Some(key) => {
                    if all.insert(key, entry.value).is_some() {
                        self.repeated.push((self.path.clone(), line(span)));
                    }
                }
            }
            self.path.truncate(mark);
        }
        for (value, span) in merged {
            merge(&mut all, value, span)?;
        }
        Ok(Composed {
            value: Value::Object(all),
            nodes,
            depth: deepest + 1,
        })
    }

    /// A key as a string; `None` for the merge key.
    fn key(&mut self, event: Event<'t>, span: Span) -> Result<Option<String>, YamlError> {
        let (value, plain) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                if plain && text == "<<" && tag.is_none() {
                    return Ok(None);
                }
                let value = scalar::resolve(&text, plain, tag.as_deref());
                let value = value.map_err(|text| wrong(span, text))?;
                if anchor != 0 {
                    let composed = Composed {
                        value: value.clone(),
                        nodes: 1,
                        depth: 0,
                    };
                    self.anchors.insert(anchor, Some(composed));
                }
                (value, plain)
            }
            Event::Alias(anchor) => (self.alias(anchor, span, 0)?.value, false),
            _ => {
                return Err(wrong(
                    span,
                    "a field's name must be a plain word, not a list or map",
                ));
            }
        };
        self.nodes += 1;
        match value {
            Value::String(key) => Ok(Some(key)),
            Value::Bool(_) | Value::Number(_) if plain => Ok(Some(value.to_string())),
            _ => Err(wrong(span, "a field's name must be a plain word")),
        }
    }
}

/// Adds the fields of the merged maps that are not there yet. Source: YAML 1.1 merge key.
fn merge(into: &mut Map<String, Value>, from: Value, span: Span) -> Result<(), YamlError> {
    match from {
        Value::Object(map) => {
            for (key, value) in map {
                into.entry(key).or_insert(value);
            }
            Ok(())
        }
        Value::Array(list) if list.iter().all(Value::is_object) => {
            list.into_iter().try_for_each(|map| merge(into, map, span))
        }
        _ => Err(wrong(span, "only maps can be merged by `<<`")),
    }
}

/// A path one field further. Names that are no plain field stand in quotes.
fn push_key(path: &mut String, key: &str) {
    let plain = !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if !plain {
        path.push_str("[\"");
        path.push_str(key);
        path.push_str("\"]");
        return;
    }
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(key);
}

/// Whether a tag is one of YAML's own, and which.
fn own(tag: &Tag) -> Option<&str> {
    tag.core_suffix()
}
