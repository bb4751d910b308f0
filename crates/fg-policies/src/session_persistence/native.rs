//! The same in our own proxy: what the engine reads when it chooses an endpoint.

use super::{Carrier, Ir};
use crate::native::{self, Part, Session};

/// How the engine finds a session.
pub fn build(ir: &Ir) -> Vec<Part> {
    let carrier = match &ir.carrier {
        Carrier::Header(name) => native::Carrier::Header(name.clone()),
        Carrier::Cookie {
            name,
            path,
            permanent,
        } => native::Carrier::Cookie {
            name: name.clone(),
            path: path.clone(),
            permanent: *permanent,
        },
    };
    vec![Part::Session(Box::new(Session {
        carrier,
        lifetime: ir.lifetime,
    }))]
}
