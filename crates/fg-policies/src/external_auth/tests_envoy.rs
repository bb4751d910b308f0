//! What Envoy is told.

use envoy_types::pb::envoy::config::core::v3::{
    grpc_service::TargetSpecifier, http_uri::HttpUpstreamType,
};
use envoy_types::pb::envoy::config::route::v3::FilterConfig;
use envoy_types::pb::envoy::extensions::filters::http::ext_authz::v3::{
    ExtAuthz, ExtAuthzPerRoute, ext_authz::Services, ext_authz_per_route::Override,
};
use envoy_types::pb::envoy::extensions::filters::http::header_mutation::v3::HeaderMutationPerRoute;
use envoy_types::pb::envoy::extensions::filters::http::rbac::v3::RbacPerRoute;
use envoy_types::pb::envoy::extensions::filters::http::set_metadata::v3::Config;
use envoy_types::pb::envoy::r#type::matcher::v3::{
    ListStringMatcher, string_matcher::MatchPattern,
};
use prost::Message as _;

use crate::envoy::testing::{SITE, Written, accepted, said};

/// A rule with the filter.
fn asking(fields: &str) -> Written {
    let yaml = format!(
        "filters: [{{type: ExternalAuth, externalAuth: {{backendRef: {{name: auth, port: 9000}}, {fields}}}}}]"
    );
    accepted(&yaml, SITE)
}

