//! How retries and copies of requests came out.

use crate::Counter;

macro_rules! outcomes {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant),+
        }

        impl $name {
            /// Every outcome, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word for metrics.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

outcomes! {
    /// How a request came out that was sent again, or should have been.
    RetryOutcome {
        /// A later try brought an answer that needs no retry.
        Recovered = "recovered",
        /// All tries were used up.
        Exhausted = "exhausted",
        /// It was not tried again: the retry budget of the backend was spent.
        OverBudget = "over_budget",
        /// It was not tried again: its body is larger than what is kept.
        NotReplayable = "not_replayable",
        /// It was tried again, and ended in what is not retried: a time limit, a client that went
        /// away, a broken connection.
        Failed = "failed",
    }
}

outcomes! {
    /// How a copy of a request came out.
    MirrorOutcome {
        /// The mirror answered.
        Sent = "sent",
        /// There was no connection, or no answer.
        Failed = "failed",
        /// It was not made or given up: too many were under way, the mirror was too slow, or the
        /// request itself ended early.
        Dropped = "dropped",
    }
}

/// Counts of one worker, one for each outcome.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    pub(crate) retries: [Counter; RetryOutcome::ALL.len()],
    pub(crate) mirrors: [Counter; MirrorOutcome::ALL.len()],
}
