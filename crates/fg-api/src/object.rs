//! An object with its identity, and the closed set of kinds that are read.

use std::collections::BTreeMap;
use std::sync::Arc;

use fg_base::Text;
use fg_model::{Age, ObjectRef, Origin};

use crate::backend::BackendSpec;
use crate::backend_tls_policy::BackendTlsPolicySpec;
use crate::core::{ConfigMap, EndpointSlice, Secret, ServiceSpec};
use crate::gateway::{GatewayClassSpec, GatewaySpec};
use crate::gateway_parameters::GatewayParametersSpec;
use crate::grpc_route::GrpcRouteSpec;
use crate::http_route::HttpRouteSpec;
use crate::listener_set::ListenerSetSpec;
use crate::reference_grant::ReferenceGrantSpec;

/// The part of `metadata` that has meaning for a gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Counted up with each change of the spec; 1 when the source gives none.
    pub generation: i64,
    /// `creationTimestamp`. Units: seconds since the epoch; `None` when the source gives none.
    pub created: Option<i64>,
    /// Labels.
    pub labels: BTreeMap<Text, Text>,
    /// Annotations.
    pub annotations: BTreeMap<Text, Text>,
    /// `uid` of a Gateway, that what is deployed for it belongs to, and of a Secret or ConfigMap,
    /// that tells one made anew from the next version; `None` for other kinds, and when the source
    /// gives none.
    pub uid: Option<Text>,
    /// It stands in for an object that is refused and never was good: it says what that was to protect,
    /// as far as that could be read, and all of that is closed. Nothing is found about it. Default: no.
    pub is_stand_in: bool,
}

/// One object: who it is, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object<S> {
    /// Group, kind, namespace and name.
    pub id: Arc<ObjectRef>,
    /// Labels, generation, age.
    pub meta: Meta,
    /// The `spec`, or the whole body for kinds that have none.
    pub spec: S,
}

impl<S> Object<S> {
    /// The origin of the whole object.
    pub fn origin(&self) -> Origin {
        Origin::of(self.id.clone(), self.meta.generation)
    }

    /// Its age for precedence.
    pub fn age(&self) -> Age {
        Age {
            created: self.meta.created.unwrap_or(i64::MAX),
            namespace: self.id.namespace.clone(),
            name: self.id.name.clone(),
        }
    }
}

/// Any object that Ferrogate reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// `GatewayClass`.
    GatewayClass(Arc<Object<GatewayClassSpec>>),
    /// `Gateway`.
    Gateway(Arc<Object<GatewaySpec>>),
    /// `HTTPRoute`.
    HttpRoute(Arc<Object<HttpRouteSpec>>),
    /// `GRPCRoute`.
    GrpcRoute(Arc<Object<GrpcRouteSpec>>),
    /// `ListenerSet`.
    ListenerSet(Arc<Object<ListenerSetSpec>>),
    /// `BackendTLSPolicy`.
    BackendTlsPolicy(Arc<Object<BackendTlsPolicySpec>>),
    /// `ReferenceGrant`.
    ReferenceGrant(Arc<Object<ReferenceGrantSpec>>),
    /// `Namespace`: only its labels matter.
    Namespace(Arc<Object<()>>),
    /// `Service`.
    Service(Arc<Object<ServiceSpec>>),
    /// `EndpointSlice`.
    EndpointSlice(Arc<Object<EndpointSlice>>),
    /// `Secret`.
    Secret(Arc<Object<Secret>>),
    /// `ConfigMap`.
    ConfigMap(Arc<Object<ConfigMap>>),
    /// kgateway's `Backend`.
    Backend(Arc<Object<BackendSpec>>),
    /// kgateway's `GatewayParameters`.
    GatewayParameters(Arc<Object<GatewayParametersSpec>>),
}

impl Resource {
    /// Group, kind, namespace and name.
    pub fn id(&self) -> &Arc<ObjectRef> {
        match self {
            Self::GatewayClass(o) => &o.id,
            Self::Gateway(o) => &o.id,
            Self::HttpRoute(o) => &o.id,
            Self::GrpcRoute(o) => &o.id,
            Self::ListenerSet(o) => &o.id,
            Self::BackendTlsPolicy(o) => &o.id,
            Self::ReferenceGrant(o) => &o.id,
            Self::Namespace(o) => &o.id,
            Self::Service(o) => &o.id,
            Self::EndpointSlice(o) => &o.id,
            Self::Secret(o) => &o.id,
            Self::ConfigMap(o) => &o.id,
            Self::Backend(o) => &o.id,
            Self::GatewayParameters(o) => &o.id,
        }
    }

