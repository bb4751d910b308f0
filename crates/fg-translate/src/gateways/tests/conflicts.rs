//! Who gets a port and a hostname that several want: inside one Gateway, across several, and across data
//! planes.

use super::{HTTP, gateway};
use crate::testing::{findings, line, listeners, only, put, remove, translated};

/// A Gateway with a creation time.
fn aged(name: &str, created: u32, rest: &str) -> String {
    gateway(name, rest).replace(
        &format!("{{name: {name}}}"),
        &format!("{{name: {name}, creationTimestamp: {created}}}"),
    )
}

#[test]
fn two_planes_do_not_share_a_port() {
    let of_envoy = gateway("h", HTTP).replace("Name: ferrogate,", "Name: ferrogate-envoy,");
    let world = translated(&format!("{}\n---\n{of_envoy}", gateway("g", HTTP)));
    let finding = only(&world);
    assert_eq!(
        line(&finding),
        "Error PortUnavailable Gateway default/h spec.listeners[0]"
    );
    assert!(
        finding.text.contains("another data plane"),
        "{}",
        finding.text
    );
    assert_eq!(listeners(&world, "g"), ["http=0"]);
    assert_eq!(listeners(&world, "h"), ["-http=0"]);
}

#[test]
fn listeners_of_one_gateway_that_cannot_be_told_apart_all_lose() {
    for (a, b, kind) in [
        (
            "port: 81, protocol: HTTP",
            "port: 81, protocol: HTTP",
            Some("HostnameConflict"),
        ),
        (
            "port: 81, protocol: HTTP, hostname: a.io",
            "port: 81, protocol: HTTP, hostname: A.io",
            Some("HostnameConflict"),
        ),
        (
            "port: 81, protocol: HTTP, hostname: a.io",
            "port: 81, protocol: HTTP",
            None,
        ),
        (
            "port: 81, protocol: HTTP, hostname: '*.a.io'",
            "port: 81, protocol: HTTP, hostname: b.a.io",
            None,
        ),
        ("port: 81, protocol: HTTP", "port: 82, protocol: HTTP", None),
        (
            "port: 81, protocol: HTTP",
            "port: 81, protocol: HTTPS",
            Some("ProtocolConflict"),
        ),
        (
            "port: 81, protocol: HTTP",
            "port: 81, protocol: TCP",
            Some("ProtocolConflict"),
        ),
        ("port: 81, protocol: HTTP", "port: 81, protocol: UDP", None),
    ] {
        let rest = format!(
            "listeners: [{{name: ok, port: 80, protocol: HTTP}}, {{name: a, {a}}}, {{name: b, {b}}}]"
        );
        let world = translated(&gateway("g", &rest));
        let conflicts: Vec<String> = findings(&world)
            .into_iter()
            .filter(|finding| finding.contains("Conflict"))
            .collect();
        match kind {
            None => assert_eq!(conflicts, Vec::<String>::new()),
            Some(kind) => {
                let expected =
                    [1, 2].map(|at| format!("Error {kind} Gateway default/g spec.listeners[{at}]"));
                assert_eq!(conflicts, expected);
                assert_eq!(listeners(&world, "g"), ["ok=0", "-a=0", "-b=0"]);
            }
        }
    }
}

#[test]
fn the_older_gateway_keeps_port_and_hostname() {
    let old = aged("z-old", 100, HTTP);
    let mut world = translated(&aged("a-new", 200, HTTP));
    assert_eq!(listeners(&world, "a-new"), ["http=0"]);
    put(&mut world, &old);
    assert_eq!(listeners(&world, "z-old"), ["http=0"]);
    assert_eq!(listeners(&world, "a-new"), ["-http=0"]);
    let finding = only(&world);
    assert_eq!(
        line(&finding),
        "Error PortUnavailable Gateway default/a-new spec.listeners[0]"
    );
    assert!(
        finding.text.contains("older Gateway default/z-old"),
        "{}",
        finding.text
    );
    assert_eq!(world.ir().listeners.len(), 1);
    // An undated one is younger than every dated one, and among equals the name decides.
    put(&mut world, &gateway("0-undated", HTTP));
    assert_eq!(listeners(&world, "0-undated"), ["-http=0"]);
    put(&mut world, &gateway("1-undated", HTTP));
    remove(&mut world, &old);
    assert_eq!(listeners(&world, "a-new"), ["http=0"]);
    remove(&mut world, &aged("a-new", 200, HTTP));
    assert_eq!(listeners(&world, "0-undated"), ["http=0"]);
    assert_eq!(listeners(&world, "1-undated"), ["-http=0"]);
}

#[test]
fn gateways_share_a_port_by_hostname_and_by_address() {
    let listener = |hostname: &str| {
        format!("listeners: [{{name: http, port: 80, protocol: HTTP, hostname: {hostname}}}]")
    };
    for (a, b, both) in [
        (listener("a.io"), listener("b.io"), true),
        (listener("'*.io'"), listener("b.io"), true),
        (listener("a.io"), listener("a.io"), false),
        (
            format!("addresses: [{{value: 127.0.0.1}}], {HTTP}"),
            format!("addresses: [{{value: 127.0.0.2}}], {HTTP}"),
            true,
        ),
        (
            format!("addresses: [{{value: 127.0.0.1}}], {HTTP}"),
            HTTP.to_owned(),
            false,
        ),
        (
            HTTP.to_owned(),
            format!("addresses: [{{value: 127.0.0.2}}], {HTTP}"),
            false,
        ),
        (
            format!("addresses: [{{value: 0.0.0.0}}], {HTTP}"),
            format!("addresses: [{{value: 127.0.0.2}}], {HTTP}"),
            false,
        ),
        (
            format!("addresses: [{{value: 0.0.0.0}}], {HTTP}"),
            format!("addresses: [{{value: '::1'}}], {HTTP}"),
            true,
        ),
        (
            format!("addresses: [{{value: 127.0.0.1}}, {{value: 127.0.0.2}}], {HTTP}"),
            format!("addresses: [{{value: 127.0.0.2}}, {{value: 127.0.0.3}}], {HTTP}"),
            false,
        ),
    ] {
        let world = translated(&format!("{}{}", gateway("a", &a), gateway("b", &b)));
        assert_eq!(listeners(&world, "a"), ["http=0"]);
        assert_eq!(
            listeners(&world, "b"),
            [if both { "http=0" } else { "-http=0" }],
            "{a} | {b}"
        );
    }
}

#[test]
fn what_does_not_serve_takes_nothing_from_others() {
    let bad = gateway(
        "a",
        &format!("addresses: [{{type: Hostname, value: x.io}}], {HTTP}"),
    );
    let world = translated(&format!("{bad}{}", gateway("b", HTTP)));
    assert_eq!(listeners(&world, "b"), ["http=0"]);
    // b loses to a; c overlaps b only, which has nothing.
    let at = |address: &str| format!("addresses: [{{value: 127.0.0.{address}}}], {HTTP}");
    let three = [
        gateway("a", &at("1")),
        gateway(
            "b",
            &format!("addresses: [{{value: 127.0.0.1}}, {{value: 127.0.0.2}}], {HTTP}"),
        ),
        gateway("c", &at("2")),
    ];
    let world = translated(&three.concat());
    assert_eq!(listeners(&world, "b"), ["-http=0"]);
    assert_eq!(listeners(&world, "c"), ["http=0"]);
}
