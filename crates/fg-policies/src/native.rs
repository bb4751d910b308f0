//! The facet for our own proxy: what `build` of a policy returns.
//!
//! A policy's `native.rs` has one function, `build(&Ir) -> Vec<Part>`; most give one part.

pub use fg_exchange::{
    Answer, Call, Carrier, Decision, Facts, Fault, Filter, LocalReply, Mirror, Name, Part, Reason,
    Reply, Request, Retries, Session, Setting, Verdict, WaitingFilter,
};