/// The filter that asks, and that it is switched on for the route.
fn filter(written: &Written) -> ExtAuthz {
    let filter = &written.notes.filters[at(written, "ask/")];
    let here: ExtAuthzPerRoute =
        said(&written.route.typed_per_filter_config, &filter.name).expect("switched on");
    assert!(matches!(here.r#override, Some(Override::CheckSettings(_))));
    ExtAuthz::decode(filter.config.value.as_slice()).expect("its message")
}

/// Where the one filter stands in the chain whose name begins so.
fn at(written: &Written, name: &str) -> usize {
    let name = format!("external_auth/{name}");
    let mut filters = written.notes.filters.iter();
    let found = filters.position(|filter| filter.name.starts_with(&name));
    found.expect("a filter")
}

fn names(list: Option<&ListStringMatcher>) -> Option<Vec<String>> {
    let list = list?.patterns.iter();
    let name = list.map(|pattern| match &pattern.match_pattern {
        Some(MatchPattern::Exact(name)) => name.clone(),
        Some(MatchPattern::SafeRegex(expression)) => format!("~{}", expression.regex),
        other => panic!("{other:?}"),
    });
    Some(name.collect())
}

#[test]
fn by_http() {
    let written = asking(
        "protocol: HTTP, http: {path: /check/, allowedHeaders: [Cookie], \
         allowedResponseHeaders: [X-User, authorization]}",
    );
    let filter = filter(&written);
    assert!(!filter.failure_mode_allow, "it fails closed");
    assert_eq!(filter.with_request_body, None);
    assert_eq!(
        names(filter.allowed_headers.as_ref()),
        Some(vec!["cookie".to_owned()])
    );
    let Some(Services::HttpService(service)) = filter.services else {
        panic!("{filter:?}");
    };
    assert_eq!(service.path_prefix, "/check");
    let uri = service.server_uri.expect("a service");
    let cluster = HttpUpstreamType::Cluster("auth:9000 Http1".to_owned());
    assert_eq!(uri.http_upstream_type, Some(cluster));
    assert_eq!(uri.timeout.map(|limit| limit.seconds), Some(5));
    let answer = service.authorization_response.expect("rules");
    let for_backend = names(answer.allowed_upstream_headers.as_ref());
    assert_eq!(
        for_backend,
        Some(vec!["x-user".to_owned(), "authorization".to_owned()])
    );
    assert_eq!(
        answer.allowed_client_headers, None,
        "a no goes to the client as it is"
    );
}

#[test]
fn a_client_that_names_itself_is_not_believed() {
    let written = asking("protocol: HTTP, http: {allowedResponseHeaders: [X-User, Authorization]}");
    let filters: Vec<&str> = written
        .notes
        .filters
        .iter()
        .map(|filter| &*filter.name)
        .collect();
    assert_eq!(filters.len(), 4);
    assert_eq!(
        filters[0], "external_auth/alone",
        "before the service is asked"
    );
    let here: HeaderMutationPerRoute =
        said(&written.route.typed_per_filter_config, filters[0]).expect("changes");
    let removed = here.mutations.expect("changes").request_mutations;
    assert_eq!(removed.len(), 1, "its credentials are its own: {removed:?}");
    // Without a list nobody knows what to remove; what the service says replaces.
    let all = asking("protocol: HTTP, http: {}");
    let here: HeaderMutationPerRoute =
        said(&all.route.typed_per_filter_config, filters[0]).expect("changes");
    let changes = here.mutations.expect("changes");
    assert_eq!(changes.request_mutations, []);
}

#[test]
fn the_service_does_not_say_why_the_gateway_answered() {
    for fields in ["protocol: HTTP, http: {}", "protocol: GRPC, grpc: {}"] {
        let written = asking(fields);
        let first = &written.notes.filters[0].name;
        let here: HeaderMutationPerRoute =
            said(&written.route.typed_per_filter_config, first).expect("changes");
        let changes = here.mutations.expect("changes").response_mutations;
        assert!(changes.contains(&crate::envoy::clear("x-ferrogate-reason")));
    }
}

#[test]
fn all_headers_of_the_answer_but_those_of_its_message() {
    let filter = filter(&asking("protocol: HTTP, http: {}"));
    assert_eq!(filter.allowed_headers, None);
    let Some(Services::HttpService(service)) = &filter.services else {
        panic!("{filter:?}");
    };
    let answer = service.authorization_response.as_ref().expect("rules");
    let all = vec!["~[^:].*".to_owned()];
    assert_eq!(names(answer.allowed_upstream_headers.as_ref()), Some(all));
    let rules = filter.decoder_header_mutation_rules.expect("rules");
    let refused = rules.disallow_expression.expect("an expression").regex;
    let refused = regex::Regex::new(&format!("^(?:{refused})$")).expect("an expression");
    assert!(refused.is_match("content-length") && refused.is_match("transfer-encoding"));
    assert!(!refused.is_match("x-user") && !refused.is_match("x-content-length"));
}

#[test]
fn by_grpc_with_a_body() {
    let filter = filter(&asking(
        "protocol: GRPC, grpc: {allowedHeaders: [authorization]}, forwardBody: {maxSize: 8192}",
    ));
    let body = filter.with_request_body.expect("a body");
    assert_eq!(
        (body.max_request_bytes, body.allow_partial_message),
        (8192, false)
    );
    let Some(Services::GrpcService(service)) = filter.services else {
        panic!("{filter:?}");
    };
    let Some(TargetSpecifier::EnvoyGrpc(target)) = service.target_specifier else {
        panic!("{service:?}");
    };
    assert_eq!(
        (&*target.cluster_name, &*target.authority),
        ("auth:9000 Http2", "auth.default")
    );
    assert_eq!(
        names(filter.allowed_headers.as_ref()),
        Some(vec!["authorization".to_owned()])
    );
}

#[test]
fn a_filter_for_each_different_question() {
    let name = |fields: &str| {
        let written = asking(fields);
        written.notes.filters[at(&written, "ask/")].name.clone()
    };
    let one = name("protocol: HTTP, http: {}");
    assert_eq!(one, name("protocol: HTTP, http: {}"));
    assert_ne!(one, name("protocol: HTTP, http: {path: /x}"));
    assert_ne!(one, name("protocol: GRPC, grpc: {}"));
}

#[test]
fn nothing_passes_that_was_not_asked_about() {
    let written = asking("protocol: HTTP, http: {}");
    let (ask, asked) = (at(&written, "ask/"), at(&written, "asked/"));
    let guard = at(&written, "guard");
    assert!(ask < asked && asked < guard, "in this order");
    let filters = &written.notes.filters;
    let here = &written.route.typed_per_filter_config;
    let on: FilterConfig = said(here, &filters[asked].name).expect("switched on");
    assert!(!on.disabled && on.config.is_some());
    let note = Config::decode(filters[asked].config.value.as_slice()).expect("its message");
    let note = &note.metadata[0].metadata_namespace;
    let guards: RbacPerRoute = said(here, &filters[guard].name).expect("switched on");
    let wanted = format!("{:?}", guards.rbac);
    assert!(
        wanted.contains("NotRule") && wanted.contains(note.as_str()),
        "{wanted}"
    );
    let other = asking("protocol: HTTP, http: {path: /x}");
    let other: RbacPerRoute =
        said(&other.route.typed_per_filter_config, &filters[guard].name).expect("switched on");
    assert_ne!(guards, other, "another service's yes is none");
    let standing = super::envoy::standing();
    let stands = standing
        .iter()
        .find(|(name, _)| *name == filters[guard].name);
    assert_eq!(
        stands.map(|(_, config)| config),
        Some(&filters[guard].config),
        "it is the same for all, so it is in every chain"
    );
}
