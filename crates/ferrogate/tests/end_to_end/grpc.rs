//! `GRPCRoute`, seen from outside.

use crate::support::client::{Client, Response};
use crate::support::{Echo, Folder, Gateway, until};

/// A message as gRPC frames it.
const MESSAGE: &str = "\0\0\0\0\u{5}hello";

fn route(rules: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {{name: calls}}
spec:
  parentRefs: [{{name: web}}]
  rules: {rules}
"
    )
}

/// Calls a method; a client of HTTP/1.1 can, since the gateway translates.
fn call(gateway: &Gateway, path: &str) -> Response {
    let mut client = Client::connect(gateway.listener()).expect("connected");
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: {}\r\n\r\n{MESSAGE}",
        MESSAGE.len()
    );
    client.send(request.as_bytes()).expect("sent");
    client.response(false).expect("a reply")
}

#[test]
fn calls_go_by_service_and_method_and_follow_the_folder() {
    let ip = "127.20.11.1";
    let one = Echo::start(ip, 9001, "one");
    let two = Echo::start(ip, 9002, "two");
    let folder = Folder::new();
    folder.gateway(ip);
    folder.service("one", one.address);
    folder.service("two", two.address);
    folder.write(
        "calls.yaml",
        &route(
            "[{matches: [{method: {service: shop.Carts, method: Add}}], backendRefs: [{name: one, port: 80}]}, {matches: [{method: {service: shop.Carts}}], backendRefs: [{name: two, port: 80}]}]",
        ),
    );
    let gateway = Gateway::start(ip, &folder, &[]);
    for (path, backend) in [("/shop.Carts/Add", "one"), ("/shop.Carts/Drop", "two")] {
        let reply = call(&gateway, path);
        assert_eq!((reply.status, reply.header("x-echo")), (200, Some(backend)));
        assert_eq!(reply.body, MESSAGE, "{path}");
    }
    let reply = call(&gateway, "/shop.Wishes/Add");
    assert_eq!(
        (reply.status, reply.header("grpc-status")),
        (200, Some("12"))
    );
    // A reference that cannot be used, after an edit.
    folder.write(
        "calls.yaml",
        &route("[{backendRefs: [{name: gone, port: 80}]}]"),
    );
    until("the edit", || {
        let reply = call(&gateway, "/shop.Wishes/Add");
        (reply.header("grpc-status") == Some("14")).then_some(())
    });
}

#[test]
fn the_younger_of_two_kinds_on_one_host_is_refused_and_told_why() {
    let ip = "127.20.11.2";
    let echo = Echo::start(ip, 9001, "one");
    let folder = Folder::new();
    folder.gateway(ip);
    folder.service("one", echo.address);
    folder.route("web", "[{backendRefs: [{name: one, port: 80}]}]");
    folder.write(
        "calls.yaml",
        &route("[{backendRefs: [{name: one, port: 80}]}]"),
    );
    let gateway = Gateway::start(ip, &folder, &[]);
    // Without a time of creation the name decides.
    assert_eq!(call(&gateway, "/a.B/C").body, MESSAGE);
    until("the finding with the name of the other route", || {
        let said = gateway.process.stderr();
        let about = |line: &&String| {
            line.contains("HTTPRoute default/web") && line.contains("GRPCRoute default/calls")
        };
        said.iter().find(about).map(|_| ())
    });
    folder.remove("calls.yaml");
    gateway.wait_for_echo("/", "one");
}
