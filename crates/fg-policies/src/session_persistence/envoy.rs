//! What Envoy is told.

use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::TypedExtensionConfig;
use envoy_types::pb::envoy::config::route::v3::route_action::ClusterSpecifier;
use envoy_types::pb::envoy::extensions::filters::http::stateful_session::v3::{
    StatefulSession, StatefulSessionPerRoute, stateful_session_per_route::Override,
};
use envoy_types::pb::envoy::extensions::http::stateful_session::{
    cookie::v3::CookieBasedSessionState, header::v3::HeaderBasedSessionState,
};
use envoy_types::pb::envoy::r#type::http::v3::{Cookie, CookieAttribute};

use super::{Carrier, Ir};
use crate::Around;
use crate::envoy::{Sink, Standing, duration, pack};

const FILTER: &str = "session_persistence";

/// Writes the policy.
pub fn map(ir: &Ir, sink: &mut Sink<'_>) {
    let site = sink.site();
    // A route of one backend's own has a part of the requests.
    let is_part = sink
        .condition()
        .is_some_and(|asks| asks.runtime_fraction.is_some());
    let Some(action) = sink.forward() else {
        return;
    };
    let backends = drawn(action.cluster_specifier.as_ref()) + usize::from(is_part);
    if let Some(why) = ir.lacks_on_envoy(Around { backends }) {
        sink.refuse(why);
        return;
    }
    let state = match &ir.carrier {
        Carrier::Header(name) => {
            let state = HeaderBasedSessionState {
                name: name.to_string(),
            };
            extension("envoy.http.stateful_session.header", &state)
        }
        Carrier::Cookie { name, path, .. } => {
            let name = name.as_ref().map(ToString::to_string);
            let cookie = Cookie {
                name: name.unwrap_or_else(|| own_name(site.rule)),
                ttl: Some(duration(ir.lifetime.unwrap_or(Duration::ZERO))),
                path: path.to_string(),
                attributes: attributes(site.https),
            };
            let state = CookieBasedSessionState {
                cookie: Some(cookie),
            };
            extension("envoy.http.stateful_session.cookie", &state)
        }
    };
    let here = StatefulSessionPerRoute {
        r#override: Some(Override::StatefulSession(StatefulSession {
            session_state: Some(state),
            ..StatefulSession::default()
        })),
    };
    sink.http_filter(FILTER, &StatefulSession::default(), &here);
}

/// The filter of all who use it.
pub fn standing() -> Vec<Standing> {
    vec![(FILTER, pack(&StatefulSession::default()))]
}

fn extension(name: &str, state: &impl prost::Name) -> TypedExtensionConfig {
    TypedExtensionConfig {
        name: name.to_owned(),
        typed_config: Some(pack(state)),
    }
}

/// Out of reach for other sites and, over TLS, for eavesdroppers. `HttpOnly` is Envoy's own.
fn attributes(https: bool) -> Vec<CookieAttribute> {
    let attribute = |name: &str, value: &str| CookieAttribute {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    let secure = https.then(|| attribute("Secure", ""));
    let same_site = attribute("SameSite", "Strict");
    secure.into_iter().chain([same_site]).collect()
}

/// How many clusters get requests.
fn drawn(clusters: Option<&ClusterSpecifier>) -> usize {
    let Some(ClusterSpecifier::WeightedClusters(weighted)) = clusters else {
        return 1;
    };
    let shares = weighted.clusters.iter();
    let drawn = shares.filter(|share| share.weight.is_none_or(|weight| weight.value > 0));
    drawn.count()
}

/// The name of the cookie of a rule that names none.
fn own_name(rule: &str) -> String {
    format!(
        "fg-session-{:016x}",
        twox_hash::XxHash3_64::oneshot(rule.as_bytes())
    )
}
