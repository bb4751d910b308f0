//! Envoys that take a port's routes as a whole: what they refuse of it is found, and nothing else is
//! held back.

use fg_ads::Protocol;
use fg_testkit::Upstream;
use fg_testkit::envoy::{NEWEST, OLDEST};
use fg_testkit::upstream::ok;

use super::SMALL;
use super::ground::{Ground, Proxy};
use super::named;

/// Those that there are.
const KINDS: [(&str, Protocol); 3] = [
    (OLDEST, Protocol::Delta),
    (OLDEST, Protocol::StateOfTheWorld),
    (NEWEST, Protocol::StateOfTheWorld),
];

/// A host whose requests go to a backend; one that is refused has an expression that is too large for
/// the Envoys here.
fn host(name: &str, to: &str, is_refused: bool) -> String {
    let path = if is_refused {
        "{type: RegularExpression, value: '/([a-z]{0,40}/){0,4}.*'}"
    } else {
        "{value: /}"
    };
    named(name, &format!("{name}.test"), path, to)
}

/// What is said of a route.
fn word(ground: &Ground, name: &str) -> String {
    ground.condition("HTTPRoute", name, "Programmed")
}

fn is_fine(ground: &Ground, name: &str) -> bool {
    word(ground, name).starts_with("True/")
}

fn answers(ground: &Ground, name: &str, wanted: &str) -> Option<()> {
    let answer = ground.answer_at(&format!("{name}.test"), "/")?;
    (answer == wanted).then_some(())
}

#[test]
fn one_host_that_is_refused_holds_no_other_back() {
    let upstreams = ["one", "two", "three"].map(|name| (name, Upstream::replying(ok(name))));
    let backends = upstreams
        .each_ref()
        .map(|(name, upstream)| (*name, upstream.address()));
    for kind in KINDS {
        let mut ground = Ground::new(&backends);
        let names = ["a", "b", "c", "d", "e", "f"];
        for name in names {
            ground.apply(name, &host(name, "one", false));
        }
        // The only one of its backend: that stays, too.
        ground.apply("b", &host("b", "three", false));
        let pods = ["web-a", "web-b"];
        let envoys = pods.map(|pod| Proxy::start_as(&ground, pod, Some(SMALL), kind));
        ground.until("all", |ground| {
            let mut all = names.iter();
            all.all(|name| is_fine(ground, name)).then_some(())
        });

        // One that is refused, and one that is not, in the same moment; then another one.
        ground.apply("b", &host("b", "two", true));
        ground.apply("c", &host("c", "two", false));
        ground.until("the other edit", |ground| answers(ground, "c", "two"));
        ground.until("what is said of it", |ground| {
            is_fine(ground, "c").then_some(())
        });
        let said = ground.until("a word on b", |ground| {
            let said = word(ground, "b");
            said.starts_with("False/Rejected").then_some(said)
        });
        assert!(said.contains("refuses VirtualHost http/"), "{said}");
        assert!(said.contains("/b.test"), "{said}");
        assert!(said.contains("program size"), "{said}");
        assert!(said.contains("its last good version serves on"), "{said}");
        assert_eq!(answers(&ground, "b", "three"), Some(()));
        for name in ["a", "c", "d", "e", "f"] {
            assert!(is_fine(&ground, name), "{name}: {}", word(&ground, name));
        }
        ground.apply("d", &host("d", "two", false));
        ground.until("an edit while b is refused", |ground| {
            answers(ground, "d", "two").filter(|()| is_fine(ground, "d"))
        });
        assert_eq!(answers(&ground, "b", "three"), Some(()));

        // A new host that is refused is closed; it never was in use.
        ground.apply("new", &host("new", "one", true));
        ground.apply("e", &host("e", "two", false));
        ground.until("an edit beside a new host", |ground| {
            answers(ground, "e", "two").filter(|()| is_fine(ground, "e"))
        });
        ground.until("a word on the new one", |ground| {
            word(ground, "new").contains("it is closed").then_some(())
        });
        ground.until("it to be closed", |ground| answers(ground, "new", "500"));

        // The repair heals both.
        ground.apply("b", &host("b", "two", false));
        ground.apply("new", &host("new", "two", false));
        for name in ["b", "new"] {
            ground.until("a repaired host", |ground| {
                answers(ground, name, "two").filter(|()| is_fine(ground, name))
            });
        }
        for envoy in &envoys {
            let stats = envoy.envoy.stats();
            assert_eq!(stats["listener_manager.listener_modified"], 0);
        }
    }
}

#[test]
fn of_a_new_gateway_what_is_refused_at_once_is_closed() {
    let one = Upstream::replying(ok("one"));
    for kind in [KINDS[0], KINDS[2]] {
        let mut ground = Ground::new(&[("one", one.address())]);
        ground.renew();
        ground.apply("a", &host("a", "one", false));
        ground.apply("b", &host("b", "one", true));
        let _envoy = Proxy::start_as(&ground, "web-a", Some(SMALL), kind);
        ground.until("the other host", |ground| answers(ground, "a", "one"));
        ground.until("it to be closed", |ground| answers(ground, "b", "500"));
        ground.apply("b", &host("b", "one", false));
        ground.until("the repair", |ground| answers(ground, "b", "one"));
    }
}
