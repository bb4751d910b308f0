//! The fields of a Gateway beside its listeners: addresses, and those that are not supported.

use super::{HTTP, gateway};
use crate::testing::{findings, translated};

#[test]
fn addresses_are_bound_or_refused() {
    for (addresses, expected, served) in [
        ("[]", None, Some(vec![])),
        (
            "[{value: 127.0.0.2}, {type: IPAddress, value: '::1'}]",
            None,
            Some(vec!["127.0.0.2", "::1"]),
        ),
        ("[{type: IPAddress}]", None, Some(vec![])),
        (
            "[{type: Hostname, value: a.example}]",
            Some("UnsupportedAddress Gateway default/g spec.addresses[0].type"),
            None,
        ),
        (
            "[{type: own.io/x, value: a}]",
            Some("UnsupportedAddress Gateway default/g spec.addresses[0].type"),
            None,
        ),
        (
            "[{value: 127.0.0.2, routability: Cluster}]",
            Some("UnsupportedAddress Gateway default/g spec.addresses[0].routability"),
            None,
        ),
        (
            "[{value: here}]",
            Some("AddressNotUsable Gateway default/g spec.addresses[0].value"),
            None,
        ),
        (
            "[{value: here}, {value: 127.0.0.1}]",
            Some("AddressNotUsable Gateway default/g spec.addresses[0].value"),
            Some(vec!["127.0.0.1"]),
        ),
    ] {
        let world = translated(&gateway("g", &format!("addresses: {addresses}, {HTTP}")));
        let expected: Vec<String> = expected
            .iter()
            .map(|words| format!("Error {words}"))
            .collect();
        assert_eq!(findings(&world), expected, "{addresses}");
        let bound = world.ir().listeners.values().next();
        let bound = bound.map(|listener| {
            listener
                .addresses
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        });
        assert_eq!(
            bound,
            served.map(|list| list.into_iter().map(str::to_owned).collect()),
            "{addresses}"
        );
    }
}

#[test]
fn fields_that_are_not_supported_are_named() {
    for (rest, expected, served) in [
        (
            "defaultScope: All",
            "Warning UnsupportedValue Gateway default/g spec.defaultScope",
            true,
        ),
        (
            "infrastructure: {labels: {a: b}}",
            "Info UnsupportedValue Gateway default/g spec.infrastructure",
            true,
        ),
        (
            "infrastructure: {parametersRef: {group: a.io, kind: P, name: p}}",
            "Error InvalidParameters Gateway default/g spec.infrastructure.parametersRef",
            false,
        ),
    ] {
        let world = translated(&gateway("g", &format!("{rest}, {HTTP}")));
        assert_eq!(findings(&world), [expected]);
        assert_eq!(!world.ir().listeners.is_empty(), served, "{rest}");
    }
}
