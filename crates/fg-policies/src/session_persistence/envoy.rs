//! What Envoy is told.

use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::TypedExtensionConfig;
use envoy_types::pb::envoy::config::route::v3::{
    WeightedCluster,
    route_action::{
        ClusterSpecifier, HashPolicy,
        hash_policy::{Cookie as HashCookie, PolicySpecifier},
    },
    weighted_cluster::RandomValueSpecifier,
};
use envoy_types::pb::envoy::extensions::filters::http::stateful_session::v3::{
    StatefulSession, StatefulSessionPerRoute, stateful_session_per_route::Override,
};
use envoy_types::pb::envoy::extensions::http::stateful_session::{
    cookie::v3::CookieBasedSessionState, header::v3::HeaderBasedSessionState,
};
use envoy_types::pb::envoy::r#type::http::v3::{Cookie, CookieAttribute};
use envoy_types::pb::google::protobuf::BoolValue;

use super::{Carrier, Ir};
use crate::envoy::{Sink, duration, pack};

/// Writes the policy.
///
/// Envoy's session holds within one backend. Among several, a second cookie keeps clients at the
/// one that was drawn first.
pub fn map(ir: &Ir, sink: &mut Sink<'_>) {
    if let Some(why) = ir.lacks_on_envoy() {
        sink.refuse(why);
        return;
    }
    let site = sink.site();
    let Some(action) = sink.forward() else {
        return;
    };
    let state = match &ir.carrier {
        Carrier::Header(name) => {
            if weighted(&mut action.cluster_specifier).is_some() {
                sink.refuse(
                    "Envoy cannot keep a session by header at one of several backends; write a \
                     cookie, or one backend",
                );
                return;
            }
            let state = HeaderBasedSessionState {
                name: name.to_string(),
            };
            extension("envoy.http.stateful_session.header", &state)
        }
        Carrier::Cookie { name, path, .. } => {
            let name = match name {
                Some(name) => name.to_string(),
                None => own_name(site.rule),
            };
            if let Some(weighted) = weighted(&mut action.cluster_specifier) {
                let by_hash = RandomValueSpecifier::UseHashPolicy(BoolValue { value: true });
                weighted.random_value_specifier = Some(by_hash);
                action.hash_policy.push(HashPolicy {
                    terminal: true,
                    policy_specifier: Some(PolicySpecifier::Cookie(HashCookie {
                        name: format!("{name}-backend"),
                        ttl: Some(duration(ir.lifetime.unwrap_or(Duration::ZERO))),
                        path: path.to_string(),
                        attributes: Vec::new(),
                    })),
                });
            }
            let state = CookieBasedSessionState {
                cookie: Some(Cookie {
                    name,
                    ttl: Some(duration(ir.lifetime.unwrap_or(Duration::ZERO))),
                    path: path.to_string(),
                    attributes: attributes(site.https),
                }),
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
    sink.http_filter("session_persistence", &StatefulSession::default(), &here);
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

/// The clusters of a route that has several with a weight.
fn weighted(clusters: &mut Option<ClusterSpecifier>) -> Option<&mut WeightedCluster> {
    let Some(ClusterSpecifier::WeightedClusters(weighted)) = clusters else {
        return None;
    };
    let shares = weighted.clusters.iter();
    let drawn = shares.filter(|share| share.weight.is_none_or(|weight| weight.value > 0));
    (drawn.count() > 1).then_some(weighted)
}

/// The name of the cookie of a rule that names none.
fn own_name(rule: &str) -> String {
    format!(
        "fg-session-{:016x}",
        twox_hash::XxHash3_64::oneshot(rule.as_bytes())
    )
}
