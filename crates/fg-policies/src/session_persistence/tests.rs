//! Edges that the examples of the README do not show.

use envoy_types::pb::envoy::config::core::v3::{RuntimeFractionalPercent, TypedExtensionConfig};
use envoy_types::pb::envoy::config::route::v3::{route::Action, route_action::ClusterSpecifier};
use envoy_types::pb::envoy::extensions::filters::http::stateful_session::v3::{
    StatefulSessionPerRoute, stateful_session_per_route::Override,
};
use envoy_types::pb::envoy::extensions::http::stateful_session::{
    cookie::v3::CookieBasedSessionState, header::v3::HeaderBasedSessionState,
};
use envoy_types::pb::envoy::r#type::http::v3::Cookie;
use envoy_types::pb::google::protobuf::UInt32Value;
use fg_api::session_persistence::{CookieConfig, HeaderConfig, SessionPersistence};

use super::{Carrier, Ir, translate};
use crate::Around;
use crate::envoy::Site;
use crate::envoy::testing::{SITE, route, said, set, written, written_to};
use prost::Message as _;

fn cookie(name: Option<&str>, path: Option<&str>) -> SessionPersistence {
    SessionPersistence {
        cookie: Some(CookieConfig {
            name: name.map(Into::into),
            path: path.map(Into::into),
            lifetime_type: None,
        }),
        ..SessionPersistence::default()
    }
}

#[test]
fn the_default_is_a_cookie_of_the_browsers_session_for_all_paths() {
    let mut findings = Vec::new();
    let ir = translate(&SessionPersistence::default(), &mut findings);
    let expected = Ir {
        carrier: Carrier::Cookie {
            name: None,
            path: "/".into(),
            permanent: false,
        },
        lifetime: None,
    };
    assert_eq!((ir, findings.len()), (Some(expected), 0));
}

#[test]
fn what_could_write_another_field_or_attribute_is_refused() {
    for (written, place) in [
        (cookie(Some("a=b"), None), "cookie.name"),
        (cookie(Some("a\r\nset-cookie: x"), None), "cookie.name"),
        (cookie(Some(""), None), "cookie.name"),
        (cookie(None, Some("/; Domain=com")), "cookie.path"),
        (cookie(None, Some("/\r\nx: y")), "cookie.path"),
        (cookie(None, Some("shop")), "cookie.path"),
        (
            SessionPersistence {
                kind: Some("Header".into()),
                header: Some(HeaderConfig {
                    name: "Transfer-Encoding".into(),
                }),
                ..SessionPersistence::default()
            },
            "header.name",
        ),
        (
            SessionPersistence {
                kind: Some("Header".into()),
                ..SessionPersistence::default()
            },
            "header.name",
        ),
        (
            SessionPersistence {
                kind: Some("Query".into()),
                ..SessionPersistence::default()
            },
            "type",
        ),
    ] {
        let mut findings = Vec::new();
        assert_eq!(translate(&written, &mut findings), None, "{written:?}");
        let places: Vec<&str> = findings.iter().map(|(place, ..)| place.as_str()).collect();
        assert_eq!(places, [format!("sessionPersistence.{place}")]);
    }
}

/// The state that Envoy is told to keep; `None` when it is refused.
fn on_envoy(yaml: &str, https: bool) -> Option<TypedExtensionConfig> {
    let written = written(&set(yaml), Site { https, ..SITE });
    let filters = &written.route.typed_per_filter_config;
    let here: StatefulSessionPerRoute = said(filters, "session_persistence")?;
    assert_eq!(written.outcome.refusals, []);
    match here.r#override {
        Some(Override::StatefulSession(session)) => {
            assert!(!session.strict, "an endpoint that is gone ends the session");
            session.session_state
        }
        other => panic!("{other:?}"),
    }
}

fn envoys_cookie(yaml: &str, https: bool) -> Cookie {
    let state = on_envoy(yaml, https)
        .and_then(|state| state.typed_config)
        .expect("a state");
    let state = CookieBasedSessionState::decode(state.value.as_slice()).expect("a cookie");
    state.cookie.expect("a cookie")
}

#[test]
fn envoys_cookie_is_ours() {
    let cookie = envoys_cookie(
        "sessionPersistence: {cookie: {name: cart, path: /shop}}",
        true,
    );
    assert_eq!((&*cookie.name, &*cookie.path), ("cart", "/shop"));
    assert_eq!(
        cookie.ttl.map(|ttl| (ttl.seconds, ttl.nanos)),
        Some((0, 0)),
        "of the browser's session"
    );
    let attributes = cookie.attributes.iter();
    let attributes: Vec<_> = attributes.map(|one| (&*one.name, &*one.value)).collect();
    assert_eq!(attributes, [("Secure", ""), ("SameSite", "Strict")]);
    let own = envoys_cookie("sessionPersistence: {absoluteTimeout: 12h}", false);
    assert!(own.name.starts_with("fg-session-"), "{}", own.name);
    assert_eq!(own.ttl.map(|ttl| ttl.seconds), Some(43_200));
    assert_eq!(own.attributes.len(), 1, "clear text has no `Secure`");
}

#[test]
fn what_envoys_sessions_cannot_do_is_refused() {
    let by_header = "sessionPersistence: {type: Header, header: {name: X-S}}";
    let state = on_envoy(by_header, false)
        .and_then(|state| state.typed_config)
        .expect("a state");
    let state = HeaderBasedSessionState::decode(state.value.as_slice()).expect("a header");
    assert_eq!(state.name, "x-s");
    let ends = "sessionPersistence: {type: Header, absoluteTimeout: 1h, header: {name: X-S}}";
    let refused = written(&set(ends), SITE);
    assert_eq!(refused.outcome.refusals.len(), 1);
    assert_eq!(
        set(ends).lacks_on_envoy(Around { backends: 1 }).len(),
        1,
        "the status says so"
    );

    let mut several = route();
    if let Some(Action::Route(action)) = &mut several.action
        && let Some(ClusterSpecifier::WeightedClusters(weighted)) = &mut action.cluster_specifier
    {
        let other = weighted.clusters[0].clone();
        weighted.clusters.push(other);
    }
    let refused = written_to(&set(by_header), SITE, several.clone());
    assert_eq!(
        refused.outcome.refusals.len(),
        1,
        "the backend is drawn first"
    );
    if let Some(Action::Route(action)) = &mut several.action
        && let Some(ClusterSpecifier::WeightedClusters(weighted)) = &mut action.cluster_specifier
    {
        weighted.clusters[0].weight = Some(UInt32Value { value: 0 });
    }
    let fine = written_to(&set(by_header), SITE, several);
    assert_eq!(fine.outcome.refusals, [], "nothing is drawn");

    let mut part = route();
    let asks = part.r#match.as_mut().expect("a match");
    asks.runtime_fraction = Some(RuntimeFractionalPercent::default());
    let refused = written_to(&set(by_header), SITE, part);
    assert_eq!(refused.outcome.refusals.len(), 1, "a backend of several");
}
