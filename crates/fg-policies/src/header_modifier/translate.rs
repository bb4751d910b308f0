//! From the filters of a route to the checked form.

use fg_api::http_route::{HttpHeader, HttpHeaderFilter};
use fg_base::Text;
use fg_model::FindingKind;

use super::{Changes, Ir};
use crate::TranslateScope;

/// Names that describe the message's framing or connection: they are the proxy's own.
const FORBIDDEN: &[&str] = &[
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Checks the changes of requests and replies. Entries that cannot be used are reported and left
/// out.
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
    let mut names =
        |list: &str, at: usize, name: &Text| checked(&format!("{place}.{list}[{at}]"), name, scope);
    let mut pairs = |list: &str, headers: &[HttpHeader]| {
        let mut seen: Vec<(Text, Text)> = Vec::new();
        for (at, header) in headers.iter().enumerate() {
            if let Some(name) = names(list, at, &header.name)
                && !seen.iter().any(|(earlier, _)| *earlier == name)
            {
                seen.push((name, header.value.clone()));
            }
        }
        seen
    };
    let set = pairs("set", &filter.set);
    let add = pairs("add", &filter.add);
    let remove = filter
        .remove
        .iter()
        .enumerate()
        .filter_map(|(at, name)| names("remove", at, name))
        .collect();
    Changes { set, add, remove }
}

fn checked(place: &str, name: &Text, scope: &mut dyn TranslateScope) -> Option<Text> {
    let lower: Text = name.to_ascii_lowercase().into();
    if FORBIDDEN.contains(&&*lower) {
        scope.report(
            &format!("{place}.name"),
            FindingKind::UnsupportedValue,
            format!("`{name}` belongs to the connection and cannot be changed by a filter"),
            (&*lower == "host").then(|| "use a URLRewrite filter with `hostname`".to_owned()),
        );
        return None;
    }
    Some(lower)
}
