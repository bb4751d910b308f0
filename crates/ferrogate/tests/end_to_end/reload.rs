//! Changes of files while requests are under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use rustix::process::Signal;

use crate::support::client::Client;
use crate::support::folder::route;
use crate::support::{Echo, Folder, Gateway, until};

/// Clients that send one request after the other on kept-alive connections.
struct Load {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    fn start(gateway: &Gateway, target: &'static str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let sent = Arc::new(AtomicU64::new(0));
        let clients = (0..4).map(|_| {
            let (stop, sent, address) = (stop.clone(), sent.clone(), gateway.listener());
            std::thread::spawn(move || {
                let mut failed = Vec::new();
                let mut client = Client::connect(address).expect("the listener accepts");
                while !stop.load(Ordering::Relaxed) {
                    match client.request("GET", target, "localhost", &[]) {
                        Ok(reply) if reply.status == 200 => {}
                        other => failed.push(format!("{other:?}")),
                    }
                    sent.fetch_add(1, Ordering::Relaxed);
                    if failed.len() > 3 {
                        break;
                    }
                }
                failed
            })
        });
        Self {
            clients: clients.collect(),
            stop,
            sent,
        }
    }

    /// Ends it, and asserts that every request was answered 200 on the connection it began with.
    fn end_without_failure(self) {
        let before = self.sent.load(Ordering::Relaxed);
        let gave_up = || self.clients.iter().any(JoinHandle::is_finished);
        until("requests after the last change", || {
            (gave_up() || self.sent.load(Ordering::Relaxed) > before + 20).then_some(())
        });
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            let failed = client.join().expect("no panic");
            assert_eq!(failed, Vec::<String>::new());
        }
    }
}

const TO_A: &str = "[{backendRefs: [{name: a, port: 80}]}]";
const TO_B: &str = "[{backendRefs: [{name: b, port: 80}]}]";

#[test]
fn edits_are_live_and_no_request_fails() {
    let ip = "127.20.1.1";
    let (a, b) = (Echo::start(ip, 9001, "a"), Echo::start(ip, 9002, "b"));
    let folder = Folder::new();
    folder.gateway(ip);
    folder.service("a", a.address);
    folder.service("b", b.address);
    folder.route("shop", TO_A);
    let gateway = Gateway::start(ip, &folder, &["--log", "info,ferrogate=debug"]);
    gateway.wait_for_echo("/", "a");
    let load = Load::start(&gateway, "/");
    for round in 0..40 {
        let (rules, name) = if round % 2 == 0 {
            (TO_B, "b")
        } else {
            (TO_A, "a")
        };
        if round % 4 < 2 {
            folder.route("shop", rules);
        } else {
            folder.overwrite("shop.yaml", &route("shop", rules));
        }
        gateway.wait_for_echo("/", name);
    }
    // The endpoints of a Service change without its route.
    folder.service("a", b.address);
    gateway.wait_for_echo("/", "b");
    load.end_without_failure();
}

#[test]
fn one_edit_translates_one_route() {
    let ip = "127.20.1.2";
    let echo = Echo::start(ip, 9001, "a");
    let folder = Folder::new();
    folder.gateway(ip);
    folder.service("a", echo.address);
    let rules = |path: &str| {
        format!(
            "[{{matches: [{{path: {{value: {path}}}}}], backendRefs: [{{name: a, port: 80}}]}}]"
        )
    };
    for i in 0..100 {
        folder.route(&format!("r{i}"), &rules(&format!("/r{i}")));
    }
    let gateway = Gateway::start(ip, &folder, &[]);
    let translated = "ferrogate_configuration_routes_translated_total";
    assert_eq!(gateway.metric("ferrogate_configuration_routes"), 100.0);
    let before = gateway.metric(translated);
    let generation = gateway.metric("ferrogate_configuration_generation");
    folder.route("r7", &rules("/moved"));
    gateway.wait_for_echo("/moved", "a");
    assert_eq!(gateway.get("/r7").status, 404);
    until("the counters", || {
        let now = gateway.metric("ferrogate_configuration_generation");
        (now == generation + 1.0).then_some(())
    });
    assert_eq!(gateway.metric(translated), before + 1.0);
}

