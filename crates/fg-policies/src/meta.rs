//! What a policy says about itself.

/// The place of a policy in the order of things. Requests pass the stages in this order, replies
/// in the reverse order; within a stage the policy's name decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Read by the engine, never called.
    Setting,
    /// Answers preflights and marks replies for browsers: before all others, so that these see no
    /// preflight, and so that their answers are marked too.
    Cors,
    /// Lets requests in or not, by the headers as the client sent them.
    Auth,
    /// Adds, changes or removes headers. Before [`Stage::Answer`], so that a redirect's reply
    /// carries the route's response headers.
    Headers,
    /// Answers instead of a backend.
    Answer,
    /// Rewrites host or path on the way to a backend.
    Rewrite,
}

/// Where a policy works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Support {
    /// In our own proxy.
    pub native: bool,
    /// In Envoy.
    pub envoy: bool,
}

/// A policy's name, place and support.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The name of its folder.
    pub name: &'static str,
    /// Its stage.
    pub stage: Stage,
    /// Whether it may stand in a backend reference too.
    pub per_backend: bool,
    /// Which planes have it.
    pub support: Support,
}
