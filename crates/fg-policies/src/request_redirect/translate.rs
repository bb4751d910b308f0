//! From the filter of a route to the checked form.

use fg_api::http_route::HttpRequestRedirect;

use super::Ir;
use crate::{TranslateScope, path_modifier};

/// Checks a redirect; default status is 302.
pub fn translate(redirect: &HttpRequestRedirect, scope: &mut dyn TranslateScope) -> Option<Ir> {
    let path = match &redirect.path {
        Some(modifier) => Some(path_modifier::translate(
            modifier,
            "requestRedirect.path",
            scope,
        )?),
        None => None,
    };
    Some(Ir {
        scheme: redirect
            .scheme
            .as_ref()
            .map(|scheme| scheme.to_ascii_lowercase().into()),
        hostname: redirect
            .hostname
            .as_ref()
            .filter(|host| !host.is_empty())
            .map(|host| host.to_ascii_lowercase().into()),
        path,
        port: redirect.port,
        status: redirect.status_code.unwrap_or(302),
    })
}
