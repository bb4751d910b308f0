//! Who may say why the gateway answered by itself: nobody else, on either plane.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use serde_json::Value;

use crate::ground::{folder_of_both, program, route_both, wait_for_words};
use crate::support::{Gateway, get, until};

/// Each reply has a reason, written in two ways.
const REPLY: &str = "HTTP/1.1 503 Service Unavailable\r\n\
    X-Ferrogate-Reason: no_endpoints\r\nx-shop: cart\r\n\
    x-ferrogate-reason: no_route\r\n\
    Content-Length: 0\r\nConnection: close\r\n\r\n";

/// A reason before the reply, and one behind its body.
const AROUND: &str = "HTTP/1.1 103 Early Hints\r\nX-Ferrogate-Reason: no_endpoints\r\n\r\n\
    HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
    2\r\nok\r\n0\r\nX-Ferrogate-Reason: no_route\r\nx-sum: 7\r\n\r\n";

/// A service that says yes or no, and why the gateway should have done so.
const NO: &str = "HTTP/1.1 401 Unauthorized\r\nX-Ferrogate-Reason: no_route\r\n\
    x-shop: login\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";
const YES: &str = "HTTP/1.1 200 OK\r\nX-Ferrogate-Reason: no_route\r\n\
    Content-Length: 0\r\nConnection: close\r\n\r\n";

/// A backend that seems to be a gateway.
fn forger(ip: &str, reply: &'static str) -> SocketAddr {
    let socket = TcpListener::bind((ip, 0)).expect("the address is ours");
    let address = socket.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for stream in socket.incoming().flatten() {
            std::thread::spawn(move || {
                let mut stream = stream;
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n > 0) {
                    head.push(byte[0]);
                }
                // A gateway that is gone has no use for it.
                let _ = stream.write_all(reply.as_bytes());
            });
        }
    });
    address
}

/// Where nobody listens.
fn nobody(ip: &str) -> SocketAddr {
    let socket = TcpListener::bind((ip, 0)).expect("the address is ours");
    socket.local_addr().expect("it is bound")
}

/// All that comes back, in lower case.
fn raw(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it is sent");
    let mut whole = String::new();
    stream.read_to_string(&mut whole).expect("it is text");
    whole.to_lowercase()
}

/// The line of the access log about a path.
fn line(gateway: &Gateway, path: &str) -> Value {
    until(path, || {
        let lines = gateway.process.stdout().into_iter();
        let mut lines = lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        lines.find(|line| line["path"] == path)
    })
}

#[test]
fn no_backend_can_say_why_the_gateway_answered() {
    let ip = "127.34.6.1";
    let folder = folder_of_both(ip, forger(ip, REPLY));
    folder.service("dead", nobody(ip));
    for (name, reply) in [("around", AROUND), ("refuser", NO), ("permitter", YES)] {
        folder.service(name, forger(ip, reply));
    }
    route_both(
        &folder,
        "
    - {matches: [{path: {value: /forged}}], backendRefs: [{name: shop, port: 80}]}
    - {matches: [{path: {value: /dead}}], backendRefs: [{name: dead, port: 80}]}
    - {matches: [{path: {value: /gone}}], backendRefs: [{name: gone, port: 80}]}
    - {matches: [{path: {value: /around}}], backendRefs: [{name: around, port: 80}]}
    - matches: [{path: {value: /denied}}]
      filters: [{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: refuser, port: 80}, http: {}}}]
      backendRefs: [{name: shop, port: 80}]
    - matches: [{path: {value: /allowed}}]
      filters: [{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: permitter, port: 80}, http: {}}}]
      backendRefs: [{name: shop, port: 80}]
    - matches: [{path: {value: /unasked}}]
      filters: [{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: dead, port: 80}, http: {}}}]
      backendRefs: [{name: shop, port: 80}]
    - matches: [{path: {value: /unanswered}}]
      filters: [{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: permitter, port: 80}, http: {}}}]
      backendRefs: [{name: dead, port: 80}]
",
    );
    for version in [fg_testkit::envoy::OLDEST, fg_testkit::envoy::NEWEST] {
        let envoy = program(version);
        let args = ["--port-map", "81=8081", "--access-log", "json"];
        let args = [&["--envoy", &envoy], &args[..]].concat();
        let gateway = Gateway::start(ip, &folder, &args);
        wait_for_words(&gateway, "listener default/web/http serves");
        for (plane, address) in [
            ("envoy", gateway.listener()),
            ("native", gateway.socket(8081)),
        ] {
            let what = format!("{plane} beside Envoy {version}");
            let ask = |path: &str| get(address, &format!("/{path}/{plane}")).expect("an answer");
            let line_of = |path: &str| line(&gateway, &format!("/{path}/{plane}"));
            for (path, status, shop) in [
                ("forged", 503, "cart"),
                ("denied", 401, "login"),
                ("allowed", 503, "cart"),
            ] {
                let forged = ask(path);
                let got = (forged.status, forged.header("x-shop"));
                assert_eq!(got, (status, Some(shop)), "{path} of {what}");
                let reason = forged.header("x-ferrogate-reason");
                assert_eq!(reason, None, "{path} of {what}");
                assert_eq!(line_of(path)["reason"], Value::Null, "{path} of {what}");
            }
            let whole = raw(address, &format!("/around/{plane}"));
            assert!(whole.contains("x-sum: 7"), "{what}: {whole}");
            let (_, reply) = whole.split_once("1.1 200 ok").expect("it comes at last");
            assert!(!reply.contains("x-ferrogate-reason"), "{what}: {whole}");
            for (path, status, reason) in [
                ("unasked", 403, "auth_unavailable"),
                ("unanswered", 503, "connect_failed"),
                ("dead", 503, "connect_failed"),
                ("gone", 500, "invalid_backend"),
                ("nowhere", 404, "no_route"),
            ] {
                let own = ask(path);
                let got = (own.status, own.header("x-ferrogate-reason"));
                assert_eq!(got, (status, Some(reason)), "{path} of {what}");
                assert_eq!(line_of(path)["reason"], reason, "{path} of {what}");
            }
        }
    }
}
