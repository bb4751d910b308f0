//! What Envoy does with what it is sent: traffic flows while everything changes, what it refuses is
//! alone, and a control plane that is away is missed by nobody.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use fg_ads::{Event, Protocol};
use fg_testkit::envoy::{NEWEST, OLDEST};
use fg_testkit::programmed::{PATIENCE, Programmed};
use fg_testkit::upstream::ok;
use fg_testkit::{Upstream, try_get};
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};

use crate::messages::{
    Answer, CLUSTER, ENDPOINTS, HOST, LISTENER, ROUTES, SECRET, TYPES, cluster, cluster_of_size,
    cluster_without_source, endpoints, host, listener, routes, secret, virtual_host,
};

fn ground(version: &str, protocol: Protocol) -> Programmed {
    Programmed::new(version, protocol, TYPES)
}

#[test]
fn the_oldest_by_delta() {
    everything(ground(OLDEST, Protocol::Delta));
}

#[test]
fn the_newest_by_delta() {
    let ground = everything(ground(NEWEST, Protocol::Delta));
    hosts_are_resources(ground);
}

#[test]
fn the_oldest_by_the_state_of_the_world() {
    everything(ground(OLDEST, Protocol::StateOfTheWorld));
}

#[test]
fn the_newest_by_the_state_of_the_world() {
    everything(ground(NEWEST, Protocol::StateOfTheWorld));
}

/// One Envoy goes through all of it: starting one is what takes long.
fn everything(mut ground: Programmed) -> Programmed {
    let at = fg_testkit::address::own_address();
    let one = Upstream::replying(ok("one"));
    let two = Upstream::replying(ok("two"));
    nothing_fails_while_everything_changes(&mut ground, at, [one.address(), two.address()]);
    what_is_refused_is_alone(&mut ground, at);
    a_certificate_that_is_refused_closes_one_listener(&mut ground, at);
    an_outage_is_missed_by_nobody(&mut ground, at);
    what_is_large_arrives(&mut ground, at);
    ground
}

/// The routes of the listener that all tests share.
fn to(answer: Answer<'_>) -> Option<Vec<u8>> {
    let host = virtual_host("http/80", "*", &[("/", answer)]);
    Some(routes("http/80", Some(vec![host])))
}

fn nothing_fails_while_everything_changes(
    ground: &mut Programmed,
    at: SocketAddr,
    [one, two]: [SocketAddr; 2],
) {
    let serial = ground.apply([
        (CLUSTER, "a", "1", Some(cluster("a", 1))),
        (ENDPOINTS, "a", "1", Some(endpoints("a", &[one]))),
        (
            LISTENER,
            "http/80",
            "1",
            Some(listener("http/80", at, None)),
        ),
        (ROUTES, "http/80", "1", to(Answer::Cluster("a"))),
    ]);
    assert_eq!(ground.settled(serial), []);
    until(at, "any.test", "/", (200, "one"));

    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut asked = 0;
            while !is_over.load(Ordering::Relaxed) {
                let answer = try_get(at, "any.test", "/");
                let status = answer.as_ref().map(|answer| answer.status).ok();
                assert_eq!(status, Some(200), "after {asked}: {answer:?}");
                asked += 1;
            }
            asked
        });
        let end = AtEnd(&is_over);
        // The same cluster, otherwise: its endpoints are the same and must be sent again all the same,
        // or Envoy waits for them, and so does whoever waits for Envoy.
        let serial = ground.apply([(CLUSTER, "a", "2", Some(cluster("a", 2)))]);
        assert_eq!(ground.settled(serial), []);
        wait_for_no_warming(ground);
        for round in 0..5 {
            // A cluster, its endpoints and the route to it come together, and others go.
            let (new, old) = if round % 2 == 0 {
                ("b", "a")
            } else {
                ("a", "b")
            };
            let version = format!("r{round}");
            let words = if new == "b" { "two" } else { "one" };
            let address = if new == "b" { two } else { one };
            let serial = ground.apply([
                (ROUTES, "http/80", &*version, to(Answer::Cluster(new))),
                (ENDPOINTS, new, &*version, Some(endpoints(new, &[address]))),
                (CLUSTER, new, &*version, Some(cluster(new, 1))),
                (CLUSTER, old, "", None),
                (ENDPOINTS, old, "", None),
            ]);
            assert_eq!(ground.settled(serial), []);
            until(at, "any.test", "/", (200, words));
        }
        // Endpoints alone.
        let serial = ground.apply([(ENDPOINTS, "b", "moved", Some(endpoints("b", &[one])))]);
        assert_eq!(ground.settled(serial), []);
        until(at, "any.test", "/", (200, "one"));
        drop(end);
        assert!(asking.join().unwrap() > 0);
    });
    let stats = ground.envoy.stats();
    assert_eq!(stats["listener_manager.listener_modified"], 0);
    assert_eq!(stats["listener_manager.total_listeners_draining"], 0);
}

