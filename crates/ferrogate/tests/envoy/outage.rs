//! Envoy without its control plane: it serves what it has, and is told what it missed.

use fg_testkit::envoy::{NEWEST, OLDEST};

use crate::ground::{child, condition, folder, gateway};
use crate::relay::{Relay, Way};
use crate::support::{Echo, Folder, Gateway, get, until};

/// What of its bootstrap says how an Envoy that hears nothing finds out, and when it tries again; and
/// times that a test can wait for.
const TIMES: &[(&str, &str)] = &[
    ("\"interval\": \"10s\"", "\"interval\": \"0.2s\""),
    ("\"timeout\": \"5s\"", "\"timeout\": \"0.2s\""),
    ("\"max_interval\": \"5s\"", "\"max_interval\": \"0.5s\""),
];

/// A gateway, its Envoy behind a relay, and a Gateway beside it of which nothing changes.
struct Ground {
    folder: Folder,
    gateway: Gateway,
    relay: Relay,
    _echoes: [Echo; 3],
}

impl Ground {
    fn new(ip: &str, version: &str) -> Self {
        let echo = |port, name| Echo::start(ip, port, name);
        let echoes = [echo(9101, "one"), echo(9102, "two"), echo(9103, "quiet")];
        let folder = folder(ip);
        for (name, echo) in ["one", "two", "quiet"].iter().zip(&echoes) {
            folder.service(name, echo.address);
        }
        folder.write("beside.yaml", &gateway("beside", "ferrogate-envoy", ip, 81));
        folder.write(
            "quiet.yaml",
            &crate::support::folder::route("quiet", "[{backendRefs: [{name: quiet, port: 80}]}]")
                .replace("name: web", "name: beside"),
        );
        serve(&folder, "one");
        let relay = Relay::new(version, TIMES);
        let args = ["--envoy", relay.program(), "--port-map", "81=8081"];
        let gateway = Gateway::start(ip, &folder, &args);
        for (_, time) in TIMES {
            assert!(relay.bootstrap().contains(time), "{}", relay.bootstrap());
        }
        Self {
            folder,
            gateway,
            relay,
            _echoes: echoes,
        }
    }

    /// Who answers; both Gateways do, and it is ready.
    fn answers(&self) -> String {
        let beside = get(self.gateway.socket(8081), "/").expect("it serves");
        assert_eq!(beside.echo().as_deref(), Some("quiet"));
        let ready = get(self.gateway.socket(8082), "/ready").expect("it answers");
        assert_eq!(ready.status, 200, "{}", ready.body);
        let reply = self.gateway.get("/");
        reply
            .echo()
            .unwrap_or_else(|| panic!("{}: {}", reply.status, reply.body))
    }

    /// Whether Envoy has said that it uses everything.
    fn is_confirmed(&self) -> bool {
        let value = |name: &str| self.gateway.metric(name);
        value("ferrogate_configuration_confirmed_generation")
            == value("ferrogate_configuration_generation")
    }

    /// Cuts Envoy off, changes what it does not hear of, waits until it has tried several times to come
    /// back, and lets it.
    fn without_control(&self, way: Way, before: &str, after: &str) {
        assert_eq!(self.answers(), before);
        let (opened, told) = (self.relay.opened(), self.relay.told());
        let reads = self.gateway.metric("ferrogate_configuration_reloads_total");
        self.relay.turn(way);
        serve(&self.folder, after);
        until("the edit to be read", || {
            let now = self.gateway.metric("ferrogate_configuration_reloads_total");
            (now > reads).then_some(())
        });
        // It finds out that nobody is there, and tries again and again.
        until("attempts to come back", || {
            assert_eq!(self.answers(), before);
            assert!(!self.is_confirmed(), "nobody can have told Envoy");
            (self.relay.opened() >= opened + 3).then_some(())
        });
        assert_eq!(self.relay.told(), told);
        self.relay.turn(Way::Open);
        until("what changed meanwhile", || {
            let answer = self.answers();
            assert!(answer == before || answer == after, "{answer}");
            (answer == after).then_some(())
        });
        until("Envoy's word", || self.is_confirmed().then_some(()));
        // It was told what it lacked, and nothing that it had.
        let words = self.relay.words(told);
        assert!(words.contains(&format!("default/{after}/")), "{words}");
        // Envoys do not say which route configurations they have: those come again.
        let beside = "Service default/quiet:80";
        assert!(!words.contains(beside), "{beside} was sent again: {words}");
    }
}

/// Has the route of `web` served by this backend.
fn serve(folder: &Folder, backend: &str) {
    let rules = format!("[{{backendRefs: [{{name: {backend}, port: 80}}]}}]");
    folder.route("shop", &rules);
}

fn is_missed_by_nobody(ip: &str, version: &str) {
    let ground = Ground::new(ip, version);
    let process = child(&ground.gateway);
    let words = ground.relay.words(0);
    for name in ["default/one/", "Service default/quiet:80"] {
        assert!(words.contains(name), "the relay sees no {name}: {words}");
    }
    ground.without_control(Way::Cut, "one", "two");
    ground.without_control(Way::Silent, "two", "one");
    assert_eq!(child(&ground.gateway), process);
    assert_eq!(
        condition(&ground.gateway, "Gateway", "web", "Programmed"),
        "True/Programmed"
    );
}

#[test]
fn a_control_plane_that_is_away_is_missed_by_nobody_on_the_oldest() {
    is_missed_by_nobody("127.34.46.1", OLDEST);
}

#[test]
fn a_control_plane_that_is_away_is_missed_by_nobody_on_the_newest() {
    is_missed_by_nobody("127.34.46.2", NEWEST);
}
