//! The same in our own proxy: one filter of heads.

use super::{Changes, Ir};
use crate::native::{Facts, Filter, Part, Reply, Request, Verdict};

/// One filter with the changes of both directions.
pub fn build(ir: &Ir) -> Vec<Part> {
    vec![Part::Filter(Box::new(HeaderModifier(ir.clone())))]
}

#[derive(Debug)]
struct HeaderModifier(Ir);

impl Filter for HeaderModifier {
    fn request(&self, request: &mut Request, _facts: &Facts) -> Verdict {
        apply(&self.0.request, &mut request.head);
        Verdict::Continue
    }

    fn reply(&self, reply: &mut Reply, _facts: &Facts) {
        apply(&self.0.response, &mut reply.head);
    }

    fn describe(&self) -> String {
        let list = |changes: &Changes| {
            let set = changes
                .set
                .iter()
                .map(|(name, value)| format!("set {name}: {value}"));
            let add = changes
                .add
                .iter()
                .map(|(name, value)| format!("add {name}: {value}"));
            let remove = changes.remove.iter().map(|name| format!("remove {name}"));
            set.chain(add).chain(remove).collect::<Vec<_>>().join(", ")
        };
        match (self.0.request.is_empty(), self.0.response.is_empty()) {
            (false, true) => format!("request headers: {}", list(&self.0.request)),
            (true, false) => format!("response headers: {}", list(&self.0.response)),
            _ => format!(
                "request headers: {}; response headers: {}",
                list(&self.0.request),
                list(&self.0.response)
            ),
        }
    }
}

fn apply(changes: &Changes, head: &mut fg_exchange::Head) {
    for (name, value) in &changes.set {
        head.set(name, value.as_bytes());
    }
    for (name, value) in &changes.add {
        head.append(name, value.as_bytes());
    }
    for name in &changes.remove {
        head.remove_named(name);
    }
}
