//! `filters` of a rule or of a backend reference, to a set of policies.
//!
//! A filter that cannot work is never skipped when it may protect something: what it stands for is
//! answered 500 instead.

use std::sync::Arc;

use fg_api::http_route::HttpRouteFilter;
use fg_ir::{Refusal, RefusalKind};
use fg_model::FindingKind;
use fg_policies::{
    cors, external_auth, header_modifier, request_mirror, request_redirect, traffic, url_rewrite,
};

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
    /// Mirrors so far.
    mirrors: Vec<request_mirror::Mirror>,
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
    let mut headers = header_modifier::Ir::default();
    let mut seen: Vec<&str> = Vec::new();
    for (at, filter) in written.iter().enumerate() {
        let path = format!("{list}[{at}]");
        let kind = &*filter.kind;
        if seen.contains(&kind) && !matches!(kind, "RequestMirror" | "ExtensionRef") {
            found.fence(
                &path,
                FindingKind::IncompatibleFilters,
                format!("there are two filters of type {kind}"),
                notes,
            );
            continue;
        }
        seen.push(kind);
        one(
            filter,
            place,
            &path,
            resolver,
            &mut headers,
            &mut found,
            notes,
        );
    }
    if !headers.request.is_empty() || !headers.response.is_empty() {
        found.set.header_modifier = Some(Arc::new(headers));
    }
    let mirrors = std::mem::take(&mut found.mirrors);
    if !mirrors.is_empty() {
        found.set.request_mirror = Some(Arc::new(request_mirror::Ir { mirrors }));
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

fn one(
    filter: &HttpRouteFilter,
    place: Place,
    path: &str,
    resolver: &Resolver<'_>,
    headers: &mut header_modifier::Ir,
    found: &mut Filters,
    notes: &mut Notes,
) {
    let kind = &*filter.kind;
    match kind {
        "RequestHeaderModifier" if filter.request_header_modifier.is_some() => {
            let scope = &mut PolicyScope {
                notes,
                at: path,
                resolver,
            };
            if let Some(ir) =
                header_modifier::translate(filter.request_header_modifier.as_ref(), None, scope)
            {
                headers.request = ir.request;
            }
        }
        "ResponseHeaderModifier" if filter.response_header_modifier.is_some() => {
            let scope = &mut PolicyScope {
                notes,
                at: path,
                resolver,
            };
            if let Some(ir) =
                header_modifier::translate(None, filter.response_header_modifier.as_ref(), scope)
            {
                headers.response = ir.response;
            }
        }
        "CORS" if let Some(written) = &filter.cors => {
            let scope = &mut PolicyScope {
                notes,
                at: path,
                resolver,
            };
            found.set.cors = Some(Arc::new(cors::translate(written, scope)));
        }
        "RequestRedirect" if place == Place::Backend => {
            found.fence(
                path,
                FindingKind::RuleDropped,
                "a redirect cannot stand in a backend reference".to_owned(),
                notes,
            );
        }
        "RequestRedirect" if let Some(redirect) = &filter.request_redirect => {
            let ir = request_redirect::translate(
                redirect,
                &mut PolicyScope {
                    notes,
                    at: path,
                    resolver,
                },
            );
            found.set.request_redirect = found.or_fence(ir, path, kind, notes);
        }
        "URLRewrite" if let Some(rewrite) = &filter.url_rewrite => {
            let ir = url_rewrite::translate(
                rewrite,
                &mut PolicyScope {
                    notes,
                    at: path,
                    resolver,
                },
            );
            found.set.url_rewrite = found.or_fence(ir, path, kind, notes);
        }
        // It protects nothing: without it requests are served.
        "RequestMirror" if let Some(mirror) = &filter.request_mirror => {
            let scope = &mut PolicyScope {
                notes,
                at: path,
                resolver,
            };
            if let Some(mirror) = request_mirror::translate(mirror, scope) {
                found.mirrors.push(mirror);
            }
        }
        "ExtensionRef" => extension(filter, path, found, notes),
        "ExternalAuth" if place == Place::Backend => {
            found.fence(
                path,
                FindingKind::RuleDropped,
                "ExternalAuth is supported for whole rules only".to_owned(),
                notes,
            );
        }
        // It protects: without it nothing may pass.
        "ExternalAuth" if let Some(auth) = &filter.external_auth => {
            let scope = &mut PolicyScope {
                notes,
                at: path,
                resolver,
            };
            let ir = external_auth::translate(auth, scope);
            found.set.external_auth = found.or_fence(ir, path, kind, notes);
        }
        _ => found.fence(
            path,
            FindingKind::RuleDropped,
            format!("there is no usable filter `{kind}` here"),
            notes,
        ),
    }
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
    fn fence(&mut self, path: &str, kind: FindingKind, text: String, notes: &mut Notes) {
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

    /// A policy, or the fence around one that cannot work.
    fn or_fence<T>(
        &mut self,
        ir: Option<T>,
        path: &str,
        kind: &str,
        notes: &mut Notes,
    ) -> Option<Arc<T>> {
        if ir.is_none() {
            self.fence(
                path,
                FindingKind::RuleDropped,
                format!("the {kind} filter cannot work"),
                notes,
            );
        }
        ir.map(Arc::new)
    }
}
