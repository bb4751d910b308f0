//! The pool of LoadBalancer addresses: 10.99.0.1 to 10.99.0.254, of which those above .199 are for who asks for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use super::table::Key;
use crate::network::LAST_UNASKED;

const POOL: [u8; 3] = [10, 99, 0];

/// What a Service of type LoadBalancer wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wish {
    /// `spec.loadBalancerIP` as written: this address or none.
    pub(super) asked: Option<String>,
    /// The address in its status: what it had before the node was started.
    pub(super) has: Option<Ipv4Addr>,
}

/// Who has which address, and who waits for one.
#[derive(Debug, Default)]
pub(super) struct Pool {
    taken: BTreeMap<Ipv4Addr, Key>,
    holders: BTreeMap<Key, Ipv4Addr>,
    waiting: BTreeSet<Key>,
    /// Last byte handed out, so that an address given back rests for a while.
    last: u8,
}

impl Pool {
    /// The address that a Service has.
    pub(super) fn of(&self, key: &Key) -> Option<Ipv4Addr> {
        self.holders.get(key).copied()
    }

    /// Services that got none.
    pub(super) fn waiting(&self) -> Vec<Key> {
        self.waiting.iter().cloned().collect()
    }

    /// Keeps the address that a Service has in its status, or takes it back from one that wants none or another;
    /// true: an address became free.
    pub(super) fn keep_or_release(&mut self, key: &Key, wish: Option<&Wish>) -> bool {
        let Some(wish) = wish else {
            self.waiting.remove(key);
            return self.release(key);
        };
        let asked = wish
            .asked
            .as_ref()
            .map(|text| text.parse::<Ipv4Addr>().ok());
        match (self.of(key), asked) {
            (Some(now), Some(asked)) if asked != Some(now) => self.release(key),
            (Some(_), _) => false,
            (None, asked) => {
                if let Some(has) = wish
                    .has
                    .filter(|has| asked.is_none_or(|asked| asked == Some(*has)))
                {
                    self.give(key, has);
                }
                false
            }
        }
    }

    /// Gives a Service the address that it asks for, or any free one if it asks for none.
    pub(super) fn allot(&mut self, key: &Key, wish: &Wish) {
        if self.of(key).is_some() {
            return;
        }
        let given = match &wish.asked {
            Some(asked) => asked.parse().is_ok_and(|address| self.give(key, address)),
            None => self
                .next_free()
                .is_some_and(|address| self.give(key, address)),
        };
        if !given {
            self.waiting.insert(key.clone());
        }
    }

    fn next_free(&mut self) -> Option<Ipv4Addr> {
        let [a, b, c] = POOL;
        let [_, _, _, end] = LAST_UNASKED.octets();
        for _ in 0..end {
            self.last = if self.last >= end { 1 } else { self.last + 1 };
            let address = Ipv4Addr::new(a, b, c, self.last);
            if !self.taken.contains_key(&address) {
                return Some(address);
            }
        }
        None
    }

    fn give(&mut self, key: &Key, address: Ipv4Addr) -> bool {
        let [a, b, c, last] = address.octets();
        if [a, b, c] != POOL || !(1..=254).contains(&last) || self.taken.contains_key(&address) {
            return false;
        }
        self.taken.insert(address, key.clone());
        self.holders.insert(key.clone(), address);
        self.waiting.remove(key);
        true
    }

    fn release(&mut self, key: &Key) -> bool {
        self.holders
            .remove(key)
            .is_some_and(|address| self.taken.remove(&address).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        ("ns".to_owned(), name.to_owned())
    }

    fn asks(address: &str) -> Wish {
        Wish {
            asked: Some(address.to_owned()),
            has: None,
        }
    }

    #[test]
    fn an_address_asked_for_is_given_when_it_is_free_and_in_the_pool() {
        let mut pool = Pool::default();
        pool.allot(&key("a"), &asks("10.99.0.40"));
        pool.allot(&key("b"), &asks("10.99.0.40"));
        pool.allot(&key("c"), &asks("192.0.2.1"));
        assert_eq!(pool.of(&key("a")), Some(Ipv4Addr::new(10, 99, 0, 40)));
        assert_eq!((pool.of(&key("b")), pool.of(&key("c"))), (None, None));
        assert!(pool.keep_or_release(&key("a"), None));
        assert_eq!(pool.waiting(), [key("b"), key("c")]);
        pool.allot(&key("b"), &asks("10.99.0.40"));
        assert_eq!(pool.of(&key("b")), Some(Ipv4Addr::new(10, 99, 0, 40)));
    }

    #[test]
    fn a_restarted_node_leaves_services_their_addresses() {
        let mut pool = Pool::default();
        let had = Wish {
            asked: None,
            has: Some(Ipv4Addr::new(10, 99, 0, 1)),
        };
        pool.keep_or_release(&key("z"), Some(&had));
        pool.allot(&key("a"), &Wish::default());
        assert_eq!(pool.of(&key("z")), Some(Ipv4Addr::new(10, 99, 0, 1)));
        assert_eq!(pool.of(&key("a")), Some(Ipv4Addr::new(10, 99, 0, 2)));
    }

    #[test]
    fn a_service_that_asks_for_another_address_gives_the_old_one_back() {
        let mut pool = Pool::default();
        pool.allot(&key("a"), &Wish::default());
        let wish = asks("10.99.0.9");
        assert!(pool.keep_or_release(&key("a"), Some(&wish)));
        pool.allot(&key("a"), &wish);
        assert_eq!(pool.of(&key("a")), Some(Ipv4Addr::new(10, 99, 0, 9)));
    }
}
