//! The same in our own proxy: a filter that answers.

use super::Ir;
use crate::native::{Facts, Filter, LocalReply, Part, Request, Verdict};

/// One filter that answers every request with the redirect.
pub fn build(ir: &Ir) -> Vec<Part> {
    vec![Part::Filter(Box::new(Redirect(ir.clone())))]
}

#[derive(Debug)]
struct Redirect(Ir);

impl Redirect {
    /// The target. The port: as written; else the well-known one of a scheme that was written; else
    /// the listener's. The scheme's default port is left out.
    fn location(&self, request: &Request, facts: &Facts) -> Vec<u8> {
        let scheme = self.0.scheme.as_deref().unwrap_or(facts.scheme.text());
        let default_port = if scheme == "https" { 443 } else { 80 };
        let port = match (self.0.port, &self.0.scheme) {
            (Some(port), _) => port,
            (None, Some(_)) => default_port,
            (None, None) => facts.listener_port,
        };
        let mut location = format!("{scheme}://").into_bytes();
        match &self.0.hostname {
            Some(host) => location.extend_from_slice(host.as_bytes()),
            None => location.extend_from_slice(request.host()),
        }
        if port != default_port {
            location.extend_from_slice(format!(":{port}").as_bytes());
        }
        match &self.0.path {
            Some(change) => {
                location.extend_from_slice(&change.apply(request.path(), facts.matched_prefix))
            }
            None => location.extend_from_slice(request.path()),
        }
        if let Some(query) = request.query() {
            location.push(b'?');
            location.extend_from_slice(query);
        }
        location
    }
}

impl Filter for Redirect {
    fn request(&self, request: &mut Request, facts: &Facts) -> Verdict {
        let location = self.location(request, facts);
        Verdict::Reply(Box::new(LocalReply {
            status: self.0.status,
            headers: vec![("location", location)],
            body: Vec::new(),
        }))
    }

    fn describe(&self) -> String {
        format!("answers with a redirect, status {}", self.0.status)
    }
}
