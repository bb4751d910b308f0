//! Envoy's own answers, with the status, words and reason that our own proxy has for them.
//!
//! What went wrong is told by the details of the response code, which Envoy's documentation lists.

use envoy_types::pb::envoy::config::accesslog::v3::{
    AccessLogFilter, AndFilter, ComparisonFilter, ExtensionFilter, HeaderFilter, StatusCodeFilter,
    access_log_filter::FilterSpecifier, comparison_filter::Op, extension_filter::ConfigType,
};
use envoy_types::pb::envoy::config::core::v3::{
    DataSource, RuntimeUInt32, SubstitutionFormatString, data_source::Specifier,
    substitution_format_string::Format,
};
use envoy_types::pb::envoy::config::route::v3::{
    HeaderMatcher, header_matcher::HeaderMatchSpecifier,
};
use envoy_types::pb::envoy::extensions::access_loggers::filters::cel::v3::ExpressionFilter;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::{
    LocalReplyConfig, ResponseMapper,
};
use envoy_types::pb::envoy::r#type::matcher::v3::{
    RegexMatcher, StringMatcher, string_matcher::MatchPattern,
};
use fg_exchange::{Reason, grpc};
use fg_policies::envoy::pack;

use super::edge;
use crate::settings::Settings;
use crate::values::number;

/// How it is told that Envoy gave an answer.
enum Told {
    /// The details are one of these.
    Details(&'static [&'static str]),
    /// The details begin so.
    Begins(&'static str),
    /// The backend was lost before its reply, for one of these reasons.
    Lost(&'static [&'static str]),
    /// Another expression of CEL.
    By(&'static str),
}

/// Which reason stands for what Envoy says. The first that fits counts.
const REASONS: [(Reason, Told); 20] = [
    (Reason::NoRoute, Told::Details(&["route_not_found"])),
    (Reason::NoEndpoints, Told::Begins("no_healthy_upstream")),
    (
        Reason::UpstreamTls,
        Told::By(
            "response.code_details.startsWith('upstream_reset_before_response_started{') && \
             (response.code_details.contains('TLS_error') || \
             response.code_details.contains('SSL_error'))",
        ),
    ),
    (
        Reason::ConnectFailed,
        Told::Lost(&[
            "remote_connection_failure",
            "local_connection_failure",
            "connection_timeout",
            "connection_failure",
        ]),
    ),
    (
        Reason::UpstreamClosed,
        Told::Lost(&["connection_termination"]),
    ),
    (
        Reason::UpstreamReset,
        Told::Lost(&["remote_reset", "remote_refused_stream_reset", "local_reset"]),
    ),
    (Reason::BadReply, Told::Lost(&["protocol_error"])),
    (
        Reason::Overloaded,
        Told::By(
            "response.code_details.startsWith('upstream_reset_before_response_started{overflow') \
             || response.code_details.startsWith('overload')",
        ),
    ),
    (
        Reason::RouteTimeout,
        Told::Details(&[
            "upstream_response_timeout",
            "upstream_max_stream_duration_reached",
            "max_duration_timeout",
        ]),
    ),
    (
        Reason::UpstreamTimeout,
        Told::By(
            "response.code_details.startsWith('upstream_per_try_') || \
             (response.code_details == 'stream_idle_timeout' && response.code == 504)",
        ),
    ),
    (
        Reason::RequestTimeout,
        Told::By(
            "response.code_details in ['request_header_timeout', 'request_overall_timeout'] || \
             (response.code_details == 'stream_idle_timeout' && response.code == 408)",
        ),
    ),
    (Reason::InvalidBackend, Told::Begins("cluster_not_found")),
    (
        Reason::BadPath,
        Told::By(
            "response.code_details in ['path_normalization_failed', 'missing_path_rejected', \
             'absolute_path_rejected'] || response.code_details == \
             'rbac_access_denied_matched_policy[bad_path]'",
        ),
    ),
    (
        Reason::BadHost,
        Told::Details(&[
            "missing_host_header",
            "rbac_access_denied_matched_policy[bad_host]",
        ]),
    ),
    (
        Reason::BodyTooLarge,
        Told::Details(&["request_payload_too_large"]),
    ),
    (
        Reason::AuthUnavailable,
        Told::Details(&[
            "ext_authz_error",
            "rbac_access_denied_matched_policy[auth_unavailable]",
        ]),
    ),
    (
        Reason::HeadTooLarge,
        Told::By("response.code == 431 && response.code_details.startsWith('http')"),
    ),
    (
        Reason::BadRequest,
        Told::By("response.code == 400 && response.code_details.startsWith('http')"),
    ),
    (Reason::VersionNotSupported, Told::Details(&["low_version"])),
    (
        Reason::ExpectationFailed,
        Told::Details(&["rbac_access_denied_matched_policy[expectation_failed]"]),
    ),
];

/// Answers of routes: they have status, words and reason already, but callers of gRPC methods are
/// told otherwise.
const ROUTED: [Reason; 7] = [
    Reason::NoBackends,
    Reason::InvalidBackend,
    Reason::InvalidRule,
    Reason::FilterNotFound,
    Reason::Misdirected,
    Reason::NoListener,
    Reason::NoRoute,
];

/// Statuses for which Envoy would give callers of gRPC methods another code than we do.
const STATUSES: [u16; 9] = [405, 408, 413, 421, 429, 431, 499, 500, 504];

