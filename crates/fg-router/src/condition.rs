//! What a match asks of a request besides its path, compiled.

use std::sync::Arc;

use fg_base::Text;
use fg_exchange::{Method, Name, Request};
use fg_model::{HeaderMatch, Match, PathMatch, Pattern, QueryMatch, ValueMatch};
use regex::bytes::Regex;

use crate::query;
use crate::trace::Lost;

/// Gives the compiled form of a pattern, one for all places that use it.
pub(crate) type Compile<'a> = dyn FnMut(&Pattern) -> Arc<Regex> + 'a;

/// The conditions of one match. The path is here only as a regular expression; exact paths and
/// prefixes are found by the tables.
pub(crate) struct Conditions {
    path: Option<Arc<Regex>>,
    method: Option<(Method, Text)>,
    headers: Box<[Header]>,
    query: Box<[Query]>,
}

struct Header {
    id: Name,
    name: Text,
    value: Value,
}

struct Query {
    name: Text,
    value: Value,
}

enum Value {
    Exact(Text),
    Regex(Arc<Regex>),
}

impl Conditions {
    /// Compiles a match.
    pub(crate) fn new(from: &Match, compile: &mut Compile<'_>) -> Self {
        Self {
            path: match &from.path {
                PathMatch::Regex(pattern) => Some(compile(pattern)),
                PathMatch::Exact(_) | PathMatch::Prefix(_) => None,
            },
            method: from
                .method
                .as_ref()
                .map(|text| (Method::resolve(text.as_bytes()), text.clone())),
            headers: from
                .headers
                .iter()
                .map(|h| Header::new(h, compile))
                .collect(),
            query: from.query.iter().map(|q| Query::new(q, compile)).collect(),
        }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.path.is_none()
            && self.method.is_none()
            && self.headers.is_empty()
            && self.query.is_empty()
    }

    /// The first condition that the request does not meet. The query is read last, and only if
    /// there is something to ask of it.
    pub(crate) fn lost(&self, request: &Request) -> Option<Lost> {
        if let Some((method, text)) = &self.method
            && (request.method() != *method
                || (*method == Method::Other && request.method_text() != text.as_bytes()))
        {
            return Some(Lost::Method);
        }
        if let Some(at) = self
            .headers
            .iter()
            .position(|header| !header.holds(request))
        {
            return Some(Lost::Header(at));
        }
        if !self.query.is_empty() {
            let text = request.query().unwrap_or_default();
            if let Some(at) = self.query.iter().position(|query| !query.holds(text)) {
                return Some(Lost::Query(at));
            }
        }
        match &self.path {
            Some(regex) if !regex.is_match(request.path()) => Some(Lost::Path),
            _ => None,
        }
    }
}

impl Header {
    fn new(from: &HeaderMatch, compile: &mut Compile<'_>) -> Self {
        Self {
            id: Name::resolve(from.name.as_bytes()),
            name: from.name.clone(),
            value: Value::new(&from.value, compile),
        }
    }

    fn holds(&self, request: &Request) -> bool {
        // `Host` is no field of the head: the authority stands for it.
        if self.id == Name::Host {
            let authority = request.authority();
            return !authority.is_empty() && self.value.holds(authority);
        }
        if self.id == Name::Other {
            self.holds_for(request.head.get_all_named(&self.name))
        } else {
            self.holds_for(request.head.get_all(self.id))
        }
    }

    fn holds_for<'a>(&self, mut values: impl Iterator<Item = &'a [u8]>) -> bool {
        let Some(first) = values.next() else {
            return false;
        };
        match values.next() {
            None => self.value.holds(first),
            Some(second) => self
                .value
                .holds(&self.joined([first, second].into_iter().chain(values))),
        }
    }

    /// Several values of one name as one. Source: RFC 9110 §5.3; for cookies RFC 9113 §8.2.3.
    #[cold]
    fn joined<'a>(&self, values: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        let separator: &[u8] = if self.id == Name::Cookie {
            b"; "
        } else {
            b", "
        };
        let mut all = Vec::new();
        for (at, value) in values.enumerate() {
            if at > 0 {
                all.extend_from_slice(separator);
            }
            all.extend_from_slice(value);
        }
        all
    }
}

impl Query {
    fn new(from: &QueryMatch, compile: &mut Compile<'_>) -> Self {
        Self {
            name: from.name.clone(),
            value: Value::new(&from.value, compile),
        }
    }

    fn holds(&self, text: &[u8]) -> bool {
        match (query::first(text, self.name.as_bytes()), &self.value) {
            (None, _) => false,
            (Some(raw), Value::Exact(expected)) => query::decodes_to(raw, expected.as_bytes()),
            (Some(raw), Value::Regex(_)) => self.value.holds(&query::decoded(raw)),
        }
    }
}

impl Value {
    fn new(from: &ValueMatch, compile: &mut Compile<'_>) -> Self {
        match from {
            ValueMatch::Exact(text) => Self::Exact(text.clone()),
            ValueMatch::Regex(pattern) => Self::Regex(compile(pattern)),
        }
    }

    fn holds(&self, value: &[u8]) -> bool {
        match self {
            Self::Exact(text) => text.as_bytes() == value,
            Self::Regex(regex) => regex.is_match(value),
        }
    }
}
