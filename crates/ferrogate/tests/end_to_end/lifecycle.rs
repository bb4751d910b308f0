//! Starting, ending, and what stands in the way.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use rustix::process::Signal;

use crate::support::client::Client;
use crate::support::folder::{gateway, route};
use crate::support::process::output;
use crate::support::{Folder, Gateway, get, until};

/// A backend that answers when it is told to.
struct Slow(TcpListener);

impl Slow {
    fn bind(ip: &str) -> Self {
        Self(TcpListener::bind((ip, 9001)).expect("the address is ours"))
    }

    /// Waits for a request's head.
    fn accept(&self) -> TcpStream {
        let (mut stream, _) = self.0.accept().expect("a connection");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).expect("a head");
            head.extend_from_slice(&byte);
        }
        stream
    }
}

/// A gateway with a request that its backend has and does not answer.
struct UnderWay {
    gateway: Gateway,
    client: Client,
    upstream: TcpStream,
    _folder: Folder,
    _backend: Slow,
}

impl UnderWay {
    fn start(ip: &str, args: &[&str]) -> Self {
        let backend = Slow::bind(ip);
        let folder = folder(ip, &backend);
        let gateway = Gateway::start(ip, &folder, args);
        let mut client = Client::connect(gateway.listener()).expect("the listener accepts");
        client
            .send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .expect("sent");
        let upstream = backend.accept();
        Self {
            gateway,
            client,
            upstream,
            _folder: folder,
            _backend: backend,
        }
    }
}

fn folder(ip: &str, backend: &Slow) -> Folder {
    let folder = Folder::new();
    folder.gateway(ip);
    folder.service("slow", backend.0.local_addr().expect("bound"));
    folder.route("slow", "[{backendRefs: [{name: slow, port: 80}]}]");
    folder
}

#[test]
fn sigterm_finishes_requests_under_way() {
    let mut slow = UnderWay::start("127.20.2.1", &[]);
    let gateway = &mut slow.gateway;
    gateway.process.signal(Signal::TERM);
    until("no new connections", || {
        Client::connect(gateway.listener()).is_err().then_some(())
    });
    let ready = get(gateway.socket(8082), "/ready").expect("readiness answers while draining");
    assert_eq!(ready.status, 503);
    assert!(gateway.process.ended().is_none(), "a request is under way");
    slow.upstream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
        .expect("the gateway still listens");
    let reply = slow
        .client
        .response(false)
        .expect("the request under way is finished");
    assert_eq!((reply.status, reply.body.as_str()), (200, "late"));
    assert_eq!(gateway.process.exit_code(), Some(0));
}

#[test]
fn the_drain_timeout_bounds_the_end() {
    let mut stuck = UnderWay::start("127.20.2.2", &["--drain-timeout", "200ms"]);
    let gateway = &mut stuck.gateway;
    gateway.process.signal(Signal::TERM);
    assert_eq!(gateway.process.exit_code(), Some(0));
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut stuck = UnderWay::start("127.20.2.3", &["--drain-timeout", "1h"]);
    let gateway = &mut stuck.gateway;
    gateway.process.signal(Signal::TERM);
    until("draining", || {
        let said = gateway.process.stderr();
        said.iter()
            .any(|line| line.contains("draining"))
            .then_some(())
    });
    gateway.process.signal(Signal::INT);
    assert_eq!(gateway.process.exit_code(), Some(1));
}

