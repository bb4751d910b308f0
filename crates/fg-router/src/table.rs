//! The snapshot: sockets, their listeners, and the rules of each.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use fg_exchange::Request;
use fg_ir::{Listener, Socket};
use fg_model::HostPattern;

use crate::candidate::Candidate;
use crate::host_table::HostTable;
use crate::hosts::Hosts;
use crate::trace::{Entry, Found, Outcome, Tried};

/// An immutable snapshot of everything that is routed.
///
/// Cheap to keep: snapshots share what did not change between them.
pub struct Router<R> {
    pub(crate) sockets: BTreeMap<Socket, Arc<SocketTable<R>>>,
}

impl<R> Default for Router<R> {
    /// A router without sockets.
    fn default() -> Self {
        Self {
            sockets: BTreeMap::new(),
        }
    }
}

impl<R> Router<R> {
    /// The listeners of one socket: that of an address (IPv4-mapped ones count as IPv4), or with
    /// `None` the one that is bound to all addresses.
    pub fn socket(&self, address: Option<IpAddr>, port: u16) -> Option<&Arc<SocketTable<R>>> {
        self.sockets
            .get(&(address.map(|address| address.to_canonical()), port))
    }

    /// Every socket to bind, in order, those for all addresses first.
    pub fn sockets(&self) -> impl Iterator<Item = (Socket, &Arc<SocketTable<R>>)> {
        self.sockets
            .iter()
            .map(|(&address, table)| (address, table))
    }
}

/// The listeners that share one address and port, isolated by hostname.
///
/// A socket of one address has the listeners of all addresses too: they own that address as well.
/// With one hostname on both, that of the one address wins.
pub struct SocketTable<R> {
    pub(crate) hosts: Hosts<Arc<ListenerTable<R>>>,
}

impl<R> SocketTable<R> {
    /// The listener that owns a host (lower-case, without port): the most specific one, with no
    /// fall-back to a broader one. Source: Gateway API, listener isolation.
    #[inline]
    pub fn listener(&self, host: &[u8]) -> Option<&Arc<ListenerTable<R>>> {
        self.hosts.best(host)
    }

    /// Every listener, the most specific hostname first.
    pub fn listeners(&self) -> impl Iterator<Item = &Arc<ListenerTable<R>>> {
        self.hosts.entries().iter().map(|(_, table)| table)
    }
}

/// The rules of one listener.
pub struct ListenerTable<R> {
    pub(crate) listener: Arc<Listener>,
    pub(crate) hosts: Hosts<Arc<HostTable<R>>>,
}

impl<R> ListenerTable<R> {
    /// The listener.
    pub fn listener(&self) -> &Arc<Listener> {
        &self.listener
    }

    /// The rule that owns the request; `None` is a 404.
    ///
    /// Cost: allocates only for a regular expression over a value that comes in several fields or
    /// is percent-encoded, and for exact comparison of a header that comes in several fields.
    pub fn find<'a>(&'a self, request: &Request) -> Option<Found<'a, R>> {
        let found = self.visit(request, |hostname, candidate, prefix| {
            match candidate.lost(request) {
                None => ControlFlow::Break(found(hostname, candidate, prefix)),
                Some(_) => ControlFlow::Continue(()),
            }
        });
        match found {
            ControlFlow::Break(found) => Some(found),
            ControlFlow::Continue(()) => None,
        }
    }

    /// As [`Self::find`], telling `observe` of every match that is tried, in order of precedence:
    /// the winner, why those before it lost, and those after it that would have fitted too.
    ///
    /// Not tried, and so not told, are matches whose hostname, exact path or prefix does not fit;
    /// [`Self::entries`] has them all.
    pub fn trace<'a>(
        &'a self,
        request: &Request,
        observe: &mut dyn FnMut(Tried<'a, R>),
    ) -> Option<Found<'a, R>> {
        let mut winner = None;
        let _: ControlFlow<()> = self.visit(request, |hostname, candidate, prefix| {
            let found = found(hostname, candidate, prefix);
            let outcome = match candidate.lost(request) {
                Some(lost) => Outcome::Lost(lost),
                None if winner.is_some() => Outcome::RunnerUp,
                None => {
                    winner = Some(found);
                    Outcome::Won
                }
            };
            let matched = &candidate.source().1;
            observe(Tried {
                found,
                matched,
                outcome,
            });
            ControlFlow::Continue(())
        });
        winner
    }

    /// Every match that the listener serves: by hostname, most specific first; of each hostname
    /// exact paths and prefixes in their order, then regular expressions.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_, R>> {
        self.hosts.entries().iter().flat_map(|(hostname, table)| {
            table.candidates().iter().map(move |candidate| Entry {
                rule: &candidate.rule.payload,
                match_index: candidate.match_index(),
                matched: &candidate.source().1,
                hostname,
            })
        })
    }

    #[inline]
    pub(crate) fn visit<'a, B>(
        &'a self,
        request: &Request,
        mut visit: impl FnMut(&'a HostPattern, &'a Candidate<R>, Option<usize>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        self.hosts.visit(request.host(), |hostname, table| {
            table.visit(request, |candidate, prefix| {
                visit(hostname, candidate, prefix)
            })
        })
    }
}

#[inline]
pub(crate) fn found<'a, R>(
    hostname: &'a HostPattern,
    candidate: &'a Candidate<R>,
    matched_prefix: Option<usize>,
) -> Found<'a, R> {
    Found {
        rule: &candidate.rule.payload,
        match_index: candidate.match_index(),
        matched_prefix,
        hostname,
    }
}
