//! Random listeners and requests on sockets that meet often.

use std::net::IpAddr;

use fg_ir::{Change, Listener};
use fg_testkit::routing::Plain;
use fg_testkit::routing::build::listener_at;
use fg_testkit::routing::generate::{self, Words};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const WORDS: Words = Words {
    hosts: &[
        "a.com",
        "b.a.com",
        "c.b.a.com",
        "x.com",
        "com",
        "b.x.com",
        "",
    ],
    headers: &["x", "accept"],
    parameters: &["q", "p r"],
    pairs: &[
        "q=1", "q=2", "%71=1", "p+r=1", "p%20r=2", "q", "=1", "", "q=1%2C+2", "z=1",
    ],
};
/// Ports that sockets have.
pub(crate) const PORTS: &[u16] = &[80, 81];

/// Addresses that sockets have.
pub(crate) fn addresses() -> [IpAddr; 2] {
    [[127, 0, 0, 2].into(), [127, 0, 0, 3].into()]
}

fn a_listener() -> impl Strategy<Value = Listener> {
    let addresses = subsequence(addresses().to_vec(), 0..=2);
    (generate::a_place(), select(PORTS), addresses).prop_map(
        |((section, hostname), port, addresses)| listener_at(section, hostname, &addresses, port),
    )
}

/// A change: some rules and listeners set, some removed.
pub(crate) fn a_change() -> impl Strategy<Value = Change> {
    generate::a_change(generate::a_rule(WORDS), a_listener())
}

/// A request.
pub(crate) fn a_request() -> impl Strategy<Value = Plain> {
    generate::a_request(WORDS)
}
