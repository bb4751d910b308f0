//! From the filter of a route to the checked form.

use std::sync::Arc;

use fg_api::http_route::HttpRequestRedirect;
use fg_base::Text;
use fg_model::FindingKind;

use super::Ir;
use crate::{Read, TranslateScope, Written, hostname, path_modifier};

/// Statuses that redirect and that the Gateway API knows.
const STATUSES: &[u16] = &[301, 302, 303, 307, 308];
/// The status when none is written.
const DEFAULT_STATUS: u16 = 302;

/// Reads the filter `RequestRedirect`.
pub fn read(
    written: Written<'_>,
    slot: &mut Option<Arc<Ir>>,
    scope: &mut dyn TranslateScope,
) -> Read {
    let written = written.filter(|filter| filter.request_redirect.as_ref());
    Read::all_or_nothing(written, slot, |redirect| translate(redirect, scope))
}

/// Checks a redirect. `None` when it cannot work, with what is wrong reported.
///
/// Shape of the reported paths: `requestRedirect.scheme`, `requestRedirect.path.type`.
pub fn translate(redirect: &HttpRequestRedirect, scope: &mut dyn TranslateScope) -> Option<Ir> {
    let scheme = scheme(redirect.scheme.as_ref(), scope);
    let hostname = hostname::translate(
        redirect.hostname.as_ref(),
        "requestRedirect.hostname",
        scope,
    );
    let path = match &redirect.path {
        Some(modifier) => {
            path_modifier::translate(modifier, "requestRedirect.path", scope).map(Some)
        }
        None => Some(None),
    };
    let port_fits = redirect.port != Some(0);
    if !port_fits {
        let text = "there is no port 0".to_owned();
        scope.report(
            "requestRedirect.port",
            FindingKind::UnsupportedValue,
            text,
            None,
        );
    }
    let status = redirect.status_code.unwrap_or(DEFAULT_STATUS);
    let status_fits = STATUSES.contains(&status);
    if !status_fits {
        scope.report(
            "requestRedirect.statusCode",
            FindingKind::UnsupportedValue,
            format!("{status} is no status of a redirect"),
            Some("write 301, 302, 303, 307 or 308".to_owned()),
        );
    }
    (port_fits && status_fits).then_some(())?;
    Some(Ir {
        scheme: scheme.ok()?,
        hostname: hostname.ok()?,
        path: path?,
        port: redirect.port,
        status,
    })
}

fn scheme(written: Option<&Text>, scope: &mut dyn TranslateScope) -> Result<Option<Text>, ()> {
    let Some(written) = written else {
        return Ok(None);
    };
    let lower = written.to_ascii_lowercase();
    if matches!(&*lower, "http" | "https") {
        return Ok(Some(lower.into()));
    }
    scope.report(
        "requestRedirect.scheme",
        FindingKind::UnsupportedValue,
        format!("`{written}` is no scheme that can be redirected to"),
        Some("write `http` or `https`".to_owned()),
    );
    Err(())
}
