//! Where policies write.
//!
//! `fg-envoy` makes the route of a match, lets the policies of the rule write to it
//! ([`Target::Route`]), then those of each backend to its share ([`Target::Backend`]). Where a
//! backend's policies want a route of their own, it does so once more for each backend, with that
//! one alone ([`Target::Own`]). What stands in an [`Outcome`] is put around the routes.

use std::collections::HashMap;

use envoy_types::pb::envoy::config::route::v3::{
    Route, RouteAction, RouteMatch, route::Action, route_action::ClusterSpecifier,
    weighted_cluster::ClusterWeight,
};
use envoy_types::pb::google::protobuf::Any;
use fg_model::BackendKey;
use prost::Name;

use super::pack;
use crate::{Meta, Stage};

/// A filter that has to stand in the chain of every listener whose rules use it. It stands there
/// switched off; the routes that use it switch it on.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpFilter {
    /// Whose it is.
    pub policy: Meta,
    /// Unique in the chain; with a hash of the configuration when that is not the same for all.
    pub name: String,
    /// Its configuration.
    pub config: Any,
}

impl HttpFilter {
    /// Its place in the chain: the filters of a chain are sorted by this.
    pub fn place(&self) -> (Stage, &'static str, &str) {
        (self.policy.stage, self.policy.name, &self.name)
    }
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

/// Where the route stands that policies are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site<'a> {
    /// The path prefix that the route's match asks for, without a trailing slash (`/` is empty);
    /// `None` for other matches.
    pub prefix: Option<&'a str>,
    /// The one host of its virtual host, without a port; `None` when that has a wildcard.
    pub host: Option<&'a str>,
    /// The port of its listener, as the Gateway says it.
    pub port: u16,
    /// Whether its listener has TLS.
    pub https: bool,
    /// The rule: the same for all its routes, and for no other rule.
    pub rule: &'a str,
}

/// Where the policies of one place are written.
pub enum Target<'a> {
    /// The rule's own route. Its match is made already; its action is there unless a policy puts
    /// another one.
    Route(&'a mut Route),
    /// The share of one backend of the rule, which has no host, path or filters of its own.
    Backend(&'a mut ClusterWeight),
    /// A route of one backend's own, to which the rule's policies wrote before. Its action has
    /// that backend as the only one of its weighted clusters, and its match the backend's part of
    /// the requests (a runtime fraction; see [`Outcome::wants_own`]).
    Own(&'a mut Route),
}

/// What one policy of one place writes to.
pub struct Sink<'a> {
    target: Target<'a>,
    site: Site<'a>,
    surroundings: &'a mut dyn Surroundings,
    policy: Meta,
    outcome: Outcome,
}

/// What became of the policies of one place, besides what they wrote.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// What could not be expressed: the rule has to be closed, whatever was written.
    pub refusals: Vec<(Meta, String)>,
    /// Routes that have to stand right before the written one, in this order: what it does to
    /// some of its requests.
    pub before: Vec<Route>,
    /// Routes, in this order, that answer the preflights of such requests: they ask for `OPTIONS`,
    /// an origin and, where the written one asks for another method, for that in
    /// `access-control-request-method`. No other route of the rule does.
    pub preflights: Vec<Route>,
    /// The policies of a backend need a [`Target::Own`]: what was written to its
    /// [`Target::Backend`] is not enough. Then each backend of the rule gets a route of its own,
    /// in their order, whose runtime fraction ends with the sum of the weights up to its own: one
    /// number is drawn for a request, and all its routes look at that.
    pub wants_own: bool,
}

impl<'a> Sink<'a> {
    /// A sink for the policies of one place, which is at a site.
    pub fn new(
        target: Target<'a>,
        site: Site<'a>,
        surroundings: &'a mut dyn Surroundings,
        policy: Meta,
    ) -> Self {
        Self {
            target,
            site,
            surroundings,
            policy,
            outcome: Outcome::default(),
        }
    }

