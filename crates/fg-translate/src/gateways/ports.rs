//! Conflicts among listeners of several Gateways on one address and port: the older Gateway wins,
//! then namespace and name decide.
//!
//! Listeners with different hostnames are served together, isolated by hostname.

use std::collections::BTreeMap;
use std::net::IpAddr;

use fg_ir::{ListenerKey, Protocol};
use fg_model::{Age, FindingKind, HostPattern, Scope};

use super::ListenerDraft;
use crate::notes::Notes;

/// What a listener wants for itself alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim<'a> {
    /// The Gateway's age.
    pub(crate) age: &'a Age,
    /// The listener.
    pub(crate) key: &'a ListenerKey,
    /// Port.
    pub(crate) port: u16,
    /// Addresses; empty means all.
    pub(crate) addresses: &'a [IpAddr],
    /// Hosts.
    pub(crate) hostname: &'a HostPattern,
    /// Protocol.
    pub(crate) protocol: Protocol,
}

/// Why a listener does not get what it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    /// The listener that has it.
    pub(crate) winner: ListenerKey,
    /// Whether that one has the whole port, by another protocol.
    pub(crate) of_protocol: bool,
}

impl Loss {
    /// Reports it about the loser.
    pub(super) fn report(&self, loser: &ListenerDraft, notes: &mut Notes) {
        notes.scope = Scope::Listener(loser.name.clone());
        let what = match &loser.hostname {
            _ if self.of_protocol => "another protocol".to_owned(),
            Some(HostPattern::Any) | None => "all hostnames".to_owned(),
            Some(hostname) => format!("hostname `{hostname}`"),
        };
        let winner = &self.winner;
        notes
            .error(
                &loser.origin.path.clone(),
                FindingKind::PortUnavailable,
                format!(
                    "port {} with {what} belongs to listener `{}` of the older Gateway {}/{}",
                    loser.port, winner.section, winner.namespace, winner.gateway,
                ),
            )
            .hint("choose another port, hostname or address, or attach to that Gateway");
        notes.scope = Scope::Object;
    }
}

/// The losers among all claims, with what they lose to. A loser takes nothing from others.
pub(crate) fn across<'a>(claims: impl Iterator<Item = Claim<'a>>) -> BTreeMap<ListenerKey, Loss> {
    let mut sorted: Vec<Claim<'_>> = claims.collect();
    sorted.sort_by(|a, b| (a.age, a.key).cmp(&(b.age, b.key)));
    let mut winners: BTreeMap<(u16, &HostPattern), Vec<Claim<'_>>> = BTreeMap::new();
    // Of each port and protocol one claim for each different set of addresses: what begins in
    // clear text and what begins with a handshake cannot share a socket.
    let mut spoken: BTreeMap<(u16, Protocol), BTreeMap<&[IpAddr], Claim<'_>>> = BTreeMap::new();
    let mut losses = BTreeMap::new();
    for claim in sorted {
        let other = match claim.protocol {
            Protocol::Http => Protocol::Https,
            Protocol::Https => Protocol::Http,
        };
        let others = spoken.get(&(claim.port, other)).into_iter().flatten();
        let same = winners
            .get(&(claim.port, claim.hostname))
            .into_iter()
            .flatten();
        let holder = others
            .map(|(_, holder)| holder)
            .chain(same)
            .find(|holder| overlap(holder.addresses, claim.addresses));
        match holder {
            Some(holder) => {
                let loss = Loss {
                    winner: holder.key.clone(),
                    of_protocol: holder.protocol != claim.protocol,
                };
                losses.insert(claim.key.clone(), loss);
            }
            None => {
                let port = (claim.port, claim.protocol);
                let sets = spoken.entry(port).or_default();
                sets.entry(claim.addresses).or_insert(claim);
                let holders = winners.entry((claim.port, claim.hostname)).or_default();
                holders.push(claim);
            }
        }
    }
    losses
}

/// Whether two sets of addresses share one. Empty means all, and so does an unspecified address
/// (of its family; `::` may take IPv4 too).
fn overlap(a: &[IpAddr], b: &[IpAddr]) -> bool {
    let covers = |wide: &IpAddr, other: &IpAddr| {
        wide == other || (wide.is_unspecified() && (wide.is_ipv6() || other.is_ipv4()))
    };
    a.is_empty()
        || b.is_empty()
        || a.iter()
            .any(|a| b.iter().any(|b| covers(a, b) || covers(b, a)))
}
