//! One file's text to objects and findings. No I/O.

use std::collections::BTreeMap;
use std::sync::Arc;

use fg_api::Resource;
use fg_api::schema::{Decoded, Identity, Refusal, SchemaFinding, decode, identify, named};
use fg_base::Text;
use fg_model::{Finding, FindingKind, ObjectRef, Origin, Place, kinds};
use serde_json::Value;

use super::closing::{Closing, closing};
use super::meant::{Meant, meant};
use crate::Limits;
use crate::builtin::labelled;
use crate::yaml::{self, Document, YamlError};

/// So many findings of a file name the line of their field, later ones that of their object: each
/// costs reading the file again.
const EXACT: usize = 100;

/// How many of each other `(group, kind)` there are.
pub(crate) type Others = BTreeMap<(String, String), usize>;

/// An object as a file writes it.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) id: Arc<ObjectRef>,
    /// The line of its document.
    pub(crate) line: u32,
    /// The object, or what stands in for it; `None` when it was refused and never was good in this file,
    /// and protects nothing.
    pub(crate) good: Option<Decoded>,
    /// Whether this version of it was refused.
    pub(crate) refused: bool,
    /// What a route asks for that was refused.
    pub(crate) asks: Asks,
}

/// What a route asks for, as far as it can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asks {
    /// Its hostnames; none means every host. `None` when they cannot be read.
    pub hostnames: Option<Vec<Text>>,
    /// Namespace and name of each parent that it names.
    pub parents: Vec<(Text, Text)>,
}

impl Asks {
    fn read(route: &Value, namespace: &Text) -> Self {
        let hostnames = match route.pointer("/spec/hostnames") {
            None | Some(Value::Null) => Some(Vec::new()),
            Some(Value::String(one)) => Some(vec![one.as_str().into()]),
            Some(Value::Array(all)) => {
                let names = all.iter().map(|one| Some(one.as_str()?.into()));
                names.collect()
            }
            Some(_) => None,
        };
        let parents = route.pointer("/spec/parentRefs").and_then(Value::as_array);
        let parents = parents.into_iter().flatten().filter_map(|parent| {
            let word = |field: &str| parent.get(field).and_then(Value::as_str);
            let namespace = word("namespace").map_or_else(|| namespace.clone(), Text::from);
            Some((namespace, word("name")?.into()))
        });
        Self {
            hostnames,
            parents: parents.collect(),
        }
    }
}

/// What a file says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    pub(crate) written: Vec<Written>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) others: Others,
    /// There is a document that does not say which object it is.
    pub(crate) unidentified: bool,
}

/// A finding about a file as a whole.
pub(crate) fn about_file(file: &Text, line: u32, kind: FindingKind, text: String) -> Finding {
    let (group, word) = kinds::FILE;
    let id = Arc::new(ObjectRef::new(group, word, "", file));
    let mut finding = Finding::error(Origin::of(id, 0), kind, text);
    finding.place = Some(Place {
        file: file.clone(),
        line,
    });
    finding
}

/// Reads a file's text. `file` is its name for people.
///
/// # Errors
/// The finding that says why nothing of it can be read.
pub(crate) fn read(file: &Text, text: &str, limits: &Limits) -> Result<Content, Box<Finding>> {
    let mut reading = Reading {
        file,
        text,
        before: 0,
        limits,
        content: Content::default(),
        seen: 0,
    };
    match parse(file, text, limits) {
        Ok(documents) => reading.documents(documents)?,
        Err(error) => reading.parts(text, error)?,
    }
    Ok(reading.content)
}

/// What is wrong with the syntax of a file.
fn about_syntax(file: &Text, error: YamlError) -> Finding {
    let kind = match error.limit {
        true => FindingKind::LimitExceeded,
        false => FindingKind::Unreadable,
    };
    about_file(file, error.line, kind, error.text)
}

/// The parts of a text between its lines `---`, each with the number of lines before it. Such a
/// line begins a document wherever it stands (YAML 1.2 §9.1.2).
fn split(text: &str) -> Vec<(u32, &str)> {
    let mut parts = Vec::new();
    let (mut first, mut start, mut at) = (0, 0, 0);
    for (number, line) in (0..).zip(text.split_inclusive('\n')) {
        let rest = line.strip_prefix("---");
        if at > start && rest.is_some_and(|rest| rest.trim_start() != rest || rest.is_empty()) {
            parts.push((first, text.get(start..at).unwrap_or_default()));
            (first, start) = (number, at);
        }
        at += line.len();
    }
    parts.push((first, text.get(start..).unwrap_or_default()));
    parts
}

/// Whether a part is more than the line in front of it, comments and nothing.
fn says_something(part: &str) -> bool {
    let mut lines = part.lines().map(str::trim_start);
    lines.any(|line| {
        let line = line.strip_prefix("---").unwrap_or(line).trim_start();
        !line.is_empty() && !line.starts_with('#')
    })
}