    /// As one that stands in for a refused object ([`Meta::is_stand_in`]); `None` of kinds that protect
    /// nothing.
    pub fn into_stand_in(mut self) -> Option<Self> {
        match &mut self {
            Self::HttpRoute(o) => Arc::make_mut(o).meta.is_stand_in = true,
            Self::GrpcRoute(o) => Arc::make_mut(o).meta.is_stand_in = true,
            Self::BackendTlsPolicy(o) => Arc::make_mut(o).meta.is_stand_in = true,
            _ => return None,
        }
        Some(self)
    }

    /// Labels, generation, age.
    pub fn meta(&self) -> &Meta {
        match self {
            Self::GatewayClass(o) => &o.meta,
            Self::Gateway(o) => &o.meta,
            Self::HttpRoute(o) => &o.meta,
            Self::GrpcRoute(o) => &o.meta,
            Self::ListenerSet(o) => &o.meta,
            Self::BackendTlsPolicy(o) => &o.meta,
            Self::ReferenceGrant(o) => &o.meta,
            Self::Namespace(o) => &o.meta,
            Self::Service(o) => &o.meta,
            Self::EndpointSlice(o) => &o.meta,
            Self::Secret(o) => &o.meta,
            Self::ConfigMap(o) => &o.meta,
            Self::Backend(o) => &o.meta,
            Self::GatewayParameters(o) => &o.meta,
        }
    }

    /// Whether both are of one kind and their specs (or bodies, for kinds without) are equal.
    pub fn same_spec(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::GatewayClass(a), Self::GatewayClass(b)) => a.spec == b.spec,
            (Self::Gateway(a), Self::Gateway(b)) => a.spec == b.spec,
            (Self::HttpRoute(a), Self::HttpRoute(b)) => a.spec == b.spec,
            (Self::GrpcRoute(a), Self::GrpcRoute(b)) => a.spec == b.spec,
            (Self::ListenerSet(a), Self::ListenerSet(b)) => a.spec == b.spec,
            (Self::BackendTlsPolicy(a), Self::BackendTlsPolicy(b)) => a.spec == b.spec,
            (Self::ReferenceGrant(a), Self::ReferenceGrant(b)) => a.spec == b.spec,
            (Self::Namespace(_), Self::Namespace(_)) => true,
            (Self::Service(a), Self::Service(b)) => a.spec == b.spec,
            (Self::EndpointSlice(a), Self::EndpointSlice(b)) => a.spec == b.spec,
            (Self::Secret(a), Self::Secret(b)) => a.spec == b.spec,
            (Self::ConfigMap(a), Self::ConfigMap(b)) => a.spec == b.spec,
            (Self::Backend(a), Self::Backend(b)) => a.spec == b.spec,
            (Self::GatewayParameters(a), Self::GatewayParameters(b)) => a.spec == b.spec,
            _ => false,
        }
    }

    /// Gives it a generation, for sources that count generations themselves.
    pub fn set_generation(&mut self, generation: i64) {
        if self.meta().generation == generation {
            return;
        }
        match self {
            Self::GatewayClass(o) => Arc::make_mut(o).meta.generation = generation,
            Self::Gateway(o) => Arc::make_mut(o).meta.generation = generation,
            Self::HttpRoute(o) => Arc::make_mut(o).meta.generation = generation,
            Self::GrpcRoute(o) => Arc::make_mut(o).meta.generation = generation,
            Self::ListenerSet(o) => Arc::make_mut(o).meta.generation = generation,
            Self::BackendTlsPolicy(o) => Arc::make_mut(o).meta.generation = generation,
            Self::ReferenceGrant(o) => Arc::make_mut(o).meta.generation = generation,
            Self::Namespace(o) => Arc::make_mut(o).meta.generation = generation,
            Self::Service(o) => Arc::make_mut(o).meta.generation = generation,
            Self::EndpointSlice(o) => Arc::make_mut(o).meta.generation = generation,
            Self::Secret(o) => Arc::make_mut(o).meta.generation = generation,
            Self::ConfigMap(o) => Arc::make_mut(o).meta.generation = generation,
            Self::Backend(o) => Arc::make_mut(o).meta.generation = generation,
            Self::GatewayParameters(o) => Arc::make_mut(o).meta.generation = generation,
        }
    }
}
