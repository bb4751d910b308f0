//! From the fields of a filter to the checked form.

use fg_api::request_mirror::HttpRequestMirror;
use fg_model::FindingKind;

use super::Mirror;
use crate::TranslateScope;

/// The whole of `percent`, and of a `fraction` that does not say it.
const HUNDRED: u32 = 100;

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
