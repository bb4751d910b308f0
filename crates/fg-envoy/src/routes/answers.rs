//! What Envoy answers by itself, with the words that our own proxy has for it.

use envoy_types::pb::envoy::config::core::v3::{
    DataSource, HeaderValue, HeaderValueOption, data_source::Specifier,
    header_value_option::HeaderAppendAction,
};
use envoy_types::pb::envoy::config::route::v3::{
    DirectResponseAction, Route, RouteMatch, route::Action, route_match::PathSpecifier,
};
use fg_exchange::{Name, Reason};
use fg_ir::RefusalKind;

use crate::settings::Settings;

/// The field that says why; the same as our own proxy writes.
pub(super) const REASON_FIELD: &str = Name::XFerrogateReason.text();

/// The reason that goes with a refusal; the same as `fg_router::reason`, which a test holds.
pub(super) fn reason(kind: RefusalKind) -> Reason {
    match kind {
        RefusalKind::NoBackends => Reason::NoBackends,
        RefusalKind::InvalidBackend => Reason::InvalidBackend,
        RefusalKind::FilterNotFound => Reason::FilterNotFound,
        RefusalKind::InvalidRule => Reason::InvalidRule,
    }
}

/// The action that answers with a reason's status and words; [`fields`] belong to it.
pub(super) fn action(reason: Reason) -> Action {
    Action::DirectResponse(DirectResponseAction {
        status: reason.status().into(),
        body: Some(DataSource {
            specifier: Some(Specifier::InlineString(format!("{}\n", reason.words()))),
            ..DataSource::default()
        }),
        body_format: None,
    })
}

/// The fields of such an answer.
pub(super) fn fields(settings: &Settings, reason: Reason) -> Vec<HeaderValueOption> {
    let kind = ("content-type", "text/plain; charset=utf-8");
    let why = (REASON_FIELD, reason.text());
    let why = settings.reason_header.then_some(why);
    let all = std::iter::once(kind).chain(why);
    all.map(|(key, value)| HeaderValueOption {
        header: Some(HeaderValue {
            key: key.to_owned(),
            value: value.to_owned(),
            raw_value: Vec::new(),
        }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        ..HeaderValueOption::default()
    })
    .collect()
}

/// The route that answers every request so.
pub(super) fn to_all(settings: &Settings, reason: Reason) -> Route {
    Route {
        name: reason.text().to_owned(),
        r#match: Some(RouteMatch {
            path_specifier: Some(PathSpecifier::Prefix("/".to_owned())),
            ..RouteMatch::default()
        }),
        action: Some(action(reason)),
        response_headers_to_add: fields(settings, reason),
        ..Route::default()
    }
}
