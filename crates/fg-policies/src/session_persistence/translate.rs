//! From the field of a rule to the checked form.

use std::sync::Arc;
use std::time::Duration;

use fg_api::http_route::HttpRouteRule;
use fg_api::session_persistence::{CookieConfig, SessionPersistence};
use fg_base::Text;
use fg_model::FindingKind;

use super::{Carrier, Ir};
use crate::header_modifier::header_name;
use crate::timeouts::parse_duration;
use crate::token::is_token;
use crate::{Read, TranslateScope, Written};

/// Reads the field `sessionPersistence`.
pub fn read(
    written: Written<'_>,
    slot: &mut Option<Arc<Ir>>,
    scope: &mut dyn TranslateScope,
) -> Read {
    let Written::Rule(HttpRouteRule {
        session_persistence: Some(session),
        ..
    }) = written
    else {
        return Read::Absent;
    };
    *slot = translate(session, scope).map(Arc::new);
    Read::Used
}

/// Checks session persistence. `None` when it cannot work, with what is wrong reported: the rule
/// serves without sessions.
///
/// Shape of the reported paths: `sessionPersistence.cookie.name`.
pub fn translate(written: &SessionPersistence, scope: &mut dyn TranslateScope) -> Option<Ir> {
    let lifetime = lifetime(written.absolute_timeout.as_ref(), scope);
    let carrier = match written.kind.as_deref().unwrap_or("Cookie") {
        "Cookie" => {
            let default = CookieConfig::default();
            let cookie = written.cookie.as_ref().unwrap_or(&default);
            cookie_carrier(cookie, lifetime.is_some(), scope)?
        }
        "Header" => {
            let place = "sessionPersistence.header.name";
            let Some(header) = &written.header else {
                let text = "a session by header needs the header's name".to_owned();
                scope.report(place, FindingKind::UnsupportedValue, text, None);
                return None;
            };
            Carrier::Header(header_name(&header.name, place, scope)?)
        }
        other => {
            scope.report(
                "sessionPersistence.type",
                FindingKind::UnsupportedValue,
                format!("`{other}` is no type of session, so that there are none"),
                Some("write `Cookie` or `Header`".to_owned()),
            );
            return None;
        }
    };
    Some(Ir { carrier, lifetime })
}

fn lifetime(written: Option<&Text>, scope: &mut dyn TranslateScope) -> Option<Duration> {
    let written = written?;
    let parsed = parse_duration(written);
    if parsed.is_none() {
        scope.report(
            "sessionPersistence.absoluteTimeout",
            FindingKind::UnsupportedValue,
            format!("`{written}` is no duration, so that sessions do not end"),
            Some("write it like `30m` or `12h`".to_owned()),
        );
    }
    parsed.filter(|lifetime| !lifetime.is_zero())
}

fn cookie_carrier(
    cookie: &CookieConfig,
    ends: bool,
    scope: &mut dyn TranslateScope,
) -> Option<Carrier> {
    if let Some(name) = cookie.name.as_ref().filter(|name| !is_token(name)) {
        scope.report(
            "sessionPersistence.cookie.name",
            FindingKind::UnsupportedValue,
            format!(
                "`{}` is no name of a cookie, so that there are no sessions",
                name.escape_debug()
            ),
            Some("write letters, digits, `-` and `_`".to_owned()),
        );
        return None;
    }
    let path = cookie.path.clone().unwrap_or_else(|| "/".into());
    // What could end the attribute, or begin another one. Source: RFC 6265 §4.1.1 (`path-value`).
    let is_part = |byte: u8| (b' '..0x7f).contains(&byte) && byte != b';';
    if !path.starts_with('/') || !path.bytes().all(is_part) {
        scope.report(
            "sessionPersistence.cookie.path",
            FindingKind::UnsupportedValue,
            format!(
                "`{}` is no path of a cookie, so that there are no sessions",
                path.escape_debug()
            ),
            Some("write a path such as `/` or `/shop`".to_owned()),
        );
        return None;
    }
    let permanent = cookie.lifetime_type.as_deref() == Some("Permanent");
    if permanent && !ends {
        scope.report(
            "sessionPersistence.absoluteTimeout",
            FindingKind::UnsupportedValue,
            "a permanent cookie needs a time after which it ends; it lasts as long as the \
             browser's session"
                .to_owned(),
            Some("write `absoluteTimeout`, such as `12h`".to_owned()),
        );
    }
    Some(Carrier::Cookie {
        name: cookie.name.clone(),
        path,
        permanent: permanent && ends,
    })
}
