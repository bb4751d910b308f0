//! The access log: the fields of our own, as JSON on standard output.

use std::collections::HashMap;

use envoy_types::pb::envoy::config::accesslog::v3::{AccessLog, access_log::ConfigType};
use envoy_types::pb::envoy::config::core::v3::{
    SubstitutionFormatString, substitution_format_string::Format,
};
use envoy_types::pb::envoy::extensions::access_loggers::stream::v3::{
    StdoutAccessLog, stdout_access_log::AccessLogFormat,
};
use envoy_types::pb::google::protobuf::{Any, Struct, Value, value::Kind};
use prost::{Message as _, Name as _};

use crate::settings::Settings;

/// The fields of `fg_telemetry::access_log::Entry`. What a route is, and where it came in, stands in
/// the names of routes and filter chains, and in the metadata of clusters. What there is not is
/// `null`.
const FIELDS: [(&str, &str); 24] = [
    ("attempts", "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"),
    ("backend", "%METADATA(CLUSTER:ferrogate:backend)%"),
    ("bytes_in", "%BYTES_RECEIVED%"),
    ("bytes_out", "%BYTES_SENT%"),
    ("cipher", "%DOWNSTREAM_TLS_CIPHER%"),
    ("client", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
    ("detail", "%RESPONSE_CODE_DETAILS%"),
    ("endpoint", "%UPSTREAM_REMOTE_ADDRESS%"),
    ("flags", "%RESPONSE_FLAGS%"),
    ("host", "%REQ(X-FORWARDED-HOST?:AUTHORITY)%"),
    ("listener", "%FILTER_CHAIN_NAME%"),
    ("method", "%REQ(:METHOD)%"),
    ("path", "%PATH(NQ:ORIG_OR_PATH)%"),
    ("protocol", "%PROTOCOL%"),
    ("reason", "%RESP(X-FERROGATE-REASON)%"),
    ("request_id", "%REQ(X-REQUEST-ID)%"),
    ("route", "%ROUTE_NAME%"),
    ("sni", "%REQUESTED_SERVER_NAME%"),
    ("status", "%RESPONSE_CODE%"),
    ("time", "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%"),
    ("tls", "%DOWNSTREAM_TLS_VERSION%"),
    ("total_us", "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%"),
    ("upstream_us", "%COMMON_DURATION(US_TX_BEG:US_RX_BEG:us)%"),
    ("user_agent", "%REQ(USER-AGENT)%"),
];

/// The log of a filter chain, when it is on.
pub(super) fn log(settings: &Settings) -> Vec<AccessLog> {
    if !settings.access_log {
        return Vec::new();
    }
    vec![AccessLog {
        name: "envoy.access_loggers.stdout".to_owned(),
        config_type: Some(ConfigType::TypedConfig(Any {
            type_url: StdoutAccessLog::type_url(),
            value: config(),
        })),
        ..Default::default()
    }]
}

/// The logger, encoded. Its fields are a map, which would be written in any order: each is written
/// as a message of its own, and one after the other they are read as one.
fn config() -> Vec<u8> {
    let mut out = Vec::new();
    for (name, format) in FIELDS {
        let value = Value {
            kind: Some(Kind::StringValue(format.to_owned())),
        };
        let fields = Struct {
            fields: HashMap::from([(name.to_owned(), value)]),
        };
        let format = SubstitutionFormatString {
            format: Some(Format::JsonFormat(fields)),
            ..Default::default()
        };
        let part = StdoutAccessLog {
            access_log_format: Some(AccessLogFormat::LogFormat(format)),
        };
        out.extend(part.encode_to_vec());
    }
    out
}
