//! Conflicts among listeners of several Gateways on one address and port: the older Gateway wins,
//! then namespace and name decide.
//!
//! Listeners with different hostnames are served together, isolated by hostname.

use std::collections::BTreeMap;
use std::net::IpAddr;

use fg_ir::{ListenerKey, Protocol};
use fg_model::{Age, FindingKind, HostPattern, Plane, Scope};

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
    /// Who binds it.
    pub(crate) plane: Plane,
}

/// Why a listener does not get what it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    /// The listener that has it.
    pub(crate) winner: ListenerKey,
    /// What the two cannot share.
    pub(crate) over: Over,
    /// Whether its Gateway is older; else it comes first by namespace and name.
    pub(crate) is_older: bool,
}

/// What two listeners cannot share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// A hostname.
    Hostname,
    /// A socket, since one begins in clear text and the other with a handshake.
    Protocol,
    /// A socket, since two processes would bind it.
    Plane,
}

impl Loss {
    /// Reports it about the loser.
    pub(super) fn report(&self, loser: &ListenerDraft, notes: &mut Notes) {
        notes.scope = Scope::Listener(loser.name.clone());
        let what = match (self.over, &loser.hostname) {
            (Over::Protocol, _) => "another protocol".to_owned(),
            (Over::Plane, _) => "another data plane".to_owned(),
            (Over::Hostname, Some(HostPattern::Any) | None) => "all hostnames".to_owned(),
            (Over::Hostname, Some(hostname)) => format!("hostname `{hostname}`"),
        };
        let winner = &self.winner;
        let gateway = format!("Gateway {}/{}", winner.namespace, winner.gateway);
        let whose = match self.is_older {
            true => format!("the older {gateway}"),
            false => format!("{gateway}, which goes first by namespace and name"),
        };
        notes
            .error(
                &loser.origin.path.clone(),
                FindingKind::PortUnavailable,
                format!(
                    "port {} with {what} belongs to listener `{}` of {whose}",
                    loser.port, winner.section,
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
    // Of each port, protocol and plane one claim for each different set of addresses: what differs
    // in one of them cannot share a socket.
    type Holders<'a> = BTreeMap<&'a [IpAddr], Claim<'a>>;
    let mut spoken: BTreeMap<u16, BTreeMap<(Protocol, Plane), Holders<'_>>> = BTreeMap::new();
    let mut losses = BTreeMap::new();
    for claim in sorted {
        let way = (claim.protocol, claim.plane);
        let others = spoken.get(&claim.port).into_iter().flatten();
        let others = others.filter(|(other, _)| **other != way);
        let same = winners
            .get(&(claim.port, claim.hostname))
            .into_iter()
            .flatten();
        let holder = others
            .flat_map(|(_, holders)| holders.values())
            .chain(same)
            .find(|holder| overlap(holder.addresses, claim.addresses));
        match holder {
            Some(holder) => {
                let loss = Loss {
                    winner: holder.key.clone(),
                    is_older: holder.age.created < claim.age.created,
                    over: match holder {
                        other if other.protocol != claim.protocol => Over::Protocol,
                        other if other.plane != claim.plane => Over::Plane,
                        _ => Over::Hostname,
                    },
                };
                losses.insert(claim.key.clone(), loss);
            }
            None => {
                let ways = spoken.entry(claim.port).or_default();
                let sets = ways.entry(way).or_default();
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
