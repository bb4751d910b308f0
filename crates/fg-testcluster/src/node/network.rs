//! Addresses and network namespaces of pods.
//!
//! Every pod has one address with a /32 mask and a route through the bridge's own address, so that all of its traffic
//! passes the outer namespace's IP stack, where the Services' rules are.

use std::{collections::BTreeSet, net::Ipv4Addr, path::PathBuf};

use anyhow::Result;

use super::tool::feed;
use crate::network::{BRIDGE, HOST};

/// First two bytes of every pod's address: 10.244.0.0/16.
const PODS: [u8; 2] = [10, 244];
/// The last address of the range handed out; what follows it is the broadcast address.
const LAST: u16 = 0xfffe;

/// Hands out pod addresses, the longest unused first.
#[derive(Debug)]
pub(super) struct Addresses {
    next: u16,
    used: BTreeSet<u16>,
}

impl Addresses {
    /// All of 10.244.0.0/16 is free but the bridge's own address 10.244.0.1.
    pub(super) fn new() -> Self {
        Self {
            next: 2,
            used: BTreeSet::from([1]),
        }
    }

    /// The next free address; none when all 65,533 are taken.
    pub(super) fn take(&mut self) -> Option<Ipv4Addr> {
        for _ in 0..LAST {
            let candidate = self.next;
            self.next = if candidate >= LAST { 2 } else { candidate + 1 };
            if self.used.insert(candidate) {
                let [high, low] = candidate.to_be_bytes();
                return Some(Ipv4Addr::new(PODS[0], PODS[1], high, low));
            }
        }
        None
    }

    /// Gives an address back.
    pub(super) fn release(&mut self, address: Ipv4Addr) {
        let [_, _, high, low] = address.octets();
        self.used.remove(&u16::from_be_bytes([high, low]));
    }
}

/// One pod's network namespace.
#[derive(Debug, Clone)]
pub(super) struct Link {
    /// Name below /run/netns.
    pub(super) netns: String,
    interface: String,
}

impl Link {
    /// The names that belong to an address. Nothing is made yet.
    pub(super) fn named(outer: &str, address: Ipv4Addr) -> Self {
        let [_, _, high, low] = address.octets();
        Self {
            netns: format!("{}{high}-{low}", pod_prefix(outer)),
            interface: format!("pod{high}-{low}"),
        }
    }

    /// The file to open for entering the namespace.
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.netns)
    }

    /// Makes the namespace with its interface, address and routes.
    ///
    /// # Errors
    /// `ip` fails.
    pub(super) async fn make(&self, address: Ipv4Addr) -> Result<()> {
        let Self { netns, interface } = self;
        let outside = format!(
            "netns add {netns}\nlink add {interface} type veth peer name eth0 netns {netns}\n\
             link set {interface} master {BRIDGE} up\n"
        );
        feed("ip", &["-batch", "-"], &outside).await?;
        let inside = format!(
            "link set lo up\naddr add {address}/32 dev eth0\nlink set eth0 up\n\
             route add {HOST} dev eth0 scope link\nroute add default via {HOST}\n"
        );
        feed("ip", &["-n", netns, "-batch", "-"], &inside).await
    }

    /// Removes the namespace and the interface; whatever of them exists.
    pub(super) async fn remove(&self) {
        let Self { netns, interface } = self;
        feed(
            "ip",
            &["-force", "-batch", "-"],
            &format!("link del {interface}\nnetns del {netns}\n"),
        )
        .await
        .ok();
    }
}

/// What the names of all pod namespaces of a cluster start with.
pub(super) fn pod_prefix(netns: &str) -> String {
    format!("{netns}-pod")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_given_back_is_not_handed_out_again_at_once() {
        let mut addresses = Addresses::new();
        let first = addresses.take().unwrap();
        assert_eq!(first, Ipv4Addr::new(10, 244, 0, 2));
        addresses.release(first);
        assert_eq!(addresses.take().unwrap(), Ipv4Addr::new(10, 244, 0, 3));
    }

    #[test]
    fn the_range_has_an_end() {
        let mut addresses = Addresses::new();
        let mut count = 0;
        while addresses.take().is_some() {
            count += 1;
        }
        assert_eq!(count, 65_533);
        addresses.release(Ipv4Addr::new(10, 244, 7, 8));
        assert_eq!(addresses.take().unwrap(), Ipv4Addr::new(10, 244, 7, 8));
    }
}
