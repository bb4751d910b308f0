//! Which virtual hosts there are, and whose rules each has.

use envoy_types::pb::envoy::config::core::v3::data_source::Specifier;
use envoy_types::pb::envoy::config::route::v3::{RouteConfiguration, VirtualHost, route::Action};
use fg_exchange::Reason;
use fg_ir::Change;
use fg_testkit::routing::build::{change, listener, listener_key, path, rule, rule_key, secure};
use prost::Message as _;

use super::world::World;
use crate::{Kind, RouteShape};

/// What a virtual host answers when no route fits.
fn otherwise(host: &VirtualHost) -> Reason {
    let last = host.routes.last().expect("a catch-all");
    let Some(Action::DirectResponse(answer)) = &last.action else {
        panic!("an answer: {last:?}");
    };
    let reason = Reason::ALL.iter().find(|one| one.text() == last.name);
    let reason = *reason.expect("a reason");
    assert_eq!(answer.status, u32::from(reason.status()));
    let body = answer.body.as_ref().and_then(|body| body.specifier.clone());
    let words = format!("{}\n", reason.words());
    assert_eq!(body, Some(Specifier::InlineString(words)));
    let fields: Vec<_> = last
        .response_headers_to_add
        .iter()
        .filter_map(|one| one.header.as_ref())
        .map(|one| (one.key.as_str(), one.value.as_str()))
        .collect();
    let kind = ("content-type", "text/plain; charset=utf-8");
    assert_eq!(fields, [kind, ("x-ferrogate-reason", reason.text())]);
    reason
}

/// Each virtual host with what it answers when no route fits.
fn answers(world: &World) -> Vec<(String, Reason)> {
    let hosts = world.hosts().into_iter();
    hosts.map(|(name, host)| (name, otherwise(&host))).collect()
}

#[test]
fn rules_of_wildcards_are_in_narrower_hosts_too() {
    let on = |names: &'static [&'static str]| [("http", names)];
    let rules = vec![
        rule("none", 0, &on(&[""]), vec![path("/")]),
        rule("wide", 0, &on(&["*.com"]), vec![path("=/wide")]),
        rule("narrow", 0, &on(&["*.a.com"]), vec![path("/a")]),
        rule("exact", 0, &on(&["b.a.com", "x.org"]), vec![path("~/a")]),
    ];
    let world = World::of(vec![listener("http", "")], rules);
    let names = |routes: &[&str]| -> Vec<String> {
        let named = routes.iter().map(|one| format!("HTTPRoute/shop/{one}/0/0"));
        named.chain(["no_route".to_owned()]).collect()
    };
    for (host, routes) in [
        ("*", &["none"][..]),
        ("*.com", &["wide", "none"]),
        ("*.a.com", &["narrow", "wide", "none"]),
        ("b.a.com", &["exact", "narrow", "wide", "none"]),
        ("x.org", &["exact", "none"]),
    ] {
        assert_eq!(
            world.routes(&format!("http/80/{host}")),
            names(routes),
            "{host}"
        );
    }
    assert_eq!(world.hosts().len(), 5);
}

#[test]
fn broader_hostnames_come_to_the_listeners_own() {
    let rules = vec![
        rule("none", 0, &[("http", &[""])], vec![path("/")]),
        rule("wide", 0, &[("http", &["*.com"])], vec![path("/")]),
        rule("own", 0, &[("http", &["*.a.com"])], vec![path("/")]),
    ];
    let world = World::of(vec![listener("http", "*.a.com")], rules);
    let routes = world.routes("http/80/*.a.com");
    let order: Vec<_> = routes
        .iter()
        .filter_map(|name| name.split('/').nth(2))
        .collect();
    assert_eq!(order, ["own", "wide", "none"]);
    let expected = [("*", Reason::NoListener), ("*.a.com", Reason::NoRoute)]
        .map(|(host, reason)| (format!("http/80/{host}"), reason));
    assert_eq!(answers(&world), expected);
}

#[test]
fn the_most_specific_listener_owns_the_host_alone() {
    let listeners = vec![
        listener("any", ""),
        listener("wide", "*.example.com"),
        listener("exact", "a.example.com"),
    ];
    let everywhere: &[&str] = &["", "a.example.com", "b.example.com", "*.b.example.com"];
    let rules =
        ["any", "wide", "exact"].map(|name| rule(name, 0, &[(name, everywhere)], vec![path("/")]));
    let world = World::of(listeners, rules.to_vec());
    for (host, owner) in [
        ("*", "any"),
        ("*.example.com", "wide"),
        ("a.example.com", "exact"),
        ("b.example.com", "wide"),
        ("*.b.example.com", "wide"),
    ] {
        let routes = world.routes(&format!("http/80/{host}"));
        let all = routes.iter().rev().skip(1);
        assert!(routes.len() > 1, "{host}");
        for route in all {
            assert_eq!(route, &format!("HTTPRoute/shop/{owner}/0/0"), "{host}");
        }
    }
    assert_eq!(world.hosts().len(), 5);
}

