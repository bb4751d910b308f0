//! What the data plane says it has done.

use std::collections::BTreeMap;
use std::net::IpAddr;

use fg_ir::ListenerKey;

/// The data plane's word on one listener that it was handed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The listener.
    pub listener: ListenerKey,
    /// Whether it takes connections; else why not, in words that help.
    pub bound: Result<(), String>,
}

/// What a data plane of its own process says of a listener that it was handed: it does not serve as
/// written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// Not yet, for a reason in words.
    Pending(String),
    /// It was refused, in words that name the reason.
    Refused(String),
}

/// All of the data plane's words so far. A listener without one is pending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acknowledgements {
    /// Listeners, see [`Ack`].
    pub listeners: BTreeMap<ListenerKey, Result<(), String>>,
    /// Listeners on which something else is to be said, whatever their word is.
    pub remarks: BTreeMap<ListenerKey, Remark>,
    /// Where a Gateway without addresses of its own can be reached; may be empty.
    pub addresses: Vec<IpAddr>,
}

impl Acknowledgements {
    /// Takes one word; the newest counts.
    pub fn take(&mut self, ack: Ack) {
        self.listeners.insert(ack.listener, ack.bound);
    }
}
