//! What rustls is told for a listener.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{NoServerSessionStorage, ProducesTickets};

use crate::certificate::Certificate;
use crate::choice::Choice;
use crate::clients::ClientRules;

/// The name of HTTP/2 in ALPN. Source: RFC 9113 §3.2.
pub const ALPN_H2: &[u8] = b"h2";
/// The name of HTTP/1.1 in ALPN. Source: RFC 7301 §6.
pub const ALPN_HTTP1: &[u8] = b"http/1.1";

/// Where sessions of one identity are kept: with the clients, under keys that change by
/// themselves. A ticket is good only where the same value is.
#[derive(Clone, Debug)]
pub struct Tickets(Arc<dyn ProducesTickets>);

impl Tickets {
    /// Fresh keys.
    ///
    /// # Errors
    /// In words, when there is no randomness.
    pub fn new() -> Result<Self, String> {
        rustls::crypto::aws_lc_rs::Ticketer::new()
            .map(Self)
            .map_err(|error| format!("no keys for session tickets: {error}"))
    }
}

/// A configuration for a listener: TLS 1.2 and 1.3, no early data.
///
/// # Errors
/// In words.
pub fn server_config(
    provider: &Arc<CryptoProvider>,
    certificates: Vec<Arc<Certificate>>,
    clients: Option<&ClientRules>,
    tickets: &Tickets,
    h2: bool,
) -> Result<Arc<ServerConfig>, String> {
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match clients {
        Some(rules) => builder.with_client_cert_verifier(rules.verifier()),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(Choice(certificates)));
    config.ticketer = tickets.0.clone();
    // Sessions live in tickets only: a store would be shared, and locked, by all workers.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 1;
    config.alpn_protocols = if h2 {
        vec![ALPN_H2.to_vec(), ALPN_HTTP1.to_vec()]
    } else {
        vec![ALPN_HTTP1.to_vec()]
    };
    Ok(Arc::new(config))
}
