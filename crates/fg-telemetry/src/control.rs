//! Numbers of the control thread: configuration, findings.

use std::time::SystemTime;

/// How many findings stand now, by severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FindingCounts {
    /// Things that do not work as written.
    pub errors: u64,
    /// Things that work, but probably not as meant.
    pub warnings: u64,
    /// Good to know.
    pub infos: u64,
}

/// What the control thread last did; it tells the registry whenever that changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlStats {
    /// Counted up with every configuration that the workers got; 0 before the first.
    pub generation: u64,
    /// The last of them that every data plane confirmed: requests that come now are served by it. Our
    /// own proxy confirms at once, an Envoy when it has and uses all of it. 0 while one of them is known
    /// not to serve all of its listeners.
    pub confirmed: u64,
    /// When that was.
    pub applied_at: Option<SystemTime>,
    /// Findings that stand.
    pub findings: FindingCounts,
    /// API objects that serve.
    pub objects: u64,
    /// Routes that serve.
    pub routes: u64,
    /// Routes translated since the start, each time again: shows that work is proportional to the
    /// change.
    pub routes_translated: u64,
    /// Readings of the folder since the start that found a change.
    pub reloads: u64,
}
