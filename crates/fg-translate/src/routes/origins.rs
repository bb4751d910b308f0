//! Where the policies of a rule, or of a backend reference, are written.

use fg_api::http_route::HttpRouteFilter;
use fg_model::Origin;
use fg_policies::{
    cors, header_modifier, request_mirror, request_redirect, retry, session_persistence, timeouts,
    traffic, url_rewrite,
};

/// Notes in a set where its policies come from: `filters`, and the fields beside them. `path` is the
/// field path of the rule or reference, `origin` the route's.
pub(super) fn note(
    set: &mut traffic::Set,
    filters: &[HttpRouteFilter],
    path: &str,
    origin: &Origin,
) {
    for (at, filter) in filters.iter().enumerate() {
        let policy = match &*filter.kind {
            "RequestHeaderModifier" | "ResponseHeaderModifier" => header_modifier::META,
            "CORS" => cors::META,
            "RequestMirror" => request_mirror::META,
            "RequestRedirect" => request_redirect::META,
            "URLRewrite" => url_rewrite::META,
            _ => continue,
        };
        let place = origin.at(format!("{path}.filters[{at}]"));
        set.origins.push((policy.name, place));
    }
    let fields = [
        (set.timeouts.is_some(), timeouts::META, "timeouts"),
        (set.retry.is_some(), retry::META, "retry"),
        (
            set.session_persistence.is_some(),
            session_persistence::META,
            "sessionPersistence",
        ),
    ];
    for (_, policy, field) in fields.into_iter().filter(|field| field.0) {
        let place = origin.at(format!("{path}.{field}"));
        set.origins.push((policy.name, place));
    }
}
