//! From the filter of a route to the checked form.

use std::sync::Arc;

use fg_api::external_auth::{HttpAuthConfig, HttpExternalAuthFilter};
use fg_base::Text;
use fg_model::FindingKind;

use super::{Ir, Protocol};
use crate::token::is_token;
use crate::{Read, TranslateScope, Written, path_modifier};

/// Reads the filter `ExternalAuth`. It protects: without it nothing may pass.
pub fn read(
    written: Written<'_>,
    slot: &mut Option<Arc<Ir>>,
    scope: &mut dyn TranslateScope,
) -> Read {
    let written = written.filter(|filter| filter.external_auth.as_ref());
    Read::all_or_nothing(written, slot, |auth| translate(auth, scope))
}

/// Checks the filter. `None` when it cannot work, with what is wrong reported: nothing may pass
/// then.
///
/// Shape of the reported paths: `externalAuth.backendRef.name`, `externalAuth.http.path`.
pub fn translate(auth: &HttpExternalAuthFilter, scope: &mut dyn TranslateScope) -> Option<Ir> {
    let backend = scope.backend("externalAuth.backendRef", &auth.backend_ref);
    let protocol = match &*auth.protocol {
        "HTTP" => {
            let default = HttpAuthConfig::default();
            http(auth.http.as_ref().unwrap_or(&default), scope)
        }
        "GRPC" => {
            let headers = auth.grpc.as_ref().map(|grpc| &*grpc.allowed_headers);
            let place = "externalAuth.grpc.allowedHeaders";
            names(headers.unwrap_or_default(), place, scope)
                .map(|headers| Protocol::Grpc { headers })
        }
        other => {
            scope.report(
                "externalAuth.protocol",
                FindingKind::UnsupportedValue,
                format!("`{other}` is no protocol of an authorization service"),
                Some("write `HTTP` or `GRPC`".to_owned()),
            );
            None
        }
    };
    let written = auth.forward_body.as_ref().and_then(|body| body.max_size);
    let body = u32::try_from(written.unwrap_or(0)).ok();
    if body.is_none() {
        scope.report(
            "externalAuth.forwardBody.maxSize",
            FindingKind::UnsupportedValue,
            "a size is not below 0".to_owned(),
            None,
        );
    }
    Some(Ir {
        backend: backend?,
        protocol: protocol?,
        body: body?,
    })
}

fn http(config: &HttpAuthConfig, scope: &mut dyn TranslateScope) -> Option<Protocol> {
    let path = prefix(config.path.as_ref(), scope);
    let headers = names(
        &config.allowed_headers,
        "externalAuth.http.allowedHeaders",
        scope,
    );
    let reply_headers = names(
        &config.allowed_response_headers,
        "externalAuth.http.allowedResponseHeaders",
        scope,
    );
    Some(Protocol::Http {
        path: path?,
        headers: headers?,
        reply_headers: reply_headers?,
    })
}

/// A prefix in the form of all paths here, without a slash at its end.
fn prefix(written: Option<&Text>, scope: &mut dyn TranslateScope) -> Option<Text> {
    let Some(written) = written else {
        return Some("".into());
    };
    let path = path_modifier::canonical(written, "externalAuth.http.path", scope)?;
    Some(path.trim_end_matches('/').into())
}

/// Names in lower case. One that is none makes the whole filter unusable: what it stands for might
/// be what access depends on.
fn names(written: &[Text], place: &str, scope: &mut dyn TranslateScope) -> Option<Vec<Text>> {
    let mut all_fit = true;
    for (at, name) in written.iter().enumerate() {
        if !is_token(name) {
            all_fit = false;
            scope.report(
                &format!("{place}[{at}]"),
                FindingKind::UnsupportedValue,
                format!("`{}` is no name of a header", name.escape_debug()),
                Some("write letters, digits and `-`".to_owned()),
            );
        }
    }
    let lower = |name: &Text| name.to_ascii_lowercase().into();
    all_fit.then(|| written.iter().map(lower).collect())
}
