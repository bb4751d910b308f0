//! The listeners of each socket, and the route configurations that serve it.

use std::collections::BTreeMap;
use std::sync::Arc;

use fg_ir::{Listener, ListenerKey, Protocol, Socket};
use fg_model::HostPattern;

use super::hosts::covering;
use super::names;

/// The listeners that share one address and port, isolated by hostname.
///
/// A socket of one address has the listeners of all addresses too: they own that address as well.
/// With one hostname on both, that of the one address wins.
#[derive(Debug, Default)]
pub(super) struct Owners(BTreeMap<HostPattern, Arc<Listener>>);

impl Owners {
    /// The owners of every socket of a port.
    pub(super) fn of_port<'a>(
        port: u16,
        listeners: impl Iterator<Item = &'a Arc<Listener>>,
    ) -> BTreeMap<Socket, Self> {
        let here: Vec<&Arc<Listener>> = listeners.filter(|one| one.port == port).collect();
        let sockets = here.iter().flat_map(|listener| listener.sockets());
        sockets
            .map(|socket| (socket, Self::of_socket(socket, &here)))
            .collect()
    }

    fn of_socket(socket: Socket, listeners: &[&Arc<Listener>]) -> Self {
        let close = listeners.iter().filter_map(|listener| {
            let closeness = listener.closeness(socket)?;
            Some((closeness, *listener))
        });
        let mut close: Vec<(u8, &Arc<Listener>)> = close.collect();
        close.sort_by_key(|(closeness, _)| *closeness);
        let mut owners = BTreeMap::new();
        for (_, listener) in close {
            let owner = owners.entry(listener.hostname.clone());
            owner.or_insert_with(|| listener.clone());
        }
        Self(owners)
    }

    /// Every listener by its hostname.
    pub(super) fn all(&self) -> impl Iterator<Item = (&HostPattern, &Arc<Listener>)> {
        self.0.iter()
    }

    /// The listener that owns all hosts of a domain: the most specific one.
    pub(super) fn owner(&self, domain: &HostPattern) -> Option<&Arc<Listener>> {
        covering(domain).find_map(|name| self.0.get(&name))
    }

    /// As [`Self::owner`], without the one whose own hostname it is.
    pub(super) fn next_owner(&self, hostname: &HostPattern) -> Option<&Arc<Listener>> {
        let mut wider = covering(hostname).skip(1);
        wider.find_map(|name| self.0.get(&name))
    }

    /// The route configurations that serve the socket, by name.
    pub(super) fn views(&self, socket: Socket) -> BTreeMap<String, Serves> {
        self.0
            .values()
            .map(|listener| {
                let serves = match listener.protocol {
                    Protocol::Http => Serves::ClearText,
                    Protocol::Https => Serves::Tls(listener.key.clone()),
                };
                (names::configuration(socket, listener), serves)
            })
            .collect()
    }
}

/// Whose requests a route configuration gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Serves {
    /// Those of all listeners in clear text.
    ClearText,
    /// Those that the server name in the handshake led to this listener.
    Tls(ListenerKey),
}

impl Serves {
    /// Whether requests of a listener's hosts may come this way; others are answered 421.
    pub(super) fn has(&self, listener: &Listener) -> bool {
        match self {
            Self::ClearText => listener.protocol == Protocol::Http,
            Self::Tls(key) => listener.key == *key,
        }
    }
}
