//! The objects as they are now, indexed for look-ups.

mod look;
mod read;

pub(crate) use read::{Dirty, Read};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fg_api::backend_tls_policy::BackendTlsPolicySpec;
use fg_api::core::{ConfigMap, EndpointSlice, Secret, ServiceSpec};
use fg_api::gateway::{GatewayClassSpec, GatewaySpec};
use fg_api::gateway_parameters::GatewayParametersSpec;
use fg_api::listener_set::ListenerSetSpec;
use fg_api::reference_grant::ReferenceGrantSpec;
use fg_api::{Object, Resource};
use fg_base::Text;
use fg_ir::BackendTls;
use fg_model::{ObjectRef, kinds};

use crate::backend_tls::{self, PolicyView};
use crate::backends::{BackendView, SERVICE_NAME, judge};
use crate::classes;
use crate::credentials::Holder;
use crate::gateways::{self, GatewayView};
use crate::lookup::Lookup;
use crate::notes::Notes;
use crate::routes::Written;

/// Values by namespace and name.
type ByName<T> = BTreeMap<Text, BTreeMap<Text, T>>;

/// All objects, and what is judged once for all readers.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) classes: BTreeMap<Text, Arc<Object<GatewayClassSpec>>>,
    pub(crate) gateways: BTreeMap<Arc<ObjectRef>, Arc<Object<GatewaySpec>>>,
    pub(crate) routes: BTreeMap<Arc<ObjectRef>, Written>,
    pub(crate) backends: BTreeMap<Arc<ObjectRef>, Arc<Object<fg_api::backend::BackendSpec>>>,
    /// Filled by the translator, as Gateways are finished.
    pub(crate) views: ByName<Arc<GatewayView>>,
    backend_views: ByName<Arc<BackendView>>,
    parameters: ByName<Arc<Object<GatewayParametersSpec>>>,
    services: ByName<Arc<Object<ServiceSpec>>>,
    slices: BTreeMap<Arc<ObjectRef>, Arc<Object<EndpointSlice>>>,
    slices_of: ByName<BTreeSet<Arc<ObjectRef>>>,
    pub(crate) sets: BTreeMap<Arc<ObjectRef>, Arc<Object<ListenerSetSpec>>>,
    /// By the Gateways that they name.
    sets_of: BTreeMap<ObjectRef, BTreeSet<Arc<ObjectRef>>>,
    /// Filled by the translator, as Gateways are finished.
    set_views: ByName<Arc<GatewayView>>,
    pub(crate) policies: BTreeMap<Arc<ObjectRef>, Arc<Object<BackendTlsPolicySpec>>>,
    /// Filled by the translator.
    pub(crate) policy_views: BTreeMap<Arc<ObjectRef>, Arc<PolicyView>>,
    /// By the Services that they name.
    policies_of: ByName<BTreeSet<Arc<ObjectRef>>>,
    secrets: ByName<Arc<Holder>>,
    config_maps: ByName<Arc<Holder>>,
    /// What time it is. Units: seconds since the epoch.
    pub(crate) now: Option<i64>,
    /// Objects that were refused before they could come here, each with why.
    pub(crate) refused: BTreeMap<ObjectRef, Text>,
    grants: ByName<Arc<Object<ReferenceGrantSpec>>>,
    namespaces: BTreeMap<Text, BTreeMap<Text, Text>>,
}

/// Puts or removes a value; yields the old one.
fn put<T>(map: &mut ByName<T>, namespace: &Text, name: &Text, value: Option<T>) -> Option<T> {
    match value {
        Some(value) => map
            .entry(namespace.clone())
            .or_default()
            .insert(name.clone(), value),
        None => {
            let inner = map.get_mut(namespace)?;
            let old = inner.remove(name);
            if inner.is_empty() {
                map.remove(namespace);
            }
            old
        }
    }
}

fn get<'a, T>(map: &'a ByName<T>, namespace: &Text, name: &Text) -> Option<&'a T> {
    map.get(namespace)?.get(name)
}

fn names<T>(map: &ByName<T>, namespace: &Text) -> Vec<Text> {
    map.get(namespace)
        .map(|inner| inner.keys().cloned().collect())
        .unwrap_or_default()
}

/// Replaces the value of a map; whether anything changed, and whether it came or went.
fn replace<K: Ord + Clone, V: PartialEq>(
    map: &mut BTreeMap<K, V>,
    key: &K,
    value: Option<V>,
) -> Option<bool> {
    match value {
        Some(value) => match map.get(key) {
            Some(old) if *old == value => None,
            old => {
                let came = old.is_none();
                map.insert(key.clone(), value);
                Some(came)
            }
        },
        None => map.remove(key).map(|_| true),
    }
}

