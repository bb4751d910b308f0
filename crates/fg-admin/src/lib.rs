//! The sockets on which a gateway talks about itself: admin pages, readiness, metrics.
//!
//! Served by hyper on the control side's runtime, never on a worker, so that an expensive page does
//! not show in a request's time. Three sites, one each for its reserved port:
//!
//! | site | default address | pages |
//! |---|---|---|
//! | [`AdminSite`] | `127.0.0.1:19000` | `/`, `/config`, `/status`, `/explain`, `/log`, `/drain` |
//! | [`ReadinessSite`] | `0.0.0.0:8082` | `/ready` |
//! | [`MetricsSite`] | `0.0.0.0:9091` | `/metrics` |

mod admin;
mod metrics;
mod query;
mod readiness;
mod server;
mod site;

pub use admin::{AdminSite, AdminSource, Drain, ExplainQuery};
pub use metrics::MetricsSite;
pub use readiness::{Readiness, ReadinessSite};
pub use server::serve;
pub use site::{Answer, Ask, Site};
