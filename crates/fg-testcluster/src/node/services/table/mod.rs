//! What Services and EndpointSlices say: which address and port leads to which endpoints.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddrV4},
};

use k8s_openapi::api::{
    core::v1::{Service, ServicePort},
    discovery::v1::{Endpoint, EndpointSlice},
};
use kube::ResourceExt;

use super::{owner, pool::Wish};
use crate::node::hosts::Names;

/// Namespace and name.
pub(super) type Key = (String, String);

/// An address that clients connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Front {
    pub(super) address: Ipv4Addr,
    /// `tcp` or `udp`.
    pub(super) protocol: &'static str,
    pub(super) port: u16,
}

/// Where each address of a Service leads.
pub(super) type Fronts = BTreeMap<Front, Vec<SocketAddrV4>>;

/// All Services and slices, and which Services changed since they were last asked for.
#[derive(Debug, Default)]
pub(super) struct Table {
    services: BTreeMap<Key, Service>,
    slices: BTreeMap<Key, BTreeMap<String, EndpointSlice>>,
    changed: BTreeSet<Key>,
    /// Keys not seen yet in the list that is under way.
    unseen_services: Option<BTreeSet<Key>>,
    unseen_slices: Option<BTreeSet<(Key, String)>>,
}

impl Table {
    pub(super) fn service(&mut self, service: Service) {
        let key = key_of(&service);
        if let Some(unseen) = &mut self.unseen_services {
            unseen.remove(&key);
        }
        self.changed.insert(key.clone());
        self.services.insert(key, service);
    }

    pub(super) fn no_service(&mut self, service: &Service) {
        let key = key_of(service);
        self.services.remove(&key);
        self.changed.insert(key);
    }

    /// A list of all Services begins.
    pub(super) fn services_begin(&mut self) {
        self.unseen_services = Some(self.services.keys().cloned().collect());
    }

    /// The list is complete: what was not in it is gone.
    pub(super) fn services_end(&mut self) {
        for key in self.unseen_services.take().unwrap_or_default() {
            self.services.remove(&key);
            self.changed.insert(key);
        }
    }

    pub(super) fn slice(&mut self, slice: EndpointSlice) {
        let Some(key) = owner(&slice) else { return };
        let name = slice.name_any();
        if let Some(unseen) = &mut self.unseen_slices {
            unseen.remove(&(key.clone(), name.clone()));
        }
        self.changed.insert(key.clone());
        self.slices.entry(key).or_default().insert(name, slice);
    }

    pub(super) fn no_slice(&mut self, slice: &EndpointSlice) {
        if let Some(key) = owner(slice) {
            self.forget_slice(key, &slice.name_any());
        }
    }

    /// A list of all slices begins.
    pub(super) fn slices_begin(&mut self) {
        let all = self
            .slices
            .iter()
            .flat_map(|(key, slices)| slices.keys().map(|name| (key.clone(), name.clone())));
        self.unseen_slices = Some(all.collect());
    }

    /// The list is complete: what was not in it is gone.
    pub(super) fn slices_end(&mut self) {
        for (key, name) in self.unseen_slices.take().unwrap_or_default() {
            self.forget_slice(key, &name);
        }
    }

    fn forget_slice(&mut self, key: Key, name: &str) {
        if let Some(slices) = self.slices.get_mut(&key) {
            slices.remove(name);
            if slices.is_empty() {
                self.slices.remove(&key);
            }
        }
        self.changed.insert(key);
    }

    /// Services that changed, or whose slices did, since the last call.
    pub(super) fn take_changed(&mut self) -> BTreeSet<Key> {
        std::mem::take(&mut self.changed)
    }

    /// A Service's uid; none: it is gone.
    pub(super) fn uid(&self, key: &Key) -> Option<String> {
        self.services.get(key).and_then(ResourceExt::uid)
    }

    /// What a Service of type LoadBalancer wants; none: it is of another type or gone.
    pub(super) fn balancer(&self, key: &Key) -> Option<Wish> {
        let service = self.services.get(key)?;
        let spec = service.spec.as_ref()?;
        let ours = spec.type_.as_deref() == Some("LoadBalancer")
            && spec.load_balancer_class.is_none()
            && service.metadata.deletion_timestamp.is_none();
        let asked = spec
            .load_balancer_ip
            .clone()
            .filter(|text| !text.is_empty());
        ours.then(|| Wish {
            asked,
            has: self.published(key),
        })
    }

    /// The LoadBalancer address in a Service's status.
    pub(super) fn published(&self, key: &Key) -> Option<Ipv4Addr> {
        let status = self.services.get(key)?.status.as_ref()?;
        status
            .load_balancer
            .as_ref()?
            .ingress
            .as_ref()?
            .first()?
            .ip
            .as_ref()?
            .parse()
            .ok()
    }