/// The documents of a text. JSON is read as YAML, which knows lines and repeated fields; what only
/// JSON allows is read as JSON.
fn parse(file: &str, text: &str, limits: &Limits) -> Result<Vec<Document>, YamlError> {
    let error = match yaml::documents(text, limits) {
        Ok(documents) => return Ok(documents),
        Err(error) => error,
    };
    if !file.ends_with(".json") || error.limit {
        return Err(error);
    }
    let values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let values: Result<Vec<Value>, _> = values.collect();
    let values = values.map_err(|_| error)?;
    let present = values.into_iter().filter(|value| !value.is_null());
    Ok(present
        .map(|value| Document {
            value,
            line: 1,
            items: Vec::new(),
            repeated: Vec::new(),
        })
        .collect())
}

struct Reading<'a> {
    file: &'a Text,
    /// The text that is read: the file, or a part of it.
    text: &'a str,
    /// Lines of the file before it.
    before: u32,
    limits: &'a Limits,
    content: Content,
    seen: usize,
}

/// Where in a file an object stands.
struct Spot<'a> {
    /// The line of the document.
    start: u32,
    /// The line of the object.
    line: u32,
    /// The path of the object in the document, such as `items[3]`; empty for the whole.
    inside: &'a str,
    repeated: &'a [(String, u32)],
}

impl<'a> Reading<'a> {
    fn documents(&mut self, documents: Vec<Document>) -> Result<(), Box<Finding>> {
        documents
            .into_iter()
            .try_for_each(|document| self.document(document))
    }

    /// Reads what can be read of a file with an error in its syntax: documents are apart from each
    /// other, and the others still say what they say.
    fn parts(&mut self, text: &'a str, error: YamlError) -> Result<(), Box<Finding>> {
        let parts = match self.file.ends_with(".json") {
            true => vec![(0, text)],
            false => split(text),
        };
        if error.limit || parts.len() > self.limits.documents {
            return Err(Box::new(about_syntax(self.file, error)));
        }
        let all = parts
            .iter()
            .filter(|(_, part)| says_something(part))
            .count();
        let mut number = 0;
        for (before, part) in parts {
            (self.text, self.before) = (part, before);
            number += usize::from(says_something(part));
            match parse(self.file, part, self.limits) {
                Ok(mut documents) => {
                    documents.iter_mut().for_each(|one| one.shift(before));
                    self.documents(documents)?;
                }
                Err(error) => self.unparsed(error, number, all),
            }
        }
        // What is wrong may be what stands between documents: then nothing is certain.
        if self
            .content
            .findings
            .iter()
            .all(|finding| finding.kind != FindingKind::Unreadable)
        {
            return Err(Box::new(about_syntax(self.file, error)));
        }
        Ok(())
    }

    /// Says what is wrong with the syntax of a document, the so-many-eth of all of the file, and of
    /// which object that is, as far as its lines tell.
    fn unparsed(&mut self, mut error: YamlError, number: usize, all: usize) {
        let Meant { id, words } = meant(self.text, self.limits);
        let mut which = match all {
            0 | 1 => "cannot be read".to_owned(),
            _ => format!("document {number} of {all} cannot be read"),
        };
        if id.is_none() && !words.is_empty() {
            which = format!("{which} ({words})");
        }
        error.line += self.before;
        error.text = format!("{which}: {}", error.text);
        let mut finding = about_syntax(self.file, error);
        if self.text.contains("{{") {
            finding.also("templates are not read: render them first, as `helm template` does");
        }
        if all > 1 {
            finding.also("the other documents of the file serve");
        }
        if let Some(id) = id {
            finding.about = Origin::of(id.clone(), 0);
            self.content.written.push(Written {
                id,
                line: self.before + 1,
                good: None,
                refused: true,
                asks: Asks::default(),
            });
        }
        // Its lines may mislead.
        self.content.unidentified = true;
        self.content.findings.push(finding);
    }

    fn document(&mut self, document: Document) -> Result<(), Box<Finding>> {
        let Document {
            value,
            line,
            items,
            repeated,
        } = document;
        let spot = Spot {
            start: line,
            line,
            inside: "",
            repeated: &repeated,
        };
        self.object(value, &spot, &items)
    }

