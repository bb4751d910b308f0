//! What routes do, and what that uses.

use std::sync::Arc;

use envoy_types::pb::envoy::config::route::v3::{
    Route, RouteAction, route::Action, route_action::ClusterSpecifier,
};
use envoy_types::pb::google::protobuf::Duration;
use fg_exchange::Reason;
use fg_ir::{
    Action as Does, BackendProtocol, BackendTls, Change, RefusalKind, RouteKind, RuleBackend,
};
use fg_policies::{cors, external_auth, traffic, url_rewrite};
use fg_testkit::routing::Plain;
use fg_testkit::routing::build::{
    And as _, backend, backend_key, broken, call, change, listener, path, refusal, rule, to,
};

use super::evaluate::route as found;
use super::world::World;
use crate::routes::answers;

const HOST: &str = "http/80/*";

fn world(does: Does) -> World {
    let mut rule = rule("r", 0, &[("http", &[""])], vec![path("/")]);
    rule.action = does;
    World::of(vec![listener("http", "")], vec![rule])
}

fn route(world: &World) -> Route {
    world.hosts()[HOST].routes[0].clone()
}

fn forward(world: &World) -> RouteAction {
    match route(world).action {
        Some(Action::Route(forward)) => forward,
        other => panic!("forwards: {other:?}"),
    }
}

/// The clusters with their weights; one alone has none.
fn clusters(world: &World) -> Vec<(String, u32)> {
    match forward(world).cluster_specifier {
        Some(ClusterSpecifier::Cluster(name)) => vec![(name, 0)],
        Some(ClusterSpecifier::WeightedClusters(all)) => all
            .clusters
            .into_iter()
            .map(|one| (one.name, one.weight.expect("a weight").value))
            .collect(),
        other => panic!("clusters: {other:?}"),
    }
}

fn named(clusters: &[(&str, u32)]) -> Vec<(String, u32)> {
    let all = clusters.iter();
    all.map(|(name, weight)| ((*name).to_owned(), *weight))
        .collect()
}

fn of(backends: Vec<RuleBackend>) -> World {
    world(Does::Forward(backends))
}

fn set_backend(world: &mut World, protocol: BackendProtocol, tls: BackendTls) {
    let mut change = Change::default();
    let backend = backend("a", protocol, tls);
    change
        .backends
        .insert(backend.key.clone(), Some(backend.into()));
    world.apply(&change);
}

#[test]
fn shares_are_by_weight_and_nothing_is_left_out() {
    let one = of(vec![to("a", 5), to("b", 0)]);
    assert_eq!(clusters(&one), named(&[("Service/shop/a/8080/http1", 0)]));
    let several = of(vec![to("a", 5), broken(2), to("b", 1)]);
    assert_eq!(
        clusters(&several),
        named(&[
            ("Service/shop/a/8080/http1", 5),
            ("refused/invalid_backend", 2),
            ("Service/shop/b/8080/http1", 1),
        ])
    );
    // INTERNAL_SERVER_ERROR, also for a backend that is not there.
    assert_eq!(forward(&several).cluster_not_found_response_code, 2);
}

#[test]
fn a_route_has_no_time_limit_of_envoys_own() {
    let mut world = of(vec![to("a", 1)]);
    let to_http1 = forward(&world);
    assert_eq!(to_http1.timeout, Some(Duration::default()));
    assert_eq!(to_http1.max_stream_duration, None);
    assert_eq!(
        to_http1.retry_policy, None,
        "that of the virtual host counts"
    );
    set_backend(&mut world, BackendProtocol::Http2, BackendTls::Off);
    assert!(
        forward(&world).max_stream_duration.is_some(),
        "a call's own limit counts, and without a word of streams 15 s"
    );
}

#[test]
fn a_rule_without_policies_tries_again_as_our_own_proxy_does() {
    let hosts = of(vec![to("a", 1)]).hosts();
    let usual = fg_policies::envoy::plain(false).retry_policy;
    assert!(usual.is_some());
    assert_eq!(hosts[HOST].retry_policy, usual);
}

