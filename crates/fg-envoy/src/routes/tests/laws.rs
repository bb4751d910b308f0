//! Laws: a history gives the bytes that a fresh start gives, and Envoy takes the route of the rule
//! that our own router finds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use envoy_types::pb::envoy::config::route::v3::route::Action;
use fg_exchange::Reason;
use fg_ir::{Change, Ir, Protocol, Rule, Socket};
use fg_policies::external_auth;
use fg_router::{Builder, Router};
use fg_testkit::routing::Plain;
use fg_testkit::routing::build::{backend_key, secure};
use proptest::prelude::*;

use super::evaluate;
use super::generate::{a_change, a_request, the_end};
use super::world::World;
use crate::routes::configuration;
use crate::{Kind, Resource, RouteShape, Update};

/// What somebody has who followed all updates.
type Followed = BTreeMap<(Kind, Arc<str>), Resource>;

fn follow(all: &mut Followed, update: Update) {
    for key in update.removed {
        assert!(all.remove(&key).is_some(), "{key:?} was there");
    }
    for resource in update.upserts {
        let key = (resource.kind, resource.name.clone());
        let before = all.insert(key, resource.clone());
        assert_ne!(before.as_ref(), Some(&resource), "it differs");
    }
}

fn from_scratch(ir: &Ir, shape: RouteShape) -> Vec<Resource> {
    let mut world = World::new(shape);
    world.apply(&Change::from(ir));
    world.compiler.all().upserts
}

/// The name of the route that ours would take: of a rule, or of an answer. `tls` is the listener
/// that the connection was made for.
fn ours(router: &Router<Arc<Rule>>, socket: Socket, view: &str, plain: &Plain) -> String {
    let request = plain.request();
    let table = router.socket(socket.0, socket.1).expect("a socket");
    let Some(owner) = table.listener(request.host()) else {
        return Reason::NoListener.text().to_owned();
    };
    if configuration(socket, owner.listener()) != view {
        return Reason::Misdirected.text().to_owned();
    }
    match owner.find(&request) {
        None => Reason::NoRoute.text().to_owned(),
        Some(found) => format!(
            "HTTPRoute/shop/{}/{}/{}",
            found.rule.key.route.name, found.rule.key.rule, found.match_index
        ),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn a_history_gives_what_a_fresh_start_gives(
        history in prop::collection::vec(a_change(), 1..6),
    ) {
        for shape in [RouteShape::PerHost, RouteShape::Whole] {
            let mut world = World::new(shape);
            let mut followed = Followed::new();
            for change in history.iter().chain([&the_end()]) {
                follow(&mut followed, world.apply(change));
                let all: Vec<Resource> = followed.values().cloned().collect();
                prop_assert_eq!(&all, &world.compiler.all().upserts);
                prop_assert_eq!(&all, &from_scratch(&world.ir, shape));
            }
            prop_assert!(followed.is_empty(), "{:?}", followed.keys());
        }
    }

    #[test]
    fn every_route_that_asks_for_permission_passes_nothing_else(
        history in prop::collection::vec(a_change(), 1..4),
    ) {
        let mut world = World::new(RouteShape::PerHost);
        for mut change in history {
            for rule in change.rules.values_mut().flatten() {
                Arc::make_mut(rule).policies.external_auth = Some(Arc::new(external_auth::Ir {
                    backend: backend_key("auth"),
                    protocol: external_auth::Protocol::Grpc { headers: Vec::new() },
                    body: 0,
                }));
            }
            world.apply(&change);
            let hosts = world.hosts();
            let routes = hosts.values().flat_map(|host| &host.routes);
            for route in routes.filter(|route| route.name.starts_with("HTTPRoute/")) {
                // Answers to preflights, and where a share's policies could not be written.
                if let Some(Action::DirectResponse(answer)) = &route.action
                    && [204, 500].contains(&answer.status)
                {
                    continue;
                }
                let names: BTreeSet<&str> = route
                    .typed_per_filter_config
                    .keys()
                    .filter_map(|name| name.strip_prefix("external_auth/")?.split('/').next())
                    .collect();
                let all = BTreeSet::from(["alone", "ask", "asked", "guard"]);
                prop_assert_eq!(names, all, "{:?}", route);
            }
        }
    }

    #[test]
    fn envoy_takes_the_rule_that_our_own_router_finds(
        history in prop::collection::vec(a_change(), 1..4),
        requests in prop::collection::vec(a_request(), 1..12),
    ) {
        let mut world = World::new(RouteShape::PerHost);
        let mut builder = Builder::new();
        for change in &history {
            world.apply(change);
            let router = builder.apply(change, &mut Arc::clone);
            let hosts = world.hosts();
            for (socket, table) in router.sockets() {
                let views: BTreeSet<String> = table
                    .listeners()
                    .map(|owner| configuration(socket, owner.listener()))
                    .collect();
                for (view, plain) in views.iter().flat_map(|view| {
                    requests.iter().map(move |plain| (view, plain))
                }) {
                    let route = evaluate::route(&hosts, view, plain);
                    let name = route.map(|route| route.name.clone());
                    let ours = ours(&router, socket, view, plain);
                    prop_assert_eq!(name, Some(ours), "{} {:?}", view, plain);
                }
            }
        }
    }
}

#[test]
fn what_is_clear_text_is_told_by_the_name() {
    let ir = Ir::default();
    assert!(from_scratch(&ir, RouteShape::PerHost).is_empty());
    let listener = secure("x", "");
    assert_eq!(listener.protocol, Protocol::Https);
    assert_eq!(
        configuration((None, 443), &listener),
        "https/443/infra/edge/x"
    );
}