    /// Lets a policy write, also into the routes that those before it put before this one: they
    /// serve requests of the same rule. Called by the catalogue.
    pub fn turn(&mut self, policy: Meta, write: &dyn Fn(&mut Sink<'_>)) {
        let copies = std::mem::take(&mut self.outcome.before);
        self.policy = policy;
        write(self);
        let of_copies: Vec<Route> = copies
            .into_iter()
            .flat_map(|copy| self.also(copy, write))
            .collect();
        // A copy of a copy asks for more than either.
        self.outcome.before.splice(0..0, of_copies);
    }

    /// What a policy makes of a copy: the routes before it, and the copy. Preflights and refusals
    /// are those of the written route.
    fn also(&mut self, mut copy: Route, write: &dyn Fn(&mut Sink<'_>)) -> Vec<Route> {
        let target = match self.target {
            Target::Own(_) => Target::Own(&mut copy),
            Target::Route(_) | Target::Backend(_) => Target::Route(&mut copy),
        };
        let mut sink = Sink::new(target, self.site, &mut *self.surroundings, self.policy);
        write(&mut sink);
        let mut all = sink.finish().before;
        all.push(copy);
        all
    }

    /// What became of it.
    pub fn finish(self) -> Outcome {
        self.outcome
    }

    /// Where the route stands.
    pub fn site(&self) -> Site<'a> {
        self.site
    }

    /// The route; `None` in the share of one backend, which then gets a route of its own.
    pub fn route(&mut self) -> Option<&mut Route> {
        match &mut self.target {
            Target::Route(route) | Target::Own(route) => Some(route),
            Target::Backend(_) => {
                self.outcome.wants_own = true;
                None
            }
        }
    }

    /// How the route forwards; `None` when it answers by itself, and in the share of one backend,
    /// which then gets a route of its own.
    pub fn forward(&mut self) -> Option<&mut RouteAction> {
        match self.route()?.action.as_mut()? {
            Action::Route(action) => Some(action),
            _ => None,
        }
    }

    /// What the route's match asks for, to make the match of another route of it.
    pub fn condition(&mut self) -> Option<RouteMatch> {
        Some(self.route()?.r#match.clone().unwrap_or_default())
    }

    /// Puts a route right before the written one. Policies that write later write into it, too.
    pub fn put_before(&mut self, route: Route) {
        self.outcome.before.push(route);
    }

    /// Puts a route where preflights are answered. No other policy sees it.
    pub fn put_preflight(&mut self, route: Route) {
        self.outcome.preflights.push(route);
    }

    /// The name of a backend's cluster.
    pub fn cluster(&mut self, backend: &BackendKey, call: Call) -> String {
        self.surroundings.cluster(backend, call)
    }

    /// Puts a filter into the chain of the listeners and configures it for this place, which
    /// switches it on there. Within the chain the filters of one policy stand in the order of
    /// their names.
    pub fn http_filter<F: Name, R: Name>(&mut self, name: impl Into<String>, filter: &F, here: &R) {
        let name = name.into();
        self.surroundings.http_filter(HttpFilter {
            policy: self.policy,
            name: name.clone(),
            config: pack(filter),
        });
        let here = pack(here);
        if let Some(filters) = self.target.filters() {
            filters.insert(name, here);
        }
    }

    /// Configures a filter otherwise in a copy of the route.
    pub fn http_filter_of_copy<R: Name>(&self, copy: &mut Route, name: &str, here: &R) {
        let mut target = match self.target {
            Target::Own(_) => Target::Own(copy),
            Target::Route(_) | Target::Backend(_) => Target::Route(copy),
        };
        if let Some(filters) = target.filters() {
            filters.insert(name.to_owned(), pack(here));
        }
    }

    /// This cannot be expressed: the rule is answered 500, with these words in its finding.
    pub fn refuse(&mut self, why: impl Into<String>) {
        self.outcome.refusals.push((self.policy, why.into()));
    }
}

impl Target<'_> {
    /// What the place says to filters. `None` when a route of a backend's own forwards to none.
    fn filters(&mut self) -> Option<&mut HashMap<String, Any>> {
        Some(match self {
            Self::Route(route) => &mut route.typed_per_filter_config,
            Self::Backend(share) => &mut share.typed_per_filter_config,
            Self::Own(route) => &mut sole(route)?.typed_per_filter_config,
        })
    }
}

/// The share of the only backend of a route; `None` when it forwards to none.
fn sole(route: &mut Route) -> Option<&mut ClusterWeight> {
    let Some(Action::Route(action)) = &mut route.action else {
        return None;
    };
    match &mut action.cluster_specifier {
        Some(ClusterSpecifier::WeightedClusters(weighted)) => weighted.clusters.first_mut(),
        _ => None,
    }
}
