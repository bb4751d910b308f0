//! The same in our own proxy: a filter that answers.

use super::Ir;
use crate::native::{Facts, Filter, LocalReply, Part, Request, Verdict};
use crate::path_modifier::PathChange;

/// One filter that answers every request with the redirect.
pub fn build(ir: &Ir) -> Vec<Part> {
    vec![Part::Filter(Box::new(Redirect(ir.clone())))]
}

#[derive(Debug)]
struct Redirect(Ir);

impl Redirect {
    /// The target. The port: as written; else the well-known one of a scheme that was written; else
    /// the listener's. The scheme's default port is left out. A request that names no host (HTTP/1.0
    /// may) and gets none here is sent to a path alone: RFC 9110 §10.2.2 allows a relative target.
    fn location(&self, request: &Request, facts: &Facts) -> Vec<u8> {
        let host = match &self.0.hostname {
            Some(host) => host.as_bytes(),
            None => request.host(),
        };
        let mut location = Vec::with_capacity(host.len() + request.path().len() + 16);
        if !host.is_empty() {
            self.write_origin(host, facts, &mut location);
        }
        let changed = self.0.path.as_ref();
        let changed = changed.map(|change| change.apply(request.path(), facts.matched_prefix));
        match changed.as_deref() {
            // The `*` of `OPTIONS *` is no path: the origin alone stands for it.
            None if request.path().first() != Some(&b'/') => {}
            path => {
                let path = path.unwrap_or(request.path());
                let path = if host.is_empty() { rooted(path) } else { path };
                location.extend_from_slice(path);
            }
        }
        if let Some(query) = request.query() {
            location.push(b'?');
            location.extend_from_slice(query);
        }
        location
    }

    fn write_origin(&self, host: &[u8], facts: &Facts, location: &mut Vec<u8>) {
        let scheme = self.0.scheme.as_deref().unwrap_or(facts.scheme.text());
        let default_port = if scheme == "https" { 443 } else { 80 };
        let port = match (self.0.port, &self.0.scheme) {
            (Some(port), _) => port,
            (None, Some(_)) => default_port,
            (None, None) => facts.listener_port,
        };
        location.extend_from_slice(scheme.as_bytes());
        location.extend_from_slice(b"://");
        location.extend_from_slice(host);
        if port != default_port {
            location.extend_from_slice(format!(":{port}").as_bytes());
        }
    }
}

/// The path with one slash in front at most. A target that begins with `//` names a host (RFC 3986
/// §4.2), so that a path such as `//evil.com/` would lead to wherever the client's link says.
fn rooted(path: &[u8]) -> &[u8] {
    let slashes = path.iter().take_while(|byte| **byte == b'/').count();
    path.get(slashes.saturating_sub(1)..).unwrap_or_default()
}

impl Filter for Redirect {
    fn request(&self, request: &mut Request, facts: &Facts) -> Verdict {
        let location = self.location(request, facts);
        Verdict::Reply(Box::new(LocalReply {
            status: self.0.status,
            headers: vec![("location".into(), location)],
            body: Vec::new(),
        }))
    }

    fn describe(&self) -> String {
        let Ir {
            scheme,
            hostname,
            path,
            port,
            status,
        } = &self.0;
        let changes = [
            scheme.as_ref().map(|scheme| format!("scheme {scheme}")),
            hostname.as_ref().map(|host| format!("host {host}")),
            port.map(|port| format!("port {port}")),
            path.as_ref().map(PathChange::describe),
        ];
        let changes: Vec<String> = changes.into_iter().flatten().collect();
        if changes.is_empty() {
            return format!("redirects with status {status}");
        }
        format!("redirects with status {status} to {}", changes.join(", "))
    }
}
