//! What tests of policies share: surroundings that note what they are asked for.

use envoy_types::pb::envoy::config::route::v3::{
    Route, RouteMatch, WeightedCluster, route::Action, route_action::ClusterSpecifier,
    route_match::PathSpecifier, weighted_cluster::ClusterWeight,
};
use envoy_types::pb::google::protobuf::Any;
use fg_model::BackendKey;
use prost::{Message, Name};

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
    let mut action = plain();
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
