//! Which route answers a preflight: the same as our own router says.

use std::sync::Arc;

use fg_ir::{Change, Rule};
use fg_policies::cors;
use fg_router::Builder;
use fg_testkit::routing::Plain;
use fg_testkit::routing::build::{And as _, change, listener, path, rule};
use proptest::prelude::*;
use proptest::sample::select;

use super::evaluate;
use super::world::World;

/// Rules, each of a path, a method and whether it has a CORS policy.
fn rules(words: &[(&str, &str, bool)]) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (at, (prefix, method, answers)) in words.iter().enumerate() {
        let mut matched = path(prefix);
        if !method.is_empty() {
            matched = matched.method(method);
        }
        let mut rule = rule(&format!("r{at}"), 0, &[("http", &[""])], vec![matched]);
        if *answers {
            rule.policies.cors = Some(Arc::new(cors::Ir {
                origins: cors::Origins::Any,
                credentials: false,
                methods: cors::Names::Any,
                headers: cors::Names::Any,
                expose: cors::Names::Any,
                max_age: 5,
            }));
        }
        rules.push(rule);
    }
    rules
}

/// The route of ours, and that of Envoy, for a preflight.
fn both(rules: Vec<Rule>, path: &str, asked: &str) -> (Option<String>, Option<String>) {
    let change: Change = change(vec![listener("http", "")], rules.clone());
    let router = Builder::new().apply(&change, &mut Arc::clone);
    let table = router.socket(None, 80).expect("a socket");
    let owner = table.listener(b"a.com").expect("a listener");
    let headers = [
        ("origin", "https://b.com"),
        ("access-control-request-method", asked),
    ];
    let plain = Plain::new(&format!("OPTIONS a.com {path}"), &headers);
    let mut request = plain.request();
    let found = owner.find_preflight(&mut request, asked.as_bytes(), |rule: &Arc<Rule>| {
        rule.policies.cors.is_some()
    });
    let ours = found.map(|found| format!("HTTPRoute/shop/{}/0/0", found.rule.key.route.name));

    let world = World::of(vec![listener("http", "")], rules);
    let hosts = world.hosts();
    let route = evaluate::route(&hosts, "http/80", &plain).expect("a route");
    let theirs = (route.name != "no_route").then(|| route.name.clone());
    (ours, theirs)
}

#[test]
fn the_rule_of_the_method_asked_about_answers_for_one_without_a_policy() {
    let words = [("/", "GET", true), ("/", "", false), ("/", "PUT", false)];
    for (asked, rule) in [("GET", "r0"), ("PUT", "r1"), ("DELETE", "r1")] {
        let (ours, theirs) = both(rules(&words), "/", asked);
        assert_eq!(
            ours.as_deref(),
            Some(&*format!("HTTPRoute/shop/{rule}/0/0"))
        );
        assert_eq!(theirs, ours, "{asked}");
    }
    // Nor does one of another path, of which nothing takes the preflight as a request.
    let words = [("/m", "POST", false), ("/", "GET", true)];
    for (asked, rule) in [("GET", Some("r1")), ("POST", None)] {
        let (ours, theirs) = both(rules(&words), "/m", asked);
        let rule = rule.map(|rule| format!("HTTPRoute/shop/{rule}/0/0"));
        assert_eq!((ours, theirs), (rule.clone(), rule), "{asked}");
    }
}

#[test]
fn a_rule_that_names_options_answers_first() {
    let words = [
        ("/", "GET", true),
        ("/", "OPTIONS", false),
        ("/", "", false),
    ];
    let (ours, theirs) = both(rules(&words), "/", "GET");
    assert_eq!(ours.as_deref(), Some("HTTPRoute/shop/r1/0/0"));
    assert_eq!(theirs, ours);
}

proptest! {
    #[test]
    fn preflights_get_the_rule_that_our_own_router_finds(
        words in prop::collection::vec(
            (
                select(&["/", "/a", "/a/b"][..]),
                select(&["", "GET", "PUT", "OPTIONS"][..]),
                prop::bool::ANY,
            ),
            1..6,
        ),
        path in select(&["/", "/a", "/a/b", "/b"][..]),
        asked in select(&["GET", "PUT", "DELETE"][..]),
    ) {
        // Where rules with a policy and without one have the method asked about, Envoy may ask the one
        // without.
        let has = |policy| words.iter().any(|(_, method, answers)| *method == asked && *answers == policy);
        prop_assume!(!has(true) || !has(false));
        let (ours, theirs) = both(rules(&words), path, asked);
        prop_assert_eq!(theirs, ours);
    }
}