    /// Where a Service's addresses lead. A front without endpoints is left out: connections to it are refused.
    pub(super) fn fronts(&self, key: &Key, balancer: Option<Ipv4Addr>) -> Fronts {
        let mut fronts = Fronts::new();
        let Some(service) = self.services.get(key).filter(|service| is_ours(service)) else {
            return fronts;
        };
        let addresses: BTreeSet<Ipv4Addr> = cluster_address(service)
            .into_iter()
            .chain(balancer)
            .collect();
        for port in service
            .spec
            .iter()
            .flat_map(|spec| spec.ports.iter().flatten())
        {
            let protocol = match port.protocol.as_deref() {
                None | Some("TCP") => "tcp",
                Some("UDP") => "udp",
                Some(_) => continue,
            };
            let Ok(number) = u16::try_from(port.port) else {
                continue;
            };
            let endpoints = self.endpoints(key, port);
            if endpoints.is_empty() {
                continue;
            }
            for address in &addresses {
                fronts.insert(
                    Front {
                        address: *address,
                        protocol,
                        port: number,
                    },
                    endpoints.clone(),
                );
            }
        }
        fronts
    }

    /// Ready endpoints of a port; if there is none, those that still serve while they end.
    fn endpoints(&self, key: &Key, port: &ServicePort) -> Vec<SocketAddrV4> {
        let mut ready = BTreeSet::new();
        let mut leaving = BTreeSet::new();
        let slices = self
            .slices
            .get(key)
            .into_iter()
            .flatten()
            .map(|(_, slice)| slice);
        for slice in slices.filter(|slice| slice.address_type == "IPv4") {
            let named = |p: &&k8s_openapi::api::discovery::v1::EndpointPort| {
                p.name.as_deref().unwrap_or_default() == port.name.as_deref().unwrap_or_default()
            };
            let Some(number) = slice
                .ports
                .iter()
                .flatten()
                .find(named)
                .and_then(|p| p.port)
            else {
                continue;
            };
            let Ok(number) = u16::try_from(number) else {
                continue;
            };
            for endpoint in &slice.endpoints {
                let into = if is_ready(endpoint) {
                    &mut ready
                } else if still_serves(endpoint) {
                    &mut leaving
                } else {
                    continue;
                };
                let addresses = endpoint
                    .addresses
                    .iter()
                    .filter_map(|text| text.parse().ok());
                into.extend(addresses.map(|address| SocketAddrV4::new(address, number)));
            }
        }
        let chosen = if ready.is_empty() { leaving } else { ready };
        chosen.into_iter().collect()
    }

    /// Addresses by name: the cluster address, or for headless Services those of their ready endpoints.
    pub(super) fn names(&self) -> Names {
        let mut names = Names::new();
        for (key, service) in &self.services {
            let addresses = match cluster_address(service) {
                Some(address) => vec![address],
                None => self.headless(key),
            };
            if !addresses.is_empty() {
                names.insert(key.clone(), addresses);
            }
        }
        names
    }

    fn headless(&self, key: &Key) -> Vec<Ipv4Addr> {
        let slices = self
            .slices
            .get(key)
            .into_iter()
            .flatten()
            .map(|(_, slice)| slice);
        let endpoints = slices
            .flat_map(|slice| &slice.endpoints)
            .filter(|endpoint| is_ready(endpoint));
        let all: BTreeSet<Ipv4Addr> = endpoints
            .flat_map(|endpoint| &endpoint.addresses)
            .filter_map(|text| text.parse().ok())
            .collect();
        all.into_iter().collect()
    }
}

/// Services labelled for another service proxy get no rules here.
fn is_ours(service: &Service) -> bool {
    !service
        .labels()
        .contains_key("service.kubernetes.io/service-proxy-name")
}

fn cluster_address(service: &Service) -> Option<Ipv4Addr> {
    service.spec.as_ref()?.cluster_ip.as_ref()?.parse().ok()
}

fn is_ready(endpoint: &Endpoint) -> bool {
    endpoint
        .conditions
        .as_ref()
        .and_then(|c| c.ready)
        .unwrap_or(true)
}

fn still_serves(endpoint: &Endpoint) -> bool {
    endpoint
        .conditions
        .as_ref()
        .is_some_and(|c| c.serving == Some(true) && c.terminating == Some(true))
}

fn key_of(service: &Service) -> Key {
    (service.namespace().unwrap_or_default(), service.name_any())
}

#[cfg(test)]
mod tests;
