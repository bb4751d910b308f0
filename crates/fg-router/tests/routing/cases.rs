//! Cases by hand: what the Gateway API promises, one test a promise.

use std::net::IpAddr;
use std::sync::Arc;

use fg_ir::{Listener, Rule};
use fg_model::Match;
use fg_router::{Builder, Lost, Outcome, Router};
use fg_testkit::routing::Plain;
use fg_testkit::routing::build::{And as _, call, change, listener, listener_at, path, rule};

type Snapshot = Arc<Router<Arc<Rule>>>;

/// A router of these listeners and rules.
fn router(listeners: Vec<Listener>, rules: Vec<Rule>) -> Snapshot {
    Builder::new().apply(&change(listeners, rules), &mut Arc::clone)
}

/// `route/rule/match` of the rule that owns the request; `404`; or `no listener`.
fn owner_at(
    router: &Snapshot,
    address: Option<IpAddr>,
    line: &str,
    headers: &[(&str, &str)],
) -> String {
    let request = Plain::new(line, headers).request();
    let socket = router.socket(address, 80).expect("a socket");
    let Some(listener) = socket.listener(request.host()) else {
        return "no listener".to_owned();
    };
    match listener.find(&request) {
        Some(found) => format!(
            "{}/{}/{}",
            found.rule.key.route.name, found.rule.key.rule, found.match_index
        ),
        None => "404".to_owned(),
    }
}

fn owner(router: &Snapshot, line: &str, headers: &[(&str, &str)]) -> String {
    owner_at(router, None, line, headers)
}

/// One listener for every host, and one route a match, named `r0`, `r1`, …
fn of_matches(matches: Vec<Match>) -> Snapshot {
    let rules = matches
        .into_iter()
        .enumerate()
        .map(|(at, one)| rule(&format!("r{at}"), 0, &[("http", &[""])], vec![one]))
        .collect();
    router(vec![listener("http", "")], rules)
}

fn any(line: &str) -> String {
    format!("GET a.com {line}")
}

#[test]
fn exact_before_longest_prefix_before_regex() {
    let router = of_matches(vec![
        path("~/a/b.*"),
        path("~/.*"),
        path("/a"),
        path("/a/b"),
        path("=/a/b"),
    ]);
    for (line, expected) in [
        ("/a/b", "r4/0/0"),
        ("/a/b/", "r3/0/0"),
        ("/a/bc", "r2/0/0"),
        ("/b", "r1/0/0"),
    ] {
        assert_eq!(owner(&router, &any(line), &[]), expected, "{line}");
    }
    let regexes = of_matches(vec![path("~/.*"), path("~/a/b.*")]);
    assert_eq!(owner(&regexes, &any("/a/bx"), &[]), "r1/0/0");
}

#[test]
fn of_grpc_calls_the_service_counts_before_the_method_before_headers() {
    let router = of_matches(vec![
        call("", ""),
        call("", "").header("x", "1"),
        call("", "Get"),
        call("", "~Get|List"),
        call("~shop[.].*", ""),
        call("~shop[.].*", "~Get"),
        call("shop.v1.Carts", ""),
        call("shop.v1.Carts", "").header("x", "1"),
        call("shop.v1.Carts", "Get"),
    ]);
    let x = [("x", "1")];
    for (path, headers, expected) in [
        ("/shop.v1.Carts/Get", &x[..], "r8/0/0"),
        ("/shop.v1.Carts/List", &x, "r7/0/0"),
        ("/shop.v1.Carts/List", &[], "r6/0/0"),
        ("/shop.v1.Cart/Get", &x, "r5/0/0"),
        ("/shop.v1.Cart/Put", &x, "r4/0/0"),
        ("/bank.Cards/Get", &x, "r3/0/0"),
        ("/bank.Cards/List", &x, "r3/0/0"),
        ("/bank.Cards/get", &x, "r1/0/0"),
        ("/bank.Cards/Put", &[], "r0/0/0"),
        ("/no-call", &[], "r0/0/0"),
    ] {
        assert_eq!(
            owner(&router, &format!("POST a.com {path}"), headers),
            expected,
            "{path}"
        );
    }
    let methods = of_matches(vec![call("", "~G."), call("", "Get")]);
    assert_eq!(owner(&methods, &any("/bank.Cards/Get"), &[]), "r1/0/0");
    assert_eq!(owner(&methods, &any("/Get"), &[]), "404");
}

