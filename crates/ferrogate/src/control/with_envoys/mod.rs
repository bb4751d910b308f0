//! The control plane's decisions with real Envoys: several of one Gateway, and none to be reached.

mod clusters;
mod ground;
mod leftovers;
mod switch;
mod whole;

use fg_testkit::Upstream;
use fg_testkit::upstream::ok;
use rustix::process::Signal;

use ground::{Ground, Proxy};

/// A route whose requests go to this backend; its hostnames are separated by commas, none is all.
fn named(name: &str, hostnames: &str, path: &str, backend: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: default}}
spec:
  parentRefs: [{{name: web}}]
  hostnames: [{hostnames}]
  rules: [{{matches: [{{path: {path}}}], backendRefs: [{{name: {backend}, port: 80}}]}}]
"
    )
}

/// The route `shop`, for all hosts.
fn route(path: &str, backend: &str) -> String {
    named("shop", "", path, backend)
}

/// Of any path.
fn plain(backend: &str) -> String {
    route("{type: PathPrefix, value: /}", backend)
}

/// Of any path, too, by an expression that takes an engine some room.
fn wordy(backend: &str) -> String {
    route(
        "{type: RegularExpression, value: '/([a-z]{0,40}/){0,4}.*'}",
        backend,
    )
}

/// A size of expressions that [`wordy`] exceeds.
const SMALL: u32 = 100;

fn is_programmed(ground: &Ground) -> bool {
    let verdict = |kind, name| ground.condition(kind, name, "Programmed");
    verdict("Gateway", "web").starts_with("True/")
        && verdict("HTTPRoute", "shop").starts_with("True/")
}

/// Whether clients get these answers, and no others, each from some Envoy.
fn answers(ground: &mut Ground, wanted: &[&str]) {
    for one in wanted {
        ground.until(one, |ground| {
            let answer = ground.answer("/")?;
            assert!(wanted.contains(&&*answer), "{answer} instead of {wanted:?}");
            (answer == *one).then_some(())
        });
    }
}

/// Waits until every Envoy answers so: one confirms an edit before the thread that serves has it.
fn all_answer(ground: &mut Ground, wanted: &str) {
    ground.until(wanted, |ground| {
        let mut all = (0..8).map(|_| ground.answer("/"));
        all.all(|answer| answer.as_deref() == Some(wanted))
            .then_some(())
    });
}

#[test]
fn two_envoys_that_disagree_are_told_apart() {
    let (one, two) = (Upstream::replying(ok("one")), Upstream::replying(ok("two")));
    let mut ground = Ground::new(&[("one", one.address()), ("two", two.address())]);
    ground.apply("route", &plain("one"));
    let a = Proxy::start(&ground, "web-a", None);
    let b = Proxy::start(&ground, "web-b", Some(SMALL));
    ground.until("both", |ground| is_programmed(ground).then_some(()));
    let of_route = |ground: &Ground| ground.condition("HTTPRoute", "shop", "Programmed");

    // The one that takes it is first: it keeps it, the other keeps what it has, and is named.
    b.signal(Signal::STOP);
    ground.apply("route", &wordy("two"));
    ground.until("a to serve it", |ground| {
        (ground.confirmed() == 1).then_some(())
    });
    b.signal(Signal::CONT);
    let words = ground.until("a word on b", |ground| {
        let words = of_route(ground);
        words.contains("refuses").then_some(words)
    });
    assert!(words.starts_with("False/"), "{words}");
    assert!(words.contains("proxy web-b refuses VirtualHost"), "{words}");
    assert!(words.contains("program size"), "{words}");
    assert!(
        words.contains("this Envoy keeps the version that it has"),
        "{words}"
    );
    assert!(!words.contains("web-a"), "{words}");
    answers(&mut ground, &["one", "two"]);

    // A repair heals it, and the same two go on.
    ground.apply("route", &plain("two"));
    ground.until("the repair", |ground| is_programmed(ground).then_some(()));
    all_answer(&mut ground, "two");

    // The one that refuses it is first: the last good version serves on at both.
    a.signal(Signal::STOP);
    ground.apply("route", &wordy("one"));
    let words = ground.until("a word on b", |ground| {
        let words = of_route(ground);
        words.contains("refuses").then_some(words)
    });
    assert!(words.contains("proxy web-b refuses VirtualHost"), "{words}");
    a.signal(Signal::CONT);
    ground.until("the last good version at a", |ground| {
        let words = of_route(ground);
        assert!(words.contains("refuses"), "{words}");
        words
            .contains("its last good version serves on")
            .then_some(())
    });
    answers(&mut ground, &["two"]);
}

#[test]
fn envoys_are_ready_and_serve_while_nobody_tells_them_anything() {
    let (one, two) = (Upstream::replying(ok("one")), Upstream::replying(ok("two")));
    let mut ground = Ground::new(&[("one", one.address()), ("two", two.address())]);
    ground.apply("route", &plain("one"));
    let envoys = ["web-a", "web-b"].map(|pod| Proxy::start(&ground, pod, None));
    ground.until("both", |ground| is_programmed(ground).then_some(()));
    all_answer(&mut ground, "one");
    ground.disconnect();
    ground.apply("route", &plain("two"));
    let attempts = |proxy: &Proxy| {
        proxy
            .envoy
            .stat("cluster.ferrogate-control.upstream_cx_connect_fail")
    };
    let before = envoys.each_ref().map(attempts);
    ground.until("several attempts of both", |ground| {
        assert_eq!(ground.answer("/").as_deref(), Some("one"));
        assert!(envoys.iter().all(Proxy::is_ready));
        let now = envoys.each_ref().map(attempts);
        now.iter()
            .zip(before)
            .all(|(now, before)| *now > before + 2)
            .then_some(())
    });
    ground.connect();
    ground.until("both to have it", |ground| {
        (ground.confirmed() == 2).then_some(())
    });
    all_answer(&mut ground, "two");
    assert!(envoys.iter().all(Proxy::is_ready));
    let stats = envoys[0].envoy.stats();
    assert_eq!(stats["listener_manager.listener_modified"], 0);
}