#[test]
fn what_cannot_be_read_changes_nothing_and_is_told_once() {
    let ip = "127.20.1.3";
    let echo = Echo::start(ip, 9001, "a");
    let folder = Folder::new();
    folder.gateway(ip);
    folder.service("a", echo.address);
    folder.route("shop", TO_A);
    let gateway = Gateway::start(ip, &folder, &[]);
    gateway.wait_for_echo("/", "a");
    let load = Load::start(&gateway, "/");

    let broken = route("shop", "[").replace("parentRefs", "\tparentRefs");
    folder.overwrite("shop.yaml", &broken);
    let said = |words: &'static str| {
        let said = gateway.process.stderr();
        said.into_iter()
            .filter(|line| line.contains(words))
            .collect::<Vec<_>>()
    };
    let unread = until("the finding about the file", || said("shop.yaml:").pop());
    for part in [
        "HTTPRoute default/shop: cannot be read",
        "its last good version keeps serving",
    ] {
        assert!(unread.contains(part), "{part} in {unread}");
    }
    // An object that is refused: its last good version serves.
    folder.write(
        "shop.yaml",
        &route("shop", "[{matchs: [], backendRefs: [{name: a, port: 80}]}]"),
    );
    let unknown = until("the finding about the field", || said("did you mean").pop());
    for part in [
        "shop.yaml:",
        "error: ",
        "HTTPRoute default/shop",
        "spec.rules[0]",
        "matches",
    ] {
        assert!(unknown.contains(part), "{part} in {unknown}");
    }
    until("the first finding resolved", || {
        said("resolved: ")
            .iter()
            .any(|line| line.contains("shop.yaml"))
            .then_some(())
    });
    folder.route("shop", TO_A);
    until("both resolved", || {
        (said("resolved: ").len() == 2).then_some(())
    });
    assert_eq!(
        said("did you mean").len(),
        2,
        "told once, and once as resolved"
    );
    load.end_without_failure();
}

#[test]
fn objects_come_and_go_with_their_files() {
    let ip = "127.20.1.4";
    let echo = Echo::start(ip, 9001, "a");
    let folder = Folder::new();
    let gateway = Gateway::start(ip, &folder, &[]);
    assert!(
        Client::connect(gateway.listener()).is_err(),
        "nothing listens yet"
    );
    let says = |words: &str| {
        let said = gateway.process.stderr();
        said.iter().any(|line| line.contains(words)).then_some(())
    };
    until("the word that there is nothing", || {
        says("no objects found")
    });
    folder.service("a", echo.address);
    folder.route("shop", TO_A);
    folder.gateway(ip);
    until("the listener", || Client::connect(gateway.listener()).ok());
    gateway.wait_for_echo("/", "a");
    until("the word that there is something", || says("resolved: "));
    let series = || gateway.metrics().contains(r#"route="default/shop""#);
    until("the series of the route", || series().then_some(()));
    folder.remove("shop.yaml");
    until("404 without the route", || {
        (gateway.get("/").status == 404).then_some(())
    });
    until("the series gone with the route", || {
        (!series()).then_some(())
    });
    folder.remove("gateway.yaml");
    until("no listener without the Gateway", || {
        Client::connect(gateway.listener()).is_err().then_some(())
    });
}

#[test]
fn sighup_reads_everything_again() {
    let ip = "127.20.1.5";
    let folder = Folder::new();
    folder.gateway(ip);
    let gateway = Gateway::start(ip, &folder, &[]);
    gateway.process.signal(Signal::HUP);
    let says = |words: &str| {
        let said = gateway.process.stderr();
        said.iter().any(|line| line.contains(words)).then_some(())
    };
    until("the word about SIGHUP", || says("SIGHUP"));
    until("the word that it was for nothing", || {
        says("nothing changed")
    });
    assert_eq!(gateway.get("/").status, 404, "it serves on");
}
