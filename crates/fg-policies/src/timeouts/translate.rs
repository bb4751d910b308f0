//! From the fields of a rule to the checked form.

use std::sync::Arc;

use fg_api::http_route::{HttpRouteRule, HttpRouteTimeouts};
use fg_base::Text;
use fg_model::FindingKind;

use super::{Ir, parse_duration};
use crate::{Read, TranslateScope, Written};

/// Reads the field `timeouts`.
pub fn read(
    written: Written<'_>,
    slot: &mut Option<Arc<Ir>>,
    scope: &mut dyn TranslateScope,
) -> Read {
    let Written::Rule(HttpRouteRule {
        timeouts: Some(timeouts),
        ..
    }) = written
    else {
        return Read::Absent;
    };
    *slot = translate(timeouts, scope).map(Arc::new);
    Read::Used
}

/// Checks time limits; `0s` is none, and so is one that cannot be read (with a finding). `None` when
/// neither is written.
///
/// Shape of the reported paths: `timeouts.request`, `timeouts.backendRequest`.
pub fn translate(timeouts: &HttpRouteTimeouts, scope: &mut dyn TranslateScope) -> Option<Ir> {
    if timeouts.request.is_none() && timeouts.backend_request.is_none() {
        return None;
    }
    let mut read = |place: &str, text: Option<&Text>| {
        let text = text?;
        let duration = parse_duration(text);
        if duration.is_none() {
            scope.report(
                place,
                FindingKind::UnsupportedValue,
                format!("`{text}` is no duration, so that there is no limit"),
                Some("write it like `500ms`, `10s` or `1m30s`".to_owned()),
            );
        }
        duration.filter(|duration| !duration.is_zero())
    };
    Some(Ir {
        request: read("timeouts.request", timeouts.request.as_ref()),
        backend_request: read("timeouts.backendRequest", timeouts.backend_request.as_ref()),
    })
}
