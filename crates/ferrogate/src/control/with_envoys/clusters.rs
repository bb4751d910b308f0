//! A cluster that Envoy refuses: what it would have encrypted goes nowhere, and nothing waits for it.

use fg_testkit::Upstream;
use fg_testkit::upstream::ok;

use super::ground::{Ground, Proxy};
use super::{is_programmed, named};

/// The backend `one` shall be encrypted to, by authorities that this Envoy does not have.
const POLICY: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: one, namespace: default}
spec:
  targetRefs: [{group: '', kind: Service, name: one}]
  validation: {hostname: one.test, wellKnownCACertificates: System}
";

/// A route for a path of its own.
fn route(name: &str, backend: &str) -> String {
    named(name, "", &format!("{{value: /{name}}}"), backend)
}

fn condition(ground: &Ground, name: &str) -> String {
    ground.condition("HTTPRoute", name, "Programmed")
}

/// Waits for an answer: Envoy confirms an edit before the thread that serves has it.
fn answers(ground: &mut Ground, path: &str, wanted: &str) {
    ground.until(wanted, |ground| {
        (ground.answer(path).as_deref() == Some(wanted)).then_some(())
    });
}

#[test]
fn a_cluster_that_envoy_refuses_is_closed_and_holds_up_nothing() {
    let (one, two) = (Upstream::replying(ok("one")), Upstream::replying(ok("two")));
    let mut ground = Ground::new(&[("one", one.address()), ("two", two.address())]);
    ground.apply("shop", &route("shop", "one"));
    ground.apply("other", &route("other", "two"));
    let _envoys = ["web-a", "web-b"].map(|pod| Proxy::start(&ground, pod, None));
    ground.until("both", |ground| is_programmed(ground).then_some(()));
    answers(&mut ground, "/shop", "one");

    ground.apply("policy", POLICY);
    let words = ground.until("its refusal", |ground| {
        let words = condition(ground, "shop");
        words.contains("refuses Cluster").then_some(words)
    });
    assert!(
        words.starts_with("False/") && words.contains("it is closed"),
        "{words}"
    );
    answers(&mut ground, "/shop", "503");

    // Everything else goes on, and is said to.
    for backend in ["one", "two"] {
        ground.apply("other", &route("other", backend));
        if backend == "two" {
            answers(&mut ground, "/other", "two");
        }
        ground.until("all to be said", |ground| {
            (ground.confirmed() == 2).then_some(())
        });
    }
    assert!(condition(&ground, "other").starts_with("True/"));

    // It is mended by taking the route away, and by taking the policy away.
    ground.apply("shop", &route("shop", "two"));
    ground.until("the route without it", |ground| {
        is_programmed(ground).then_some(())
    });
    answers(&mut ground, "/shop", "two");
    ground.apply("policy", "");
    ground.apply("shop", &route("shop", "one"));
    ground.until("the backend again", |ground| {
        is_programmed(ground).then_some(())
    });
    answers(&mut ground, "/shop", "one");
}
