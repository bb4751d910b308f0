//! The same in our own proxy: a filter that answers preflights and marks replies.
//!
//! What stands here replaces what a backend says: its own `Access-Control-…` fields are removed.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::fields::{
    ALLOW_CREDENTIALS, ALLOW_HEADERS, ALLOW_METHODS, ALLOW_ORIGIN, EXPOSE_HEADERS, MAX_AGE, OWNED,
    REQUEST_HEADERS, REQUEST_METHOD, is_for_all, vary,
};
use super::{Ir, Names, Origins};
use crate::native::{Facts, Filter, LocalReply, Name, Part, Reply, Request, Verdict};

/// One filter.
pub fn build(ir: &Ir) -> Vec<Part> {
    let list = |names: &Names| match names {
        Names::Any => None,
        Names::Some(names) => Some(names.join(", ")),
    };
    vec![Part::Filter(Box::new(Cors {
        methods: list(&ir.methods),
        headers: list(&ir.headers),
        expose: list(&ir.expose),
        max_age: ir.max_age.to_string(),
        ir: ir.clone(),
    }))]
}

/// Lists as they are sent; `None` is `*`, empty is no field.
#[derive(Debug)]
struct Cors {
    methods: Option<String>,
    headers: Option<String>,
    expose: Option<String>,
    max_age: String,
    ir: Ir,
}

/// The page that asks: the client's `Origin`, whatever the rule's filters made of the field since.
fn origin(request: &Request) -> Option<&[u8]> {
    request.head.first_ever(Name::Origin)
}

impl Cors {
    fn allows(&self, origin: &[u8]) -> bool {
        match &self.ir.origins {
            Origins::Any => true,
            Origins::Some(patterns) => str::from_utf8(origin)
                .is_ok_and(|origin| patterns.iter().any(|pattern| pattern.matches(origin))),
        }
    }

    /// Origin and credentials, for an origin that is allowed. With credentials browsers take no
    /// `*`, and so it is never written then: what was asked for stands in its place.
    fn permission<'a>(&self, origin: &'a [u8]) -> impl Iterator<Item = (&'static str, &'a [u8])> {
        let value: &[u8] = if is_for_all(&self.ir) { b"*" } else { origin };
        let credentials = self
            .ir
            .credentials
            .then_some((ALLOW_CREDENTIALS, &b"true"[..]));
        std::iter::once((ALLOW_ORIGIN, value)).chain(credentials)
    }

    /// A list of names for a preflight: as written; for `*` that, or with credentials what is
    /// asked for. Empty is no field.
    fn list<'a>(&'a self, list: Option<&'a String>, asked: Option<&'a [u8]>) -> &'a [u8] {
        match list {
            Some(list) => list.as_bytes(),
            None if self.ir.credentials => asked.unwrap_or_default(),
            None => b"*",
        }
    }

    fn preflight(&self, request: &Request, origin: &[u8]) -> LocalReply {
        let mut headers: Vec<(Cow<'static, str>, Vec<u8>)> = Vec::new();
        if self.allows(origin) {
            let method = request.head.get_named(REQUEST_METHOD);
            let asked = request.head.get_named(REQUEST_HEADERS);
            let lists = [
                (ALLOW_METHODS, self.list(self.methods.as_ref(), method)),
                (ALLOW_HEADERS, self.list(self.headers.as_ref(), asked)),
                (EXPOSE_HEADERS, self.list(self.expose.as_ref(), None)),
                (MAX_AGE, self.max_age.as_bytes()),
            ];
            let fields = self.permission(origin).chain(lists);
            headers.extend(
                fields
                    .filter(|(_, value)| !value.is_empty())
                    .map(|(name, value)| (name.into(), value.to_vec())),
            );
        }
        if !is_for_all(&self.ir) {
            headers.push(("vary".into(), vary().into_bytes()));
        }
        LocalReply {
            status: 204,
            headers,
            body: Vec::new(),
        }
    }
}

/// The names of a reply's fields, for `exposeHeaders: ["*"]` with credentials, where `*` would only
/// mean a field of that name.
fn names_of(reply: &Reply) -> Vec<u8> {
    let mut names: Vec<u8> = Vec::new();
    for (id, name, _) in reply.head.iter() {
        if id == Name::SetCookie {
            continue;
        }
        if !names.is_empty() {
            names.extend_from_slice(b", ");
        }
        names.extend(name.iter().map(u8::to_ascii_lowercase));
    }
    names
}

impl Filter for Cors {
    fn request(&self, request: &mut Request, _: &Facts) -> Verdict {
        match origin(request) {
            Some(origin) if request.preflight_method().is_some() => {
                Verdict::Reply(Box::new(self.preflight(request, origin)))
            }
            _ => Verdict::Continue,
        }
    }

    fn reply(&self, reply: &mut Reply, request: &Request, _: &Facts) {
        if request.preflight_method().is_some() {
            // Answered above; nothing else may stand there.
            return;
        }
        let is_owned = |name: &[u8]| {
            name.len() > 15
                && OWNED
                    .iter()
                    .any(|owned| name.eq_ignore_ascii_case(owned.as_bytes()))
        };
        reply.head.retain(|_, name, _| !is_owned(name));
        let allowed = origin(request).filter(|origin| self.allows(origin));
        if let Some(origin) = allowed {
            let listed;
            let expose = match &self.expose {
                Some(expose) => expose.as_bytes(),
                None if self.ir.credentials => {
                    listed = names_of(reply);
                    &listed
                }
                None => b"*",
            };
            for (name, value) in self.permission(origin) {
                reply.head.append(name, value);
            }
            if !expose.is_empty() {
                reply.head.append(EXPOSE_HEADERS, expose);
            }
        }
        // Also without an origin: a cache must not give this reply to a page that asks.
        if !is_for_all(&self.ir) {
            reply.head.append("vary", b"Origin");
        }
    }

    fn owned_fields(&self, reply: bool) -> Vec<&str> {
        if reply { OWNED.to_vec() } else { Vec::new() }
    }

    fn describe(&self) -> String {
        let any = |list: &Option<String>| list.clone().unwrap_or_else(|| "*".to_owned());
        let origins = match &self.ir.origins {
            Origins::Any => "*".to_owned(),
            Origins::Some(patterns) if patterns.is_empty() => "none".to_owned(),
            Origins::Some(patterns) => {
                let words: Vec<String> = patterns.iter().map(ToString::to_string).collect();
                words.join(", ")
            }
        };
        let mut text = format!("answers CORS preflights; origins {origins}");
        for (what, list) in [
            ("methods", any(&self.methods)),
            ("headers", any(&self.headers)),
            ("exposed", any(&self.expose)),
        ] {
            if !list.is_empty() {
                let _ = write!(text, "; {what} {list}");
            }
        }
        let _ = write!(text, "; remembered for {} s", self.max_age);
        if self.ir.credentials {
            text.push_str("; with credentials");
        }
        text
    }
}
