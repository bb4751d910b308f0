//! Filter chains: one for clear text, one for each listener with TLS.

use std::collections::BTreeMap;

use envoy_types::pb::envoy::config::listener::v3::{
    Filter, FilterChain, FilterChainMatch, filter::ConfigType,
};
use fg_ir::{Listener, ListenerTls, Socket};
use fg_model::HostPattern;
use fg_policies::envoy::{HttpFilter, pack};

use super::{manager, tls};
use crate::routes::configuration;
use crate::secrets::transport_socket;
use crate::settings::Settings;

/// The chain of a socket without TLS; its listeners share a route configuration.
pub(super) fn clear(
    settings: &Settings,
    socket: Socket,
    listener: &Listener,
    filters: &BTreeMap<String, HttpFilter>,
) -> FilterChain {
    let routes = configuration(socket, listener);
    FilterChain {
        name: "http".to_owned(),
        filters: vec![http(&manager::manager(settings, routes, None, filters))],
        ..Default::default()
    }
}

/// The chain of a listener with TLS, chosen by the server name.
pub(super) fn secure(
    settings: &Settings,
    socket: Socket,
    listener: &Listener,
    tls: &ListenerTls,
    filters: &BTreeMap<String, HttpFilter>,
) -> FilterChain {
    let routes = configuration(socket, listener);
    let manager = manager::manager(settings, routes, Some(tls), filters);
    FilterChain {
        name: listener.key.to_string(),
        filter_chain_match: Some(FilterChainMatch {
            server_names: names(&listener.hostname),
            ..Default::default()
        }),
        filters: vec![http(&manager)],
        transport_socket: Some(transport_socket(&tls::context(tls))),
        transport_socket_connect_timeout: Some(tls::HANDSHAKE),
        ..Default::default()
    }
}

/// A hostname as server names: none is any, also for clients that say none.
fn names(hostname: &HostPattern) -> Vec<String> {
    match hostname {
        HostPattern::Any => Vec::new(),
        one => vec![one.to_string()],
    }
}

fn http(manager: &manager::HttpConnectionManager) -> Filter {
    Filter {
        name: "envoy.filters.network.http_connection_manager".to_owned(),
        config_type: Some(ConfigType::TypedConfig(pack(manager))),
    }
}
