//! HTTP as spoken with backends.

use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::{
    self as core, Http1ProtocolOptions, Http2ProtocolOptions,
};
use envoy_types::pb::envoy::extensions::upstreams::http::v3::{
    HttpProtocolOptions,
    http_protocol_options::{
        ExplicitHttpConfig, UpstreamProtocolOptions, explicit_http_config::ProtocolConfig,
    },
};
use envoy_types::pb::google::protobuf::Any;
use fg_policies::envoy::pack;

use crate::http;
use crate::routes::Speech;
use crate::values::{duration, number};

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(60);

/// The options of a cluster, with their name there.
pub(super) fn options(speech: Speech) -> (String, Any) {
    let protocol = match speech {
        Speech::Http1 => ProtocolConfig::HttpProtocolOptions(Http1ProtocolOptions {
            enable_trailers: true,
            header_key_format: Some(http::names_as_received()),
            ..Default::default()
        }),
        Speech::Http2 => ProtocolConfig::Http2ProtocolOptions(Http2ProtocolOptions {
            // Envoy's word for Extended CONNECT, by which upgrades go.
            allow_connect: true,
            ..http::http2()
        }),
    };
    let options = HttpProtocolOptions {
        common_http_protocol_options: Some(core::HttpProtocolOptions {
            idle_timeout: Some(duration(IDLE)),
            max_headers_count: number(http::FIELDS),
            max_response_headers_kb: number(http::HEAD_KIB),
            ..Default::default()
        }),
        upstream_protocol_options: Some(UpstreamProtocolOptions::ExplicitHttpConfig(
            ExplicitHttpConfig {
                protocol_config: Some(protocol),
            },
        )),
        ..Default::default()
    };
    (
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions".to_owned(),
        pack(&options),
    )
}
