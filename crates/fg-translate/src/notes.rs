//! Collects the findings about one object while it is translated.

use fg_api::http_route::BackendObjectReference;
use fg_model::{BackendKey, Finding, FindingKind, Origin, Scope, Severity};
use fg_policies::TranslateScope;

use crate::routes::resolve::{Problem, Resolver};

/// The findings about one object so far, and the part of its status that is being looked at.
pub(crate) struct Notes {
    /// The object.
    pub(crate) origin: Origin,
    /// What was found.
    pub(crate) findings: Vec<Finding>,
    /// The scope of the next findings.
    pub(crate) scope: Scope,
    /// The backends that policies refer to, in the order of their fields.
    pub(crate) backends: Vec<BackendKey>,
}

impl Notes {
    /// Nothing found yet.
    pub(crate) fn new(origin: Origin) -> Self {
        Self {
            origin,
            findings: Vec::new(),
            scope: Scope::Object,
            backends: Vec::new(),
        }
    }

    /// Notes an error at an absolute field path.
    pub(crate) fn error(
        &mut self,
        path: &str,
        kind: FindingKind,
        text: impl Into<String>,
    ) -> Hint<'_> {
        self.note(Severity::Error, path, kind, text.into())
    }

    /// Notes a warning at an absolute field path.
    pub(crate) fn warning(
        &mut self,
        path: &str,
        kind: FindingKind,
        text: impl Into<String>,
    ) -> Hint<'_> {
        self.note(Severity::Warning, path, kind, text.into())
    }

    /// Notes a piece of information at an absolute field path.
    pub(crate) fn info(
        &mut self,
        path: &str,
        kind: FindingKind,
        text: impl Into<String>,
    ) -> Hint<'_> {
        self.note(Severity::Info, path, kind, text.into())
    }

    fn note(
        &mut self,
        severity: Severity,
        path: &str,
        kind: FindingKind,
        text: String,
    ) -> Hint<'_> {
        self.findings.push(Finding {
            severity,
            ..Finding::error(self.origin.at(path), kind, text).scope(self.scope.clone())
        });
        Hint(self.findings.last_mut().expect("just pushed"))
    }
}

/// A finding that may still get a word on what to do.
pub(crate) struct Hint<'a>(&'a mut Finding);

impl Hint<'_> {
    /// Says what to do.
    pub(crate) fn hint(self, hint: impl Into<String>) {
        self.0.hint = Some(hint.into());
    }

    /// Says what to do, if there is something to say.
    pub(crate) fn hint_if(self, hint: Option<String>) {
        self.0.hint = hint;
    }
}

/// What a policy is lent: it reports below its own place, as warnings, since what it reports is
/// left out while the rest serves. A policy that cannot work at all yields nothing, and its rule
/// is fenced by the caller.
pub(crate) struct PolicyScope<'a> {
    /// Where to note.
    pub(crate) notes: &'a mut Notes,
    /// The policy's absolute field path.
    pub(crate) at: &'a str,
    /// Resolves the references of the object that it stands in.
    pub(crate) resolver: &'a Resolver<'a>,
}

impl TranslateScope for PolicyScope<'_> {
    fn report(&mut self, path: &str, kind: FindingKind, text: String, hint: Option<String>) {
        self.notes
            .warning(&format!("{}.{path}", self.at), kind, text)
            .hint_if(hint);
    }

    fn backend(&mut self, path: &str, reference: &BackendObjectReference) -> Option<BackendKey> {
        match self.resolver.resolve(reference) {
            Ok(key) => {
                self.notes.backends.push(key.clone());
                Some(key)
            }
            Err(Problem(field, kind, text, hint)) => {
                self.notes
                    .error(&format!("{}.{path}{field}", self.at), kind, text)
                    .hint_if(hint);
                None
            }
        }
    }
}
