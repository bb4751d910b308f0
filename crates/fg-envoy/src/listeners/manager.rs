//! Envoy's HTTP connection manager: as strict as our own proxy, with the same bounds and times.

use std::collections::BTreeMap;
use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::{
    Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions, TypedExtensionConfig,
    http_protocol_options::HeadersWithUnderscoresAction,
};
use envoy_types::pb::envoy::extensions::filters::http::router::v3::Router;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpFilter as Entry, Rds, RequestIdExtension,
    http_connection_manager::{
        ForwardClientCertDetails, InternalAddressConfig, PathWithEscapedSlashesAction,
        RouteSpecifier, ServerHeaderTransformation, SetCurrentClientCertDetails, UpgradeConfig,
    },
    http_filter::ConfigType,
};
use envoy_types::pb::envoy::extensions::http::early_header_mutation::header_mutation::v3::HeaderMutation as EarlyHeaderMutation;
use envoy_types::pb::envoy::extensions::request_id::uuid::v3::UuidRequestIdConfig;
use envoy_types::pb::google::protobuf::Any;
use fg_ir::ListenerTls;
use fg_policies::envoy::{HttpFilter, pack};
use fg_policies::traffic;

pub(super) use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

use super::{access_log, answers, edge};
use crate::http;
use crate::secrets::ads;
use crate::settings::Settings;
use crate::values::{duration, flag, number};

/// How long a kept-alive connection of a client may be idle.
const IDLE: Duration = Duration::from_secs(75);
/// Time for a complete request head.
const HEAD: Duration = Duration::from_secs(10);
/// How long nothing may happen to a request. The time that backends have to begin a reply.
const SILENT: Duration = Duration::from_secs(300);
/// Requests on one connection of a client before it is closed.
const REQUESTS: u32 = 1_000_000;

/// The manager of a filter chain.
pub(super) fn manager(
    settings: &Settings,
    routes: String,
    tls: Option<&ListenerTls>,
    filters: &BTreeMap<String, HttpFilter>,
) -> HttpConnectionManager {
    let mut manager = HttpConnectionManager {
        // One for all: each would be some fifty series in the metrics.
        stat_prefix: "http".to_owned(),
        route_specifier: Some(RouteSpecifier::Rds(Rds {
            config_source: Some(ads()),
            route_config_name: routes,
        })),
        http_filters: chain(tls, filters),
        access_log: access_log::log(settings),
        local_reply_config: Some(answers::config(settings)),
        upgrade_configs: vec![UpgradeConfig {
            upgrade_type: "websocket".to_owned(),
            ..Default::default()
        }],
        // What a backend says of itself is passed on; we say nothing of ourselves.
        server_header_transformation: ServerHeaderTransformation::PassThrough as i32,
        // Whether a body is wanted is for the backend to say.
        proxy_100_continue: true,
        // The root of the DNS is the same host.
        strip_trailing_host_dot: true,
        ..Default::default()
    };
    bounds(&mut manager);
    paths(&mut manager);
    clients(&mut manager, tls);
    manager
}

/// Bounds and times.
fn bounds(manager: &mut HttpConnectionManager) {
    manager.common_http_protocol_options = Some(HttpProtocolOptions {
        idle_timeout: Some(duration(IDLE)),
        max_headers_count: number(http::FIELDS),
        max_requests_per_connection: number(REQUESTS),
        headers_with_underscores_action: HeadersWithUnderscoresAction::DropHeader as i32,
        ..Default::default()
    });
    manager.http_protocol_options = Some(Http1ProtocolOptions {
        accept_http_10: true,
        // Every method is one, as it is by HTTP/2.
        allow_custom_methods: true,
        enable_trailers: true,
        header_key_format: Some(http::names_as_received()),
        ..Default::default()
    });
    manager.http2_protocol_options = Some(Http2ProtocolOptions {
        // Envoy's word for Extended CONNECT, by which WebSockets come.
        allow_connect: true,
        ..http::http2()
    });
    manager.max_request_headers_kb = number(http::HEAD_KIB);
    manager.request_headers_timeout = Some(duration(HEAD));
    manager.stream_idle_timeout = Some(duration(SILENT));
}

/// One canonical path. Source: decision 12 of the architecture; see also [`edge`].
fn paths(manager: &mut HttpConnectionManager) {
    manager.normalize_path = flag(true);
    manager.merge_slashes = false;
    manager.path_with_escaped_slashes_action = PathWithEscapedSlashesAction::RejectRequest as i32;
}

/// Who the client is, and what backends are told of it. Nobody is trusted.
fn clients(manager: &mut HttpConnectionManager, tls: Option<&ListenerTls>) {
    manager.use_remote_address = flag(true);
    // It is written on arrival, see `edge`.
    manager.skip_xff_append = true;
    manager.internal_address_config = Some(InternalAddressConfig::default());
    manager.early_header_mutation_extensions = vec![TypedExtensionConfig {
        name: "envoy.http.early_header_mutation.header_mutation".to_owned(),
        typed_config: Some(pack(&EarlyHeaderMutation {
            mutations: edge::arriving(),
        })),
    }];
    manager.request_id_extension = Some(RequestIdExtension {
        typed_config: Some(pack(&UuidRequestIdConfig {
            pack_trace_reason: flag(false),
            use_request_id_for_trace_sampling: flag(false),
        })),
    });
    if tls.is_some_and(|tls| tls.client.is_some()) {
        manager.forward_client_cert_details = ForwardClientCertDetails::SanitizeSet as i32;
        manager.set_current_client_cert_details = Some(SetCurrentClientCertDetails {
            subject: flag(true),
            dns: true,
            uri: true,
            ..Default::default()
        });
    }
}

/// The filters: the edge's own, those of policies in the order of their stages, each switched off
/// until a route switches it on, and the router.
fn chain(tls: Option<&ListenerTls>, filters: &BTreeMap<String, HttpFilter>) -> Vec<Entry> {
    let client = tls.and_then(|tls| tls.client.as_ref());
    let lenient = client.is_some_and(|client| client.insecure_fallback);
    let standing = traffic::Set::standing();
    let mut policies: Vec<_> = standing
        .iter()
        .filter(|filter| !filters.contains_key(&filter.name))
        .chain(filters.values())
        .collect();
    policies.sort_by_key(|filter| (filter.policy.stage, filter.policy.name, &filter.name));
    let mut chain = vec![
        entry("ferrogate.host", edge::host()),
        entry("ferrogate.path", edge::path()),
        entry("ferrogate.expectation", edge::expectation()),
    ];
    if lenient {
        chain.push(entry("ferrogate.client", edge::unknown_clients()));
    }
    chain.extend(policies.into_iter().map(|filter| Entry {
        disabled: true,
        ..entry(&filter.name, filter.config.clone())
    }));
    chain.push(entry("ferrogate.leaving", edge::leaving()));
    chain.push(entry(
        "envoy.filters.http.router",
        pack(&Router {
            dynamic_stats: flag(false),
            suppress_envoy_headers: true,
            ..Default::default()
        }),
    ));
    chain
}

fn entry(name: &str, config: Any) -> Entry {
    Entry {
        name: name.to_owned(),
        config_type: Some(ConfigType::TypedConfig(config)),
        ..Default::default()
    }
}
