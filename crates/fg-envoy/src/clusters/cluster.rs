//! One cluster: how a backend is called.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use envoy_types::pb::envoy::config::cluster::v3::{
    CircuitBreakers, Cluster,
    circuit_breakers::{Thresholds, thresholds::RetryBudget},
    cluster::{ClusterDiscoveryType, CustomClusterType, DiscoveryType, EdsClusterConfig, LbPolicy},
};
use envoy_types::pb::envoy::config::core::v3::Metadata;
use envoy_types::pb::envoy::extensions::clusters::common::dns::v3::DnsLookupFamily;
use envoy_types::pb::envoy::extensions::clusters::dns::v3::{DnsCluster, dns_cluster::RefreshRate};
use envoy_types::pb::envoy::r#type::v3::Percent;
use envoy_types::pb::google::protobuf::{Struct, Value, value::Kind};
use fg_ir::{Backend, BackendKind};
use fg_policies::envoy::pack;
use prost::Message as _;

use super::protocol;
use super::tls::Origination;
use crate::routes::Speech;
use crate::secrets::{ads, transport_socket};
use crate::settings::Settings;
use crate::values::{duration, flag, number};

/// Time to connect to an endpoint, TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// When a name is asked for again after a failure, and when its answer has no time of its own.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// Retries under way, in percent of the requests under way.
const RETRY_PERCENT: f64 = 20.0;
/// Retries under way in any case.
const RETRIES: u32 = 100;

/// The cluster of a backend, but its endpoints.
pub(super) fn cluster(
    settings: &Settings,
    name: &str,
    backend: &Backend,
    speech: Speech,
    tls: Option<&Origination<'_>>,
) -> Cluster {
    let mut cluster = Cluster {
        name: name.to_owned(),
        connect_timeout: Some(duration(CONNECT)),
        // Of two random endpoints the one with less to do, as `fg-lb`.
        lb_policy: LbPolicy::LeastRequest as i32,
        circuit_breakers: Some(no_limits()),
        typed_extension_protocol_options: HashMap::from([protocol::options(speech)]),
        transport_socket: tls.map(|tls| transport_socket(&tls.context(settings, speech))),
        metadata: Some(label(backend)),
        ..Default::default()
    };
    let kind = |kind: DiscoveryType| ClusterDiscoveryType::Type(kind as i32);
    let is_name = |host: &str| host.parse::<IpAddr>().is_err();
    let discovery = match &backend.kind {
        BackendKind::Endpoints => kind(DiscoveryType::Eds),
        BackendKind::Static(hosts) if hosts.iter().any(|host| is_name(&host.host)) => {
            // A name that nobody answers for must hold up no other cluster.
            cluster.wait_for_warm_on_init = flag(false);
            ClusterDiscoveryType::ClusterType(resolve())
        }
        BackendKind::Static(_) => kind(DiscoveryType::Static),
    };
    cluster.cluster_discovery_type = Some(discovery);
    cluster
}

/// Lets a cluster ask for its endpoints, and gives the name by which it does.
pub(super) fn ask_for_endpoints(cluster: &mut Cluster) -> String {
    let hash = twox_hash::XxHash3_64::oneshot(&cluster.encode_to_vec());
    let service = format!("{}/{hash:016x}", cluster.name);
    cluster.eds_cluster_config = Some(EdsClusterConfig {
        eds_config: Some(ads()),
        service_name: service.clone(),
    });
    service
}

/// Names by their TTL, IPv4 and IPv6.
fn resolve() -> CustomClusterType {
    let cluster = DnsCluster {
        respect_dns_ttl: true,
        dns_refresh_rate: Some(duration(ASK_AGAIN)),
        dns_failure_refresh_rate: Some(RefreshRate {
            base_interval: Some(duration(ASK_AGAIN)),
            max_interval: Some(duration(ASK_AGAIN * 2)),
        }),
        dns_lookup_family: DnsLookupFamily::All as i32,
        ..Default::default()
    };
    CustomClusterType {
        name: "envoy.cluster.dns".to_owned(),
        typed_config: Some(pack(&cluster)),
    }
}

/// Envoy's own limits are for other purposes: 1,024 requests at one time are not many here. Retries
/// alone are bounded, as in our own proxy.
fn no_limits() -> CircuitBreakers {
    CircuitBreakers {
        thresholds: vec![Thresholds {
            max_connections: number(u32::MAX),
            max_pending_requests: number(u32::MAX),
            max_requests: number(u32::MAX),
            retry_budget: Some(RetryBudget {
                budget_percent: Some(Percent {
                    value: RETRY_PERCENT,
                }),
                min_retry_concurrency: number(RETRIES),
                ..Default::default()
            }),
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// What the access log says of it: `%METADATA(CLUSTER:ferrogate:backend)%`. Maps have one entry
/// each, so that the bytes are always the same.
fn label(backend: &Backend) -> Metadata {
    let value = Value {
        kind: Some(Kind::StringValue(backend.key.to_string())),
    };
    let fields = Struct {
        fields: HashMap::from([("backend".to_owned(), value)]),
    };
    Metadata {
        filter_metadata: HashMap::from([("ferrogate".to_owned(), fields)]),
        ..Default::default()
    }
}
