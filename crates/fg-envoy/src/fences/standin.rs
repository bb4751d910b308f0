//! What is sent in place of a version that Envoy refused: the last good one, as far as that protects
//! what the refused one would have protected.

use std::collections::BTreeSet;

use envoy_types::pb::envoy::config::cluster::v3::{
    Cluster,
    cluster::{ClusterDiscoveryType, DiscoveryType},
};
use envoy_types::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use envoy_types::pb::envoy::config::listener::v3::{
    Filter, FilterChain, Listener, filter::ConfigType,
};
use envoy_types::pb::envoy::extensions::filters::network::direct_response::v3::Config as Say;
use fg_policies::envoy::pack;
use prost::Message as _;

use super::{Instead, names};
use crate::resource::{Kind, Resource};
use crate::routes::Host;
use crate::secrets::AUTHORITIES;
use crate::settings::Settings;

/// What a refused version is replaced by, and what that means, if an earlier one was good.
pub(super) fn stand_in(
    settings: &Settings,
    refused: &Resource,
    good: &Resource,
) -> (Resource, Instead) {
    let whole = || (good.clone(), Instead::LastGood);
    match refused.kind {
        Kind::VirtualHost if names::is_less_guarded(&refused.body, &good.body) => {
            (closed(settings, refused), Instead::Nothing)
        }
        Kind::Cluster => match open_cluster(refused, good) {
            Some(cluster) => (remade(refused, &cluster), Instead::Nothing),
            None => whole(),
        },
        Kind::Listener => match closed_sections(refused, good) {
            Some(listener) => (remade(refused, &listener), Instead::LastGoodInPart),
            None => whole(),
        },
        _ => whole(),
    }
}

/// A virtual host for the same requests that answers everything as an invalid rule.
pub(super) fn closed(settings: &Settings, refused: &Resource) -> Resource {
    let host = Host {
        body: refused.body.clone(),
        about: refused.about.clone(),
    };
    let host = host.closed(settings);
    Resource::new(refused.kind, refused.name.clone(), host.body, host.about)
}

fn remade(refused: &Resource, message: &impl prost::Message) -> Resource {
    let body = message.encode_to_vec().into();
    Resource::new(
        refused.kind,
        refused.name.clone(),
        body,
        refused.about.clone(),
    )
}

/// The cluster without endpoints, if the refused version speaks TLS and the last good one does not: what
/// shall go encrypted to one who is known goes to nobody.
fn open_cluster(refused: &Resource, good: &Resource) -> Option<Cluster> {
    let refused = Cluster::decode(&*refused.body).ok()?;
    let good = Cluster::decode(&*good.body).ok()?;
    (refused.transport_socket.is_some() && good.transport_socket.is_none()).then(|| Cluster {
        name: good.name.clone(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Static as i32)),
        load_assignment: Some(ClusterLoadAssignment {
            cluster_name: good.name,
            ..ClusterLoadAssignment::default()
        }),
        metadata: good.metadata,
        ..Cluster::default()
    })
}

/// The last good listener without the chains that check no client, where the refused version checks
/// them; `None` when there is no such chain.
fn closed_sections(refused: &Resource, good: &Resource) -> Option<Listener> {
    let refused = Listener::decode(&*refused.body).ok()?;
    let mut good = Listener::decode(&*good.body).ok()?;
    let authorities = format!("{AUTHORITIES}/");
    let checks = |chain: &&FilterChain| names::has_prefix(&chain.encode_to_vec(), &authorities);
    let checked = refused.filter_chains.iter().filter(checks);
    let checked: BTreeSet<&str> = checked.map(|chain| &*chain.name).collect();
    let before = good.filter_chains.len();
    good.filter_chains
        .retain(|chain| checks(&chain) || !checked.contains(&*chain.name));
    let has_less = good.filter_chains.len() < before;
    if good.filter_chains.is_empty() {
        // Envoy takes no listener without a chain, and would go on with the one that checks nobody.
        good.filter_chains.push(nobody());
    }
    has_less.then_some(good)
}

/// A chain that closes every connection, and says nothing before.
fn nobody() -> FilterChain {
    FilterChain {
        name: "closed".to_owned(),
        filters: vec![Filter {
            name: "envoy.filters.network.direct_response".to_owned(),
            config_type: Some(ConfigType::TypedConfig(pack(&Say::default()))),
        }],
        ..FilterChain::default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use envoy_types::pb::envoy::config::core::v3::TransportSocket;

    use super::*;

    fn resource(kind: Kind, message: &impl prost::Message) -> Resource {
        let body = message.encode_to_vec().into();
        Resource::new(kind, Arc::from("it"), body, Vec::new())
    }

    fn socket(name: &str) -> Option<TransportSocket> {
        Some(TransportSocket {
            name: name.to_owned(),
            ..TransportSocket::default()
        })
    }

    #[test]
    fn what_shall_be_encrypted_goes_to_nobody_in_clear() {
        let cluster = |tls: &str| {
            let cluster = Cluster {
                name: "it".to_owned(),
                transport_socket: (!tls.is_empty()).then(|| socket(tls)).flatten(),
                ..Cluster::default()
            };
            resource(Kind::Cluster, &cluster)
        };
        let stand_in = |refused: &str, good: &str| {
            stand_in(&Settings::default(), &cluster(refused), &cluster(good))
        };
        for (refused, good) in [("", ""), ("", "tls"), ("tls, too", "tls")] {
            assert_eq!(stand_in(refused, good), (cluster(good), Instead::LastGood));
        }
        let (closed, instead) = stand_in("tls", "");
        assert_eq!(instead, Instead::Nothing);
        let closed = Cluster::decode(&*closed.body).unwrap();
        assert_eq!(closed.load_assignment.unwrap().endpoints, []);
    }

    #[test]
    fn listeners_that_shall_check_clients_let_none_in_unchecked() {
        let listener = |chains: &[(&str, &str)]| {
            let chains = chains.iter().map(|(name, secret)| FilterChain {
                name: (*name).to_owned(),
                transport_socket: socket(secret),
                ..FilterChain::default()
            });
            let listener = Listener {
                filter_chains: chains.collect(),
                ..Listener::default()
            };
            resource(Kind::Listener, &listener)
        };
        const CHECKED: &str = "Authorities/Secret/default/ca";
        let good = listener(&[("a", ""), ("b", ""), ("c", CHECKED)]);
        let settings = Settings::default();
        // One that is new closes nothing.
        let refused = listener(&[("a", ""), ("c", CHECKED), ("new", CHECKED)]);
        let whole = stand_in(&settings, &refused, &good);
        assert_eq!(whole, (good.clone(), Instead::LastGood));
        let refused = listener(&[("a", ""), ("b", CHECKED), ("c", CHECKED)]);
        let (part, instead) = stand_in(&settings, &refused, &good);
        assert_eq!(part, listener(&[("a", ""), ("c", CHECKED)]));
        assert_eq!(instead, Instead::LastGoodInPart);
        // A listener without any chain would be refused, too.
        let refused = listener(&[("a", CHECKED)]);
        let (part, _) = stand_in(&settings, &refused, &listener(&[("a", "")]));
        let part = Listener::decode(&*part.body).unwrap();
        let names = part.filter_chains.iter().map(|chain| &*chain.name);
        assert_eq!(names.collect::<Vec<_>>(), ["closed"]);
    }
}
