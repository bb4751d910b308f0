//! Who comes before whom among the matches of one written hostname: the order of precedence, for
//! every data plane.
//!
//! Exact paths come first, then prefixes, longer ones before shorter ones, then paths that have to
//! be asked for one by one; of those that are equal in this, [`Ranked::precedence`] decides.
//! Source: Gateway API `HTTPRouteRule`, `GRPCRouteRule`.

use std::cmp::{Ordering, Reverse};

use fg_base::Text;
use fg_model::{Match, PathMatch};

use crate::Rule;

/// Where a path stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Among the exact paths.
    Exact(Text),
    /// Among the prefixes, without a trailing slash.
    Prefix(Text),
    /// Among those that are asked one by one whether the path fits: regular expressions, and gRPC
    /// calls of any service or by a regular expression.
    Asked,
}

impl Place {
    /// Where a path stands. The order of the places is that of gRPC calls too: of the calls that
    /// fit a path, the one that names service and method exactly says most of it, then those that
    /// name the service, then those that name less.
    pub fn of(path: &PathMatch) -> Self {
        match path {
            PathMatch::Exact(path) => Self::Exact(path.clone()),
            PathMatch::Prefix(path) => Self::Prefix(path.clone()),
            PathMatch::Regex(_) => Self::Asked,
            PathMatch::Grpc(call) => match (call.exact(), call.prefix()) {
                (Some(path), _) => Self::Exact(path),
                (None, Some(path)) => Self::Prefix(path),
                (None, None) => Self::Asked,
            },
        }
    }
}

impl Ord for Place {
    /// The order in which a list is asked. Exact paths, and prefixes of one length, exclude each
    /// other; their order is by text.
    fn cmp(&self, other: &Self) -> Ordering {
        fn key(place: &Place) -> (u8, Reverse<usize>, &str) {
            match place {
                Place::Exact(path) => (0, Reverse(0), path),
                Place::Prefix(path) => (1, Reverse(path.len()), path),
                Place::Asked => (2, Reverse(0), ""),
            }
        }
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// One match of a rule, as it is ranked.
#[derive(Clone, Copy, Debug)]
pub struct Ranked<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// Index in `matches[]` as written.
    pub index: u32,
    /// The match.
    pub matched: &'a Match,
}

impl Ranked<'_> {
    /// The order of precedence below hostname and path. The smaller one wins.
    ///
    /// Regular expressions rank by their length first, and gRPC calls by what is said of service and
    /// method; for other paths [`Place`] has decided.
    pub fn precedence(self, other: Self) -> Ordering {
        fn key(ranked: Ranked<'_>) -> impl Ord + '_ {
            let Ranked {
                rule,
                index,
                matched,
            } = ranked;
            (
                Reverse(match &matched.path {
                    PathMatch::Regex(pattern) => (pattern.source().len(), 0),
                    PathMatch::Grpc(call) => call.rank(),
                    PathMatch::Exact(_) | PathMatch::Prefix(_) => (0, 0),
                }),
                Reverse(matched.method.is_some()),
                Reverse(matched.headers.len()),
                Reverse(matched.query.len()),
                &rule.age,
                &rule.key,
                index,
            )
        }
        key(self).cmp(&key(other))
    }
}