/// Says that it is over, when a check failed, too: who asks would else never end.
struct AtEnd<'a>(&'a AtomicBool);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Asks until it is answered so.
fn until(at: SocketAddr, host: &str, path: &str, wanted: (u16, &str)) {
    let begun = Instant::now();
    loop {
        let answer = try_get(at, host, path);
        let said = answer.as_ref().map(|answer| (answer.status, answer.text()));
        if said.is_ok_and(|said| said == wanted) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{wanted:?}: {answer:?}");
        std::thread::yield_now();
    }
}

fn wait_for_no_warming(ground: &Programmed) {
    let begun = Instant::now();
    while ground.envoy.stat("cluster_manager.warming_clusters") > 0 {
        assert!(
            begun.elapsed() < PATIENCE,
            "a cluster waits for its endpoints"
        );
    }
}

fn what_is_refused_is_alone(ground: &mut Programmed, at: SocketAddr) {
    let before = ground.apply([(ROUTES, "http/80", "good", to(Answer::Words("good")))]);
    ground.settled(before);
    let other = fg_testkit::address::own_address();
    let host = virtual_host("http/81", "*", &[("/", Answer::Words("other"))]);
    let serial = ground.apply([
        (ROUTES, "http/80", "bad", to(Answer::Refused)),
        (
            LISTENER,
            "http/81",
            "1",
            Some(listener("http/81", other, None)),
        ),
        (
            ROUTES,
            "http/81",
            "1",
            Some(routes("http/81", Some(vec![host]))),
        ),
        (CLUSTER, "bad", "1", Some(cluster_without_source("bad"))),
        (CLUSTER, "c", "1", Some(cluster("c", 1))),
        (ENDPOINTS, "c", "1", Some(endpoints("c", &[at]))),
    ]);
    let mut refused = std::collections::BTreeMap::new();
    loop {
        match ground.event() {
            Event::Settled { serial: now, .. } if now >= serial => break,
            Event::Rejected {
                type_url,
                resources,
                ..
            } => {
                refused.insert(type_url.to_string(), resources);
            }
            _ => {}
        }
    }
    let [routes_refused, clusters_refused] = [ROUTES, CLUSTER].map(|kind| match &*refused[kind] {
        [only] => (only.name.clone(), only.version.clone(), only.reason.clone()),
        others => panic!("{others:?}"),
    });
    assert_eq!((&*routes_refused.0, &*routes_refused.1), ("http/80", "bad"));
    assert!(
        routes_refused.2.contains("may not be modified"),
        "{routes_refused:?}"
    );
    assert_eq!((&*clusters_refused.0, &*clusters_refused.1), ("bad", "1"));
    assert!(clusters_refused.2.contains("EDS"), "{clusters_refused:?}");
    until(other, "any.test", "/", (200, "other"));
    until(at, "any.test", "/", (200, "good"));
    assert!(ground.envoy.get("/clusters").contains("c::"));

    // Nothing is sent again until something changes, and then only that.
    let (sent, _) = ground.sent();
    let serial = ground.apply([(ENDPOINTS, "c", "2", Some(endpoints("c", &[other])))]);
    ground.settled(serial);
    assert_eq!(ground.sent().0, sent + 1);

    let serial = ground.apply([
        (ROUTES, "http/80", "healed", to(Answer::Words("healed"))),
        (CLUSTER, "bad", "", None),
    ]);
    assert_eq!(ground.settled(serial), []);
    until(at, "any.test", "/", (200, "healed"));
}

