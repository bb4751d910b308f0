//! `backendRefs` of a rule: what each share of the requests goes to.
//!
//! A reference that cannot be used keeps its share and answers 500: weights are never spread over
//! the others. A missing grant outranks a missing object, so that a namespace cannot be probed.

use fg_api::http_route::HttpBackendRef;
use fg_ir::{Refusal, RefusalKind, RuleBackend, Target};
use fg_model::{FindingKind, kinds};

use super::resolve::{Problem, Resolver};
use super::{Written, filters};
use crate::notes::Notes;

/// Translates the references of a rule, in their order.
pub(super) fn backends(
    route: &Written,
    written: &[HttpBackendRef],
    rule: &str,
    resolver: &Resolver<'_>,
    notes: &mut Notes,
) -> Vec<RuleBackend> {
    written
        .iter()
        .enumerate()
        .map(|(at, reference)| {
            let path = format!("{rule}.backendRefs[{at}]");
            let filters = filters::translate(
                &reference.filters,
                filters::Place::Backend,
                &format!("{path}.filters"),
                resolver,
                notes,
            );
            if reference.port.is_some() && reference.kind.as_deref() == Some(kinds::BACKEND.1) {
                notes.warning(
                    &format!("{path}.port"),
                    FindingKind::UnsupportedValue,
                    "the ports of a Backend are its own; this one has no effect",
                );
            }
            let target = match resolver.resolve(&reference.object()) {
                Err(Problem(field, kind, text, hint)) => {
                    notes
                        .error(&format!("{path}{field}"), kind, text.clone())
                        .hint_if(hint);
                    Target::Broken(Refusal {
                        kind: RefusalKind::InvalidBackend,
                        finding: Some(kind),
                        text: text.into(),
                    })
                }
                Ok(key) => match filters.refusal {
                    Some(refusal) => Target::Broken(refusal),
                    None => Target::Backend(key),
                },
            };
            RuleBackend {
                origin: route.origin().at(path),
                weight: reference.weight.unwrap_or(1),
                target,
                policies: filters.set,
            }
        })
        .collect()
}
