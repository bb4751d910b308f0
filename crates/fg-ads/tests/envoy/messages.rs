//! Envoy's messages, as small as Envoy takes them.

use std::net::SocketAddr;

use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, DiscoveryType, EdsClusterConfig,
};
use envoy_types::pb::envoy::config::core::v3 as core;
use envoy_types::pb::envoy::config::core::v3::config_source::ConfigSourceSpecifier;
use envoy_types::pb::envoy::config::endpoint::v3 as endpoint;
use envoy_types::pb::envoy::config::listener::v3::{Filter, FilterChain, Listener, filter};
use envoy_types::pb::envoy::config::route::v3 as route;
use envoy_types::pb::envoy::extensions::filters::http::router::v3::Router;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3 as http;
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3 as tls;
use envoy_types::pb::google::protobuf::{Any, Duration, Struct, Value, value};
use envoy_types::util::pack_any;
use prost::Message as _;

/// The types in their order.
pub(crate) const SECRET: &str =
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
pub(crate) const CLUSTER: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
pub(crate) const ENDPOINTS: &str =
    "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
pub(crate) const LISTENER: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";
pub(crate) const ROUTES: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
pub(crate) const HOST: &str = "type.googleapis.com/envoy.config.route.v3.VirtualHost";
pub(crate) const TYPES: [&str; 6] = [SECRET, CLUSTER, ENDPOINTS, LISTENER, ROUTES, HOST];

/// From the stream that everything comes from.
fn ads() -> core::ConfigSource {
    core::ConfigSource {
        resource_api_version: core::ApiVersion::V3.into(),
        config_source_specifier: Some(ConfigSourceSpecifier::Ads(
            core::AggregatedConfigSource::default(),
        )),
        ..core::ConfigSource::default()
    }
}

fn address(at: SocketAddr) -> core::Address {
    core::Address {
        address: Some(core::address::Address::SocketAddress(core::SocketAddress {
            address: at.ip().to_string(),
            port_specifier: Some(core::socket_address::PortSpecifier::PortValue(
                at.port().into(),
            )),
            ..core::SocketAddress::default()
        })),
    }
}

/// A cluster whose endpoints come by themselves. Seconds of the time to connect make it another.
pub(crate) fn cluster(name: &str, seconds: i64) -> Vec<u8> {
    let message = Cluster {
        name: name.to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())),
        eds_cluster_config: Some(EdsClusterConfig {
            eds_config: Some(ads()),
            ..EdsClusterConfig::default()
        }),
        connect_timeout: Some(Duration { seconds, nanos: 0 }),
        ..Cluster::default()
    };
    message.encode_to_vec()
}

/// A cluster without endpoints that carries so many bytes for nobody.
pub(crate) fn cluster_of_size(name: &str, bytes: usize) -> Vec<u8> {
    let note = Value {
        kind: Some(value::Kind::StringValue("x".repeat(bytes))),
    };
    let notes = Struct {
        fields: [("note".to_owned(), note)].into(),
    };
    let message = Cluster {
        name: name.to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Static.into())),
        metadata: Some(core::Metadata {
            filter_metadata: [("test".to_owned(), notes)].into(),
            ..core::Metadata::default()
        }),
        ..Cluster::default()
    };
    message.encode_to_vec()
}

/// A cluster that takes its endpoints from nowhere, which Envoy refuses.
pub(crate) fn cluster_without_source(name: &str) -> Vec<u8> {
    let message = Cluster {
        name: name.to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())),
        ..Cluster::default()
    };
    message.encode_to_vec()
}

pub(crate) fn endpoints(name: &str, at: &[SocketAddr]) -> Vec<u8> {
    let one = |at: &SocketAddr| endpoint::LbEndpoint {
        host_identifier: Some(endpoint::lb_endpoint::HostIdentifier::Endpoint(
            endpoint::Endpoint {
                address: Some(address(*at)),
                ..endpoint::Endpoint::default()
            },
        )),
        ..endpoint::LbEndpoint::default()
    };
    let message = endpoint::ClusterLoadAssignment {
        cluster_name: name.to_owned(),
        endpoints: vec![endpoint::LocalityLbEndpoints {
            lb_endpoints: at.iter().map(one).collect(),
            ..endpoint::LocalityLbEndpoints::default()
        }],
        ..endpoint::ClusterLoadAssignment::default()
    };
    message.encode_to_vec()
}

