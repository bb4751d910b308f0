//! Certificates, keys, and what rustls is told about them. No sockets, no clock of its own.
//!
//! The only crate besides the proxy's sockets that knows rustls, and the only one that knows
//! aws-lc-rs, its one provider.
