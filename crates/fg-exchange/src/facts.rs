//! What is known about an exchange besides its heads.

use std::net::IpAddr;

/// The scheme a client used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Clear text.
    #[default]
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that is left out of a URL: 80 or 443.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Facts of one exchange, for filters.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The client's address after the trusted hops were taken into account.
    pub client: IpAddr,
    /// The scheme of the listener's side.
    pub scheme: Scheme,
    /// The port that the listener is configured with (not a mapped one).
    pub listener_port: u16,
    /// Length of the path prefix that the winning match has, without a trailing slash; `None` when
    /// the match was no prefix match. Units: bytes of the canonical path as routed.
    pub matched_prefix: Option<usize>,
}