#[test]
fn method_before_headers_before_query_before_age() {
    let router = of_matches(vec![
        path("/"),
        path("/").query("q", "1").query("p", "1"),
        path("/").header("x", "1"),
        path("/").header("x", "1").header("y", "1"),
        path("/").method("GET"),
    ]);
    let both = [("X", "1"), ("Y", "1")];
    assert_eq!(owner(&router, "GET a.com /?q=1&p=1", &both), "r4/0/0");
    assert_eq!(owner(&router, "PUT a.com /?q=1&p=1", &both), "r3/0/0");
    assert_eq!(owner(&router, "PUT a.com /?q=1&p=1", &both[..1]), "r2/0/0");
    assert_eq!(owner(&router, "PUT a.com /?q=1&p=1", &[]), "r1/0/0");
    assert_eq!(owner(&router, "PUT a.com /?q=1&p=2", &[]), "r0/0/0");
}

#[test]
fn the_older_route_wins_then_name_then_place() {
    let mut young = rule("a", 0, &[("http", &[""])], vec![path("/")]);
    let mut old = rule("b", 0, &[("http", &[""])], vec![path("/x"), path("/")]);
    Arc::make_mut(&mut old.age).created = 10;
    let second = rule("b", 1, &[("http", &[""])], vec![path("/")]);
    let http = || vec![listener("http", "")];
    let of = |rules: &[&Rule]| router(http(), rules.iter().map(|one| (*one).clone()).collect());
    assert_eq!(owner(&of(&[&young, &old]), &any("/"), &[]), "b/0/1");
    Arc::make_mut(&mut young.age).created = 10;
    assert_eq!(owner(&of(&[&young, &old]), &any("/"), &[]), "a/0/0");
    assert_eq!(owner(&of(&[&second, &old]), &any("/"), &[]), "b/0/1");
}

#[test]
fn of_equal_matches_in_a_rule_the_first_wins() {
    let twice = rule("r", 0, &[("http", &[""])], vec![path("/a"), path("/a")]);
    let router = router(vec![listener("http", "")], vec![twice]);
    assert_eq!(owner(&router, &any("/a"), &[]), "r/0/0");
}

#[test]
fn the_match_index_is_that_of_the_source() {
    let mut one = rule("r", 0, &[("http", &[""])], vec![path("/a")]);
    one.matches[0].0 = 7;
    let router = router(vec![listener("http", "")], vec![one]);
    assert_eq!(owner(&router, &any("/a"), &[]), "r/0/7");
}

#[test]
fn the_written_hostname_decides_first_and_falls_through() {
    let on = |names: &'static [&'static str]| [("http", names)];
    let rules = vec![
        rule("none", 0, &on(&[""]), vec![path("=/any"), path("=/a")]),
        rule(
            "wide",
            0,
            &on(&["*.com"]),
            vec![path("=/a"), path("=/wide")],
        ),
        rule(
            "narrow",
            0,
            &on(&["*.a.com"]),
            vec![path("/a").method("PUT")],
        ),
        rule("exact", 0, &on(&["b.a.com"]), vec![path("~/a")]),
    ];
    let router = router(vec![listener("http", "*.a.com")], rules);
    for (line, expected) in [
        ("PUT b.a.com /a", "exact/0/0"),
        ("PUT c.a.com /a", "narrow/0/0"),
        ("GET c.a.com /a", "wide/0/0"),
        ("GET b.a.com /wide", "wide/0/1"),
        ("GET b.a.com /any", "none/0/0"),
        ("GET b.a.com /none", "404"),
        ("GET a.com /any", "no listener"),
    ] {
        assert_eq!(owner(&router, line, &[]), expected, "{line}");
    }
}