/// Replaces a Secret or ConfigMap; whether anything changed, and whether it came or went. What
/// was read out of an equal one is kept.
fn hold(map: &mut ByName<Arc<Holder>>, id: &ObjectRef, new: Option<Arc<Holder>>) -> Option<bool> {
    let old = get(map, &id.namespace, &id.name);
    if old == new.as_ref() {
        return None;
    }
    let existence = old.is_some() != new.is_some();
    put(map, &id.namespace, &id.name, new);
    Some(existence)
}

impl World {
    /// Takes an object that is new or changed. One that is equal to before changes nothing.
    pub(crate) fn upsert(&mut self, resource: &Resource, dirty: &mut Dirty) {
        let id = resource.id().clone();
        match resource {
            Resource::GatewayClass(object) => self.class(&id.name, Some(object.clone()), dirty),
            Resource::Gateway(object) => self.gateway(&id, Some(object.clone()), dirty),
            Resource::HttpRoute(object) => {
                self.route(&id, Some(Written::Http(object.clone())), dirty)
            }
            Resource::GrpcRoute(object) => {
                self.route(&id, Some(Written::Grpc(object.clone())), dirty)
            }
            Resource::ReferenceGrant(object) => self.grant(&id, Some(object.clone()), dirty),
            Resource::Namespace(object) => {
                self.namespace(&id.name, Some(object.meta.labels.clone()), dirty)
            }
            Resource::Service(object) => self.service(&id, Some(object.clone()), dirty),
            Resource::EndpointSlice(object) => self.slice(&id, Some(object.clone()), dirty),
            Resource::Secret(object) => self.secret(&id, Some(object.clone()), dirty),
            Resource::ConfigMap(object) => self.config_map(&id, Some(object.clone()), dirty),
            Resource::ListenerSet(object) => self.listener_set(&id, Some(object.clone()), dirty),
            Resource::BackendTlsPolicy(object) => self.policy(&id, Some(object.clone()), dirty),
            Resource::Backend(object) => self.backend(&id, Some(object.clone()), dirty),
            Resource::GatewayParameters(object) => {
                self.parameters(&id, Some(object.clone()), dirty)
            }
        }
    }

    /// Forgets an object.
    pub(crate) fn remove(&mut self, id: &ObjectRef, dirty: &mut Dirty) {
        let id = Arc::new(id.clone());
        match (&*id.group, &*id.kind) {
            kinds::GATEWAY_CLASS => self.class(&id.name, None, dirty),
            kinds::GATEWAY => self.gateway(&id, None, dirty),
            kinds::HTTP_ROUTE | kinds::GRPC_ROUTE => self.route(&id, None, dirty),
            kinds::REFERENCE_GRANT => self.grant(&id, None, dirty),
            kinds::NAMESPACE => self.namespace(&id.name, None, dirty),
            kinds::SERVICE => self.service(&id, None, dirty),
            kinds::ENDPOINT_SLICE => self.slice(&id, None, dirty),
            kinds::SECRET => self.secret(&id, None, dirty),
            kinds::LISTENER_SET => self.listener_set(&id, None, dirty),
            kinds::BACKEND_TLS_POLICY => self.policy(&id, None, dirty),
            kinds::CONFIG_MAP => self.config_map(&id, None, dirty),
            kinds::BACKEND => self.backend(&id, None, dirty),
            kinds::GATEWAY_PARAMETERS => self.parameters(&id, None, dirty),
            _ => {}
        }
    }

    fn class(
        &mut self,
        name: &Text,
        class: Option<Arc<Object<GatewayClassSpec>>>,
        dirty: &mut Dirty,
    ) {
        if let Some(existence) = replace(&mut self.classes, name, class) {
            dirty.reads.insert(Read::Class(name.clone()));
            dirty.classes.insert(name.clone());
            if existence {
                dirty.reads.insert(Read::ClassNames);
            }
        }
    }

    fn gateway(
        &mut self,
        id: &Arc<ObjectRef>,
        gateway: Option<Arc<Object<GatewaySpec>>>,
        dirty: &mut Dirty,
    ) {
        if let Some(existence) = replace(&mut self.gateways, id, gateway) {
            dirty.gateways.insert(id.clone());
            if existence {
                dirty.reads.insert(Read::GatewayNames(id.namespace.clone()));
            }
        }
    }

    fn route(&mut self, id: &Arc<ObjectRef>, route: Option<Written>, dirty: &mut Dirty) {
        if replace(&mut self.routes, id, route).is_some() {
            dirty.routes.insert(id.clone());
        }
    }

