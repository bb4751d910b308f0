//! From the filter of a route to the checked form.

use std::sync::Arc;

use fg_api::cors::HttpCorsFilter;
use fg_base::Text;
use fg_model::FindingKind;

use super::{Ir, Names, OriginPattern, Origins};
use crate::token::is_token;
use crate::{Read, TranslateScope, Written};

/// How long a browser may remember a preflight when nothing is written. Units: seconds.
const DEFAULT_MAX_AGE: u32 = 5;

/// Reads the filter `CORS`.
pub fn read(
    written: Written<'_>,
    slot: &mut Option<Arc<Ir>>,
    scope: &mut dyn TranslateScope,
) -> Read {
    let Some(cors) = written.filter(|filter| filter.cors.as_ref()) else {
        return Read::Absent;
    };
    *slot = Some(Arc::new(translate(cors, scope)));
    Read::Used
}

/// Checks a CORS filter. What cannot work is reported and left out: less is allowed than was
/// meant, never more.
///
/// Shape of the reported paths: `cors.allowOrigins[0]`, `cors.maxAge`.
pub fn translate(cors: &HttpCorsFilter, scope: &mut dyn TranslateScope) -> Ir {
    Ir {
        origins: origins(&cors.allow_origins, scope),
        credentials: cors.allow_credentials.unwrap_or(false),
        methods: names(&cors.allow_methods, "cors.allowMethods", scope),
        headers: names(&cors.allow_headers, "cors.allowHeaders", scope),
        expose: names(&cors.expose_headers, "cors.exposeHeaders", scope),
        max_age: max_age(cors.max_age, scope),
    }
}

fn origins(written: &[Text], scope: &mut dyn TranslateScope) -> Origins {
    if written.iter().any(|origin| &**origin == "*") {
        return Origins::Any;
    }
    let mut patterns = Vec::new();
    for (at, origin) in written.iter().enumerate() {
        match OriginPattern::parse(origin) {
            Some(pattern) => patterns.push(pattern),
            None => scope.report(
                &format!("cors.allowOrigins[{at}]"),
                FindingKind::UnsupportedValue,
                format!("`{origin}` is no origin, so that it is not allowed"),
                Some(
                    "write it like `https://example.com`, `https://*.example.com` or `*`"
                        .to_owned(),
                ),
            ),
        }
    }
    Origins::Some(patterns)
}

/// Methods and header names are tokens (RFC 9110 §5.6.2), and go into a header as they are.
fn names(written: &[Text], place: &str, scope: &mut dyn TranslateScope) -> Names {
    if written.iter().any(|name| &**name == "*") {
        return Names::Any;
    }
    let mut kept = Vec::new();
    for (at, name) in written.iter().enumerate() {
        if is_token(name) {
            kept.push(name.clone());
            continue;
        }
        scope.report(
            &format!("{place}[{at}]"),
            FindingKind::UnsupportedValue,
            format!("`{name}` is no name of a method or header, so that it is not allowed"),
            None,
        );
    }
    Names::Some(kept)
}

fn max_age(written: Option<i32>, scope: &mut dyn TranslateScope) -> u32 {
    let Some(written) = written else {
        return DEFAULT_MAX_AGE;
    };
    match u32::try_from(written) {
        Ok(seconds) if seconds > 0 => seconds,
        _ => {
            scope.report(
                "cors.maxAge",
                FindingKind::UnsupportedValue,
                format!(
                    "{written} is no number of seconds above 0, so that it is {DEFAULT_MAX_AGE}"
                ),
                None,
            );
            DEFAULT_MAX_AGE
        }
    }
}
