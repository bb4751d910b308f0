//! A real Envoy that has one route, with what policies wrote.

use std::fs;
use std::net::SocketAddr;

use envoy_types::pb::envoy::config::core::v3::{
    Address, DataSource, HeaderValue, HeaderValueOption, SocketAddress, address,
    data_source::Specifier, socket_address::PortSpecifier,
};
use envoy_types::pb::envoy::config::listener::v3::{
    Filter, FilterChain, Listener, filter::ConfigType,
};
use envoy_types::pb::envoy::config::route::v3::{
    DirectResponseAction, Route, RouteConfiguration, RouteMatch, VirtualHost, route::Action,
    route_match::PathSpecifier,
};
use envoy_types::pb::envoy::extensions::filters::http::router::v3::Router;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, HttpFilter as Installed, http_connection_manager::RouteSpecifier,
    http_filter::ConfigType as FilterConfig,
};
use envoy_types::pb::envoy::service::discovery::v3::DiscoveryResponse;
use envoy_types::pb::google::protobuf::Any;
use fg_model::BackendKey;
use fg_policies::envoy::{Call, HttpFilter, Sink, Site, Surroundings, Target, pack};
use fg_testkit::Client;
use fg_testkit::envoy::{Envoy, program};
use prost::Message as _;
use serde_json::{Value, json};

use crate::toys;

/// Collects filters.
#[derive(Default)]
struct Chain(Vec<HttpFilter>);

impl Surroundings for Chain {
    fn cluster(&mut self, backend: &BackendKey, _: Call) -> String {
        backend.to_string()
    }

    fn http_filter(&mut self, filter: HttpFilter) {
        self.0.push(filter);
    }
}

/// The policies that Envoy cannot be told.
pub(crate) fn refusals(set: &toys::Set) -> Vec<&'static str> {
    let (_, _, refusals) = written(set);
    refusals
}

/// The field `x-rule` that a request has behind the policies, in an Envoy of this version.
pub(crate) fn signature(set: &toys::Set, version: &str) -> String {
    let (route, chain, refusals) = written(set);
    assert!(refusals.is_empty(), "{refusals:?}");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("listeners.pb");
    let listeners = DiscoveryResponse {
        type_url: <Listener as prost::Name>::type_url(),
        resources: vec![pack(&listener(route, chain))],
        ..DiscoveryResponse::default()
    };
    fs::write(&file, listeners.encode_to_vec()).expect("a file");
    let path = json!({"path": file});
    let envoy = Envoy::start(
        &program(version),
        &json!({
            "node": {"id": "toy", "cluster": "toy"},
            "dynamic_resources": {"lds_config": {"path_config_source": path}},
        }),
    );
    let reply = ask(address_of(&envoy));
    let field = reply.lines().find_map(|line| line.strip_prefix("x-seen: "));
    field.unwrap_or_else(|| panic!("{reply}")).to_owned()
}

fn written(set: &toys::Set) -> (Route, Chain, Vec<&'static str>) {
    let mut route = route();
    let mut chain = Chain::default();
    let site = Site {
        prefix: Some(""),
        host: None,
        port: 80,
        https: false,
        rule: "toy",
    };
    let first = toys::ALL[0];
    let mut sink = Sink::new(Target::Route(&mut route), site, &mut chain, first);
    set.map(&mut sink);
    let refusals = sink.finish().refusals;
    let names = refusals.into_iter().map(|(meta, _)| meta.name).collect();
    (route, chain, names)
}

/// Says what a backend would see.
fn route() -> Route {
    Route {
        r#match: Some(RouteMatch {
            path_specifier: Some(PathSpecifier::Prefix("/".to_owned())),
            ..RouteMatch::default()
        }),
        action: Some(Action::DirectResponse(DirectResponseAction {
            status: 200,
            body: Some(DataSource {
                specifier: Some(Specifier::InlineString("ok\n".to_owned())),
                ..DataSource::default()
            }),
            body_format: None,
        })),
        response_headers_to_add: vec![HeaderValueOption {
            header: Some(HeaderValue {
                key: "x-seen".to_owned(),
                value: "%REQ(x-rule)%".to_owned(),
                raw_value: Vec::new(),
            }),
            ..HeaderValueOption::default()
        }],
        ..Route::default()
    }
}

fn listener(route: Route, chain: Chain) -> Listener {
    let installed = |name: String, config: Any, disabled: bool| Installed {
        name,
        disabled,
        config_type: Some(FilterConfig::TypedConfig(config)),
        ..Installed::default()
    };
    // Switched off for all routes that do not want it.
    let filters = chain.0.into_iter();
    let filters = filters.map(|filter| installed(filter.name, filter.config, true));
    let router = installed("router".to_owned(), pack(&Router::default()), false);
    let manager = HttpConnectionManager {
        stat_prefix: "toy".to_owned(),
        http_filters: filters.chain([router]).collect(),
        route_specifier: Some(RouteSpecifier::RouteConfig(RouteConfiguration {
            name: "toy".to_owned(),
            virtual_hosts: vec![VirtualHost {
                name: "toy".to_owned(),
                domains: vec!["*".to_owned()],
                routes: vec![route],
                ..VirtualHost::default()
            }],
            ..RouteConfiguration::default()
        })),
        ..HttpConnectionManager::default()
    };
    Listener {
        name: "toy".to_owned(),
        address: Some(Address {
            address: Some(address::Address::SocketAddress(SocketAddress {
                address: "127.0.0.1".to_owned(),
                port_specifier: Some(PortSpecifier::PortValue(0)),
                ..SocketAddress::default()
            })),
        }),
        filter_chains: vec![FilterChain {
            filters: vec![Filter {
                name: "http".to_owned(),
                config_type: Some(ConfigType::TypedConfig(pack(&manager))),
            }],
            ..FilterChain::default()
        }],
        ..Listener::default()
    }
}

/// Where the only listener listens.
fn address_of(envoy: &Envoy) -> SocketAddr {
    let page = envoy.get("/listeners?format=json");
    let listeners: Value = serde_json::from_str(&page).expect("JSON");
    let socket = &listeners["listener_statuses"][0]["local_address"]["socket_address"];
    let port = socket["port_value"]
        .as_u64()
        .and_then(|port| u16::try_from(port).ok());
    let port = port.unwrap_or_else(|| panic!("it does not listen: {page}\n{}", envoy.log()));
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// The reply to a request.
fn ask(to: SocketAddr) -> String {
    let mut client = Client::connect(to);
    client.send("GET / HTTP/1.1\r\nhost: toy\r\nconnection: close\r\n\r\n");
    String::from_utf8(client.rest().expect("a reply")).expect("text")
}
