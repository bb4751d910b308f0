//! From the fields of a filter to the checked form.

use std::sync::Arc;

use fg_api::request_mirror::HttpRequestMirror;
use fg_model::FindingKind;

use super::{Ir, Mirror};
use crate::{Read, TranslateScope, Written};

/// The whole of `percent`, and of a `fraction` that does not say it.
const HUNDRED: u32 = 100;

/// Reads one of the filters `RequestMirror`. They protect nothing: without them requests are served.
pub fn read(
    written: Written<'_>,
    slot: &mut Option<Arc<Ir>>,
    scope: &mut dyn TranslateScope,
) -> Read {
    let Some(mirror) = written.filter(|filter| filter.request_mirror.as_ref()) else {
        return Read::Absent;
    };
    if let Some(mirror) = translate(mirror, scope) {
        let ir = slot.get_or_insert_default();
        Arc::make_mut(ir).mirrors.push(mirror);
    }
    Read::Used
}

/// Checks one filter. `None` was reported: the rule serves without these copies.
///
/// Shape of the reported paths: `requestMirror.backendRef.name`, `requestMirror.percent`.
pub fn translate(mirror: &HttpRequestMirror, scope: &mut dyn TranslateScope) -> Option<Mirror> {
    let backend = scope.backend("requestMirror.backendRef", &mirror.backend_ref);
    let (path, numerator, denominator) = match (mirror.percent, &mirror.fraction) {
        (None, None) => ("requestMirror", HUNDRED, HUNDRED),
        (Some(percent), None) => ("requestMirror.percent", percent, HUNDRED),
        (None, Some(fraction)) => (
            "requestMirror.fraction",
            fraction.numerator,
            fraction.denominator.unwrap_or(HUNDRED),
        ),
        (Some(_), Some(_)) => {
            scope.report(
                "requestMirror",
                FindingKind::UnsupportedValue,
                "both `percent` and `fraction` are written, so that nothing is copied".to_owned(),
                Some("remove one of them".to_owned()),
            );
            return None;
        }
    };
    if denominator == 0 || numerator > denominator {
        scope.report(
            path,
            FindingKind::UnsupportedValue,
            format!("{numerator} of {denominator} is no part, so that nothing is copied"),
            Some("write a part of the whole, such as `percent: 10`".to_owned()),
        );
        return None;
    }
    Some(Mirror {
        backend: backend?,
        numerator,
        denominator,
    })
}