#[test]
fn rules_that_go_nowhere_are_answered() {
    let refused = |kind| world(Does::Refuse(refusal(kind)));
    for (world, reason) in [
        (of(vec![broken(1), broken(2)]), Reason::InvalidBackend),
        (refused(RefusalKind::NoBackends), Reason::NoBackends),
        (refused(RefusalKind::FilterNotFound), Reason::FilterNotFound),
    ] {
        let route = route(&world);
        let Some(Action::DirectResponse(answer)) = &route.action else {
            panic!("an answer: {route:?}");
        };
        assert_eq!(answer.status, 500);
        let fields = route.response_headers_to_add.iter();
        let mut fields = fields.filter_map(|one| one.header.as_ref());
        assert!(fields.any(|one| one.value == reason.text()), "{route:?}");
        assert_eq!(route.name, "HTTPRoute/shop/r/0/0");
    }
}

#[test]
fn reasons_are_those_of_our_own_proxy() {
    for kind in [
        RefusalKind::NoBackends,
        RefusalKind::InvalidBackend,
        RefusalKind::FilterNotFound,
        RefusalKind::InvalidRule,
    ] {
        assert_eq!(answers::reason(kind), fg_router::reason(kind));
    }
}

#[test]
fn how_a_backend_is_called_is_as_the_route_and_the_backend_say() {
    use BackendProtocol::{Auto, Http1, Http2};
    for (kind, protocol, word) in [
        (RouteKind::Http, Auto, "http1"),
        (RouteKind::Grpc, Auto, "http2"),
        (RouteKind::Http, Http2, "http2"),
        (RouteKind::Grpc, Http1, "http1"),
    ] {
        let mut rule = rule("a", 0, &[("http", &[""])], vec![path("/")]);
        rule.kind = kind;
        let mut world = World::of(vec![listener("http", "")], vec![rule]);
        set_backend(&mut world, protocol, BackendTls::Off);
        let name = format!("Service/shop/a/8080/{word}");
        assert_eq!(clusters(&world), [(name, 0)], "{kind:?} {protocol:?}");
    }
}

#[test]
fn a_backend_whose_policy_is_broken_gets_nothing() {
    let mut world = of(vec![to("a", 1), to("b", 1)]);
    let broken = BackendTls::Broken(refusal(RefusalKind::InvalidBackend));
    set_backend(&mut world, BackendProtocol::Auto, broken);
    let closed = ("refused/invalid_backend", 1);
    assert_eq!(
        clusters(&world),
        named(&[closed, ("Service/shop/b/8080/http1", 1)])
    );
    set_backend(&mut world, BackendProtocol::Auto, BackendTls::Off);
    assert_eq!(
        clusters(&world),
        named(&[
            ("Service/shop/a/8080/http1", 1),
            ("Service/shop/b/8080/http1", 1)
        ])
    );
}

#[test]
fn clusters_are_told_when_their_use_begins_and_ends() {
    use crate::compiler::Output;
    use crate::routes::{Routes, Speech};
    let (mut ir, mut routes) = (fg_ir::Ir::default(), Routes::default());
    let mut step = |change: Change| {
        ir.apply(&change);
        let settings = crate::Settings::default();
        let routed = routes.update(&settings, &ir, &change, &mut Output::default());
        assert!(!routed.filters_changed);
        let touched = routed.touched.into_iter();
        touched
            .map(|(key, speech)| (key.object.name.to_string(), speech))
            .collect::<Vec<_>>()
    };
    let with = |name: &str, index, backends: Vec<RuleBackend>| {
        let mut rule = rule(name, index, &[("http", &[""])], vec![path("/")]);
        rule.action = Does::Forward(backends);
        change(Vec::new(), vec![rule])
    };
    let http1 = |name: &str| (name.to_owned(), Speech::Http1);
    assert_eq!(step(with("r", 0, vec![to("a", 1)])), [http1("a")]);
    assert_eq!(
        step(with("r", 1, vec![to("a", 1), to("b", 1)])),
        [http1("b")]
    );
    assert_eq!(step(with("r", 0, vec![to("b", 1)])), []);
    // One rule ends its use, another one begins: nothing is different.
    let mut swap = with("r", 0, vec![to("a", 1), to("b", 1)]);
    swap.rules.extend(with("r", 1, vec![to("b", 1)]).rules);
    assert_eq!(step(swap), []);
    assert_eq!(step(with("r", 0, vec![to("b", 1)])), [http1("a")]);
    let mut speaks = Change::default();
    let backend = backend("b", BackendProtocol::Http2, BackendTls::Off);
    speaks
        .backends
        .insert(backend_key("b"), Some(backend.into()));
    assert_eq!(step(speaks), [http1("b"), ("b".to_owned(), Speech::Http2)]);
}

