//! From the filter of a route to the checked form.

use std::sync::Arc;

use fg_api::http_route::{HttpRouteFilter, HttpUrlRewrite};

use super::Ir;
use crate::{Read, TranslateScope, Written, hostname, path_modifier};

/// Reads the filter `URLRewrite`.
pub fn read(
    written: Written<'_>,
    slot: &mut Option<Arc<Ir>>,
    scope: &mut dyn TranslateScope,
) -> Read {
    let Written::Filter(HttpRouteFilter {
        url_rewrite: Some(rewrite),
        ..
    }) = written
    else {
        return Read::Absent;
    };
    *slot = translate(rewrite, scope).map(Arc::new);
    Read::all_or_nothing(slot)
}

/// Checks a rewrite. `None` when it cannot work, with what is wrong reported.
///
/// Shape of the reported paths: `urlRewrite.hostname`, `urlRewrite.path.replaceFullPath`.
pub fn translate(rewrite: &HttpUrlRewrite, scope: &mut dyn TranslateScope) -> Option<Ir> {
    let hostname = hostname::translate(rewrite.hostname.as_ref(), "urlRewrite.hostname", scope);
    let path = match &rewrite.path {
        Some(modifier) => path_modifier::translate(modifier, "urlRewrite.path", scope).map(Some),
        None => Some(None),
    };
    Some(Ir {
        hostname: hostname.ok()?,
        path: path?,
    })
}
