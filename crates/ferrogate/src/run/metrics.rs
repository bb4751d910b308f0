//! The metrics page: our own figures, and those of Envoy when there is one.

use std::sync::Arc;

use fg_admin::{Answer, Ask, MetricsSite, Site};
use fg_telemetry::Registry;

use super::planes::EnvoyAdmin;

/// Both on one page. Envoy's names begin with `envoy_`, ours with `ferrogate_`.
pub(crate) struct Both {
    own: MetricsSite,
    envoy: EnvoyAdmin,
}

impl Both {
    /// The figures of a registry, and those behind Envoy's admin pages.
    pub(crate) fn new(registry: Arc<Registry>, envoy: EnvoyAdmin) -> Self {
        Self {
            own: MetricsSite(registry),
            envoy,
        }
    }
}

impl Site for Both {
    fn answer(&self, ask: &Ask) -> Answer {
        let mut answer = self.own.answer(ask);
        if answer.status == 200
            && let Some(envoy) = self.envoy.get()
        {
            match envoy.get("/stats/prometheus?usedonly") {
                Ok(figures) => answer.body.push_str(&figures),
                // Ours are there all the same; the log says how it stands with Envoy.
                Err(error) => tracing::debug!(%error, "no metrics of Envoy"),
            }
        }
        answer
    }

    fn is_slow(&self) -> bool {
        self.envoy.get().is_some()
    }
}