    fn grant(
        &mut self,
        id: &ObjectRef,
        grant: Option<Arc<Object<ReferenceGrantSpec>>>,
        dirty: &mut Dirty,
    ) {
        let new = grant.clone();
        let old = put(&mut self.grants, &id.namespace, &id.name, grant);
        if old.as_ref().map(|grant| &grant.spec) != new.as_ref().map(|grant| &grant.spec) {
            dirty.reads.insert(Read::Grants(id.namespace.clone()));
        }
    }

    fn namespace(&mut self, name: &Text, labels: Option<BTreeMap<Text, Text>>, dirty: &mut Dirty) {
        let before = self.labels(name);
        match labels {
            Some(labels) => self.namespaces.insert(name.clone(), labels),
            None => self.namespaces.remove(name),
        };
        if before != self.labels(name) {
            dirty.reads.insert(Read::Labels(name.clone()));
        }
    }

    fn service(
        &mut self,
        id: &Arc<ObjectRef>,
        service: Option<Arc<Object<ServiceSpec>>>,
        dirty: &mut Dirty,
    ) {
        let new = service.clone();
        let old = put(&mut self.services, &id.namespace, &id.name, service);
        if old != new {
            dirty
                .reads
                .insert(Read::Service(id.namespace.clone(), id.name.clone()));
            dirty.targets.insert(id.clone());
            dirty.endpoints.insert(id.clone());
        }
        if old.is_some() != new.is_some() {
            dirty.reads.insert(Read::ServiceNames(id.namespace.clone()));
        }
    }

    fn slice(
        &mut self,
        id: &Arc<ObjectRef>,
        slice: Option<Arc<Object<EndpointSlice>>>,
        dirty: &mut Dirty,
    ) {
        let old = match &slice {
            Some(slice) => self.slices.insert(id.clone(), slice.clone()),
            None => self.slices.remove(id),
        };
        if old == slice {
            return;
        }
        let service = |slice: &Option<Arc<Object<EndpointSlice>>>| {
            slice
                .as_ref()
                .and_then(|slice| slice.meta.labels.get(SERVICE_NAME).cloned())
        };
        let (before, after) = (service(&old), service(&slice));
        if before != after {
            if let Some(before) = &before
                && let Some(mut set) = put(&mut self.slices_of, &id.namespace, before, None)
            {
                set.remove(id);
                if !set.is_empty() {
                    put(&mut self.slices_of, &id.namespace, before, Some(set));
                }
            }
            if let Some(after) = &after {
                let inner = self.slices_of.entry(id.namespace.clone()).or_default();
                inner.entry(after.clone()).or_default().insert(id.clone());
            }
        }
        for name in [before, after].into_iter().flatten() {
            dirty
                .reads
                .insert(Read::Slices(id.namespace.clone(), name.clone()));
            dirty.endpoints.insert(Arc::new(ObjectRef {
                group: kinds::SERVICE.0.into(),
                kind: kinds::SERVICE.1.into(),
                namespace: id.namespace.clone(),
                name,
            }));
        }
    }

    fn secret(
        &mut self,
        id: &Arc<ObjectRef>,
        secret: Option<Arc<Object<Secret>>>,
        dirty: &mut Dirty,
    ) {
        let new = secret.map(Holder::secret);
        if let Some(existence) = hold(&mut self.secrets, id, new) {
            let (namespace, name) = (id.namespace.clone(), id.name.clone());
            if existence {
                dirty.reads.insert(Read::SecretNames(namespace.clone()));
            }
            dirty.reads.insert(Read::Secret(namespace, name));
            dirty.holders.insert(id.clone());
        }
    }

    fn config_map(
        &mut self,
        id: &Arc<ObjectRef>,
        map: Option<Arc<Object<ConfigMap>>>,
        dirty: &mut Dirty,
    ) {
        let new = map.map(Holder::config_map);
        if let Some(existence) = hold(&mut self.config_maps, id, new) {
            let (namespace, name) = (id.namespace.clone(), id.name.clone());
            if existence {
                dirty.reads.insert(Read::ConfigMapNames(namespace.clone()));
            }
            dirty.reads.insert(Read::ConfigMap(namespace, name));
            dirty.holders.insert(id.clone());
        }
    }

