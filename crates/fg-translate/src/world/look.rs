//! What translation reads of the world.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fg_api::Object;
use fg_api::backend_tls_policy::BackendTlsPolicySpec;
use fg_api::classes::BUILT_IN;
use fg_api::core::{EndpointSlice, ServiceSpec};
use fg_api::gateway_parameters::GatewayParametersSpec;
use fg_api::listener_set::ListenerSetSpec;
use fg_api::reference_grant::ReferenceGrantSpec;
use fg_base::Text;
use fg_model::{ObjectRef, kinds};

use super::{World, get, names};
use crate::backends::BackendView;
use crate::classes::{self, Class};
use crate::credentials::Holder;
use crate::gateways::GatewayView;
use crate::lookup::Lookup;

impl Lookup for World {
    fn class(&self, name: &Text) -> Option<Class> {
        match self.classes.get(name) {
            Some(class) => Some(classes::judge(class, self)),
            None => classes::built_in(name),
        }
    }

    fn class_names(&self) -> Vec<Text> {
        let built_in = BUILT_IN.iter().map(|(name, _)| (*name).into());
        let names: BTreeSet<Text> = self.classes.keys().cloned().chain(built_in).collect();
        names.into_iter().collect()
    }

    fn gateway(&self, namespace: &Text, name: &Text) -> Option<Arc<GatewayView>> {
        get(&self.views, namespace, name).cloned()
    }

    fn gateway_names(&self, namespace: &Text) -> Vec<Text> {
        names(&self.views, namespace)
    }

    fn service(&self, namespace: &Text, name: &Text) -> Option<Arc<Object<ServiceSpec>>> {
        get(&self.services, namespace, name).cloned()
    }

    fn service_names(&self, namespace: &Text) -> Vec<Text> {
        names(&self.services, namespace)
    }

    fn slices(&self, namespace: &Text, service: &Text) -> Vec<Arc<Object<EndpointSlice>>> {
        get(&self.slices_of, namespace, service)
            .into_iter()
            .flatten()
            .filter_map(|id| self.slices.get(id).cloned())
            .collect()
    }

    fn backend(&self, namespace: &Text, name: &Text) -> Option<Arc<BackendView>> {
        get(&self.backend_views, namespace, name).cloned()
    }

    fn parameters(
        &self,
        namespace: &Text,
        name: &Text,
    ) -> Option<Arc<Object<GatewayParametersSpec>>> {
        get(&self.parameters, namespace, name).cloned()
    }

    fn parameters_names(&self, namespace: &Text) -> Vec<Text> {
        names(&self.parameters, namespace)
    }

    fn secret(&self, namespace: &Text, name: &Text) -> Option<Arc<Holder>> {
        get(&self.secrets, namespace, name).cloned()
    }

    fn secret_names(&self, namespace: &Text) -> Vec<Text> {
        names(&self.secrets, namespace)
    }

    fn config_map(&self, namespace: &Text, name: &Text) -> Option<Arc<Holder>> {
        get(&self.config_maps, namespace, name).cloned()
    }

    fn config_map_names(&self, namespace: &Text) -> Vec<Text> {
        names(&self.config_maps, namespace)
    }

    fn passed(&self, instant: i64) -> Option<bool> {
        self.now.map(|now| instant <= now)
    }

    fn grants(&self, namespace: &Text) -> Vec<Arc<Object<ReferenceGrantSpec>>> {
        self.grants
            .get(namespace)
            .map(|grants| grants.values().cloned().collect())
            .unwrap_or_default()
    }

    fn policies(&self, namespace: &Text, service: &Text) -> Vec<Arc<Object<BackendTlsPolicySpec>>> {
        get(&self.policies_of, namespace, service)
            .into_iter()
            .flatten()
            .filter_map(|id| self.policies.get(id).cloned())
            .collect()
    }

    fn listener_sets(&self, namespace: &Text, gateway: &Text) -> Vec<Arc<Object<ListenerSetSpec>>> {
        let gateway = ObjectRef::new(kinds::GATEWAY.0, kinds::GATEWAY.1, namespace, gateway);
        self.sets_of
            .get(&gateway)
            .into_iter()
            .flatten()
            .filter_map(|id| self.sets.get(id).cloned())
            .collect()
    }

    fn listener_set(&self, namespace: &Text, name: &Text) -> Option<Arc<GatewayView>> {
        get(&self.set_views, namespace, name).cloned()
    }

    fn listener_set_names(&self, namespace: &Text) -> Vec<Text> {
        names(&self.set_views, namespace)
    }

    fn refused(&self, object: &ObjectRef) -> Option<Text> {
        self.refused.get(object).cloned()
    }

    fn labels(&self, namespace: &Text) -> BTreeMap<Text, Text> {
        let mut labels = self.namespaces.get(namespace).cloned().unwrap_or_default();
        labels.insert("kubernetes.io/metadata.name".into(), namespace.clone());
        labels
    }
}
