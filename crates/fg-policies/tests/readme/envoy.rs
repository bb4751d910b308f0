//! Policies as Envoy is told them.

use envoy_types::pb::envoy::config::route::v3::{
    Route, RouteAction, WeightedCluster, route::Action, route_action::ClusterSpecifier,
    weighted_cluster::ClusterWeight,
};
use fg_model::BackendKey;
use fg_policies::envoy::{Call, HttpFilter, Sink, Site, Surroundings, Target, plain};
use fg_policies::traffic;

/// Has all backends, and room for all filters.
struct Anything;

impl Surroundings for Anything {
    fn cluster(&mut self, backend: &BackendKey, _: Call) -> String {
        backend.to_string()
    }

    fn http_filter(&mut self, _: HttpFilter) {}
}

/// The policies of a rule or backend that Envoy cannot be told.
pub(crate) fn refusals(set: &traffic::Set) -> Vec<&'static str> {
    let weighted = WeightedCluster {
        clusters: vec![ClusterWeight::default()],
        ..WeightedCluster::default()
    };
    let mut route = Route {
        action: Some(Action::Route(RouteAction {
            cluster_specifier: Some(ClusterSpecifier::WeightedClusters(weighted)),
            ..plain(true)
        })),
        ..Route::default()
    };
    let site = Site {
        prefix: Some(""),
        host: None,
        port: 80,
        https: false,
        rule: "HTTPRoute default/r rule #0",
    };
    let mut surroundings = Anything;
    let first = traffic::ALL[0];
    let mut sink = Sink::new(Target::Own(&mut route), site, &mut surroundings, first);
    set.map(&mut sink);
    let refusals = sink.finish().refusals;
    refusals.into_iter().map(|(meta, _)| meta.name).collect()
}
