//! What the cluster says of our own proxies: which pods are ready, and where their Services are
//! reached. Read from the same objects as everything else, so that there is no second watch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fg_api::Resource;
use fg_api::core::{EndpointSlice, ServiceSpec};
use fg_base::Text;
use fg_control::fleet::ReadyPod;
use fg_deploy::GATEWAY_LABEL;
use fg_model::ObjectRef;
use fg_status::{GatewayKey, ServiceAddresses};

/// The label of a slice with the name of its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Namespace and name of a Service.
type ServiceKey = (Text, Text);

/// The Services of our proxies, and the pods behind them.
#[derive(Debug, Default)]
pub(crate) struct Pods {
    services: BTreeMap<ServiceKey, ServiceAddresses>,
    slices: BTreeMap<Arc<ObjectRef>, (ServiceKey, Vec<ReadyPod>)>,
    /// Slices by their Service.
    behind: BTreeMap<ServiceKey, BTreeSet<Arc<ObjectRef>>>,
}

impl Pods {
    /// Takes what changed; gives the Services of which something is different.
    pub(crate) fn take(
        &mut self,
        upserts: &[Resource],
        removed: &[ObjectRef],
    ) -> BTreeSet<ServiceKey> {
        let mut changed = BTreeSet::new();
        for id in removed {
            let key = (id.namespace.clone(), id.name.clone());
            if &*id.kind == "Service" && self.services.remove(&key).is_some() {
                changed.insert(key);
            } else if &*id.kind == "EndpointSlice" {
                self.forget(id, &mut changed);
            }
        }
        for resource in upserts {
            match resource {
                Resource::Service(service) if is_ours(&service.meta.labels) => {
                    let key = (service.id.namespace.clone(), service.id.name.clone());
                    let addresses = addresses(&service.spec);
                    if self.services.get(&key) != Some(&addresses) {
                        self.services.insert(key.clone(), addresses);
                        changed.insert(key);
                    }
                }
                Resource::EndpointSlice(slice) if is_ours(&slice.meta.labels) => {
                    let Some(service) = slice.meta.labels.get(SERVICE_NAME) else {
                        continue;
                    };
                    let key = (slice.id.namespace.clone(), service.clone());
                    let now = (key.clone(), ready(&slice.spec));
                    if self.slices.get(&slice.id) != Some(&now) {
                        self.forget(&slice.id, &mut changed);
                        self.slices.insert(slice.id.clone(), now);
                        let behind = self.behind.entry(key.clone()).or_default();
                        behind.insert(slice.id.clone());
                        changed.insert(key);
                    }
                }
                _ => {}
            }
        }
        changed
    }

    fn forget(&mut self, slice: &ObjectRef, changed: &mut BTreeSet<ServiceKey>) {
        let Some((key, _)) = self.slices.remove(slice) else {
            return;
        };
        if let Some(behind) = self.behind.get_mut(&key) {
            behind.remove(slice);
            if behind.is_empty() {
                self.behind.remove(&key);
            }
        }
        changed.insert(key);
    }

    /// The Service of a Gateway.
    pub(crate) fn service_of(gateway: &GatewayKey) -> ServiceKey {
        (
            gateway.namespace.clone(),
            fg_deploy::name(&gateway.name).into(),
        )
    }

    /// The pods of a Gateway that are ready.
    pub(crate) fn ready(&self, gateway: &GatewayKey) -> Vec<ReadyPod> {
        let slices = self.behind.get(&Self::service_of(gateway));
        let pods = slices.into_iter().flatten();
        let pods = pods.filter_map(|slice| Some(self.slices.get(slice)?.1.iter().cloned()));
        pods.flatten().collect()
    }

    /// Where a Gateway is reached; `None` while it has no Service.
    pub(crate) fn addresses(&self, gateway: &GatewayKey) -> Option<&ServiceAddresses> {
        self.services.get(&Self::service_of(gateway))
    }
}

fn is_ours(labels: &BTreeMap<Text, Text>) -> bool {
    labels.contains_key(GATEWAY_LABEL)
}

fn addresses(service: &ServiceSpec) -> ServiceAddresses {
    ServiceAddresses {
        load_balancer: service.kind.as_deref() == Some("LoadBalancer"),
        cluster_ips: service.cluster_ips.clone(),
        external_ips: Vec::new(),
        ingress: service.ingress.clone(),
    }
}

fn ready(slice: &EndpointSlice) -> Vec<ReadyPod> {
    let ready = slice.endpoints.iter().filter(|endpoint| {
        let conditions = endpoint.conditions.as_ref();
        conditions
            .and_then(|conditions| conditions.ready)
            .unwrap_or(true)
    });
    let addresses = ready.flat_map(|endpoint| &endpoint.addresses);
    let pods = addresses.filter_map(|address| address.parse().ok());
    pods.map(|address| ReadyPod { address }).collect()
}