#[test]
fn the_most_specific_listener_owns_the_host_alone() {
    let listeners = vec![
        listener("any", ""),
        listener("wide", "*.example.com"),
        listener("narrow", "*.dev.example.com"),
        listener("exact", "a.dev.example.com"),
    ];
    let rules = ["any", "wide", "narrow", "exact"]
        .map(|name| rule(name, 0, &[(name, &[""])], vec![path(&format!("=/{name}"))]));
    let router = router(listeners, rules.to_vec());
    for (host, owns) in [
        ("a.dev.example.com", "exact"),
        ("b.dev.example.com", "narrow"),
        ("b.c.dev.example.com", "narrow"),
        ("dev.example.com", "wide"),
        ("example.com", "any"),
    ] {
        for path in ["any", "wide", "narrow", "exact"] {
            let expected = if path == owns {
                format!("{owns}/0/0")
            } else {
                "404".to_owned()
            };
            let line = format!("GET {host}:80 /{path}");
            assert_eq!(owner(&router, &line, &[]), expected, "{line}");
        }
    }
}

#[test]
fn headers_are_compared_without_case_of_name_and_joined() {
    let router = of_matches(vec![
        path("/").header("x-team", "red, blue"),
        path("/").header("accept", "~text/.*"),
        path("/").header("x-team", "~b.*"),
        path("/").header("host", "a.com:81"),
        path("/").header("cookie", "a=1; b=2"),
    ]);
    let check = |headers: &[(&str, &str)], expected: &str| {
        assert_eq!(
            owner(&router, "GET a.com /", headers),
            expected,
            "{headers:?}"
        );
    };
    check(&[("X-Team", "red, blue")], "r0/0/0");
    check(&[("X-TEAM", "red"), ("x-team", "blue")], "r0/0/0");
    check(&[("x-team", "blue"), ("x-team", "red")], "r2/0/0");
    check(&[("x-team", "red"), ("x-team", "green")], "404");
    check(&[("ACCEPT", "text/html")], "r1/0/0");
    check(&[("accept", "a text/html")], "404");
    check(&[("cookie", "a=1"), ("cookie", "b=2")], "r4/0/0");
    check(&[], "404");
    assert_eq!(owner(&router, "GET a.com:81 /", &[]), "r3/0/0");
}

#[test]
fn bytes_that_are_no_text_are_compared_as_bytes() {
    let router = of_matches(vec![
        path("/").header("x", "~[^a]+"),
        path("/").query("q", "~."),
    ]);
    assert_eq!(owner(&router, "GET a.com /", &[("x", "é")]), "r0/0/0");
    assert_eq!(owner(&router, "GET a.com /?q=%C3%A9", &[]), "r1/0/0");
}

#[test]
fn query_parameters_are_decoded_and_the_first_counts() {
    let router = of_matches(vec![
        path("/").query("name", "a b"),
        path("/").query("name", "~x.+y"),
        path("/").query("empty", ""),
    ]);
    for (query, expected) in [
        ("?name=a+b", "r0/0/0"),
        ("?na%6de=a%20b", "r0/0/0"),
        ("?name=z&name=a+b", "404"),
        ("?name=a+b&name=z", "r0/0/0"),
        ("?name=x%26y", "r1/0/0"),
        ("?name=xy", "404"),
        ("?empty", "r2/0/0"),
        ("?Name=a+b", "404"),
        ("?", "404"),
        ("", "404"),
    ] {
        assert_eq!(
            owner(&router, &any(&format!("/{query}")), &[]),
            expected,
            "{query}"
        );
    }
}

