//! TLS on real sockets: handshakes with clients and with backends, and what is served over them.

mod backends;
mod clients;
#[expect(dead_code, reason = "the other stack tests use the rest of it")]
#[path = "../stack/gateway.rs"]
mod gateway;
mod hostile;
mod http2;
mod names;
mod sessions;
mod traffic;

use std::net::SocketAddr;
use std::time::Instant;

use fg_ir::{ClientValidation, CredentialKind, Listener};
use fg_testkit::PATIENCE;
use fg_testkit::certificates::{Authority, Issued};
use fg_testkit::ir::{self, Changes};
use fg_testkit::tls::{authorities, key_pair};

use crate::gateway::Gateway;

/// One listener for all hosts that shows `pair`, and one rule that sends everything to `backends`.
fn everything(at: SocketAddr, issued: &Issued, backends: &[SocketAddr]) -> Changes {
    Changes::new()
        .credential("pair", key_pair(issued))
        .listener(ir::secure_listener("https", at, None, &["pair"]))
        .rule(ir::rule("all", "https", "/", "backend"))
        .backend("backend", backends)
}

/// Waits until a metric has a value: what a client is told comes a little before it is counted.
fn wait_for_metric(gateway: &Gateway, name: &str, value: f64) {
    let end = Instant::now() + PATIENCE;
    while gateway.metric(name) != value {
        assert!(Instant::now() < end, "{name} is {}", gateway.metric(name));
        std::thread::yield_now();
    }
}

/// The same listener with a demand on clients' certificates: signed by the credential `ca`.
fn asking(mut listener: Listener, insecure_fallback: bool) -> Listener {
    let tls = listener.tls.as_mut().expect("a listener with TLS");
    tls.client = Some(ClientValidation {
        authorities: vec![ir::credential_key("ca", CredentialKind::Authorities)],
        insecure_fallback,
    });
    listener
}

/// [`everything`], asking clients for a certificate of `authority`.
fn everything_for(
    at: SocketAddr,
    issued: &Issued,
    authority: &Authority,
    insecure_fallback: bool,
    backends: &[SocketAddr],
) -> Changes {
    let listener = ir::secure_listener("https", at, None, &["pair"]);
    everything(at, issued, backends)
        .credential("ca", authorities(&[authority]))
        .listener(asking(listener, insecure_fallback))
}
