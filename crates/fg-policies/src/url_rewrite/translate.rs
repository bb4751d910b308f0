//! From the filter of a route to the checked form.

use fg_api::http_route::HttpUrlRewrite;

use super::Ir;
use crate::{TranslateScope, hostname, path_modifier};

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
