//! From the field of a rule to the checked form.

use std::sync::Arc;

use fg_api::http_route::HttpRouteRule;
use fg_policies::{Read, TranslateScope, Written};

use super::Ir;

/// Reads the field `name`.
pub(crate) fn read(
    written: Written<'_>,
    slot: &mut Option<Arc<Ir>>,
    _: &mut dyn TranslateScope,
) -> Read {
    let Written::Rule(HttpRouteRule {
        name: Some(name), ..
    }) = written
    else {
        return Read::Absent;
    };
    *slot = Some(Arc::new(Ir(name.to_string())));
    Read::Used
}
