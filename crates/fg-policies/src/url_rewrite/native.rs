//! The same in our own proxy: a filter of the request.

use super::Ir;
use crate::native::{Facts, Filter, Part, Request, Verdict};
use crate::path_modifier::PathChange;

/// One filter that rewrites the request.
pub fn build(ir: &Ir) -> Vec<Part> {
    vec![Part::Filter(Box::new(Rewrite(ir.clone())))]
}

#[derive(Debug)]
struct Rewrite(Ir);

impl Filter for Rewrite {
    fn request(&self, request: &mut Request, facts: &Facts) -> Verdict {
        if let Some(host) = &self.0.hostname {
            request.rewrite_authority(host.as_bytes());
        }
        if let Some(change) = &self.0.path {
            // The path as it was matched: a backend's rewrite stands in for that of its rule.
            let path = change.apply(request.received_path(), facts.matched_prefix);
            request.set_path(&path);
        }
        Verdict::Continue
    }

    fn describe(&self) -> String {
        let host = self.0.hostname.as_ref().map(|host| format!("host {host}"));
        let path = self.0.path.as_ref().map(PathChange::describe);
        format!(
            "rewrites {}",
            host.into_iter().chain(path).collect::<Vec<_>>().join(", ")
        )
    }
}
