//! What can be read of the world, and what a step has changed in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use fg_base::Text;
use fg_model::ObjectRef;

/// Something that can be read through [`crate::lookup::Lookup`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Read {
    /// A class.
    Class(Text),
    /// The names of all classes.
    ClassNames,
    /// A Gateway as routes see it.
    Gateway(Text, Text),
    /// The names of a namespace's Gateways.
    GatewayNames(Text),
    /// A Service.
    Service(Text, Text),
    /// The names of a namespace's Services.
    ServiceNames(Text),
    /// The slices of a Service.
    Slices(Text, Text),
    /// A kgateway `Backend`.
    Backend(Text, Text),
    /// A `GatewayParameters`.
    Parameters(Text, Text),
    /// The names of a namespace's `GatewayParameters`.
    ParametersNames(Text),
    /// A Secret.
    Secret(Text, Text),
    /// The names of a namespace's Secrets.
    SecretNames(Text),
    /// A ConfigMap.
    ConfigMap(Text, Text),
    /// The names of a namespace's ConfigMaps.
    ConfigMapNames(Text),
    /// Whether an instant lies in the past.
    Passed(i64),
    /// The sets that name a Gateway.
    SetsOf(Text, Text),
    /// A set as routes see it.
    ListenerSet(Text, Text),
    /// The names of a namespace's sets.
    ListenerSetNames(Text),
    /// The policies of a Service.
    Policies(Text, Text),
    /// The grants of a namespace.
    Grants(Text),
    /// Whether an object was refused, and why.
    Refused(ObjectRef),
    /// The labels of a namespace.
    Labels(Text),
}

/// What a step has changed in the world.
#[derive(Default)]
pub(crate) struct Dirty {
    /// What readers may have read differently.
    pub(crate) reads: BTreeSet<Read>,
    /// Classes that are new, changed or gone.
    pub(crate) classes: BTreeSet<Text>,
    /// Gateways that are new, changed or gone.
    pub(crate) gateways: BTreeSet<Arc<ObjectRef>>,
    /// Routes that are new, changed or gone.
    pub(crate) routes: BTreeSet<Arc<ObjectRef>>,
    /// `Backend`s that are new, changed or gone.
    pub(crate) backends: BTreeSet<Arc<ObjectRef>>,
    /// Services or `Backend`s whose IR backends may have changed.
    pub(crate) targets: BTreeSet<Arc<ObjectRef>>,
    /// Services whose endpoints may have changed.
    pub(crate) endpoints: BTreeSet<Arc<ObjectRef>>,
    /// `ListenerSet`s that are new, changed or gone.
    pub(crate) sets: BTreeSet<Arc<ObjectRef>>,
    /// `BackendTLSPolicy`s that are new, changed or gone.
    pub(crate) policies: BTreeSet<Arc<ObjectRef>>,
    /// `GatewayParameters` that are new, changed or gone.
    pub(crate) parameters: BTreeSet<Arc<ObjectRef>>,
    /// Secrets and ConfigMaps that are new, changed or gone.
    pub(crate) holders: BTreeSet<Arc<ObjectRef>>,
}