#[test]
fn a_connection_with_tls_gets_no_host_of_another_listener() {
    let listeners = vec![
        secure("wide", "*.example.com"),
        secure("inner", "in.example.com"),
        secure("other", "other.org"),
        secure("others", "*.other.org"),
    ];
    let world = World::of(listeners, Vec::new());
    let of = |section: &str| -> Vec<(String, Reason)> {
        let prefix = format!("https/443/infra/edge/{section}/");
        let all = answers(&world).into_iter();
        all.filter_map(|(name, reason)| Some((name.strip_prefix(&prefix)?.to_owned(), reason)))
            .collect()
    };
    let expected = |hosts: &[(&str, Reason)]| -> Vec<(String, Reason)> {
        hosts
            .iter()
            .map(|(host, reason)| ((*host).to_owned(), *reason))
            .collect()
    };
    assert_eq!(
        of("wide"),
        expected(&[
            ("*", Reason::NoListener),
            ("*.example.com", Reason::NoRoute),
            ("in.example.com", Reason::Misdirected),
            ("~misdirected", Reason::Misdirected),
        ])
    );
    assert_eq!(
        of("inner"),
        expected(&[
            ("*", Reason::NoListener),
            ("in.example.com", Reason::NoRoute),
            ("~misdirected", Reason::Misdirected),
        ])
    );
    let host = &world.hosts()["https/443/infra/edge/inner/~misdirected"];
    assert_eq!(host.domains, ["*.example.com", "*.other.org", "other.org"]);
}

#[test]
fn a_listener_for_all_hosts_owns_the_rest() {
    let world = World::of(vec![secure("any", ""), secure("one", "a.com")], Vec::new());
    let expected = [
        ("any/*", Reason::NoRoute),
        ("any/a.com", Reason::Misdirected),
        ("one/*", Reason::Misdirected),
        ("one/a.com", Reason::NoRoute),
    ]
    .map(|(host, reason)| (format!("https/443/infra/edge/{host}"), reason));
    assert_eq!(answers(&world), expected);
}

#[test]
fn a_socket_of_one_address_has_the_listeners_of_all_addresses_too() {
    let mut here = listener("here", "a.com");
    here.addresses = vec!["127.0.0.2".parse().expect("an address")];
    let listeners = vec![listener("all", ""), listener("all-a", "a.com"), here];
    let rules =
        ["all", "all-a", "here"].map(|name| rule(name, 0, &[(name, &[""])], vec![path("/")]));
    let world = World::of(listeners, rules.to_vec());
    for (host, owner) in [
        ("http/80/*", "all"),
        ("http/80/a.com", "all-a"),
        ("http/127.0.0.2:80/*", "all"),
        ("http/127.0.0.2:80/a.com", "here"),
    ] {
        let expected = format!("HTTPRoute/shop/{owner}/0/0");
        assert_eq!(world.routes(host).first(), Some(&expected), "{host}");
    }
}

#[test]
fn hosts_are_named_and_asked_for_as_their_discovery_needs() {
    let rules = vec![rule("r", 0, &[("http", &["a.com"])], vec![path("/")])];
    let all = World::of(vec![listener("http", "")], rules.clone())
        .compiler
        .all();
    for resource in &all.upserts {
        if resource.kind == Kind::VirtualHost {
            let host = VirtualHost::decode(resource.body.clone()).expect("a virtual host");
            assert_eq!(host.name, &*resource.name);
            assert_eq!(
                host.domains,
                [host.name.rsplit('/').next().expect("a domain")]
            );
        }
        if resource.kind == Kind::RouteConfiguration {
            let one = RouteConfiguration::decode(resource.body.clone()).expect("a message");
            assert!(one.vhds.is_some() && one.virtual_hosts.is_empty());
            assert!(one.ignore_port_in_host_matching);
        }
    }
    let of_host = all.upserts.iter().find(|one| &*one.name == "http/80/a.com");
    let about = of_host
        .map(|one| one.about.clone())
        .expect("a virtual host");
    assert_eq!(about, [rule_key("r", 0).route]);
}

#[test]
fn a_whole_configuration_has_the_same_hosts() {
    let listeners = vec![listener("http", "*.com"), secure("https", "a.com")];
    let on: &[(&str, &[&str])] = &[("http", &["a.com", ""]), ("https", &[""])];
    let rules = vec![rule("r", 0, on, vec![path("/")])];
    let mut whole = World::new(RouteShape::Whole);
    whole.apply(&change(listeners.clone(), rules.clone()));
    let by_host = World::of(listeners, rules);
    assert_eq!(whole.hosts(), by_host.hosts());
    let edit = change(Vec::new(), vec![rule("r", 0, on, vec![path("/b")])]);
    let update = whole.apply(&edit);
    assert_eq!(update.upserts.len(), 2, "the two route configurations");
    let mut fresh = World::new(RouteShape::Whole);
    fresh.apply(&change(
        vec![listener("http", "*.com"), secure("https", "a.com")],
        vec![rule("r", 0, on, vec![path("/b")])],
    ));
    assert_eq!(whole.compiler.all(), fresh.compiler.all());
}

#[test]
fn what_is_gone_is_removed() {
    let listeners = vec![listener("http", "*.com"), secure("https", "")];
    let on: &[(&str, &[&str])] = &[("http", &["a.com", "*.b.com", ""]), ("https", &["a.com"])];
    let mut world = World::of(listeners, vec![rule("r", 0, on, vec![path("/")])]);
    let mut gone = Change::default();
    gone.rules.insert(rule_key("r", 0), None);
    let update = world.apply(&gone);
    let removed: Vec<_> = update
        .removed
        .iter()
        .filter(|(kind, _)| *kind == Kind::VirtualHost)
        .map(|(_, name)| &**name)
        .collect();
    let expected = [
        "http/80/*.b.com",
        "http/80/a.com",
        "https/443/infra/edge/https/a.com",
    ];
    assert_eq!(removed, expected);
    assert_eq!(world.routes("http/80/*.com"), ["no_route"]);
    let mut gone = Change::default();
    for section in ["http", "https"] {
        gone.listeners.insert(listener_key(section), None);
    }
    world.apply(&gone);
    assert_eq!(world.hosts().len(), 0);
    let all = world.compiler.all().upserts;
    assert!(all.is_empty(), "{all:?}");
}
