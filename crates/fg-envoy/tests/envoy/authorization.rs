//! Nothing passes that the authorization service did not allow, whatever Envoy has of an edit.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use fg_envoy::{Kind, RouteShape};
use fg_ir::Rule;
use fg_policies::external_auth::{Ir, Protocol};
use fg_testkit::ir::{Changes, backend_key, listener, rule};
use fg_testkit::programmed::PATIENCE;
use fg_testkit::{Client, Upstream, address, envoy, get, upstream};

use crate::ground::Ground;

/// The best way to cut routes into resources for each version.
const SHAPES: [(&str, RouteShape); 2] = [
    (envoy::OLDEST, RouteShape::Whole),
    (envoy::NEWEST, RouteShape::PerHost),
];
const NO: &str = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n";
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a.com\r\n\r\n";

/// Status and reason.
type Outcome = (u16, Option<&'static str>);

const UNASKED: Outcome = (403, Some("auth_unavailable"));
const DENIED: Outcome = (401, None);
const SERVED: Outcome = (200, None);

/// The rule, which asks this service below this path.
fn asking(service: &str, path: &str) -> Rule {
    let mut rule = rule("r", "http", "/", "app");
    rule.policies.external_auth = Some(Arc::new(Ir {
        backend: backend_key(service),
        protocol: Protocol::Http {
            path: path.into(),
            headers: Vec::new(),
            reply_headers: Vec::new(),
        },
        body: 0,
    }));
    rule
}

/// An Envoy whose rule asks nobody, an application, and services that say what is asked for.
struct Scene {
    ground: Ground,
    at: SocketAddr,
    _backends: [Upstream; 3],
}

impl Scene {
    fn new(version: &str, shape: RouteShape) -> Self {
        let at = address::own_address();
        let app = Upstream::replying(upstream::ok("app"));
        let services = [Upstream::replying(NO), Upstream::replying(NO)];
        let change = Changes::new()
            .listener(listener("http", at, None))
            .backend("app", &[app.address()])
            .backend("one", &[services[0].address()])
            .backend("two", &[services[1].address()])
            .rule(rule("r", "http", "/", "app"))
            .build();
        let [one, two] = services;
        Self {
            ground: Ground::shaped(version, shape, change),
            at,
            _backends: [app, one, two],
        }
    }

    fn edit(&mut self, rule: Rule) {
        self.ground.apply(Changes::new().rule(rule).build());
    }

    /// Waits until a request on a connection of its own gets this. Envoy confirms an edit before the
    /// thread that serves connections has it: until then it gets one of those.
    fn becomes(&self, wanted: Outcome, meanwhile: &[Outcome]) {
        let begun = Instant::now();
        loop {
            let reply = get(self.at, "a.com", "/");
            let outcome = (reply.status, reply.reason());
            if outcome == wanted {
                return;
            }
            assert!(meanwhile.contains(&outcome), "{outcome:?}, not {wanted:?}");
            assert!(begun.elapsed() < PATIENCE, "{outcome:?} for ever");
        }
    }
}

/// Ends the clients.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Asks all the time, and gives what was answered while an odd time lasted, from before the request
/// until after the reply.
fn ask_on(at: SocketAddr, is_kept: bool, time: &AtomicUsize, is_over: &AtomicBool) -> Vec<u16> {
    let mut answered = Vec::new();
    let mut client = Client::connect(at);
    while !is_over.load(Ordering::SeqCst) {
        let before = time.load(Ordering::SeqCst);
        client.send(REQUEST);
        let reply = client.try_reply();
        let after = time.load(Ordering::SeqCst);
        let ends = |reply: &fg_testkit::Message| reply.field("connection") == Some("close");
        if !is_kept || reply.as_ref().map_or(true, ends) {
            client = Client::connect(at);
        }
        if let Ok(reply) = reply
            && before == after
            && before % 2 == 1
        {
            answered.push(reply.status);
        }
    }
    answered
}

#[test]
fn edits_open_no_hole() {
    for (version, shape) in SHAPES {
        let mut scene = Scene::new(version, shape);
        let (at, time, is_over) = (scene.at, AtomicUsize::new(0), AtomicBool::new(false));
        let answered = std::thread::scope(|scope| {
            let (time, is_over) = (&time, &is_over);
            // Also when an assertion fails: the clients are waited for.
            let over = Over(is_over);
            let clients = [true, false, true]
                .map(|is_kept| scope.spawn(move || ask_on(at, is_kept, time, is_over)));
            for _ in 0..5 {
                scene.edit(asking("one", ""));
                scene.becomes(DENIED, &[SERVED, UNASKED]);
                time.fetch_add(1, Ordering::SeqCst);
                for (service, path) in [("one", "/a"), ("two", "/a"), ("two", ""), ("one", "/b")] {
                    scene.edit(asking(service, path));
                    scene.becomes(DENIED, &[UNASKED]);
                }
                time.fetch_add(1, Ordering::SeqCst);
                scene.edit(rule("r", "http", "/", "app"));
                scene.becomes(SERVED, &[DENIED, UNASKED]);
            }
            drop(over);
            clients.map(|client| client.join().unwrap())
        });
        for answered in answered {
            assert!(answered.contains(&401), "{version}: it was asked");
            let others = answered
                .iter()
                .filter(|status| ![401, 403].contains(status));
            assert_eq!(others.count(), 0, "{version} of {}", answered.len());
        }
    }
}

#[test]
fn a_route_whose_chain_does_not_ask_is_closed() {
    for (version, shape) in SHAPES {
        let mut scene = Scene::new(version, shape);
        scene.becomes(SERVED, &[]);
        let first = Changes::new().rule(asking("one", "")).build();
        scene.ground.apply_without(Kind::Listener, first);
        // None asks.
        scene.becomes(UNASKED, &[SERVED]);
        scene.edit(asking("one", "/a"));
        scene.becomes(DENIED, &[UNASKED]);
        let other = Changes::new().rule(asking("two", "")).build();
        scene.ground.apply_without(Kind::Listener, other);
        // Another asks.
        scene.becomes(UNASKED, &[DENIED]);
        scene.edit(asking("two", "/a"));
        scene.becomes(DENIED, &[UNASKED]);
        let kinds = [Kind::VirtualHost, Kind::RouteConfiguration];
        let other = Changes::new().rule(asking("one", "")).build();
        let kind = kinds[usize::from(shape == RouteShape::Whole)];
        scene.ground.apply_without(kind, other);
        // The route asks one who is gone.
        scene.becomes(UNASKED, &[DENIED]);
        // What is allowed passes.
        let yes = Upstream::replying(upstream::ok(""));
        scene.edit(asking("one", "/b"));
        let endpoints = Changes::new().backend("one", &[yes.address()]).build();
        scene.ground.apply(endpoints);
        scene.becomes(SERVED, &[UNASKED, DENIED]);
        yes.wait_for_requests(1);
    }
}