/// A listener that takes its routes, named as it is, from a resource, and its certificate, too, if one
/// is named.
pub(crate) fn listener(name: &str, at: SocketAddr, secret: Option<&str>) -> Vec<u8> {
    let router = http::HttpFilter {
        name: "router".to_owned(),
        config_type: Some(http::http_filter::ConfigType::TypedConfig(pack_any(
            Router::default(),
        ))),
        ..http::HttpFilter::default()
    };
    let manager = http::HttpConnectionManager {
        stat_prefix: "http".to_owned(),
        route_specifier: Some(http::http_connection_manager::RouteSpecifier::Rds(
            http::Rds {
                config_source: Some(ads()),
                route_config_name: name.to_owned(),
            },
        )),
        http_filters: vec![router],
        ..http::HttpConnectionManager::default()
    };
    let chain = FilterChain {
        filters: vec![Filter {
            name: "http".to_owned(),
            config_type: Some(filter::ConfigType::TypedConfig(pack_any(manager))),
        }],
        transport_socket: secret.map(|secret| core::TransportSocket {
            name: "tls".to_owned(),
            config_type: Some(core::transport_socket::ConfigType::TypedConfig(with_tls(
                secret,
            ))),
        }),
        ..FilterChain::default()
    };
    let message = Listener {
        name: name.to_owned(),
        address: Some(address(at)),
        filter_chains: vec![chain],
        ..Listener::default()
    };
    message.encode_to_vec()
}

fn with_tls(secret: &str) -> Any {
    pack_any(tls::DownstreamTlsContext {
        common_tls_context: Some(tls::CommonTlsContext {
            tls_certificate_sds_secret_configs: vec![tls::SdsSecretConfig {
                name: secret.to_owned(),
                sds_config: Some(ads()),
            }],
            ..tls::CommonTlsContext::default()
        }),
        ..tls::DownstreamTlsContext::default()
    })
}

/// A certificate, leaf first, and its key: PEM.
pub(crate) fn secret(name: &str, chain: &str, key: &str) -> Vec<u8> {
    let inline = |text: &str| core::DataSource {
        specifier: Some(core::data_source::Specifier::InlineString(text.to_owned())),
        ..core::DataSource::default()
    };
    let message = tls::Secret {
        name: name.to_owned(),
        r#type: Some(tls::secret::Type::TlsCertificate(tls::TlsCertificate {
            certificate_chain: Some(inline(chain)),
            private_key: Some(inline(key)),
            ..tls::TlsCertificate::default()
        })),
    };
    message.encode_to_vec()
}

/// A route configuration with hosts of its own, or whose hosts are resources.
pub(crate) fn routes(name: &str, hosts: Option<Vec<route::VirtualHost>>) -> Vec<u8> {
    let message = route::RouteConfiguration {
        name: name.to_owned(),
        vhds: hosts.is_none().then(|| route::Vhds {
            config_source: Some(ads()),
        }),
        virtual_hosts: hosts.unwrap_or_default(),
        ..route::RouteConfiguration::default()
    };
    message.encode_to_vec()
}

/// A host, as a resource of its own.
pub(crate) fn host(host: &route::VirtualHost) -> Vec<u8> {
    host.encode_to_vec()
}

/// The host of a route configuration that sends each path to an answer.
pub(crate) fn virtual_host(
    routes: &str,
    domain: &str,
    paths: &[(&str, Answer<'_>)],
) -> route::VirtualHost {
    route::VirtualHost {
        name: format!("{routes}/{domain}"),
        domains: vec![domain.to_owned()],
        routes: paths
            .iter()
            .map(|(path, answer)| one_route(path, *answer))
            .collect(),
        ..route::VirtualHost::default()
    }
}

/// What is answered.
#[derive(Clone, Copy)]
pub(crate) enum Answer<'a> {
    /// 200 and these words.
    Words(&'a str),
    /// What a cluster answers.
    Cluster(&'a str),
    /// Nothing that Envoy would take: `:path` must not be added as a header.
    Refused,
}

fn one_route(path: &str, answer: Answer<'_>) -> route::Route {
    let words = |words: &str| {
        route::route::Action::DirectResponse(route::DirectResponseAction {
            status: 200,
            body: Some(core::DataSource {
                specifier: Some(core::data_source::Specifier::InlineString(words.to_owned())),
                ..core::DataSource::default()
            }),
            ..route::DirectResponseAction::default()
        })
    };
    let action = match answer {
        Answer::Words(text) => words(text),
        Answer::Refused => words("never"),
        Answer::Cluster(name) => route::route::Action::Route(route::RouteAction {
            cluster_specifier: Some(route::route_action::ClusterSpecifier::Cluster(
                name.to_owned(),
            )),
            ..route::RouteAction::default()
        }),
    };
    let refused = core::HeaderValueOption {
        header: Some(core::HeaderValue {
            key: ":path".to_owned(),
            value: "/".to_owned(),
            ..core::HeaderValue::default()
        }),
        ..core::HeaderValueOption::default()
    };
    route::Route {
        r#match: Some(route::RouteMatch {
            path_specifier: Some(route::route_match::PathSpecifier::Path(path.to_owned())),
            ..route::RouteMatch::default()
        }),
        action: Some(action),
        request_headers_to_add: match answer {
            Answer::Refused => vec![refused],
            Answer::Words(_) | Answer::Cluster(_) => Vec::new(),
        },
        ..route::Route::default()
    }
}
