//! Backends of every kind, seen from outside.

use crate::support::{Echo, Folder, Gateway, until};

/// kgateway's `Backend` of type Static.
fn fixed(name: &str, hosts: &str) -> String {
    format!(
        "apiVersion: gateway.kgateway.dev/v1alpha1
kind: Backend
metadata: {{name: {name}}}
spec: {{type: Static, static: {{hosts: [{hosts}]}}}}
"
    )
}

fn to(backend: &str) -> String {
    format!("[{{backendRefs: [{{group: gateway.kgateway.dev, kind: Backend, name: {backend}}}]}}]")
}

#[test]
fn static_hosts_are_addresses_or_names() {
    let ip = "127.20.8.1";
    let by_address = Echo::start(ip, 9001, "by-address");
    // The name resolves to 127.0.0.1, whose ports are everybody's: one that is free is taken.
    let by_name = Echo::start_anywhere("127.0.0.1", "by-name");
    let folder = Folder::new();
    folder.gateway(ip);
    folder.write(
        "one.yaml",
        &fixed(
            "one",
            &format!("{{host: {ip}, port: {}}}", by_address.address.port()),
        ),
    );
    folder.route("shop", &to("one"));
    let gateway = Gateway::start(ip, &folder, &[]);
    gateway.wait_for_echo("/", "by-address");
    folder.write(
        "two.yaml",
        &fixed(
            "two",
            &format!("{{host: localhost, port: {}}}", by_name.address.port()),
        ),
    );
    folder.route("shop", &to("two"));
    gateway.wait_for_echo("/", "by-name");
    folder.write(
        "two.yaml",
        &fixed("two", "{host: nowhere.invalid, port: 80}"),
    );
    until("503 for a name that does not exist", || {
        let reply = gateway.get("/");
        (reply.status == 503).then_some(())
    });
}

#[test]
fn a_service_without_endpoints_is_503_with_a_finding() {
    let ip = "127.20.8.2";
    let folder = Folder::new();
    folder.gateway(ip);
    folder.write(
        "service.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: lonely}\nspec: {ports: [{port: 80}]}\n",
    );
    folder.route("shop", "[{backendRefs: [{name: lonely, port: 80}]}]");
    let gateway = Gateway::start(ip, &folder, &[]);
    let reply = gateway.get("/");
    assert_eq!(reply.status, 503);
    assert_eq!(reply.header("x-ferrogate-reason"), Some("no_endpoints"));
    until("the finding with its hint", || {
        let said = gateway.process.stderr();
        let about = |line: &&String| line.contains("lonely") && line.contains("EndpointSlice");
        said.iter().find(about).map(|_| ())
    });
}

#[test]
fn an_empty_folder_says_what_is_missing() {
    let folder = Folder::new();
    let gateway = Gateway::start("127.20.8.3", &folder, &[]);
    until("the word about Gateways", || {
        let said = gateway.process.stdout();
        said.iter()
            .any(|line| line.contains("no listener"))
            .then_some(())
    });
}
