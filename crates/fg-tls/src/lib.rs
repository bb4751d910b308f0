//! Certificates, keys, and what rustls is told about them. No sockets, no clock of its own.
//!
//! The only crate besides the proxy's sockets that knows rustls, and the only one that knows
//! aws-lc-rs, its one provider.

pub mod credential;

mod certificate;
mod choice;
mod clients;
mod identity;
mod origination;
mod server;

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;

pub use self::certificate::Certificate;
pub use self::clients::ClientRules;
pub use self::identity::forwarded_element;
pub use self::origination::{Name, Origination, client_config};
pub use self::server::{ALPN_H2, ALPN_HTTP1, Tickets, server_config};

/// The one provider of cryptography. Made once, for all configurations of a proxy.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Trust in these authorities (DER); those that cannot be read are left out.
///
/// # Errors
/// In words, when none is left.
pub fn roots<'a>(authorities: impl IntoIterator<Item = &'a [u8]>) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    let certificates = authorities
        .into_iter()
        .map(|der| CertificateDer::from(der.to_vec()));
    store.add_parsable_certificates(certificates);
    if store.is_empty() {
        return Err("no certificate authority can be used".to_owned());
    }
    Ok(store)
}