#[test]
fn an_address_that_is_taken_is_named_with_its_flag() {
    let ip = "127.20.2.4";
    let _taken = TcpListener::bind((ip, 9091)).expect("the address is ours");
    let folder = Folder::new();
    let mut gateway = Gateway::begin(ip, Some(folder.arg()), &[]);
    assert_eq!(gateway.process.exit_code(), Some(1));
    let said = until("the reason", || gateway.process.stderr().pop());
    for part in ["127.20.2.4:9091", "--metrics-address"] {
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[test]
fn a_listener_that_cannot_be_bound_is_a_finding_and_the_rest_serves() {
    let ip = "127.20.2.5";
    let _taken = TcpListener::bind((ip, 8080)).expect("the address is ours");
    let folder = Folder::new();
    folder.gateway(ip);
    let gateway = Gateway::start(ip, &folder, &[]);
    let finding = until("the finding", || {
        let said = gateway.process.stderr();
        said.into_iter()
            .find(|line| line.contains("another process"))
    });
    for part in [
        "gateway.yaml:",
        "Gateway default/web",
        "spec.listeners[0]",
        "127.20.2.5:8080",
    ] {
        assert!(finding.contains(part), "{part} in {finding}");
    }
    let status = gateway.admin("/status").json();
    let conditions = &status["objects"][0]["status"]["listeners"][0]["conditions"];
    let programmed = conditions.as_array().expect("conditions").iter();
    let programmed = programmed.filter(|condition| condition["type"] == "Programmed");
    assert!(
        programmed.into_iter().all(|c| c["status"] == "False"),
        "{conditions}"
    );
}

#[test]
fn reserved_ports_are_no_listeners() {
    let ip = "127.20.2.7";
    let folder = Folder::new();
    let mut text = gateway(ip);
    for port in [19000, 8082, 9091] {
        text.push_str(&format!(
            "    - {{name: port-{port}, protocol: HTTP, port: {port}}}\n"
        ));
    }
    folder.write("gateway.yaml", &text);
    let gateway = Gateway::start(ip, &folder, &[]);
    let status = gateway.admin("/status").json();
    let listeners = status["objects"][0]["status"]["listeners"].as_array();
    let mut refused = Vec::new();
    for listener in listeners.expect("listeners") {
        let conditions = listener["conditions"].as_array().expect("conditions");
        let accepted = conditions.iter().find(|one| one["type"] == "Accepted");
        let accepted = accepted.expect("the condition");
        if accepted["status"] == "False" {
            assert_eq!(accepted["reason"], "PortUnavailable", "{accepted}");
            let message = accepted["message"].as_str().expect("text");
            assert!(message.contains("reserved for"), "{message}");
            refused.push(listener["name"].clone());
        }
    }
    assert_eq!(refused, ["port-19000", "port-8082", "port-9091"]);
    assert_eq!(gateway.get("/").status, 404, "the other listener serves");
    for port in [19000, 8082, 9091] {
        let about = format!("port {port} is reserved");
        until(&about, || {
            let said = gateway.process.stderr();
            said.iter().any(|line| line.contains(&about)).then_some(())
        });
    }
}

#[test]
fn a_gateway_on_all_addresses_shows_one_that_can_be_used() {
    let ip = "127.20.2.9";
    let folder = Folder::new();
    let everywhere = gateway(ip).replace(&format!("  addresses: [{{value: {ip}}}]\n"), "");
    folder.write(
        "gateway.yaml",
        &everywhere.replace("port: 80", "port: 28480"),
    );
    let gateway = Gateway::start(ip, &folder, &[]);
    let status = gateway.admin("/status").json();
    let addresses = status["objects"][0]["status"]["addresses"].clone();
    let addresses = addresses.as_array().expect("addresses");
    assert!(!addresses.is_empty());
    let reply = get(gateway.socket(28480), "/").expect("it serves on all");
    assert_eq!(reply.status, 404);
    for address in addresses {
        assert_eq!(address["type"], "IPAddress");
        let own: std::net::IpAddr = address["value"]
            .as_str()
            .and_then(|value| value.parse().ok())
            .expect("an address");
        assert!(!own.is_unspecified(), "{own}");
    }
}

#[test]
fn ready_is_said_when_everything_is_read() {
    let ip = "127.20.2.8";
    let folder = Folder::new();
    folder.gateway(ip);
    // So many that reading them takes longer than asking.
    let routes: Vec<_> = (0..4000)
        .map(|number| route(&format!("r{number}"), "[{}]"))
        .collect();
    folder.write("routes.yaml", &routes.join("---\n"));
    let gateway = Gateway::begin(ip, Some(folder.arg()), &[]);
    let mut starting = 0;
    until("readiness", || {
        let ready = get(gateway.socket(8082), "/ready").ok()?;
        if ready.status == 503 {
            assert!(ready.body.contains("starting"), "{ready:?}");
            starting += 1;
        }
        (ready.status == 200).then_some(())
    });
    assert!(starting > 0, "it says when it is not ready");
    assert_eq!(gateway.metric("ferrogate_configuration_routes"), 4000.0);
    assert_eq!(gateway.get("/").status, 500, "a rule without backends");
}

#[test]
fn wrong_command_lines_exit_with_2() {
    for args in [
        &["run", "/does/not/exist"][..],
        &["run", "--workers", "0"],
        &["run", "--admin-address", "0.0.0.0:19000"],
        &["run", "--port-map", "80"],
        &["run", "--log", "loud"],
        &["run", "--trusted-peers", "10.0.0.1,10.0.0.300"],
        &["check"],
        &["check", "/does/not/exist"],
        &["explain", "/does/not/exist", "http://a/"],
        &["nonsense"],
    ] {
        let output = output(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(!output.stderr.is_empty(), "{args:?} says why");
    }
}

#[test]
fn help_names_every_environment_variable() {
    let help = output(&["run", "--help"]);
    assert_eq!(help.status.code(), Some(0));
    let text = String::from_utf8(help.stdout).expect("text");
    for name in [
        "WORKERS",
        "ADMIN_ADDRESS",
        "PORT_MAP",
        "DRAIN_TIMEOUT",
        "LOG",
        "ACCESS_LOG",
    ] {
        assert!(
            text.contains(&format!("FERROGATE_{name}=")),
            "{name}\n{text}"
        );
    }
    let whole = String::from_utf8(output(&["--help"]).stdout).expect("text");
    assert!(whole.contains("Exit codes:"), "{whole}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_descriptor_limit_is_raised() {
    let folder = Folder::new();
    let gateway = Gateway::start("127.20.2.6", &folder, &[]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", gateway.process.id()))
        .expect("the process is ours");
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let numbers: Vec<_> = line
        .expect("a line")
        .split_whitespace()
        .skip(3)
        .take(2)
        .collect();
    assert_eq!(numbers[0], numbers[1], "soft and hard");
}