/// How Envoy's own answers look.
pub(super) fn config(settings: &Settings) -> LocalReplyConfig {
    let detected = REASONS.iter().map(|(reason, told)| (*reason, told.text()));
    let detected: Vec<(Reason, String)> = detected.collect();
    let routed = ROUTED.map(|reason| {
        // Others who answer may write such a field, too.
        let told = format!(
            "response.code_details == 'direct_response' && \
             response.headers['x-ferrogate-reason'] == '{}'",
            reason.text()
        );
        (reason, told)
    });
    let mut mappers = Vec::new();
    for (reason, told) in detected.iter().chain(&routed) {
        mappers.push(to_caller(settings, *reason, told));
    }
    mappers.extend(STATUSES.map(to_caller_by_status));
    for (reason, told) in &detected {
        mappers.push(to_client(settings, *reason, told));
    }
    LocalReplyConfig {
        mappers,
        body_format: Some(SubstitutionFormatString {
            content_type: "text/plain; charset=utf-8".to_owned(),
            format: Some(Format::TextFormatSource(inline("%LOCAL_REPLY_BODY%"))),
            ..Default::default()
        }),
    }
}

impl Told {
    fn text(&self) -> String {
        match self {
            Self::Details(details) => {
                format!("response.code_details in ['{}']", details.join("', '"))
            }
            Self::Begins(start) => format!("response.code_details.startsWith('{start}')"),
            Self::Lost(why) => {
                let all = why.iter().map(|why| {
                    format!(
                        "response.code_details.startsWith(\
                         'upstream_reset_before_response_started{{{why}')"
                    )
                });
                all.collect::<Vec<_>>().join(" || ")
            }
            Self::By(text) => (*text).to_owned(),
        }
    }
}

/// An answer to somebody who speaks HTTP.
fn to_client(settings: &Settings, reason: Reason, told: &str) -> ResponseMapper {
    let mut mapper = with_reason(settings, reason);
    mapper.filter = Some(expression(told));
    mapper.body = Some(inline(&format!("{}\n", reason.words())));
    mapper
}

/// An answer to who calls a gRPC method: Envoy makes it one without a body.
fn to_caller(settings: &Settings, reason: Reason, told: &str) -> ResponseMapper {
    let mut mapper = with_reason(settings, reason);
    mapper.filter = Some(both(is_call(), expression(told)));
    mapper.body = Some(inline(reason.words()));
    let code = grpc::code_of(reason).digits();
    mapper.headers_to_add.push(edge::set("grpc-status", code));
    mapper
}

fn to_caller_by_status(status: u16) -> ResponseMapper {
    let filter = FilterSpecifier::StatusCodeFilter(StatusCodeFilter {
        comparison: Some(ComparisonFilter {
            op: Op::Eq as i32,
            value: Some(RuntimeUInt32 {
                default_value: status.into(),
                runtime_key: "ferrogate.none".to_owned(),
            }),
        }),
    });
    let code = grpc::code_of_status(status).digits();
    ResponseMapper {
        filter: Some(both(is_call(), specified(filter))),
        headers_to_add: vec![edge::set("grpc-status", code)],
        ..Default::default()
    }
}

fn with_reason(settings: &Settings, reason: Reason) -> ResponseMapper {
    let said = settings
        .reason_header
        .then(|| edge::set("x-ferrogate-reason", reason.text()));
    ResponseMapper {
        status_code: number(reason.status().into()),
        headers_to_add: said.into_iter().collect(),
        ..Default::default()
    }
}

/// Whether the request is a call of a gRPC method.
fn is_call() -> AccessLogFilter {
    specified(FilterSpecifier::HeaderFilter(HeaderFilter {
        header: Some(HeaderMatcher {
            name: "content-type".to_owned(),
            header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(StringMatcher {
                match_pattern: Some(MatchPattern::SafeRegex(RegexMatcher {
                    regex: "(?i)application/grpc(?:[+; \\t].*)?".to_owned(),
                    ..Default::default()
                })),
                ..Default::default()
            })),
            ..Default::default()
        }),
    }))
}

fn expression(text: &str) -> AccessLogFilter {
    specified(FilterSpecifier::ExtensionFilter(ExtensionFilter {
        name: "envoy.access_loggers.extension_filters.cel".to_owned(),
        config_type: Some(ConfigType::TypedConfig(pack(&ExpressionFilter {
            expression: text.to_owned(),
            ..Default::default()
        }))),
    }))
}

fn both(one: AccessLogFilter, other: AccessLogFilter) -> AccessLogFilter {
    specified(FilterSpecifier::AndFilter(AndFilter {
        filters: vec![one, other],
    }))
}

fn specified(filter: FilterSpecifier) -> AccessLogFilter {
    AccessLogFilter {
        filter_specifier: Some(filter),
    }
}

fn inline(text: &str) -> DataSource {
    DataSource {
        specifier: Some(Specifier::InlineString(text.to_owned())),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::edge::{BAD_HOST, BAD_PATH, EXPECTATION_FAILED};
    use super::*;

    #[test]
    fn the_rules_of_the_edge_are_those_that_answers_name() {
        for (name, reason) in [
            (BAD_PATH, Reason::BadPath),
            (BAD_HOST, Reason::BadHost),
            (EXPECTATION_FAILED, Reason::ExpectationFailed),
        ] {
            let told = REASONS.iter().find(|(one, _)| *one == reason);
            let told = told.expect("it is told").1.text();
            assert!(told.contains(&format!("[{name}]")), "{told}");
        }
    }

    #[test]
    fn every_status_that_stands_there_differs_from_envoys() {
        // Source: Envoy's `httpToGrpcStatus`.
        let envoys = |status| match status {
            400 => "13",
            401 => "16",
            403 => "7",
            404 => "12",
            429 | 502 | 503 | 504 => "14",
            _ => "2",
        };
        for status in 400..600 {
            let differs = grpc::code_of_status(status).digits() != envoys(status);
            let known = Reason::ALL.iter().any(|reason| reason.status() == status);
            if known || status == 429 {
                assert_eq!(differs, STATUSES.contains(&status), "{status}");
            }
        }
    }
}
