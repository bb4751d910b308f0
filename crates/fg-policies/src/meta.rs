//! What a policy says about itself.

use fg_base::Text;
use fg_model::Origin;

use crate::Written;

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

/// What a policy reads in a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Filters of these types, of which no other policy reads any.
    Filters(&'static [&'static str]),
    /// This field of a rule.
    Field(&'static str),
}

impl Reads {
    /// Whether this may be in it.
    pub fn looks_at(self, written: Written<'_>) -> bool {
        match (self, written) {
            (Self::Filters(kinds), Written::Filter(filter)) => kinds.contains(&&*filter.kind),
            (Self::Field(_), Written::Rule(_)) => true,
            _ => false,
        }
    }

    /// Its own place in the filter or rule that is written there.
    #[doc(hidden)]
    pub fn place(self, origin: &Origin) -> Origin {
        match self {
            Self::Filters(_) => origin.clone(),
            Self::Field(field) => origin.at(format!("{}.{field}", origin.path)),
        }
    }
}

/// How much of a policy a data plane has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Full,
    /// Most of it: what it does otherwise, or not at all, one sentence each. What it cannot do is
    /// refused on that plane (`Ir::lacks_on_envoy`), and says so here.
    Partly(&'static [&'static str]),
    /// Nothing, and why not.
    No(&'static str),
}

impl Extent {
    /// Whether there is anything of it.
    pub fn is_some(self) -> bool {
        !matches!(self, Self::No(_))
    }
}

/// Where a policy works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Support {
    /// In our own proxy.
    pub native: Extent,
    /// In Envoy.
    pub envoy: Extent,
    /// Which of Envoy's gaps a dynamic module of ours could close; `None` when none.
    pub module: Option<&'static str>,
}

/// What a policy may know of its rule when it says what Envoy cannot do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Around {
    /// How many of the rule's backends have a weight above 0.
    pub backends: usize,
}

/// A policy's name, place and support.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The name of its folder.
    pub name: &'static str,
    /// Its stage.
    pub stage: Stage,
    /// What it reads.
    pub reads: Reads,
    /// Whether one place may have several filters of one type.
    pub repeats: bool,
    /// Whether it may stand in a backend reference too.
    pub per_backend: bool,
    /// Whether no request may pass without it: a proxy that does not know it closes the rule. Any
    /// other is left out there.
    pub protective: bool,
    /// Which planes have it.
    pub support: Support,
}

/// Names of policies that are in the list, as they stand there, each with what belongs to it.
/// For [`crate::catalogue`].
#[doc(hidden)]
pub fn known<T>(all: &[Meta], written: Vec<(Text, T)>) -> Vec<(&'static str, T)> {
    let written = written.into_iter();
    let known = written.filter_map(|(name, value)| {
        let meta = all.iter().find(|meta| meta.name == &*name)?;
        Some((meta.name, value))
    });
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::{Extent, Reads};
    use crate::traffic;

    #[test]
    fn a_gap_has_a_reason() {
        for meta in traffic::ALL {
            for extent in [meta.support.native, meta.support.envoy] {
                let reasons = match extent {
                    Extent::Full => continue,
                    Extent::Partly(reasons) => reasons,
                    Extent::No(reason) => &[reason],
                };
                assert!(!reasons.is_empty(), "{}", meta.name);
                for reason in reasons {
                    let is_sentence = reason.ends_with('.') && !reason.contains('|');
                    assert!(is_sentence, "{}: {reason}", meta.name);
                }
            }
            let closes = meta.support.module.is_some();
            assert!(
                !closes || meta.support.envoy != Extent::Full,
                "{}",
                meta.name
            );
        }
    }

    #[test]
    fn what_a_user_writes_belongs_to_one_policy() {
        let words = traffic::ALL.iter().flat_map(|meta| match meta.reads {
            Reads::Filters(kinds) => kinds.to_vec(),
            Reads::Field(field) => vec![field],
        });
        let mut words: Vec<_> = words.collect();
        words.sort_unstable();
        let all = words.len();
        words.dedup();
        assert_eq!(words.len(), all, "{words:?}");
    }
}
