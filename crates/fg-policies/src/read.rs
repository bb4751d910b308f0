//! How a policy is read from a route.

use std::sync::Arc;

use fg_api::http_route::{HttpRouteFilter, HttpRouteRule};

/// What a user wrote in one place; each policy looks for its own in it.
#[derive(Clone, Copy, Debug)]
pub enum Written<'a> {
    /// A filter of a rule or of a backend reference, of a type that the policy's
    /// [`Meta`](crate::Meta) names.
    Filter(&'a HttpRouteFilter),
    /// A rule. Of a route of another kind it has the fields that both have.
    Rule(&'a HttpRouteRule),
}

impl<'a> Written<'a> {
    /// What a filter holds for a policy, if it is a filter and holds it.
    pub(crate) fn filter<T>(
        self,
        held: impl FnOnce(&'a HttpRouteFilter) -> Option<&'a T>,
    ) -> Option<&'a T> {
        match self {
            Self::Filter(filter) => held(filter),
            Self::Rule(_) => None,
        }
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Read {
    /// There is nothing of this policy in it.
    Absent,
    /// It was read. What was reported and left out serves without.
    Used,
    /// It cannot work, which was reported, and no request may pass without it.
    Broken,
}

impl Read {
    /// Of a policy that no request may pass without: checks what is written, if it is, and keeps
    /// what comes of it. `None` of the check is that it cannot work.
    pub(crate) fn all_or_nothing<W, T>(
        written: Option<&W>,
        slot: &mut Option<Arc<T>>,
        check: impl FnOnce(&W) -> Option<T>,
    ) -> Self {
        let Some(written) = written else {
            return Self::Absent;
        };
        *slot = check(written).map(Arc::new);
        match slot {
            Some(_) => Self::Used,
            None => Self::Broken,
        }
    }
}