fn a_certificate_that_is_refused_closes_one_listener(ground: &mut Programmed, at: SocketAddr) {
    let secure = fg_testkit::address::own_address();
    let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let params = CertificateParams::new(vec!["any.test".to_owned()]).unwrap();
    let chain = params.self_signed(&key).unwrap().pem();
    let bad = secret("certificate", &chain, &key.serialize_pem());
    let host = virtual_host("https/443", "*", &[("/", Answer::Words("secure"))]);
    let serial = ground.apply([
        (SECRET, "certificate", "ed25519", Some(bad)),
        (
            LISTENER,
            "https/443",
            "1",
            Some(listener("https/443", secure, Some("certificate"))),
        ),
        (
            ROUTES,
            "https/443",
            "1",
            Some(routes("https/443", Some(vec![host]))),
        ),
        (ROUTES, "http/80", "beside", to(Answer::Words("beside"))),
    ]);
    let refused = ground.settled(serial);
    let [only] = &*refused else {
        panic!("{refused:?}\n{}", ground.envoy.log());
    };
    assert_eq!((&*only.name, &*only.version), ("certificate", "ed25519"));
    until(at, "any.test", "/", (200, "beside"));

    let key = KeyPair::generate().unwrap();
    let chain = params.self_signed(&key).unwrap().pem();
    let good = secret("certificate", &chain, &key.serialize_pem());
    let serial = ground.apply([(SECRET, "certificate", "ecdsa", Some(good))]);
    assert_eq!(ground.settled(serial), []);
    let begun = Instant::now();
    while std::net::TcpStream::connect(secure).is_err() {
        assert!(begun.elapsed() < PATIENCE, "{}", ground.envoy.log());
    }
}

fn an_outage_is_missed_by_nobody(ground: &mut Programmed, at: SocketAddr) {
    ground.disconnect();
    until(at, "any.test", "/", (200, "beside"));
    let serial = ground.apply([(ROUTES, "http/80", "later", to(Answer::Words("later")))]);
    ground.reconnect();
    ground.settled(serial);
    until(at, "any.test", "/", (200, "later"));
    let stats = ground.envoy.stats();
    assert_eq!(stats["listener_manager.listener_modified"], 0);
    assert_eq!(stats["listener_manager.listener_removed"], 0);
}

/// gRPC's usual limit is 4 MiB for a message; Envoy's own client has none.
fn what_is_large_arrives(ground: &mut Programmed, at: SocketAddr) {
    let paths: Vec<String> = (0..2_000)
        .map(|number| format!("/{number}/{}", "x".repeat(4_000)))
        .collect();
    let mut all: Vec<_> = paths
        .iter()
        .map(|path| (path.as_str(), Answer::Words("-")))
        .collect();
    all.push(("/", Answer::Words("large")));
    let body = routes("http/80", Some(vec![virtual_host("http/80", "*", &all)]));
    assert!(body.len() > 8_000_000);
    let serial = ground.apply([(ROUTES, "http/80", "large", Some(body))]);
    assert_eq!(ground.settled(serial), []);
    until(at, "any.test", "/", (200, "large"));
    what_is_large_together_arrives(ground, at);
}

