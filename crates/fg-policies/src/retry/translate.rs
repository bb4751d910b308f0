//! From the fields of a rule to the checked form.

use std::sync::Arc;

use fg_api::http_route::HttpRouteRule;
use fg_api::retry::HttpRouteRetry;
use fg_model::FindingKind;

use super::Ir;
use crate::timeouts::parse_duration;
use crate::{Read, TranslateScope, Written};

/// How often a request is sent again when nothing is said.
const ATTEMPTS: u32 = 1;

/// Reads the field `retry`.
pub fn read(
    written: Written<'_>,
    slot: &mut Option<Arc<Ir>>,
    scope: &mut dyn TranslateScope,
) -> Read {
    let Written::Rule(HttpRouteRule {
        retry: Some(retry), ..
    }) = written
    else {
        return Read::Absent;
    };
    *slot = Some(Arc::new(translate(retry, scope)));
    Read::Used
}

/// Checks `retry`; what cannot be read is left out, with a finding.
///
/// Shape of the reported paths: `retry.codes[0]`, `retry.attempts`, `retry.backoff`.
pub fn translate(retry: &HttpRouteRetry, scope: &mut dyn TranslateScope) -> Ir {
    let mut codes = Vec::with_capacity(retry.codes.len());
    for (at, &code) in retry.codes.iter().enumerate() {
        if (400..600).contains(&code) {
            codes.push(code);
        } else {
            scope.report(
                &format!("retry.codes[{at}]"),
                FindingKind::UnsupportedValue,
                format!("{code} is no status of a failure, so that it is not retried"),
                Some("name statuses from 400 to 599".to_owned()),
            );
        }
    }
    codes.sort_unstable();
    codes.dedup();
    let attempts = match retry.attempts {
        None => ATTEMPTS,
        Some(attempts) if attempts >= 0 => u32::try_from(attempts).unwrap_or(u32::MAX),
        Some(attempts) => {
            scope.report(
                "retry.attempts",
                FindingKind::UnsupportedValue,
                format!("{attempts} is below 0, so that nothing is retried"),
                Some("write 0 to switch retries off".to_owned()),
            );
            0
        }
    };
    let backoff = retry.backoff.as_ref().and_then(|text| {
        let backoff = parse_duration(text);
        if backoff.is_none() {
            scope.report(
                "retry.backoff",
                FindingKind::UnsupportedValue,
                format!("`{text}` is no duration, so that the default serves"),
                Some("write it like `25ms`, `500ms` or `1s`".to_owned()),
            );
        }
        backoff
    });
    Ir {
        codes,
        attempts,
        backoff,
    }
}
