//! What translation may read about other objects.
//!
//! Every pure function of this crate takes `&dyn Lookup`, never the world itself: so each read can
//! be written down (see `translator::memo`), misses included, and a unit is translated again
//! exactly when something that it read has changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use fg_api::Object;
use fg_api::backend_tls_policy::BackendTlsPolicySpec;
use fg_api::core::{EndpointSlice, ServiceSpec};
use fg_api::gateway_parameters::GatewayParametersSpec;
use fg_api::listener_set::ListenerSetSpec;
use fg_api::reference_grant::ReferenceGrantSpec;
use fg_base::Text;
use fg_model::ObjectRef;

use crate::backends::BackendView;
use crate::classes::Class;
use crate::credentials::Holder;
use crate::gateways::GatewayView;

/// Reads of other objects. A miss is a read too.
pub trait Lookup {
    /// A class by name, judged.
    fn class(&self, name: &Text) -> Option<Class>;
    /// The names of all classes, sorted.
    fn class_names(&self) -> Vec<Text>;
    /// A Gateway as routes see it, whether ours or not.
    fn gateway(&self, namespace: &Text, name: &Text) -> Option<Arc<GatewayView>>;
    /// The names of all Gateways of a namespace, sorted.
    fn gateway_names(&self, namespace: &Text) -> Vec<Text>;
    /// A Service.
    fn service(&self, namespace: &Text, name: &Text) -> Option<Arc<Object<ServiceSpec>>>;
    /// The names of all Services of a namespace, sorted.
    fn service_names(&self, namespace: &Text) -> Vec<Text>;
    /// The slices of a Service, sorted by name.
    fn slices(&self, namespace: &Text, service: &Text) -> Vec<Arc<Object<EndpointSlice>>>;
    /// A kgateway `Backend`, judged.
    fn backend(&self, namespace: &Text, name: &Text) -> Option<Arc<BackendView>>;
    /// A `GatewayParameters`.
    fn parameters(
        &self,
        namespace: &Text,
        name: &Text,
    ) -> Option<Arc<Object<GatewayParametersSpec>>>;
    /// The names of all `GatewayParameters` of a namespace, sorted.
    fn parameters_names(&self, namespace: &Text) -> Vec<Text>;
    /// A Secret.
    fn secret(&self, namespace: &Text, name: &Text) -> Option<Arc<Holder>>;
    /// The names of all Secrets of a namespace, sorted.
    fn secret_names(&self, namespace: &Text) -> Vec<Text>;
    /// A ConfigMap.
    fn config_map(&self, namespace: &Text, name: &Text) -> Option<Arc<Holder>>;
    /// The names of all ConfigMaps of a namespace, sorted.
    fn config_map_names(&self, namespace: &Text) -> Vec<Text>;
    /// Whether an instant lies in the past; `None` while the time is not known. Units: seconds
    /// since the epoch.
    fn passed(&self, instant: i64) -> Option<bool>;
    /// The grants of a namespace, sorted by name.
    fn grants(&self, namespace: &Text) -> Vec<Arc<Object<ReferenceGrantSpec>>>;
    /// The `BackendTLSPolicy`s of a namespace that name a Service of it, sorted by name.
    fn policies(&self, namespace: &Text, service: &Text) -> Vec<Arc<Object<BackendTlsPolicySpec>>>;
    /// The `ListenerSet`s that name a Gateway, sorted by namespace and name.
    fn listener_sets(&self, namespace: &Text, gateway: &Text) -> Vec<Arc<Object<ListenerSetSpec>>>;
    /// A `ListenerSet` as routes see it, whether its Gateway is ours or not.
    fn listener_set(&self, namespace: &Text, name: &Text) -> Option<Arc<GatewayView>>;
    /// The names of all `ListenerSet`s of a namespace, sorted.
    fn listener_set_names(&self, namespace: &Text) -> Vec<Text>;
    /// Why an object was refused before it could come here, in words with file and line; `None` when
    /// it was not.
    fn refused(&self, object: &ObjectRef) -> Option<Text>;
    /// The labels of a namespace; one that is not written down has the label that every
    /// namespace has.
    fn labels(&self, namespace: &Text) -> BTreeMap<Text, Text>;
}
