//! Where configuration comes from.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::settings::{Control, Protocol, Tls, socket};
use super::{CONTROL_CLUSTER, typed};

/// The files of secrets, beside the bootstrap.
const AUTHORITIES: &str = "authorities.json";
const TOKEN: &str = "token.json";

/// The names of the secrets in them.
const AUTHORITIES_SECRET: &str = "ferrogate-control-authorities";
const TOKEN_SECRET: &str = "ferrogate-control-token";

/// What is asked for: listeners and clusters, and by those all else.
pub(super) fn dynamic(protocol: Protocol) -> Value {
    let protocol = match protocol {
        Protocol::Delta => "DELTA_GRPC",
        Protocol::StateOfTheWorld => "GRPC",
    };
    let source = json!({
        "ads": {},
        "resource_api_version": "V3",
        // Until the first configuration is there, nothing is served, and nobody is told otherwise.
        "initial_fetch_timeout": "0s",
    });
    json!({
        "ads_config": {
            "api_type": protocol,
            "transport_api_version": "V3",
            "set_node_on_first_message_only": true,
            "grpc_services": [{ "envoy_grpc": {
                "cluster_name": CONTROL_CLUSTER,
                "retry_policy": { "retry_back_off": {
                    "base_interval": "0.25s",
                    "max_interval": "5s",
                } },
            } }],
        },
        "lds_config": source,
        "cds_config": source,
    })
}

/// The control plane as a cluster.
pub(super) fn cluster(control: &Control) -> Value {
    let (kind, address) = match control {
        Control::Plain(address) => ("STATIC", address.json()),
        Control::Tls(tls) => {
            let kind = match tls.host.parse::<IpAddr>() {
                Ok(_) => "STATIC",
                Err(_) => "STRICT_DNS",
            };
            (kind, socket(&tls.host, tls.port))
        }
    };
    let mut filters = Vec::new();
    if let Control::Tls(tls) = control {
        filters.extend(token(tls));
    }
    filters.push(json!({
        "name": "envoy.filters.http.upstream_codec",
        "typed_config": typed("extensions.filters.http.upstream_codec.v3.UpstreamCodec", json!({})),
    }));
    let http = typed(
        "extensions.upstreams.http.v3.HttpProtocolOptions",
        json!({
            "explicit_http_config": { "http2_protocol_options": {
                // A control plane that vanished without a word is noticed.
                "connection_keepalive": { "interval": "10s", "timeout": "5s" },
            } },
            "http_filters": filters,
        }),
    );
    let mut cluster = json!({
        "name": CONTROL_CLUSTER,
        "type": kind,
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": CONTROL_CLUSTER,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address } }] }],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http,
        },
    });
    if kind == "STRICT_DNS" {
        cluster["dns_lookup_family"] = "V4_PREFERRED".into();
    }
    if let Control::Tls(tls) = control {
        cluster["transport_socket"] = transport(tls);
    }
    cluster
}

/// Shows the token of the file as it is at the time: each stream is opened with a fresh one. Envoy
/// 1.36 puts a credential into a header as it is, so that a second filter writes what it stands
/// behind.
fn token(tls: &Tls) -> [Value; 2] {
    const HEADER: &str = "x-ferrogate-token";
    let credential = typed(
        "extensions.http.injected_credentials.generic.v3.Generic",
        json!({
            "credential": { "name": TOKEN_SECRET, "sds_config": source(tls, TOKEN) },
            "header": HEADER,
        }),
    );
    let injector = typed(
        "extensions.filters.http.credential_injector.v3.CredentialInjector",
        json!({
            "overwrite": true,
            "credential": {
                "name": "envoy.http.injected_credentials.generic",
                "typed_config": credential,
            },
        }),
    );
    let bearer = json!({
        "key": "authorization",
        "value": format!("Bearer %REQ({HEADER})%"),
    });
    let mutation = typed(
        "extensions.filters.http.header_mutation.v3.HeaderMutation",
        json!({ "mutations": { "request_mutations": [
            { "append": { "header": bearer, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD" } },
            { "remove": HEADER },
        ] } }),
    );
    [
        json!({ "name": "envoy.filters.http.credential_injector", "typed_config": injector }),
        json!({ "name": "envoy.filters.http.header_mutation", "typed_config": mutation }),
    ]
}

fn transport(tls: &Tls) -> Value {
    let kind = match tls.host.parse::<IpAddr>() {
        Ok(_) => "IP_ADDRESS",
        Err(_) => "DNS",
    };
    let mut context = json!({
        "common_tls_context": {
            "tls_params": { "tls_minimum_protocol_version": "TLSv1_2" },
            "alpn_protocols": ["h2"],
            "combined_validation_context": {
                "default_validation_context": { "match_typed_subject_alt_names": [{
                    "san_type": kind,
                    "matcher": { "exact": tls.host },
                }] },
                "validation_context_sds_secret_config": {
                    "name": AUTHORITIES_SECRET,
                    "sds_config": source(tls, AUTHORITIES),
                },
            },
        },
    });
    if kind == "DNS" {
        context["sni"] = (*tls.host).into();
    }
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": typed("extensions.transport_sockets.tls.v3.UpstreamTlsContext", context),
    })
}

/// A secret that is in a file beside the bootstrap, and names a file that changes.
fn source(tls: &Tls, file: &str) -> Value {
    json!({
        "path_config_source": { "path": format!("{}/{file}", tls.folder) },
        "resource_api_version": "V3",
    })
}

/// The files of secrets, by name.
pub(super) fn secrets(tls: &Tls) -> [(&'static str, Value); 2] {
    let secret = |name: &str, secret: Value| {
        let mut secret = typed("extensions.transport_sockets.tls.v3.Secret", secret);
        secret["name"] = name.into();
        json!({ "resources": [secret] })
    };
    let authorities = json!({ "validation_context": {
        "trusted_ca": { "filename": tls.authorities },
        "watched_directory": { "path": folder(&tls.authorities) },
    } });
    let token = json!({ "generic_secret": { "secret": {
        "filename": tls.token,
        "watched_directory": { "path": folder(&tls.token) },
    } } });
    [
        (AUTHORITIES, secret(AUTHORITIES_SECRET, authorities)),
        (TOKEN, secret(TOKEN_SECRET, token)),
    ]
}

/// The folder that a file is in.
fn folder(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((folder, _)) => folder,
        None => ".",
    }
}
