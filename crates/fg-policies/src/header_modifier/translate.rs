//! From the filters of a route to the checked form.

use std::sync::Arc;

use fg_api::http_route::{HttpHeader, HttpHeaderFilter};
use fg_base::Text;
use fg_model::FindingKind;

use super::{Changes, Ir};
use crate::token::is_token;
use crate::{Read, TranslateScope, Written};

/// Names that describe the message's framing or connection: they are the proxy's own.
const FORBIDDEN: &[&str] = &[
    "connection",
    "content-length",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Reads the filters `RequestHeaderModifier` and `ResponseHeaderModifier`, each into its half.
pub fn read(
    written: Written<'_>,
    slot: &mut Option<Arc<Ir>>,
    scope: &mut dyn TranslateScope,
) -> Read {
    let Written::Filter(filter) = written else {
        return Read::Absent;
    };
    let (request, response) = match &*filter.kind {
        "RequestHeaderModifier" => (filter.request_header_modifier.as_ref(), None),
        _ => (None, filter.response_header_modifier.as_ref()),
    };
    if request.or(response).is_none() {
        return Read::Absent;
    }
    if let Some(changes) = translate(request, response, scope) {
        let ir = Arc::make_mut(slot.get_or_insert_default());
        match request {
            Some(_) => ir.request = changes.request,
            None => ir.response = changes.response,
        }
    }
    Read::Used
}

/// Checks the changes of requests and replies. Entries that cannot be used are reported and left
/// out; `None` when nothing is left. Of two entries of one list with one name the first counts.
///
/// Shape of the reported paths: `requestHeaderModifier.set[0].name`.
pub fn translate(
    request: Option<&HttpHeaderFilter>,
    response: Option<&HttpHeaderFilter>,
    scope: &mut dyn TranslateScope,
) -> Option<Ir> {
    let ir = Ir {
        request: changes(request, "requestHeaderModifier", scope),
        response: changes(response, "responseHeaderModifier", scope),
    };
    (!ir.request.is_empty() || !ir.response.is_empty()).then_some(ir)
}

fn changes(
    filter: Option<&HttpHeaderFilter>,
    place: &str,
    scope: &mut dyn TranslateScope,
) -> Changes {
    let Some(filter) = filter else {
        return Changes::default();
    };
    let set = pairs(&filter.set, &format!("{place}.set"), scope);
    let add = pairs(&filter.add, &format!("{place}.add"), scope);
    let mut remove: Vec<Text> = Vec::new();
    for (at, written) in filter.remove.iter().enumerate() {
        if let Some(name) = header_name(written, &format!("{place}.remove[{at}]"), scope)
            && !remove.contains(&name)
        {
            remove.push(name);
        }
    }
    Changes { set, add, remove }
}

fn pairs(headers: &[HttpHeader], place: &str, scope: &mut dyn TranslateScope) -> Vec<(Text, Text)> {
    let mut pairs: Vec<(Text, Text)> = Vec::new();
    for (at, header) in headers.iter().enumerate() {
        let place = format!("{place}[{at}]");
        let name = header_name(&header.name, &format!("{place}.name"), scope);
        let value = value(&header.value, &format!("{place}.value"), scope);
        if let (Some(name), Some(value)) = (name, value)
            && !pairs.iter().any(|(earlier, _)| *earlier == name)
        {
            pairs.push((name, value));
        }
    }
    pairs
}

/// A name in lower case. Source: RFC 9110 §5.6.2 (`token`).
pub(crate) fn header_name(
    written: &Text,
    place: &str,
    scope: &mut dyn TranslateScope,
) -> Option<Text> {
    if !is_token(written) {
        scope.report(
            place,
            FindingKind::UnsupportedValue,
            format!("`{}` is no name of a header", written.escape_debug()),
            Some("write letters, digits and `-`".to_owned()),
        );
        return None;
    }
    let lower = written.to_ascii_lowercase();
    if FORBIDDEN.contains(&&*lower) {
        scope.report(
            place,
            FindingKind::UnsupportedValue,
            format!("`{written}` belongs to the connection and cannot be changed by a filter"),
            (lower == "host").then(|| "use a URLRewrite filter with `hostname`".to_owned()),
        );
        return None;
    }
    Some(lower.into())
}

/// A value without the blanks around it, which are no part of it. Source: RFC 9110 §5.5.
fn value(written: &Text, place: &str, scope: &mut dyn TranslateScope) -> Option<Text> {
    let trimmed = written.trim_matches([' ', '\t']);
    if trimmed.bytes().any(|b| b.is_ascii_control() && b != b'\t') {
        scope.report(
            place,
            FindingKind::UnsupportedValue,
            "the value holds a control character, such as the end of a line".to_owned(),
            Some("write the value in one line".to_owned()),
        );
        return None;
    }
    Some(trimmed.into())
}
