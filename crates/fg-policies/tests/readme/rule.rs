//! From the YAML of a rule to its chains, as the control plane and the proxy do it.

use std::sync::Arc;

use fg_api::http_route::{BackendObjectReference, HttpRouteFilter, HttpRouteRule};
use fg_exchange::{Filter, Part, Session, Setting, WaitingFilter};
use fg_model::{BackendKey, FindingKind, ObjectRef, Origin, kinds};
use fg_policies::{Read, TranslateScope, Written, traffic};

/// A rule, ready for requests.
pub(crate) struct Compiled {
    rule: HttpRouteRule,
    /// What is wrong, a line each: place, text, hint.
    pub(crate) findings: Vec<String>,
    /// Filters of the rule, by the order of their stages.
    pub(crate) filters: Vec<Box<dyn Filter>>,
    /// Filters of the rule that ask first, each with the number of filters before it.
    pub(crate) waiting: Vec<(usize, Box<dyn WaitingFilter>)>,
    /// Filters of the first backend.
    pub(crate) backend_filters: Vec<Box<dyn Filter>>,
    settings: Vec<Setting>,
    session: Option<Session>,
    /// The policies of the rule and of its first backend.
    sets: [traffic::Set; 2],
}

/// Notes findings below a place.
struct Scope<'a> {
    at: String,
    lines: &'a mut Vec<String>,
}

impl TranslateScope for Scope<'_> {
    fn report(&mut self, path: &str, _: FindingKind, text: String, hint: Option<String>) {
        let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
        self.lines.push(format!("{}{path}: {text}{hint}", self.at));
    }

    fn backend(&mut self, path: &str, reference: &BackendObjectReference) -> Option<BackendKey> {
        let mut found = Vec::new();
        let key = TranslateScope::backend(&mut found, path, reference);
        for (path, kind, text) in found {
            self.report(&path, kind, text, None);
        }
        key
    }
}

impl Compiled {
    pub(crate) fn new(yaml: &str) -> Result<Self, serde_saphyr::Error> {
        let rule: HttpRouteRule = serde_saphyr::from_str(yaml)?;
        let mut findings = Vec::new();
        let mut set = filters(&rule.filters, "filters", &mut findings);
        read(Written::Rule(&rule), String::new(), &mut set, &mut findings);
        let of_backend = rule
            .backend_refs
            .first()
            .map(|backend| filters(&backend.filters, "backendRefs[0].filters", &mut findings));
        let chain = Chain::of(&set);
        let sets = [set, of_backend.unwrap_or_default()];
        let of_backend = Chain::of(&sets[1]);
        Ok(Self {
            rule,
            findings,
            filters: chain.filters,
            waiting: chain.waiting,
            backend_filters: of_backend.filters,
            settings: chain.settings,
            session: chain.session,
            sets,
        })
    }

    /// The policies of each place.
    pub(crate) fn sets(&self) -> &[traffic::Set] {
        &self.sets
    }

    /// What every filter says about itself.
    pub(crate) fn explain(&self) -> Vec<String> {
        let waiting = self.waiting.iter().map(|(_, filter)| filter.describe());
        let all = self.filters.iter().chain(&self.backend_filters);
        waiting.chain(all.map(|filter| filter.describe())).collect()
    }

    /// What the engine reads, a line each.
    pub(crate) fn limits(&self) -> Vec<String> {
        let line = |setting: &Setting| {
            let (name, limit) = match setting {
                Setting::RequestTimeout(limit) => ("request", limit),
                Setting::BackendRequestTimeout(limit) => ("backendRequest", limit),
                Setting::Retries(retries) => return vec![format!("retries: {retries}")],
                Setting::Mirrors(mirrors) => {
                    let line = |mirror| format!("copies: {mirror}");
                    return mirrors.iter().map(line).collect();
                }
            };
            match limit {
                Some(limit) => vec![format!("{name}: {limit:?}")],
                None => vec![format!("{name}: none")],
            }
        };
        let session = self.session.iter();
        let session = session.map(|session| format!("session: {session}"));
        self.settings.iter().flat_map(line).chain(session).collect()
    }

    /// The length of the prefix that the first match covers of this path.
    pub(crate) fn matched_prefix(&self, path: &str) -> Option<usize> {
        let Some(first) = self.rule.matches.first() else {
            return Some(0);
        };
        let written = first.path.clone().unwrap_or_default();
        let is_prefix = written.kind.as_deref().unwrap_or("PathPrefix") == "PathPrefix";
        let prefix = written.value.as_deref().unwrap_or("/");
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let rest = path.strip_prefix(prefix);
        assert!(
            !is_prefix || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            "the rule does not match {path}"
        );
        is_prefix.then_some(prefix.len())
    }
}

fn filters(written: &[HttpRouteFilter], list: &str, lines: &mut Vec<String>) -> traffic::Set {
    let mut set = traffic::Set::default();
    for (at, filter) in written.iter().enumerate() {
        let found = read(
            Written::Filter(filter),
            format!("{list}[{at}]."),
            &mut set,
            lines,
        );
        assert_ne!(found, Read::Absent, "no policy reads {}", filter.kind);
    }
    set
}

/// Reads what stands at a place.
fn read(written: Written<'_>, at: String, set: &mut traffic::Set, lines: &mut Vec<String>) -> Read {
    let route = ObjectRef::new(kinds::HTTP_ROUTE.0, kinds::HTTP_ROUTE.1, "default", "r");
    let origin = Origin::of(Arc::new(route), 1).at(at.trim_end_matches('.'));
    set.read(written, &origin, &mut Scope { at, lines })
}

/// The parts of one place.
#[derive(Default)]
struct Chain {
    filters: Vec<Box<dyn Filter>>,
    waiting: Vec<(usize, Box<dyn WaitingFilter>)>,
    settings: Vec<Setting>,
    session: Option<Session>,
}

impl Chain {
    fn of(set: &traffic::Set) -> Self {
        let mut chain = Self::default();
        for (meta, part) in set.chain() {
            match part {
                Part::Filter(filter) => chain.filters.push(filter),
                Part::Waiting(filter) => chain.waiting.push((chain.filters.len(), filter)),
                Part::Settings(some) => chain.settings.extend(some),
                Part::Session(some) => chain.session = Some(*some),
                Part::Body(_) => panic!("{} has no example with a body yet", meta.name),
            }
        }
        chain
    }
}
