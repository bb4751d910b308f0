//! From the filter of a route to the checked form.

use std::sync::Arc;

use fg_api::http_route::HttpUrlRewrite;

use super::Ir;
use crate::{Read, TranslateScope, Written, hostname, path_modifier};

/// Reads the filter `URLRewrite`.
pub fn read(
    written: Written<'_>,
    slot: &mut Option<Arc<Ir>>,
    scope: &mut dyn TranslateScope,
) -> Read {
    let written = written.filter(|filter| filter.url_rewrite.as_ref());
    Read::all_or_nothing(written, slot, |rewrite| translate(rewrite, scope))
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
