//! What tests of policies share: surroundings that note what they are asked for.

use std::sync::Arc;

use envoy_types::pb::envoy::config::route::v3::{
    Route, RouteAction, RouteMatch, WeightedCluster, route::Action, route_action::ClusterSpecifier,
    route_match::PathSpecifier, weighted_cluster::ClusterWeight,
};
use envoy_types::pb::google::protobuf::Any;
use fg_api::http_route::HttpRouteRule;
use fg_model::{BackendKey, FindingKind, ObjectRef, Origin, kinds};
use prost::Name;

use super::{Call, HttpFilter, Outcome, Sink, Site, Surroundings, Target, plain};
use crate::{Meta, traffic};

/// Notes what it is asked for.
#[derive(Default)]
pub(crate) struct Notes {
    /// The filters, sorted as in a chain.
    pub(crate) filters: Vec<HttpFilter>,
    /// The clusters.
    pub(crate) clusters: Vec<String>,
}

impl Surroundings for Notes {
    fn cluster(&mut self, backend: &BackendKey, call: Call) -> String {
        let name = format!("{}:{} {call:?}", backend.object.name, backend.port);
        self.clusters.push(name.clone());
        name
    }

    fn http_filter(&mut self, filter: HttpFilter) {
        self.filters.push(filter);
        self.filters.sort_by(|a, b| a.place().cmp(&b.place()));
    }
}

/// The policies of a rule, as its YAML has them; a rule with mistakes fails.
pub(crate) fn set(yaml: &str) -> traffic::Set {
    let rule: HttpRouteRule = serde_saphyr::from_str(yaml).expect("a rule");
    let mut set = traffic::Set::default();
    let mut findings: Vec<(String, FindingKind, String)> = Vec::new();
    let route = ObjectRef::new(kinds::HTTP_ROUTE.0, kinds::HTTP_ROUTE.1, "default", "r");
    let origin = Origin::of(Arc::new(route), 1);
    let filters = rule.filters.iter().map(crate::Written::Filter);
    for written in filters.chain([crate::Written::Rule(&rule)]) {
        let read = set.read(written, &origin, &mut findings);
        assert_ne!(read, crate::Read::Broken, "{findings:?}");
    }
    assert_eq!(findings, []);
    set
}

/// A route that was written.
pub(crate) struct Written {
    pub(crate) route: Route,
    pub(crate) outcome: Outcome,
    pub(crate) notes: Notes,
}

/// A place on port 80 below `/`.
pub(crate) const SITE: Site<'static> = Site {
    prefix: Some(""),
    host: None,
    port: 80,
    https: false,
    rule: "HTTPRoute default/r rule #0",
};

/// A route to `web` that has no policies.
pub(crate) fn route() -> Route {
    let share = ClusterWeight {
        name: "web".to_owned(),
        ..ClusterWeight::default()
    };
    let mut action = plain(true);
    action.cluster_specifier = Some(ClusterSpecifier::WeightedClusters(WeightedCluster {
        clusters: vec![share],
        ..WeightedCluster::default()
    }));
    Route {
        r#match: Some(RouteMatch {
            path_specifier: Some(PathSpecifier::Prefix("/".to_owned())),
            ..RouteMatch::default()
        }),
        action: Some(Action::Route(action)),
        ..Route::default()
    }
}

/// Lets the policies of a rule write.
pub(crate) fn written(set: &traffic::Set, site: Site<'_>) -> Written {
    written_to(set, site, route())
}

/// As [`written`], and nothing was refused.
pub(crate) fn accepted(yaml: &str, site: Site<'_>) -> Written {
    let written = written(&set(yaml), site);
    assert_eq!(written.outcome.refusals, [], "{yaml}");
    written
}

/// How a route forwards.
pub(crate) fn forward(route: &Route) -> &RouteAction {
    match &route.action {
        Some(Action::Route(action)) => action,
        other => panic!("it does not forward: {other:?}"),
    }
}

/// Lets the policies of a rule write to this route.
pub(crate) fn written_to(set: &traffic::Set, site: Site<'_>, mut route: Route) -> Written {
    let mut notes = Notes::default();
    let mut sink = Sink::new(Target::Route(&mut route), site, &mut notes, meta());
    set.map(&mut sink);
    let outcome = sink.finish();
    Written {
        route,
        outcome,
        notes,
    }
}

/// Lets the policies of a backend write to its route of its own.
pub(crate) fn written_alone(set: &traffic::Set, mut route: Route) -> Written {
    let mut notes = Notes::default();
    let mut sink = Sink::new(Target::Own(&mut route), SITE, &mut notes, meta());
    set.map(&mut sink);
    let outcome = sink.finish();
    Written {
        route,
        outcome,
        notes,
    }
}

/// Lets the policies of a backend write to its share.
pub(crate) fn shared(set: &traffic::Set) -> (ClusterWeight, Outcome) {
    let mut share = ClusterWeight::default();
    let mut notes = Notes::default();
    let mut sink = Sink::new(Target::Backend(&mut share), SITE, &mut notes, meta());
    set.map(&mut sink);
    let outcome = sink.finish();
    (share, outcome)
}

fn meta() -> Meta {
    traffic::ALL[0]
}

/// What a place says to a filter.
pub(crate) fn said<M: Name + Default>(
    filters: &std::collections::HashMap<String, Any>,
    name: &str,
) -> Option<M> {
    let any = filters.get(name)?;
    assert_eq!(any.type_url, M::type_url());
    Some(M::decode(any.value.as_slice()).expect("its message"))
}