/// A rule's policy may put routes before the one that is written, for some of its requests: they do what
/// the policies of the backend ask for, too.
#[test]
fn what_a_backend_demands_holds_for_all_requests_of_its_rule() {
    let mut share = to("a", 1);
    share.policies = traffic::Set {
        external_auth: Some(Arc::new(external_auth::Ir {
            backend: backend_key("judge"),
            protocol: external_auth::Protocol::Grpc {
                headers: Vec::new(),
            },
            body: 0,
        })),
        // A share alone has no host.
        url_rewrite: Some(Arc::new(url_rewrite::Ir {
            hostname: Some("inner.test".into()),
            path: None,
        })),
        ..traffic::Set::default()
    };
    for shares in [vec![share.clone()], vec![to("b", 1), share]] {
        let is_alone = shares.len() == 1;
        let mut rule = rule("r", 0, &[("http", &[""])], vec![path("/")]);
        rule.action = Does::Forward(shares);
        rule.policies.cors = Some(Arc::new(cors::Ir {
            origins: cors::Origins::Any,
            credentials: false,
            methods: cors::Names::Any,
            headers: cors::Names::Any,
            expose: cors::Names::Any,
            max_age: 5,
        }));
        let world = World::of(vec![listener("http", "")], vec![rule]);
        let routes = world.hosts()[HOST].routes.clone();
        let mut guarded = 0;
        for route in &routes {
            let Some(Action::Route(forward)) = &route.action else {
                continue;
            };
            let Some(ClusterSpecifier::WeightedClusters(all)) = &forward.cluster_specifier else {
                panic!("a backend's own route: {route:?}");
            };
            let one = &all.clusters[0];
            if one.name != "Service/shop/a/8080/http1" {
                continue;
            }
            let filters = &one.typed_per_filter_config;
            assert!(filters.contains_key("external_auth/guard"), "{route:?}");
            assert!(forward.host_rewrite_specifier.is_some(), "{route:?}");
            guarded += 1;
        }
        assert_eq!(guarded, 2, "pages, and others; alone: {is_alone}");
    }
}

/// The answer of what cannot be asked must not be that of the next wider rule where a policy
/// protects the rule's requests.
#[test]
fn what_envoy_cannot_ask_is_closed_where_a_policy_protects_it() {
    let protection = traffic::Set {
        external_auth: Some(Arc::new(external_auth::Ir {
            backend: backend_key("judge"),
            protocol: external_auth::Protocol::Grpc {
                headers: Vec::new(),
            },
            body: 0,
        })),
        ..Default::default()
    };
    let lacking = [
        path("/a").header("x", "~é.*"),
        path("/a").query("x", "~é.*"),
        path("~/a/é?"),
        path("/a").header("x", "~é.*").header("y", "1"),
    ];
    let wider = call("a", "~é?.*").without_what_envoy_lacks();
    assert_eq!(wider, call("a", ""));
    for (at, matched) in lacking.into_iter().enumerate() {
        for (policies, backends_own) in [
            (traffic::Set::default(), traffic::Set::default()),
            (protection.clone(), traffic::Set::default()),
            (traffic::Set::default(), protection.clone()),
        ] {
            let is_protected = !(policies.is_empty() && backends_own.is_empty());
            let mut narrow = rule("narrow", 0, &[("http", &[""])], vec![matched.clone()]);
            narrow.policies = policies;
            let mut share = to("narrow", 1);
            share.policies = backends_own;
            narrow.action = Does::Forward(vec![share]);
            let wide = rule("wide", 0, &[("http", &[""])], vec![path("~/.*")]);
            let world = World::of(vec![listener("http", "")], vec![narrow, wide]);
            let hosts = world.hosts();
            let asked = |path: &str, y: &str| {
                let plain = Plain::new(&format!("GET a.com {path}"), &[("y", y)]);
                let found = found(&hosts, "http/80", &plain).expect("a route");
                match &found.action {
                    Some(Action::DirectResponse(answer)) => answer.status,
                    _ => 200,
                }
            };
            let expected = if is_protected { 500 } else { 200 };
            assert_eq!(asked("/a/b", "1"), expected, "{at}");
            if at == 3 {
                assert_eq!(asked("/a/b", "2"), 200, "its other conditions hold");
                assert_eq!(asked("/b", "1"), 200, "its other conditions hold");
            }
        }
    }
}
