//! The facet for Envoy: what a policy's `envoy.rs` may write, and where.
//!
//! A policy's `envoy.rs` has one function, `map(&Ir, &mut Sink)`. It writes through the [`Sink`]
//! alone, so that all it can do stands here; what it cannot express it closes by [`Sink::refuse`].

use envoy_types::pb::envoy::config::route::v3::{
    Route, RouteAction, route::Action, weighted_cluster::ClusterWeight,
};
use envoy_types::pb::google::protobuf::Any;
use fg_model::BackendKey;
use prost::Name;

use crate::Meta;

/// A filter that has to stand in the chain of every listener whose rules use it. It stands there
/// switched off; the routes that use it switch it on.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpFilter {
    /// Whose it is; gives its place in the chain.
    pub policy: Meta,
    /// Unique in the chain; with a hash of the configuration when that is not the same for all.
    pub name: String,
    /// Its configuration.
    pub config: Any,
}

/// How a backend is called by what a policy sends to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// As the rule calls its own backends.
    AsTheRule,
    /// By HTTP/1.1.
    Http1,
    /// By HTTP/2, as gRPC does.
    Http2,
}

/// What a policy may ask for besides writing into the route. `fg-envoy` implements it.
pub trait Surroundings {
    /// The name of the cluster of a backend, which is made if it is not there.
    fn cluster(&mut self, backend: &BackendKey, call: Call) -> String;

    /// Puts a filter into the chain of the listeners.
    fn http_filter(&mut self, filter: HttpFilter);
}

/// Where the policies of one place are written.
pub enum Target<'a> {
    /// The rule's own route. Its match is made already; its action is there unless a policy puts
    /// another one.
    Route(&'a mut Route),
    /// The share of one backend of the rule.
    Backend(&'a mut ClusterWeight),
}

/// What one policy of one place writes to.
pub struct Sink<'a> {
    target: Target<'a>,
    surroundings: &'a mut dyn Surroundings,
    policy: Meta,
    refusals: Vec<(Meta, String)>,
    /// The length of the prefix that the route's match asks for; `None` for other matches.
    prefix: Option<&'a str>,
}

impl<'a> Sink<'a> {
    /// A sink for the policies of one place. `prefix` is the path prefix that the route's match
    /// asks for, without a trailing slash (`/` is empty); `None` for other matches.
    pub fn new(
        target: Target<'a>,
        prefix: Option<&'a str>,
        surroundings: &'a mut dyn Surroundings,
        policy: Meta,
    ) -> Self {
        Self {
            target,
            surroundings,
            policy,
            refusals: Vec::new(),
            prefix,
        }
    }

    /// Who writes next. Called by the catalogue.
    pub fn turn(&mut self, policy: Meta) {
        self.policy = policy;
    }

    /// What could not be expressed: the rule has to be closed. Empty when all could.
    pub fn into_refusals(self) -> Vec<(Meta, String)> {
        self.refusals
    }

    /// Where it writes: the whole route, or the share of one backend.
    pub fn target(&mut self) -> &mut Target<'a> {
        &mut self.target
    }

    /// The path prefix that the route's match asks for, without a trailing slash.
    pub fn prefix(&self) -> Option<&'a str> {
        self.prefix
    }

    /// The route; `None` in the share of one backend.
    pub fn route(&mut self) -> Option<&mut Route> {
        match &mut self.target {
            Target::Route(route) => Some(route),
            Target::Backend(_) => None,
        }
    }

    /// How the route forwards; `None` when it answers by itself, and in the share of one backend.
    pub fn forward(&mut self) -> Option<&mut RouteAction> {
        match self.route()?.action.as_mut()? {
            Action::Route(action) => Some(action),
            _ => None,
        }
    }

    /// The share of one backend; `None` in a route.
    pub fn share(&mut self) -> Option<&mut ClusterWeight> {
        match &mut self.target {
            Target::Backend(share) => Some(share),
            Target::Route(_) => None,
        }
    }

    /// The name of a backend's cluster.
    pub fn cluster(&mut self, backend: &BackendKey, call: Call) -> String {
        self.surroundings.cluster(backend, call)
    }

    /// Puts a filter into the chain of the listeners and configures it for this place, which
    /// switches it on there.
    pub fn http_filter<F: Name, R: Name>(&mut self, name: impl Into<String>, filter: &F, here: &R) {
        let name = name.into();
        self.surroundings.http_filter(HttpFilter {
            policy: self.policy,
            name: name.clone(),
            config: pack(filter),
        });
        let here = pack(here);
        match &mut self.target {
            Target::Route(route) => route.typed_per_filter_config.insert(name, here),
            Target::Backend(share) => share.typed_per_filter_config.insert(name, here),
        };
    }

    /// This cannot be expressed: the rule is answered 500, with these words in its finding.
    pub fn refuse(&mut self, why: impl Into<String>) {
        self.refusals.push((self.policy, why.into()));
    }
}

/// A message with its type.
pub fn pack<M: Name>(message: &M) -> Any {
    Any {
        type_url: M::type_url(),
        value: message.encode_to_vec(),
    }
}
