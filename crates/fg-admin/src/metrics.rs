//! `/metrics`: the page that Prometheus reads.

use std::sync::Arc;
use std::time::SystemTime;

use fg_telemetry::Registry;

use crate::site::{Answer, Ask, Site};

/// Answers `/metrics` in Prometheus' text format.
#[derive(Debug)]
pub struct MetricsSite(pub Arc<Registry>);

impl Site for MetricsSite {
    fn answer(&self, ask: &Ask) -> Answer {
        if ask.path != "/metrics" {
            return Answer::text(404, "no such page; /metrics is here\n");
        }
        if ask.method != "GET" && ask.method != "HEAD" {
            return Answer::method_not_allowed("GET");
        }
        Answer {
            content_type: "text/plain; version=0.0.4; charset=utf-8",
            ..Answer::text(200, self.0.render(SystemTime::now()))
        }
    }
}
