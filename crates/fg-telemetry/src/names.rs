//! The table of all metrics: name, type, help.
//!
//! Every name is `ferrogate_<thing>_<unit>`, with `_total` at the end of what only grows.
//!
//! | labels | on |
//! |---|---|
//! | `gateway`, `listener`, `route`, `rule`, `backend` | all `ferrogate_request…` metrics but `…requests_in_flight` |
//! | `class`: `1xx` … `5xx`, `499` (client went away), `other` | `ferrogate_requests_total` |
//! | `reason`: the word of the reason header | `ferrogate_request_failures_total`, `ferrogate_unrouted_requests_total` |
//! | `reason`: `timeout`, `unknown_name`, … | `ferrogate_tls_handshake_failures_total` |
//! | `reason`: `flood`, `protocol`, `silent` | `ferrogate_http2_connection_failures_total` |
//! | `outcome`: `recovered`, `exhausted`, `over_budget`, `not_replayable`, `failed` | `ferrogate_retried_requests_total` |
//! | `outcome`: `sent`, `failed`, `dropped` | `ferrogate_mirrored_requests_total` |
//! | `severity`: `error`, `warning`, `info` | `ferrogate_findings` |

/// A metric's type on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Buckets, sum and count.
    Histogram,
}

/// A metric's line in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name with unit.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// What it counts.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident = $kind:ident $name:literal $help:literal),+ $(,)?) => {
        $(
            #[doc = $help]
            pub const $constant: Metric = Metric { name: $name, kind: Kind::$kind, help: $help };
        )+
        /// Every metric, in the order of the page.
        pub const ALL: &[Metric] = &[$($constant),+];
    };
}

metrics! {
    BUILD = Gauge "ferrogate_build_info" "Always 1; the version stands in the label.",
    REQUESTS = Counter "ferrogate_requests_total" "Requests answered, by class of status.",
    FAILURES = Counter "ferrogate_request_failures_total" "Requests that the gateway answered by itself, by reason.",
    DURATION = Histogram "ferrogate_request_duration_seconds" "From the complete request head to the end of the reply.",
    BYTES_IN = Counter "ferrogate_request_body_bytes_total" "Bytes of request bodies.",
    BYTES_OUT = Counter "ferrogate_response_body_bytes_total" "Bytes of reply bodies.",
    UNROUTED = Counter "ferrogate_unrouted_requests_total" "Requests answered before a rule was chosen, by reason.",
    IN_FLIGHT = Gauge "ferrogate_requests_in_flight" "Requests between their head and the end of their reply.",
    CONNECTIONS_OPEN = Gauge "ferrogate_connections_open" "Client connections that are open.",
    CONNECTIONS_ACCEPTED = Counter "ferrogate_connections_accepted_total" "Client connections accepted.",
    CONNECTIONS_REFUSED = Counter "ferrogate_connections_refused_total" "Client connections refused at the limit.",
    ACCEPT_PAUSES = Counter "ferrogate_accept_pauses_total" "Times accepting paused for lack of descriptors.",
    TUNNELS_OPEN = Gauge "ferrogate_tunnels_open" "Upgraded connections that are open.",
    UPSTREAM_OPEN = Gauge "ferrogate_upstream_connections_open" "Connections to backends that are open.",
    UPSTREAM_OPENED = Counter "ferrogate_upstream_connections_opened_total" "Connections to backends that were opened.",
    UPSTREAM_REUSED = Counter "ferrogate_upstream_connections_reused_total" "Requests sent on a connection that had served before.",
    UPSTREAM_FAILED = Counter "ferrogate_upstream_connections_failed_total" "Connections to backends that could not be opened.",
    UPSTREAM_RETRIED = Counter "ferrogate_upstream_retries_total" "Requests sent a second time.",
    RETRIES = Counter "ferrogate_retried_requests_total" "Requests that were sent again, or should have been, by outcome.",
    MIRRORED = Counter "ferrogate_mirrored_requests_total" "Copies of requests for mirrors, by outcome.",
    POOL_IDLE = Gauge "ferrogate_upstream_connections_idle" "Idle connections in the pools.",
    PANICS = Counter "ferrogate_panics_total" "Panics that were caught; each ended one request.",
    TLS_HANDSHAKING = Gauge "ferrogate_tls_handshakes_in_progress" "Clients whose TLS handshake is under way.",
    TLS_HANDSHAKES = Counter "ferrogate_tls_handshakes_total" "TLS handshakes with clients that succeeded, resumed ones included.",
    TLS_RESUMED = Counter "ferrogate_tls_resumptions_total" "TLS handshakes with clients that resumed an earlier session.",
    TLS_FAILURES = Counter "ferrogate_tls_handshake_failures_total" "TLS handshakes with clients that failed, by reason.",
    HTTP2_FAILURES = Counter "ferrogate_http2_connection_failures_total" "HTTP/2 connections of clients that the gateway ended, by reason.",
    WORKERS = Gauge "ferrogate_workers" "Workers that run.",
    GENERATION = Gauge "ferrogate_configuration_generation" "Number of the configuration that serves.",
    CONFIRMED = Gauge "ferrogate_configuration_confirmed_generation" "Number of the last configuration of which every data plane said that it serves; 0 while Envoy is dead or cannot have a port.",
    APPLIED = Gauge "ferrogate_configuration_applied_timestamp_seconds" "When the configuration that serves was applied.",
    AGE = Gauge "ferrogate_configuration_age_seconds" "Time since the configuration that serves was applied.",
    RELOADS = Counter "ferrogate_configuration_reloads_total" "Readings of the folder that found a change.",
    OBJECTS = Gauge "ferrogate_configuration_objects" "API objects that serve.",
    ROUTES = Gauge "ferrogate_configuration_routes" "Routes that serve.",
    TRANSLATED = Counter "ferrogate_configuration_routes_translated_total" "Routes translated, each time again.",
    FINDINGS = Gauge "ferrogate_findings" "Findings that stand, by severity.",
    LOG_DROPPED = Counter "ferrogate_access_log_dropped_lines_total" "Lines of the access log that found no room.",
    SERIES = Gauge "ferrogate_metrics_series" "Label sets of requests on this page.",
    SERIES_DROPPED = Counter "ferrogate_metrics_series_dropped_total" "Label sets beyond the cap; they are counted as \"other\".",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule() {
        for metric in ALL {
            assert!(metric.name.starts_with("ferrogate_"), "{}", metric.name);
            assert_eq!(
                metric.kind == Kind::Counter,
                metric.name.ends_with("_total"),
                "{}",
                metric.name
            );
        }
    }
}
