//! What Envoy is told.

use std::time::Duration;

use envoy_types::pb::envoy::config::common::mutation_rules::v3::{
    HeaderMutation as Mutation, HeaderMutationRules, header_mutation::Action,
};
use envoy_types::pb::envoy::config::core::v3::{
    ApiVersion, GrpcService, HttpUri,
    grpc_service::{EnvoyGrpc, TargetSpecifier},
    http_uri::HttpUpstreamType,
};
use envoy_types::pb::envoy::extensions::filters::http::ext_authz::v3::{
    AuthorizationRequest, AuthorizationResponse, BufferSettings, CheckSettings, ExtAuthz,
    ExtAuthzPerRoute, HttpService, ext_authz::Services, ext_authz_per_route::Override,
};
use envoy_types::pb::envoy::extensions::filters::http::header_mutation::v3::{
    HeaderMutation, HeaderMutationPerRoute, Mutations,
};
use envoy_types::pb::envoy::r#type::matcher::v3::{
    ListStringMatcher, StringMatcher, string_matcher::MatchPattern,
};
use fg_base::Text;

use super::{Ir, Protocol, guard};
use crate::envoy::{
    Append, Call, Sink, Standing, clear, duration, expression, header, of_names, pack,
};

/// Sorts before the filter that asks: sees requests before it, and replies after it.
const ALONE: &str = "external_auth/alone";
/// Where the gateway says why it answered by itself.
const REASON: &str = "x-ferrogate-reason";
/// Where that stands for the time that it takes to drop what others say of it.
const ASIDE: &str = "x-ferrogate-reason-aside";
/// What the gateway says of it: nothing of replies that are not its own.
const OWN_REASON: &str = "%CEL(response.code_details in ['via_upstream', 'ext_authz_denied'] ? '' \
    : response.headers['x-ferrogate-reason'])%";
/// Time for the service to answer, as in our own proxy.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Fields that belong to one connection, or describe the very message that they came with: what
/// the service says of them is not for the client's request. Source: RFC 9110 §7.6.1, §8.
const OF_ITS_MESSAGE: &str = "connection|content-encoding|content-length|content-type|date|host|\
    keep-alive|proxy-connection|server|te|trailer|transfer-encoding|upgrade";

/// Writes the policy: a filter for each different service and way to ask it.
pub fn map(ir: &Ir, sink: &mut Sink<'_>) {
    let body = (ir.body > 0).then_some(BufferSettings {
        max_request_bytes: ir.body,
        ..BufferSettings::default()
    });
    let told = match &ir.protocol {
        Protocol::Grpc { .. } => &[][..],
        Protocol::Http { reply_headers, .. } => reply_headers,
    };
    believe(told, sink);
    let (services, headers) = match &ir.protocol {
        Protocol::Grpc { headers } => {
            let cluster = sink.cluster(&ir.backend, Call::Http2);
            let headers = (!headers.is_empty()).then(|| of_names(headers));
            (Services::GrpcService(grpc(ir, cluster)), headers)
        }
        Protocol::Http {
            path,
            headers,
            reply_headers,
        } => {
            let cluster = sink.cluster(&ir.backend, Call::Http1);
            let service = http(path, reply_headers, cluster);
            (Services::HttpService(service), Some(of_names(headers)))
        }
    };
    let filter = ExtAuthz {
        transport_api_version: ApiVersion::V3.into(),
        services: Some(services),
        allowed_headers: headers.filter(|headers| !headers.patterns.is_empty()),
        with_request_body: body,
        // Neither fields of the message itself, nor what routing is about.
        decoder_header_mutation_rules: Some(HeaderMutationRules {
            disallow_expression: Some(expression(OF_ITS_MESSAGE)),
            ..HeaderMutationRules::default()
        }),
        validate_mutations: true,
        ..ExtAuthz::default()
    };
    let hash = twox_hash::XxHash3_64::oneshot(&pack(&filter).value);
    let here = ExtAuthzPerRoute {
        r#override: Some(Override::CheckSettings(CheckSettings::default())),
    };
    sink.http_filter(format!("external_auth/ask/{hash:016x}"), &filter, &here);
    guard::demand(hash, sink);
}

fn grpc(ir: &Ir, cluster: String) -> GrpcService {
    let object = &ir.backend.object;
    GrpcService {
        timeout: Some(duration(TIMEOUT)),
        target_specifier: Some(TargetSpecifier::EnvoyGrpc(EnvoyGrpc {
            cluster_name: cluster,
            authority: format!("{}.{}", object.name, object.namespace),
            ..EnvoyGrpc::default()
        })),
        ..GrpcService::default()
    }
}

fn http(path: &Text, reply_headers: &[Text], cluster: String) -> HttpService {
    // An empty list is all; which of them may pass the mutation rules say.
    let for_backend = if reply_headers.is_empty() {
        ListStringMatcher {
            patterns: vec![StringMatcher {
                ignore_case: false,
                match_pattern: Some(MatchPattern::SafeRegex(expression("[^:].*"))),
            }],
        }
    } else {
        of_names(reply_headers)
    };
    HttpService {
        // The host is the client's; this one is not sent.
        server_uri: Some(HttpUri {
            uri: "http://external-auth".to_owned(),
            timeout: Some(duration(TIMEOUT)),
            http_upstream_type: Some(HttpUpstreamType::Cluster(cluster)),
        }),
        path_prefix: path.to_string(),
        authorization_request: Some(AuthorizationRequest::default()),
        authorization_response: Some(AuthorizationResponse {
            allowed_upstream_headers: Some(for_backend),
            ..AuthorizationResponse::default()
        }),
        ..HttpService::default()
    }
}

/// What the service and the client are not believed. Before the service is asked, since Envoy has no
/// way to do it after, and on the reply after what the service adds to it.
fn believe(reply_headers: &[Text], sink: &mut Sink<'_>) {
    // A client that names itself is not believed: what the service says about it stands alone. Its
    // credentials are its own.
    let own = |name: &&Text| matches!(&***name, "authorization" | "cookie");
    let said = reply_headers.iter().filter(|name| !own(name));
    let here = HeaderMutationPerRoute {
        mutations: Some(Mutations {
            request_mutations: said.map(|name| clear(name)).collect(),
            response_mutations: only_own_reason(),
            ..Mutations::default()
        }),
    };
    sink.http_filter(ALONE, &HeaderMutation::default(), &here);
}

/// Drops a reason that is not the gateway's. A field is not dropped by what stands elsewhere: so what
/// the gateway said is put aside and back.
fn only_own_reason() -> Vec<Mutation> {
    let write = |name, format: String| Mutation {
        action: Some(Action::Append(header(name, format, Append::Replace))),
    };
    vec![
        clear(ASIDE),
        write(ASIDE, OWN_REASON.to_owned()),
        clear(REASON),
        write(REASON, format!("%RESP({ASIDE})%")),
        clear(ASIDE),
    ]
}

/// The filters of all who use it. Those that ask are of whom they ask.
pub fn standing() -> Vec<Standing> {
    vec![
        (ALONE, pack(&HeaderMutation::default())),
        (guard::NAME, pack(&guard::nobody())),
    ]
}
