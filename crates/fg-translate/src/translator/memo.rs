//! Who read what: the memory that makes work proportional to the change.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
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
use crate::lookup::Lookup;
use crate::world::Read;

/// What each unit of one kind has read, and the reverse.
#[derive(Default)]
pub(super) struct Memo {
    reads: BTreeMap<Arc<ObjectRef>, Box<[Read]>>,
    readers: HashMap<Read, BTreeSet<Arc<ObjectRef>>>,
}

impl Memo {
    /// Writes down what a unit has read this time; nothing when it is gone.
    pub(super) fn set(&mut self, unit: &Arc<ObjectRef>, mut reads: Vec<Read>) {
        reads.sort_unstable();
        reads.dedup();
        let before = if reads.is_empty() {
            self.reads.remove(unit)
        } else if self
            .reads
            .get(unit)
            .is_some_and(|before| **before == *reads)
        {
            return;
        } else {
            self.reads.insert(unit.clone(), reads.clone().into())
        };
        let before = before.unwrap_or_default();
        for gone in before
            .iter()
            .filter(|read| reads.binary_search(read).is_err())
        {
            if let Some(readers) = self.readers.get_mut(gone) {
                readers.remove(unit);
                if readers.is_empty() {
                    self.readers.remove(gone);
                }
            }
        }
        for new in reads {
            if before.binary_search(&new).is_err() {
                self.readers.entry(new).or_default().insert(unit.clone());
            }
        }
    }

    /// What was asked about instants after `after`, up to and with `until`.
    pub(super) fn instants(&self, after: Option<i64>, until: i64) -> impl Iterator<Item = Read> {
        let between =
            move |instant: i64| instant <= until && after.is_none_or(|after| after < instant);
        self.readers
            .keys()
            .filter(move |read| match (read, after) {
                (Read::Passed(instant), Some(_)) => between(*instant),
                (Read::Passed(_), None) => true,
                _ => false,
            })
            .cloned()
    }

    /// The units that have read one of these.
    pub(super) fn readers<'a>(
        &'a self,
        reads: &'a BTreeSet<Read>,
    ) -> impl Iterator<Item = &'a Arc<ObjectRef>> {
        reads
            .iter()
            .filter_map(|read| self.readers.get(read))
            .flatten()
    }
}

/// Looks up, and writes down what was asked.
pub(super) struct Recorder<'a> {
    lookup: &'a dyn Lookup,
    reads: RefCell<Vec<Read>>,
}

impl<'a> Recorder<'a> {
    /// Nothing asked yet.
    pub(super) fn new(lookup: &'a dyn Lookup) -> Self {
        Self {
            lookup,
            reads: RefCell::default(),
        }
    }

    /// What was asked.
    pub(super) fn into_reads(self) -> Vec<Read> {
        self.reads.into_inner()
    }

    fn record(&self, read: Read) {
        let mut reads = self.reads.borrow_mut();
        if !reads.contains(&read) {
            reads.push(read);
        }
    }
}

impl Lookup for Recorder<'_> {
    fn class(&self, name: &Text) -> Option<Class> {
        self.record(Read::Class(name.clone()));
        self.lookup.class(name)
    }

    fn class_names(&self) -> Vec<Text> {
        self.record(Read::ClassNames);
        self.lookup.class_names()
    }

    fn gateway(&self, namespace: &Text, name: &Text) -> Option<Arc<GatewayView>> {
        self.record(Read::Gateway(namespace.clone(), name.clone()));
        self.lookup.gateway(namespace, name)
    }

    fn gateway_names(&self, namespace: &Text) -> Vec<Text> {
        self.record(Read::GatewayNames(namespace.clone()));
        self.lookup.gateway_names(namespace)
    }

    fn service(&self, namespace: &Text, name: &Text) -> Option<Arc<Object<ServiceSpec>>> {
        self.record(Read::Service(namespace.clone(), name.clone()));
        self.lookup.service(namespace, name)
    }

    fn service_names(&self, namespace: &Text) -> Vec<Text> {
        self.record(Read::ServiceNames(namespace.clone()));
        self.lookup.service_names(namespace)
    }

    fn slices(&self, namespace: &Text, service: &Text) -> Vec<Arc<Object<EndpointSlice>>> {
        self.record(Read::Slices(namespace.clone(), service.clone()));
        self.lookup.slices(namespace, service)
    }

    fn backend(&self, namespace: &Text, name: &Text) -> Option<Arc<BackendView>> {
        self.record(Read::Backend(namespace.clone(), name.clone()));
        self.lookup.backend(namespace, name)
    }

    fn parameters(
        &self,
        namespace: &Text,
        name: &Text,
    ) -> Option<Arc<Object<GatewayParametersSpec>>> {
        self.record(Read::Parameters(namespace.clone(), name.clone()));
        self.lookup.parameters(namespace, name)
    }

    fn parameters_names(&self, namespace: &Text) -> Vec<Text> {
        self.record(Read::ParametersNames(namespace.clone()));
        self.lookup.parameters_names(namespace)
    }

    fn secret(&self, namespace: &Text, name: &Text) -> Option<Arc<Holder>> {
        self.record(Read::Secret(namespace.clone(), name.clone()));
        self.lookup.secret(namespace, name)
    }

    fn secret_names(&self, namespace: &Text) -> Vec<Text> {
        self.record(Read::SecretNames(namespace.clone()));
        self.lookup.secret_names(namespace)
    }

    fn config_map(&self, namespace: &Text, name: &Text) -> Option<Arc<Holder>> {
        self.record(Read::ConfigMap(namespace.clone(), name.clone()));
        self.lookup.config_map(namespace, name)
    }

    fn config_map_names(&self, namespace: &Text) -> Vec<Text> {
        self.record(Read::ConfigMapNames(namespace.clone()));
        self.lookup.config_map_names(namespace)
    }

    fn passed(&self, instant: i64) -> Option<bool> {
        self.record(Read::Passed(instant));
        self.lookup.passed(instant)
    }

    fn grants(&self, namespace: &Text) -> Vec<Arc<Object<ReferenceGrantSpec>>> {
        self.record(Read::Grants(namespace.clone()));
        self.lookup.grants(namespace)
    }

    fn policies(&self, namespace: &Text, service: &Text) -> Vec<Arc<Object<BackendTlsPolicySpec>>> {
        self.record(Read::Policies(namespace.clone(), service.clone()));
        self.lookup.policies(namespace, service)
    }

    fn listener_sets(&self, namespace: &Text, gateway: &Text) -> Vec<Arc<Object<ListenerSetSpec>>> {
        self.record(Read::SetsOf(namespace.clone(), gateway.clone()));
        self.lookup.listener_sets(namespace, gateway)
    }

    fn listener_set(&self, namespace: &Text, name: &Text) -> Option<Arc<GatewayView>> {
        self.record(Read::ListenerSet(namespace.clone(), name.clone()));
        self.lookup.listener_set(namespace, name)
    }

    fn listener_set_names(&self, namespace: &Text) -> Vec<Text> {
        self.record(Read::ListenerSetNames(namespace.clone()));
        self.lookup.listener_set_names(namespace)
    }

    fn refused(&self, object: &ObjectRef) -> Option<Text> {
        self.record(Read::Refused(object.clone()));
        self.lookup.refused(object)
    }

    fn labels(&self, namespace: &Text) -> BTreeMap<Text, Text> {
        self.record(Read::Labels(namespace.clone()));
        self.lookup.labels(namespace)
    }
}
