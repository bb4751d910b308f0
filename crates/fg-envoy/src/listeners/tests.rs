//! Which listeners there are, and what stays as it is.

use std::net::IpAddr;

use envoy_types::pb::envoy::config::core::v3::{address, socket_address::PortSpecifier};
use envoy_types::pb::envoy::config::listener::v3 as envoy;
use envoy_types::pb::google::protobuf::Any;
use fg_ir::{Ir, Listener};
use fg_policies::envoy::HttpFilter;
use fg_testkit::ir::{Changes, listener, secure_listener};
use prost::Message as _;

use super::manager;
use crate::{Compiler, Kind, Settings};

fn compiled(
    settings: Settings,
    listeners: impl IntoIterator<Item = Listener>,
) -> Vec<envoy::Listener> {
    let changes = Changes::new();
    let changes = listeners
        .into_iter()
        .fold(changes, |changes, one| changes.listener(one));
    let change = changes.build();
    let mut ir = Ir::default();
    ir.apply(&change);
    let mut compiler = Compiler::new(settings);
    let update = compiler.update(&ir, &change);
    let listeners = update.upserts.into_iter();
    listeners
        .filter(|one| one.kind == Kind::Listener)
        .map(|one| envoy::Listener::decode(one.body).unwrap())
        .collect()
}

fn on(section: &str, addresses: &[&str], port: u16, host: Option<&str>) -> Listener {
    let addresses: Vec<IpAddr> = addresses.iter().map(|one| one.parse().unwrap()).collect();
    Listener {
        addresses,
        ..listener(section, ([127, 0, 0, 1], port).into(), host)
    }
}

/// Address, whether IPv4 is served too, and port.
fn bound(listener: &envoy::Listener) -> (&str, bool, u32) {
    let address = listener.address.as_ref().unwrap();
    let Some(address::Address::SocketAddress(socket)) = &address.address else {
        panic!("{address:?}");
    };
    let Some(PortSpecifier::PortValue(port)) = socket.port_specifier else {
        panic!("{socket:?}");
    };
    (&socket.address, socket.ipv4_compat, port)
}

fn chains(listener: &envoy::Listener) -> Vec<(&str, Vec<&str>)> {
    let chains = listener.filter_chains.iter();
    chains
        .map(|chain| {
            let names = chain.filter_chain_match.iter();
            let names = names.flat_map(|one| &one.server_names);
            (&*chain.name, names.map(String::as_str).collect())
        })
        .collect()
}

#[test]
fn there_is_one_for_each_socket() {
    let settings = Settings {
        port_map: [(80, 10080)].into(),
        ..Settings::default()
    };
    let all = [
        on("a", &[], 80, None),
        on("b", &[], 80, Some("b.com")),
        on("c", &["10.0.0.1", "::1"], 81, None),
    ];
    let made = compiled(settings.clone(), all.clone());
    let names: Vec<_> = made.iter().map(|one| (&*one.name, bound(one))).collect();
    assert_eq!(
        names,
        [
            ("10.0.0.1:81", ("10.0.0.1", false, 81)),
            ("80", ("::", true, 10080)),
            ("[::1]:81", ("::1", false, 81)),
        ]
    );
    assert_eq!(chains(&made[1]), [("http", Vec::new())]);
    let without = Settings {
        ipv6: false,
        ..settings
    };
    let made = compiled(without, all);
    assert_eq!(bound(&made[1]), ("0.0.0.0", false, 10080));
}

#[test]
fn chains_with_tls_are_chosen_by_the_server_name() {
    let at = ([127, 0, 0, 1], 443).into();
    let exact = secure_listener("exact", at, Some("a.com"), &["key"]);
    let wild = secure_listener("wild", at, Some("*.a.com"), &["key"]);
    let mut everywhere = secure_listener("everywhere", at, Some("a.com"), &["key"]);
    everywhere.addresses.clear();
    let mut any = secure_listener("any", at, None, &["key"]);
    any.addresses.clear();
    let made = compiled(Settings::default(), [exact, wild, everywhere, any]);
    // Who binds the address itself owns its host there; the others are served there too.
    assert_eq!(
        chains(&made[0]),
        [
            ("test/gateway/any", Vec::new()),
            ("test/gateway/wild", vec!["*.a.com"]),
            ("test/gateway/exact", vec!["a.com"]),
        ]
    );
    assert_eq!(
        chains(&made[1]),
        [
            ("test/gateway/any", Vec::new()),
            ("test/gateway/everywhere", vec!["a.com"]),
        ]
    );
}

/// Envoy replaces the chains of a listener, and drains no others, only where all else is the same.
#[test]
fn another_chain_changes_no_other_and_nothing_else() {
    let at = ([127, 0, 0, 1], 443).into();
    let one = secure_listener("a", at, Some("a.com"), &["a"]);
    let two = secure_listener("b", at, Some("b.com"), &["b"]);
    let mut before = compiled(Settings::default(), [one.clone()]);
    let mut after = compiled(Settings::default(), [one, two]);
    let chains_before = std::mem::take(&mut before[0].filter_chains);
    let chains_after = std::mem::take(&mut after[0].filter_chains);
    assert_eq!(before, after);
    assert_eq!(chains_before[0], chains_after[0]);
    assert_eq!(chains_after.len(), 2);
}

#[test]
fn filters_of_policies_stand_switched_off_between_our_own() {
    let filter = |name: &str, policy: fg_policies::Meta| {
        let filter = HttpFilter {
            policy,
            name: name.to_owned(),
            config: Any::default(),
        };
        (name.to_owned(), filter)
    };
    let late = filter("a", fg_policies::url_rewrite::META);
    let early = filter("b", fg_policies::cors::META);
    let early_too = filter("c", fg_policies::cors::META);
    let filters = [late, early, early_too].into();
    let made = manager::manager(&Settings::default(), String::new(), None, &filters);
    let standing = fg_policies::traffic::Set::standing();
    let stands = |name: &str| standing.iter().any(|one| one.name == name);
    let chain: Vec<_> = made
        .http_filters
        .iter()
        .filter(|one| !stands(&one.name))
        .map(|one| (&*one.name, one.disabled))
        .collect();
    assert_eq!(
        chain,
        [
            ("ferrogate.host", false),
            ("ferrogate.path", false),
            ("ferrogate.expectation", false),
            ("b", true),
            ("c", true),
            ("a", true),
            ("ferrogate.leaving", false),
            ("envoy.filters.http.router", false),
        ]
    );
}
