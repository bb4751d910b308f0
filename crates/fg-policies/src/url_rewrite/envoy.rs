//! What Envoy is told.

use envoy_types::pb::envoy::config::route::v3::route_action::HostRewriteSpecifier;

use super::Ir;
use crate::envoy::{Sink, Standing, rewrite};

/// Writes the policy. That of a backend stands in for that of its rule.
pub fn map(ir: &Ir, sink: &mut Sink<'_>) {
    let prefix = sink.site().prefix;
    let Some(action) = sink.forward() else {
        return;
    };
    if let Some(host) = &ir.hostname {
        let literal = HostRewriteSpecifier::HostRewriteLiteral(host.to_string());
        action.host_rewrite_specifier = Some(literal);
    }
    if let Some(change) = &ir.path {
        action.regex_rewrite = rewrite(change, prefix);
    }
}

/// No filter.
pub fn standing() -> Vec<Standing> {
    Vec::new()
}
