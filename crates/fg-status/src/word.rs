//! What is said about one listener, by one process or by the proxies of a cluster.

use fg_ir::{GatewayKey, ListenerKey};

use crate::acks::{Acknowledgements, Remark};
use crate::cluster::{Confirmation, Verdicts};

/// Who speaks for the data plane.
#[derive(Clone, Copy)]
pub(crate) enum Words<'a> {
    /// The process that also translates.
    Process(&'a Acknowledgements),
    /// Proxies in a cluster.
    Cluster(&'a Verdicts),
}

/// The word on one listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// Nobody has said anything.
    Nothing,
    /// Too early to say.
    Undecided,
    /// It serves; how many proxies say so, if there is more to tell than that.
    Serves(Option<u32>),
    /// Its port cannot be bound.
    Unbound(String),
    /// Proxies are waited for.
    Pending(String),
    /// A proxy refused it.
    Refused(String),
}

impl Words<'_> {
    pub(crate) fn on(&self, listener: &ListenerKey) -> Word {
        match self {
            Self::Process(acks) => match acks.remarks.get(listener) {
                Some(Remark::Pending(words)) => Word::Pending(words.clone()),
                Some(Remark::Refused(words)) => Word::Refused(words.clone()),
                None => match acks.listeners.get(listener) {
                    None => Word::Nothing,
                    Some(Ok(())) => Word::Serves(None),
                    Some(Err(words)) => Word::Unbound(words.clone()),
                },
            },
            Self::Cluster(verdicts) => {
                if let Some(words) = verdicts.refused.get(listener) {
                    return Word::Refused(words.clone());
                }
                match verdicts.on(&GatewayKey::from(listener)) {
                    Confirmation::Undecided => Word::Undecided,
                    Confirmation::Confirmed { proxies } => Word::Serves(Some(proxies)),
                    Confirmation::Pending { words } => Word::Pending(words),
                    Confirmation::Rejected { words } => Word::Refused(words),
                }
            }
        }
    }
}
