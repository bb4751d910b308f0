//! What HTTP is on both sides of Envoy: the bounds are those of our own proxy.

use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::{
    Http2ProtocolOptions, KeepaliveSettings, TypedExtensionConfig,
    http1_protocol_options::{HeaderKeyFormat, header_key_format::HeaderFormat},
};
use envoy_types::pb::envoy::extensions::http::header_formatters::preserve_case::v3::PreserveCaseFormatterConfig;
use fg_policies::envoy::pack;

use crate::values::{duration, number};

/// Fields of a head.
pub(crate) const FIELDS: u32 = 100;
/// A head. Units: KiB.
pub(crate) const HEAD_KIB: u32 = 64;
/// Streams that a client may have open at a time.
const STREAMS: u32 = 128;
/// How much of one body is received ahead. Units: bytes.
const STREAM_WINDOW: u32 = 256 * 1024;
/// How much of all bodies of a connection is received ahead. Units: bytes.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// How long the other side may be silent before it is asked whether it is there, and how long it
/// has for the answer.
const SILENCE: Duration = Duration::from_secs(30);

/// Settings of HTTP/2.
pub(crate) fn http2() -> Http2ProtocolOptions {
    Http2ProtocolOptions {
        hpack_table_size: number(4096),
        max_concurrent_streams: number(STREAMS),
        initial_stream_window_size: number(STREAM_WINDOW),
        initial_connection_window_size: number(CONNECTION_WINDOW),
        connection_keepalive: Some(KeepaliveSettings {
            interval: Some(duration(SILENCE)),
            timeout: Some(duration(SILENCE)),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Names of HTTP/1 fields are passed on with the letters that they came with, and so are reason
/// phrases.
pub(crate) fn names_as_received() -> HeaderKeyFormat {
    HeaderKeyFormat {
        header_format: Some(HeaderFormat::StatefulFormatter(TypedExtensionConfig {
            name: "envoy.http.stateful_header_formatters.preserve_case".to_owned(),
            typed_config: Some(pack(&PreserveCaseFormatterConfig {
                forward_reason_phrase: true,
                ..Default::default()
            })),
        })),
    }
}
