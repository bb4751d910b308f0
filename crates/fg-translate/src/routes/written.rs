//! A route as it is written, of whatever kind: what the kinds share is read in one way.

use std::borrow::Cow;
use std::sync::Arc;

use fg_api::Object;
use fg_api::grpc_route::{GrpcRouteMatch, GrpcRouteRule, GrpcRouteSpec};
use fg_api::http_route::{
    HttpBackendRef, HttpRouteFilter, HttpRouteMatch, HttpRouteRule, HttpRouteSpec,
};
use fg_api::reference::ParentReference;
use fg_base::Text;
use fg_ir::RouteKind;
use fg_model::{Age, ObjectRef, Origin, kinds};

/// A route of a kind that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// An `HTTPRoute`.
    Http(Arc<Object<HttpRouteSpec>>),
    /// A `GRPCRoute`.
    Grpc(Arc<Object<GrpcRouteSpec>>),
}

/// One rule of it.
pub(super) struct WrittenRule<'a> {
    pub(super) name: Option<&'a Text>,
    pub(super) matches: WrittenMatches<'a>,
    pub(super) filters: &'a [HttpRouteFilter],
    pub(super) backend_refs: &'a [HttpBackendRef],
    /// The fields that policies read. Of a `GRPCRoute` there are those only that both kinds have.
    pub(super) fields: Cow<'a, HttpRouteRule>,
}

/// The matches of a rule, the one thing in which the kinds differ.
#[derive(Clone, Copy)]
pub(super) enum WrittenMatches<'a> {
    Http(&'a [HttpRouteMatch]),
    Grpc(&'a [GrpcRouteMatch]),
}

/// One expression for the objects of all kinds.
macro_rules! of_any {
    ($route:expr, $object:ident => $value:expr) => {
        match $route {
            Written::Http($object) => $value,
            Written::Grpc($object) => $value,
        }
    };
}

impl Written {
    /// Group, kind, namespace and name.
    pub(crate) fn id(&self) -> &Arc<ObjectRef> {
        of_any!(self, object => &object.id)
    }

    /// `metadata.generation`.
    pub(crate) fn generation(&self) -> i64 {
        of_any!(self, object => object.meta.generation)
    }

    /// Whether it stands in for one that is refused.
    pub(crate) fn is_stand_in(&self) -> bool {
        of_any!(self, object => object.meta.is_stand_in)
    }

    /// The origin of the whole object.
    pub(crate) fn origin(&self) -> Origin {
        of_any!(self, object => object.origin())
    }

    /// Its age, for precedence.
    pub(crate) fn age(&self) -> Age {
        of_any!(self, object => object.age())
    }

    /// What it is for.
    pub(crate) fn kind(&self) -> RouteKind {
        match self {
            Self::Http(_) => RouteKind::Http,
            Self::Grpc(_) => RouteKind::Grpc,
        }
    }

    /// Group and kind, as [`kinds`] has them.
    pub(crate) fn group_kind(&self) -> (&'static str, &'static str) {
        match self {
            Self::Http(_) => kinds::HTTP_ROUTE,
            Self::Grpc(_) => kinds::GRPC_ROUTE,
        }
    }

    pub(super) fn parent_refs(&self) -> &[ParentReference] {
        of_any!(self, object => &object.spec.parent_refs)
    }

    pub(super) fn hostnames(&self) -> &[Text] {
        of_any!(self, object => &object.spec.hostnames)
    }

    pub(super) fn use_default_gateways(&self) -> Option<&Text> {
        of_any!(self, object => object.spec.use_default_gateways.as_ref())
    }

    pub(super) fn rules(&self) -> Vec<WrittenRule<'_>> {
        match self {
            Self::Http(object) => object.spec.rules.iter().map(WrittenRule::http).collect(),
            Self::Grpc(object) => object.spec.rules.iter().map(WrittenRule::grpc).collect(),
        }
    }
}

impl<'a> WrittenRule<'a> {
    fn http(rule: &'a HttpRouteRule) -> Self {
        Self {
            name: rule.name.as_ref(),
            matches: WrittenMatches::Http(&rule.matches),
            filters: &rule.filters,
            backend_refs: &rule.backend_refs,
            fields: Cow::Borrowed(rule),
        }
    }

    fn grpc(rule: &'a GrpcRouteRule) -> Self {
        Self {
            name: rule.name.as_ref(),
            matches: WrittenMatches::Grpc(&rule.matches),
            filters: &rule.filters,
            backend_refs: &rule.backend_refs,
            fields: Cow::Owned(HttpRouteRule {
                session_persistence: rule.session_persistence.clone(),
                ..HttpRouteRule::default()
            }),
        }
    }
}