/// Of a type that is asked for as a whole, one message of the state of the world has everything, however
/// large that is, also on a new stream; by delta it is cut.
fn what_is_large_together_arrives(ground: &mut Programmed, at: SocketAddr) {
    const MANY: u64 = 60;
    let names: Vec<String> = (0..MANY).map(|number| format!("large/{number}")).collect();
    let removed = ground.envoy.stat("cluster_manager.cluster_removed");
    let before = ground.envoy.stat("cluster_manager.active_clusters");
    let all = names.iter();
    let all = all.map(|name| (CLUSTER, &**name, "1", Some(cluster_of_size(name, 100_000))));
    let serial = ground.apply(all);
    assert_eq!(ground.settled(serial), []);
    let active = ground.envoy.stat("cluster_manager.active_clusters");
    assert_eq!(active, before + MANY);

    ground.disconnect();
    let last = &*names[0];
    let serial = ground.apply([
        (CLUSTER, last, "2", Some(cluster_of_size(last, 100_001))),
        (ROUTES, "http/80", "small", to(Answer::Words("small"))),
    ]);
    ground.reconnect();
    assert_eq!(ground.settled(serial), []);
    until(at, "any.test", "/", (200, "small"));
    let stats = ground.envoy.stats();
    assert_eq!(stats["cluster_manager.active_clusters"], active);
    assert_eq!(stats["cluster_manager.cluster_removed"], removed);
}

fn hosts_are_resources(mut ground: Programmed) {
    let at = fg_testkit::address::own_address();
    let of = |domain: &str, answer: Answer<'_>| {
        Some(host(&virtual_host("http/82", domain, &[("/", answer)])))
    };
    // No host yet: Envoy does not wait for one.
    let serial = ground.apply([
        (
            LISTENER,
            "http/82",
            "1",
            Some(listener("http/82", at, None)),
        ),
        (ROUTES, "http/82", "1", Some(routes("http/82", None))),
    ]);
    assert_eq!(ground.settled(serial), []);
    until(at, "a.test", "/", (404, ""));
    let serial = ground.apply([
        (
            HOST,
            "http/82/a.test",
            "1",
            of("a.test", Answer::Words("one")),
        ),
        (HOST, "http/82/b.test", "1", of("b.test", Answer::Refused)),
        (HOST, "http/82/*", "1", of("*", Answer::Words("any"))),
    ]);
    let refused = ground.settled(serial);
    assert!(
        matches!(&*refused, [only] if only.name == "http/82/b.test"),
        "{refused:?}"
    );
    until(at, "a.test", "/", (200, "one"));
    until(at, "b.test", "/", (200, "any"));

    ground.disconnect();
    let serial = ground.apply([
        (
            HOST,
            "http/82/a.test",
            "2",
            of("a.test", Answer::Words("two")),
        ),
        (
            HOST,
            "http/82/b.test",
            "2",
            of("b.test", Answer::Words("healed")),
        ),
        (HOST, "http/82/*", "", None),
    ]);
    ground.reconnect();
    assert_eq!(ground.settled(serial), []);
    until(at, "a.test", "/", (200, "two"));
    until(at, "b.test", "/", (200, "healed"));
    until(at, "c.test", "/", (404, ""));
    more_hosts(&mut ground);
    let serial = ground.apply([(
        HOST,
        "http/82/a.test",
        "3",
        of("a.test", Answer::Words("three")),
    )]);
    let (_, before) = ground.sent();
    ground.settled(serial);
    until(at, "a.test", "/", (200, "three"));
    assert!(ground.sent().1 - before < 400, "one host alone");
}

/// Envoy asks for hosts once, whatever the number of route configurations, and forgets those that come
/// before theirs.
fn more_hosts(ground: &mut Programmed) {
    let [with, without] = [(); 2].map(|()| fg_testkit::address::own_address());
    let one = virtual_host("http/83", "a.test", &[("/", Answer::Words("more"))]);
    let serial = ground.apply([
        (HOST, "http/83/a.test", "1", Some(host(&one))),
        (
            LISTENER,
            "http/83",
            "1",
            Some(listener("http/83", with, None)),
        ),
        (ROUTES, "http/83", "1", Some(routes("http/83", None))),
        (
            LISTENER,
            "http/84",
            "1",
            Some(listener("http/84", without, None)),
        ),
        (ROUTES, "http/84", "1", Some(routes("http/84", None))),
    ]);
    assert_eq!(ground.settled(serial), []);
    until(with, "a.test", "/", (200, "more"));
    until(without, "a.test", "/", (404, ""));
}
