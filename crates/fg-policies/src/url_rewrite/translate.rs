//! From the filter of a route to the checked form.

use fg_api::http_route::HttpUrlRewrite;

use super::Ir;
use crate::{TranslateScope, path_modifier};

/// Checks a rewrite.
pub fn translate(rewrite: &HttpUrlRewrite, scope: &mut dyn TranslateScope) -> Option<Ir> {
    let path = match &rewrite.path {
        Some(modifier) => Some(path_modifier::translate(
            modifier,
            "urlRewrite.path",
            scope,
        )?),
        None => None,
    };
    let hostname = rewrite
        .hostname
        .as_ref()
        .filter(|host| !host.is_empty())
        .map(|host| host.to_ascii_lowercase().into());
    Some(Ir { hostname, path })
}
