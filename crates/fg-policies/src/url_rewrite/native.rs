//! The same in our own proxy: a filter of the request.

use super::Ir;
use crate::native::{Facts, Filter, Part, Request, Verdict};

/// One filter that rewrites the request.
pub fn build(ir: &Ir) -> Vec<Part> {
    vec![Part::Filter(Box::new(Rewrite(ir.clone())))]
}

#[derive(Debug)]
struct Rewrite(Ir);

impl Filter for Rewrite {
    fn request(&self, request: &mut Request, facts: &Facts) -> Verdict {
        if let Some(host) = &self.0.hostname {
            request.set_authority(host.as_bytes());
        }
        if let Some(change) = &self.0.path {
            let path = change.apply(request.path(), facts.matched_prefix);
            request.set_path(&path);
        }
        Verdict::Continue
    }

    fn describe(&self) -> String {
        let host = self.0.hostname.as_ref().map(|host| format!("host {host}"));
        let path = self.0.path.as_ref().map(|path| match path {
            crate::path_modifier::PathChange::Full(path) => format!("path {path}"),
            crate::path_modifier::PathChange::Prefix(path) => format!("matched prefix to {path}"),
        });
        format!(
            "rewrites {}",
            host.into_iter().chain(path).collect::<Vec<_>>().join(", ")
        )
    }
}