    fn object(
        &mut self,
        mut value: Value,
        spot: &Spot<'_>,
        items: &[u32],
    ) -> Result<(), Box<Finding>> {
        self.seen += 1;
        if self.seen > self.limits.documents {
            let text = format!("has more than {} objects", self.limits.documents);
            let finding = about_file(self.file, spot.start, FindingKind::LimitExceeded, text);
            return Err(Box::new(finding));
        }
        match identify(&value) {
            Identity::Known => self.known(value, spot),
            Identity::List => {
                let list = value.get_mut("items").map(Value::take);
                let Some(Value::Array(list)) = list else {
                    return Ok(());
                };
                for (index, item) in list.into_iter().enumerate() {
                    let inside = join(spot.inside, &format!("items[{index}]"));
                    let spot = Spot {
                        line: items.get(index).copied().unwrap_or(spot.line),
                        inside: &inside,
                        ..*spot
                    };
                    self.object(item, &spot, &[])?;
                }
            }
            Identity::Other { group, kind } => {
                *self.content.others.entry((group, kind)).or_default() += 1;
            }
            Identity::Wrong(found) => {
                self.content.unidentified = true;
                let finding = self.finding(None, 0, found, spot);
                self.content.findings.push(finding);
            }
        }
        Ok(())
    }

    fn known(&mut self, value: Value, spot: &Spot<'_>) {
        let twice: Vec<SchemaFinding> = spot
            .repeated
            .iter()
            .filter_map(|(path, line)| {
                let path = path.strip_prefix(spot.inside)?;
                let within = spot.inside.is_empty() || path.starts_with(['.', '[']);
                within.then(|| SchemaFinding {
                    path: path.trim_start_matches('.').to_owned(),
                    kind: FindingKind::SchemaViolation,
                    text: format!("the field stands twice, again on line {line}"),
                    hint: Some("remove one of the two".to_owned()),
                })
            })
            .collect();
        let written = named(&value).map(|id| Asks::read(&value, &id.namespace));
        let closing = closing(&value);
        let kind = value.get("kind").and_then(Value::as_str);
        let kind = kind.unwrap_or_default().to_owned();
        let decoded = decode(value).and_then(|decoded| match twice.is_empty() {
            true => Ok(decoded),
            false => Err(Refusal {
                id: Some(decoded.resource.id().clone()),
                generation: decoded
                    .generation_given
                    .then(|| decoded.resource.meta().generation),
                findings: Vec::new(),
            }),
        });
        let line = spot.line;
        match decoded {
            Ok(Decoded {
                resource,
                generation_given,
            }) => {
                let resource: Resource = labelled(resource);
                self.content.written.push(Written {
                    id: resource.id().clone(),
                    line,
                    good: Some(Decoded {
                        resource,
                        generation_given,
                    }),
                    refused: false,
                    asks: Asks::default(),
                });
            }
            Err(mut refusal) => {
                if refusal.id.is_none() {
                    let words = || format!("the object is of kind {kind}");
                    let findings = refusal.findings.iter_mut();
                    findings.for_each(|found| {
                        found.hint.get_or_insert_with(words);
                    });
                }
                let instead = closing.and_then(Closing::decoded);
                self.refused(refusal, twice, (written.unwrap_or_default(), instead), spot);
            }
        }
    }

    fn refused(
        &mut self,
        refusal: Refusal,
        twice: Vec<SchemaFinding>,
        (asks, instead): (Asks, Option<Decoded>),
        spot: &Spot<'_>,
    ) {
        let line = spot.line;
        let generation = refusal.generation.unwrap_or(0);
        for found in twice.into_iter().chain(refusal.findings) {
            let finding = self.finding(refusal.id.clone(), generation, found, spot);
            self.content.findings.push(finding);
        }
        match refusal.id {
            Some(id) => self.content.written.push(Written {
                line,
                good: instead.filter(|one| *one.resource.id() == id),
                id,
                refused: true,
                asks,
            }),
            None => self.content.unidentified = true,
        }
    }

    fn finding(
        &self,
        id: Option<Arc<ObjectRef>>,
        generation: i64,
        found: SchemaFinding,
        spot: &Spot<'_>,
    ) -> Finding {
        let (group, word) = kinds::FILE;
        let id = id.unwrap_or_else(|| Arc::new(ObjectRef::new(group, word, "", self.file)));
        let line = self.line(spot, &found.path);
        let about = Origin::of(id, generation).at(found.path);
        let mut finding = Finding::error(about, found.kind, found.text);
        finding.hint = found.hint;
        finding.place = Some(Place {
            file: self.file.clone(),
            line,
        });
        finding
    }

    /// The line of a field of the object at a spot.
    fn line(&self, spot: &Spot<'_>, path: &str) -> u32 {
        if path.is_empty() || self.content.findings.len() >= EXACT {
            return spot.line;
        }
        let start = spot.start.saturating_sub(self.before);
        self.before + yaml::line_of(self.text, start, &join(spot.inside, path), self.limits)
    }
}

fn join(outer: &str, inner: &str) -> String {
    let dot = match outer.is_empty() || inner.is_empty() || inner.starts_with('[') {
        true => "",
        false => ".",
    };
    format!("{outer}{dot}{inner}")
}
