//! The counters of one worker that no label set owns.

use crate::outcome::Outcomes;
use crate::{Counter, Gauge, MirrorOutcome, RetryOutcome};

/// Why a TLS handshake with a client failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFailure {
    /// It took too long.
    Timeout,
    /// The client went away.
    Closed,
    /// No listener has the name that the client asked for.
    UnknownName,
    /// What the client sent is no TLS, or breaks its rules.
    Protocol,
    /// Nothing in common: version, algorithms, application protocol.
    Incompatible,
    /// The client's certificate is missing or does not hold.
    ClientCertificate,
    /// The client refused: most often, our certificate.
    Alert,
    /// Too many handshakes at one time.
    Limit,
    /// The listener's own configuration cannot be used.
    Configuration,
}

impl TlsFailure {
    /// Every failure, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Timeout,
        Self::Closed,
        Self::UnknownName,
        Self::Protocol,
        Self::Incompatible,
        Self::ClientCertificate,
        Self::Alert,
        Self::Limit,
        Self::Configuration,
    ];

    /// The word for metrics and logs.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::UnknownName => "unknown_name",
            Self::Protocol => "protocol",
            Self::Incompatible => "incompatible",
            Self::ClientCertificate => "client_certificate",
            Self::Alert => "alert",
            Self::Limit => "limit",
            Self::Configuration => "configuration",
        }
    }
}

/// Why the gateway ended a client's HTTP/2 connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http2Failure {
    /// The client asked for more than is good: resets, empty frames, endless heads.
    Flood,
    /// The client broke the protocol.
    Protocol,
    /// The client did not answer a PING while it had requests, or read nothing of what it was sent.
    Silent,
}

impl Http2Failure {
    /// Every failure, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Flood, Self::Protocol, Self::Silent];

    /// The word for metrics and logs.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Flood => "flood",
            Self::Protocol => "protocol",
            Self::Silent => "silent",
        }
    }
}

/// Numbers of one worker, written by it only; see [`crate::Registry::worker`].
#[derive(Debug, Default)]
pub struct WorkerStats {
    /// Client connections that are open.
    pub connections_open: Gauge,
    /// Client connections accepted.
    pub connections_accepted: Counter,
    /// Client connections refused, because a limit was reached.
    pub connections_refused: Counter,
    /// Times accepting paused, because the process ran out of descriptors.
    pub accept_pauses: Counter,
    /// Requests between their head and the end of their reply.
    pub requests_in_flight: Gauge,
    /// Connections to backends that are open, idle ones included.
    pub upstream_open: Gauge,
    /// Connections to backends that were opened.
    pub upstream_opened: Counter,
    /// Requests sent on a connection that had served before.
    pub upstream_reused: Counter,
    /// Connections to backends that could not be opened.
    pub upstream_failed: Counter,
    /// Requests sent a second time after a first try that sent nothing, or met a stale connection.
    pub upstream_retried: Counter,
    /// Idle connections in the pools.
    pub pool_idle: Gauge,
    /// Connections that were tunnelled after an upgrade and are still open.
    pub tunnels_open: Gauge,
    /// Panics that were caught.
    pub panics: Counter,
    /// Retries and copies of requests, by how they came out.
    pub(crate) outcomes: Outcomes,
    /// Clients whose TLS handshake is under way.
    pub tls_handshaking: Gauge,
    /// TLS handshakes with clients that succeeded, resumed ones included.
    pub tls_handshakes: Counter,
    /// Those that resumed an earlier session.
    pub tls_resumed: Counter,
    /// TLS handshakes with clients that failed, by [`TlsFailure`].
    tls_failures: [Counter; TlsFailure::ALL.len()],
    /// HTTP/2 connections of clients that we ended, by [`Http2Failure`].
    http2_failures: [Counter; Http2Failure::ALL.len()],
    /// Requests that no rule ever saw (malformed, too large, no such host), by number of the reason.
    unrouted: Box<[Counter]>,
}

impl WorkerStats {
    pub(crate) fn new(reasons: usize) -> Self {
        Self {
            unrouted: (0..reasons).map(|_| Counter::new()).collect(),
            ..Self::default()
        }
    }

    /// Counts a failed handshake with a client.
    pub fn tls_failed(&self, why: TlsFailure) {
        if let Some(cell) = self.tls_failures.get(why as usize) {
            cell.increment();
        }
    }

    /// The counts of [`WorkerStats::tls_failed`], in the order of [`TlsFailure::ALL`].
    pub(crate) fn tls_failure_counts(&self) -> impl Iterator<Item = u64> + '_ {
        self.tls_failures.iter().map(Counter::get)
    }

    /// Counts an HTTP/2 connection of a client that we ended.
    pub fn http2_failed(&self, why: Http2Failure) {
        if let Some(cell) = self.http2_failures.get(why as usize) {
            cell.increment();
        }
    }

    /// The counts of [`WorkerStats::http2_failed`], in the order of [`Http2Failure::ALL`].
    pub(crate) fn http2_failure_counts(&self) -> impl Iterator<Item = u64> + '_ {
        self.http2_failures.iter().map(Counter::get)
    }

    /// Counts a request that was answered before any rule was chosen, by number of the reason.
    pub fn unrouted(&self, reason: usize) {
        if let Some(cell) = self.unrouted.get(reason) {
            cell.increment();
        }
    }

    /// Counts a request that was sent again, or should have been.
    pub fn retried(&self, outcome: RetryOutcome) {
        if let Some(cell) = self.outcomes.retries.get(outcome as usize) {
            cell.increment();
        }
    }

    /// Counts a copy of a request.
    pub fn mirrored(&self, outcome: MirrorOutcome) {
        if let Some(cell) = self.outcomes.mirrors.get(outcome as usize) {
            cell.increment();
        }
    }

    /// The counts of [`WorkerStats::unrouted`], by number of the reason.
    pub(crate) fn unrouted_counts(&self) -> impl Iterator<Item = u64> + '_ {
        self.unrouted.iter().map(Counter::get)
    }

    /// Sets to zero what a dead worker left open; its connections died with it.
    pub(crate) fn reset_gauges(&self) {
        for gauge in [
            &self.connections_open,
            &self.requests_in_flight,
            &self.upstream_open,
            &self.pool_idle,
            &self.tunnels_open,
            &self.tls_handshaking,
        ] {
            gauge.set(0);
        }
    }
}
