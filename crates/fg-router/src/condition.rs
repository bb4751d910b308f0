//! What a match asks of a request besides its path, compiled.

use std::sync::Arc;

use fg_base::Text;
use fg_exchange::{Method, Name, Request};
use fg_ir::Place;
use fg_model::{GrpcMatch, HeaderMatch, Match, PathMatch, Pattern, QueryMatch, ValueMatch};
use regex::bytes::Regex;

use crate::query;
use crate::trace::Lost;

/// Gives the compiled form of a pattern, one for all places that use it.
pub(crate) type Compile<'a> = dyn FnMut(&Pattern) -> Arc<Regex> + 'a;

/// The conditions of one match. The path is here only where it must be asked for; exact paths and
/// prefixes are found by the tables.
pub(crate) struct Conditions {
    path: Option<Path>,
    method: Option<(Method, Text)>,
    headers: Box<[Header]>,
    query: Box<[Query]>,
}

enum Path {
    Regex(Arc<Regex>),
    /// At least one of service and method.
    Grpc {
        service: Option<Value>,
        method: Option<Value>,
    },
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
            path: match (Place::of(&from.path), &from.path) {
                (Place::Asked, PathMatch::Regex(pattern)) => Some(Path::Regex(compile(pattern))),
                (Place::Asked, PathMatch::Grpc(call)) => Path::grpc(call, compile),
                _ => None,
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
            Some(path) if !path.holds(request.path()) => Some(Lost::Path),
            _ => None,
        }
    }
}

impl Path {
    /// Nothing to ask when every call fits.
    fn grpc(from: &GrpcMatch, compile: &mut Compile<'_>) -> Option<Self> {
        let mut value =
            |value: &Option<ValueMatch>| value.as_ref().map(|value| Value::new(value, compile));
        let (service, method) = (value(&from.service), value(&from.method));
        (service.is_some() || method.is_some()).then_some(Self::Grpc { service, method })
    }

    fn holds(&self, path: &[u8]) -> bool {
        match self {
            Self::Regex(regex) => regex.is_match(path),
            Self::Grpc { service, method } => call(path).is_some_and(|(of, called)| {
                service.as_ref().is_none_or(|value| value.holds(of))
                    && method.as_ref().is_none_or(|value| value.holds(called))
            }),
        }
    }
}

/// Service and method of a call, neither of them empty. Source: gRPC over HTTP/2, "Path".
fn call(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let path = path.strip_prefix(b"/")?;
    let slash = path.iter().rposition(|&b| b == b'/')?;
    let (service, method) = path.split_at_checked(slash)?;
    let method = method.strip_prefix(b"/")?;
    (!service.is_empty() && !method.is_empty()).then_some((service, method))
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
