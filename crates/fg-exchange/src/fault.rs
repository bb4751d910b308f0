//! What went wrong with a request: decided where it is known, never guessed later.

use std::fmt;

/// Whether the request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// No.
    Never,
    /// Nothing was sent, so any other endpoint may get it.
    Unsent,
    /// A reused connection ended before its first reply byte: once more on a fresh one, if the
    /// request can be replayed.
    Stale,
}

macro_rules! reasons {
    ($($variant:ident = $text:literal $status:literal $doc:literal),+ $(,)?) => {
        /// Why the gateway answered by itself; stands in the reason header, the log and metrics.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $(#[doc = $doc] $variant),+
        }

        impl Reason {
            /// Every reason, in the order of their numbers.
            pub const ALL: &[Reason] = &[$(Reason::$variant),+];

            /// The machine-readable word.
            pub const fn text(self) -> &'static str {
                match self { $(Reason::$variant => $text),+ }
            }

            /// The status that goes with it.
            pub const fn status(self) -> u16 {
                match self { $(Reason::$variant => $status),+ }
            }

            /// One sentence for people; never an address or a secret.
            pub const fn words(self) -> &'static str {
                match self { $(Reason::$variant => $doc),+ }
            }
        }
    };
}

reasons! {
    BadRequest = "bad_request" 400 "The request is malformed or ambiguous.",
    BadPath = "bad_path" 400 "The request path is malformed or ambiguous.",
    BadHost = "bad_host" 400 "The Host header is missing, repeated or malformed.",
    MethodNotAllowed = "method_not_allowed" 405 "The method is not allowed here.",
    RequestTimeout = "client_timeout" 408 "The client took too long to send the request.",
    UriTooLong = "uri_too_long" 414 "The request line is too long.",
    BodyTooLarge = "body_too_large" 413 "The request body is too large.",
    ExpectationFailed = "expectation_failed" 417 "The Expect header asks for something unknown.",
    HeadTooLarge = "head_too_large" 431 "The request head is too large or has too many fields.",
    VersionNotSupported = "version_not_supported" 505 "The protocol version is not supported.",
    ClientClosed = "client_closed" 499 "The client went away before the reply.",
    Misdirected = "misdirected_request" 421 "This connection is not for this host.",
    NoListener = "no_listener" 404 "No listener serves this host.",
    NoRoute = "no_route" 404 "No route matches this request.",
    NoBackends = "no_backends" 500 "The route has no backend that can take the request.",
    InvalidBackend = "invalid_backend" 500 "The backend reference chosen for this request is invalid.",
    InvalidRule = "invalid_rule" 500 "The route's rule is invalid.",
    FilterNotFound = "filter_not_found" 500 "The rule refers to a filter that does not exist.",
    Internal = "internal_error" 500 "The gateway failed while handling the request.",
    NoEndpoints = "no_endpoints" 503 "The backend has no ready endpoint.",
    ConnectFailed = "connect_failed" 503 "No connection to the backend could be made.",
    Overloaded = "overloaded" 503 "The gateway is at its limit of connections.",
    Draining = "draining" 503 "The gateway is shutting down.",
    UpstreamTls = "upstream_tls" 502 "No secure connection to the backend could be made.",
    AuthUnavailable = "auth_unavailable" 403 "The service that decides about access did not answer.",
    UpstreamClosed = "upstream_closed" 502 "The backend closed the connection before it replied.",
    UpstreamReset = "upstream_reset" 502 "The backend reset the connection.",
    BadReply = "bad_reply" 502 "The backend's reply is malformed or ambiguous.",
    UpgradeRefused = "upgrade_not_supported" 502 "The backend takes no upgrades such as WebSocket on its connection.",
    ReplyTooLarge = "reply_head_too_large" 502 "The backend's reply head is too large.",
    UpstreamTimeout = "upstream_timeout" 504 "The backend took too long to reply.",
    RouteTimeout = "request_timeout" 504 "The request took longer than the route allows.",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Why a request failed, and what may be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The reason; gives the status.
    pub reason: Reason,
    /// Whether it may be tried again.
    pub retry: Retry,
    /// More for the log, never for the client.
    pub detail: Option<Box<str>>,
}

impl Fault {
    /// A fault that ends the request.
    pub const fn new(reason: Reason) -> Self {
        Self {
            reason,
            retry: Retry::Never,
            detail: None,
        }
    }

    /// The same, with a word on trying again.
    #[must_use]
    pub const fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The same, with more for the log.
    #[must_use]
    pub fn detail(mut self, detail: impl fmt::Display) -> Self {
        self.detail = Some(detail.to_string().into());
        self
    }
}
