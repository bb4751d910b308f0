//! The facet for our own proxy: what `build` of a policy returns.
//!
//! A policy's `native.rs` has one function, `build(&Ir) -> Vec<Part>`; most give one part.

pub use fg_exchange::{
    Carrier, Facts, Filter, LocalReply, Mirror, Name, Part, Reply, Request, Retries, Session, Setting, Verdict,
};
