//! `filters` of a rule or of a backend reference, to a set of policies.
//!
//! A filter that cannot work is never skipped when it may protect something: what it stands for is
//! answered 500 instead.

use fg_api::http_route::HttpRouteFilter;
use fg_ir::{Refusal, RefusalKind};
use fg_model::FindingKind;
use fg_policies::{Read, Written, traffic};

use super::resolve::Resolver;
use crate::notes::{Notes, PolicyScope};

/// Where filters stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a rule.
    Rule,
    /// In a backend reference.
    Backend,
}

/// Filters, translated.
#[derive(Default)]
pub(super) struct Filters {
    /// The policies.
    pub(super) set: traffic::Set,
    /// Why requests cannot pass, the first reason.
    pub(super) refusal: Option<Refusal>,
}

/// Translates a list of filters; `list` is its absolute field path.
pub(super) fn translate(
    written: &[HttpRouteFilter],
    place: Place,
    list: &str,
    resolver: &Resolver<'_>,
    notes: &mut Notes,
) -> Filters {
    let mut found = Filters::default();
    let mut seen: Vec<&str> = Vec::new();
    for (at, filter) in written.iter().enumerate() {
        let path = format!("{list}[{at}]");
        let kind = &*filter.kind;
        if kind == "ExtensionRef" {
            extension(filter, &path, &mut found, notes);
            continue;
        }
        let policy = traffic::ALL
            .iter()
            .find(|policy| policy.reads.looks_at(Written::Filter(filter)));
        let is_twice = seen.contains(&kind) && !policy.is_some_and(|policy| policy.repeats);
        seen.push(kind);
        let problem = if is_twice {
            let text = format!("there are two filters of type {kind}");
            Some((FindingKind::IncompatibleFilters, text))
        } else if place == Place::Backend && policy.is_some_and(|policy| !policy.per_backend) {
            let text = format!("a filter of type {kind} is for whole rules only");
            Some((FindingKind::RuleDropped, text))
        } else {
            let origin = notes.origin.at(path.as_str());
            let scope = &mut PolicyScope {
                notes,
                at: &path,
                resolver,
            };
            let text = match found.set.read(Written::Filter(filter), &origin, scope) {
                Read::Used => None,
                Read::Broken => Some(format!("the {kind} filter cannot work")),
                Read::Absent => Some(format!("there is no usable filter `{kind}` here")),
            };
            text.map(|text| (FindingKind::RuleDropped, text))
        };
        if let Some((kind, text)) = problem {
            found.fence(&path, kind, text, notes);
        }
    }
    if found.set.request_redirect.is_some() && found.set.url_rewrite.is_some() {
        found.fence(
            list,
            FindingKind::IncompatibleFilters,
            "RequestRedirect and URLRewrite do not go together".to_owned(),
            notes,
        );
    }
    found
}

fn extension(filter: &HttpRouteFilter, path: &str, found: &mut Filters, notes: &mut Notes) {
    let text = match &filter.extension_ref {
        Some(reference) => format!(
            "there is no filter of kind {} in group `{}`",
            reference.kind, reference.group
        ),
        None => "the filter has no `extensionRef`".to_owned(),
    };
    notes
        .error(
            &format!("{path}.extensionRef"),
            FindingKind::FilterNotFound,
            format!("{text}: requests are answered 500"),
        )
        .hint("remove the filter");
    found.refuse(
        RefusalKind::FilterNotFound,
        FindingKind::FilterNotFound,
        text,
    );
}

impl Filters {
    /// Reports what makes that nothing may pass.
    pub(super) fn fence(&mut self, path: &str, kind: FindingKind, text: String, notes: &mut Notes) {
        notes.error(
            path,
            FindingKind::RuleDropped,
            format!("{text}: requests are answered 500"),
        );
        self.refuse(RefusalKind::InvalidRule, kind, text);
    }

    fn refuse(&mut self, kind: RefusalKind, finding: FindingKind, text: String) {
        self.refusal.get_or_insert_with(|| Refusal {
            kind,
            finding: Some(finding),
            text: text.into(),
        });
    }
}