#[test]
fn the_covered_prefix_is_told() {
    let router = of_matches(vec![
        path("/a/b"),
        path("/"),
        path("=/e"),
        path("~/r.*").method("PUT"),
    ]);
    let covered = |line: &str| {
        let request = Plain::new(line, &[]).request();
        let socket = router.socket(None, 80).expect("a socket");
        let listener = socket.listener(request.host()).expect("a listener");
        listener.find(&request).expect("a rule").matched_prefix
    };
    assert_eq!(covered("GET a.com /a/b/c"), Some(4));
    assert_eq!(covered("GET a.com /a"), Some(0));
    assert_eq!(covered("GET a.com /e"), None);
    assert_eq!(covered("OPTIONS a.com *"), None);
}

#[test]
fn methods_outside_the_usual_ones_are_compared_as_text() {
    let router = of_matches(vec![path("/").method("BREW"), path("/").method("HEAD")]);
    assert_eq!(owner(&router, "BREW a.com /", &[]), "r0/0/0");
    assert_eq!(owner(&router, "STIR a.com /", &[]), "404");
    assert_eq!(owner(&router, "HEAD a.com /", &[]), "r1/0/0");
    assert_eq!(owner(&router, "GET a.com /", &[]), "404");
}

#[test]
fn a_socket_of_one_address_has_the_listeners_of_all_addresses_too() {
    let here: IpAddr = "127.0.0.2".parse().expect("an address");
    let mapped: IpAddr = "::ffff:127.0.0.2".parse().expect("an address");
    let listeners = vec![
        listener("all", ""),
        listener("all-shop", "shop.com"),
        listener_at("here-shop", "shop.com", &[here], 80),
        listener_at(
            "family",
            "v4.com",
            &["0.0.0.0".parse().expect("an address")],
            80,
        ),
    ];
    let rules = ["all", "all-shop", "here-shop", "family"]
        .map(|name| rule(name, 0, &[(name, &[""])], vec![path("/")]));
    let router = router(listeners, rules.to_vec());
    let sockets: Vec<_> = router.sockets().map(|((address, _), _)| address).collect();
    assert_eq!(sockets, [None, Some([0, 0, 0, 0].into()), Some(here)]);
    for (address, host, expected) in [
        (None, "shop.com", "all-shop/0/0"),
        (Some(here), "shop.com", "here-shop/0/0"),
        (Some(mapped), "shop.com", "here-shop/0/0"),
        (Some(here), "other.com", "all/0/0"),
        (Some(here), "v4.com", "family/0/0"),
        (None, "v4.com", "all/0/0"),
    ] {
        let line = format!("GET {host} /");
        assert_eq!(
            owner_at(&router, address, &line, &[]),
            expected,
            "{address:?} {host}"
        );
    }
    assert!(router.socket(Some([127, 0, 0, 3].into()), 80).is_none());
    assert!(router.socket(None, 81).is_none());
}

#[test]
fn a_trace_tells_who_lost_why_and_who_came_second() {
    let router = of_matches(vec![
        path("/a"),
        path("/a").method("PUT"),
        path("/a").header("x", "1").header("y", "2"),
        path("/a").query("q", "1"),
        path("~/b.*"),
        path("/"),
        path("/elsewhere"),
    ]);
    let request = Plain::new("GET a.com /a", &[("x", "1")]).request();
    let socket = router.socket(None, 80).expect("a socket");
    let listener = socket.listener(b"a.com").expect("a listener");
    let mut tried = Vec::new();
    let found = listener.trace(&request, &mut |one| {
        tried.push((one.found.rule.key.route.name.to_string(), one.outcome));
    });
    assert_eq!(found.map(|found| &*found.rule.key.route.name), Some("r0"));
    let expected = [
        ("r1", Outcome::Lost(Lost::Method)),
        ("r2", Outcome::Lost(Lost::Header(1))),
        ("r3", Outcome::Lost(Lost::Query(0))),
        ("r0", Outcome::Won),
        ("r5", Outcome::RunnerUp),
        ("r4", Outcome::Lost(Lost::Path)),
    ];
    assert_eq!(
        tried,
        expected.map(|(name, outcome)| (name.to_owned(), outcome))
    );
    assert_eq!(listener.entries().count(), 7);
}
