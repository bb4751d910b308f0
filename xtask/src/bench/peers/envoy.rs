//! Envoy, configured as a gateway: its defaults, with the client's address as the edge sees it, and its admin page on.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::bench::process::Process;
use crate::bench::site::{self, Site, Way};

/// Writes the bootstrap file and starts Envoy in the foreground.
pub(crate) fn start(program: &Path, site: &Site, folder: &Path) -> anyhow::Result<Process> {
    let file = folder.join("envoy.json");
    fs::write(&file, serde_json::to_string(&configuration(site)?)?)?;
    let workers = site.workers.to_string();
    let words = [
        "--concurrency",
        &workers,
        "--disable-hot-restart",
        "--log-level",
        "error",
        "-c",
    ];
    let mut command = vec![program.into()];
    command.extend(words.map(Into::into));
    command.push(file.into());
    Process::start("envoy", site.core, &command, &folder.join("envoy.log"))
}

fn configuration(site: &Site) -> anyhow::Result<Value> {
    let hosts: Vec<Value> = site
        .prefixes_by_host()
        .into_iter()
        .map(|(host, prefixes)| {
            let routes: Vec<Value> = prefixes.into_iter().map(route).collect();
            json!({ "name": host.unwrap_or("any"), "domains": [host.unwrap_or("*")], "routes": routes })
        })
        .collect();
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "shop",
        "use_remote_address": true,
        "normalize_path": true,
        "route_config": { "name": "shop", "virtual_hosts": hosts },
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
        }],
    });
    let mut chain = json!({
        "filters": [{ "name": "envoy.filters.network.http_connection_manager", "typed_config": manager }],
    });
    if let Way::Tls(files) = &site.way {
        chain["transport_socket"] = json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {
                    "alpn_protocols": ["h2", "http/1.1"],
                    "tls_params": { "tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3" },
                    "tls_certificates": [{
                        "certificate_chain": { "filename": files.certificate },
                        "private_key": { "filename": files.key },
                    }],
                },
            },
        });
    }
    let mut cluster = json!({
        "name": "shop",
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": "shop",
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address(site.upstream) } }] }],
        },
    });
    if matches!(site.way, Way::Grpc) {
        cluster["typed_extension_protocol_options"] = json!({
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": { "http2_protocol_options": {} },
            },
        });
    }
    Ok(json!({
        "admin": { "address": address(site::free_address(site::PROXY_IP)?) },
        "static_resources": {
            "listeners": [{
                "name": "shop",
                "address": address(site.listen),
                "filter_chains": [chain],
            }],
            "clusters": [cluster],
        },
    }))
}

fn route(prefix: &str) -> Value {
    let matched = if prefix == "/" {
        json!({ "prefix": "/" })
    } else {
        json!({ "path_separated_prefix": prefix })
    };
    json!({ "match": matched, "route": { "cluster": "shop" } })
}

fn address(address: std::net::SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}