    fn listener_set(
        &mut self,
        id: &Arc<ObjectRef>,
        set: Option<Arc<Object<ListenerSetSpec>>>,
        dirty: &mut Dirty,
    ) {
        let old = match &set {
            Some(set) => self.sets.insert(id.clone(), set.clone()),
            None => self.sets.remove(id),
        };
        if old == set {
            return;
        }
        let parent = |set: &Option<Arc<Object<ListenerSetSpec>>>| {
            set.as_ref().and_then(|set| gateways::parent(set))
        };
        let (before, after) = (parent(&old), parent(&set));
        if let Some(before) = &before
            && let Some(sets) = self.sets_of.get_mut(before)
        {
            sets.remove(id);
            if sets.is_empty() {
                self.sets_of.remove(before);
            }
        }
        if let Some(after) = &after {
            let sets = self.sets_of.entry(after.clone()).or_default();
            sets.insert(id.clone());
        }
        for gateway in before.into_iter().chain(after) {
            dirty
                .reads
                .insert(Read::SetsOf(gateway.namespace, gateway.name));
        }
        if old.is_some() != set.is_some() {
            dirty
                .reads
                .insert(Read::ListenerSetNames(id.namespace.clone()));
        }
        dirty.sets.insert(id.clone());
    }

    /// Sets what routes see of a set; whether that changed.
    pub(crate) fn set_set_view(&mut self, id: &ObjectRef, view: Option<Arc<GatewayView>>) -> bool {
        let new = view.clone();
        put(&mut self.set_views, &id.namespace, &id.name, view) != new
    }

    fn policy(
        &mut self,
        id: &Arc<ObjectRef>,
        policy: Option<Arc<Object<BackendTlsPolicySpec>>>,
        dirty: &mut Dirty,
    ) {
        let old = match &policy {
            Some(policy) => self.policies.insert(id.clone(), policy.clone()),
            None => self.policies.remove(id),
        };
        if old == policy {
            return;
        }
        let named = |policy: &Option<Arc<Object<BackendTlsPolicySpec>>>| {
            let targets = policy
                .iter()
                .flat_map(|policy| backend_tls::targets(policy));
            let names: BTreeSet<Text> = targets.map(|target| target.service).collect();
            names
        };
        let (before, after) = (named(&old), named(&policy));
        for name in &before {
            if let Some(mut set) = put(&mut self.policies_of, &id.namespace, name, None) {
                set.remove(id);
                if !set.is_empty() {
                    put(&mut self.policies_of, &id.namespace, name, Some(set));
                }
            }
        }
        for name in &after {
            let inner = self.policies_of.entry(id.namespace.clone()).or_default();
            inner.entry(name.clone()).or_default().insert(id.clone());
        }
        for name in before.union(&after) {
            dirty
                .reads
                .insert(Read::Policies(id.namespace.clone(), name.clone()));
        }
        dirty.policies.insert(id.clone());
    }

    /// How a port of a Service is called over TLS.
    pub(crate) fn tls_of(&self, id: &ObjectRef, port: Option<&str>) -> BackendTls {
        let policies = get(&self.policies_of, &id.namespace, &id.name);
        let views = policies
            .into_iter()
            .flatten()
            .filter_map(|id| self.policy_views.get(id).map(|view| &**view));
        backend_tls::choose(views, &id.name, port)
    }

    fn backend(
        &mut self,
        id: &Arc<ObjectRef>,
        backend: Option<Arc<Object<fg_api::backend::BackendSpec>>>,
        dirty: &mut Dirty,
    ) {
        let view = backend
            .as_ref()
            .map(|backend| Arc::new(judge(backend, &mut Notes::new(backend.origin()))));
        if replace(&mut self.backends, id, backend).is_some() {
            dirty.backends.insert(id.clone());
            dirty.targets.insert(id.clone());
            dirty
                .reads
                .insert(Read::Backend(id.namespace.clone(), id.name.clone()));
            put(&mut self.backend_views, &id.namespace, &id.name, view);
        }
    }

    /// Settings are judged with whoever names them: a class here, a Gateway by what it has read.
    fn parameters(
        &mut self,
        id: &Arc<ObjectRef>,
        parameters: Option<Arc<Object<GatewayParametersSpec>>>,
        dirty: &mut Dirty,
    ) {
        let new = parameters.clone();
        let old = put(&mut self.parameters, &id.namespace, &id.name, parameters);
        if old == new {
            return;
        }
        let (namespace, name) = (id.namespace.clone(), id.name.clone());
        for (class, object) in &self.classes {
            if classes::named(object) == Some((&namespace, &name)) {
                dirty.classes.insert(class.clone());
                dirty.reads.insert(Read::Class(class.clone()));
            }
        }
        if old.is_some() != new.is_some() {
            dirty.reads.insert(Read::ParametersNames(namespace.clone()));
        }
        dirty.reads.insert(Read::Parameters(namespace, name));
        dirty.parameters.insert(id.clone());
    }

    /// Sets what routes see of a Gateway; whether that changed.
    pub(crate) fn set_view(&mut self, id: &ObjectRef, view: Option<Arc<GatewayView>>) -> bool {
        let new = view.clone();
        put(&mut self.views, &id.namespace, &id.name, view) != new
    }
}
