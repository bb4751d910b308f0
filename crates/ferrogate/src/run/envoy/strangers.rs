//! Ports that another process has.
//!
//! Envoy binds each port so that it can be shared (`SO_REUSEPORT`): with another Envoy, or our own
//! proxy in another process, it would share it in silence, and each of them would get a part of the
//! connections. So ports are tried by a socket that does not share; a listener that cannot have its
//! port is withheld from Envoy until it can.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fg_ir::{Change, Ir, Listener, ListenerKey};

/// What is known of ports.
#[derive(Debug)]
pub(super) struct Strangers {
    /// Listeners that are withheld, and where somebody else listens.
    withheld: BTreeMap<ListenerKey, SocketAddr>,
    /// Ports that this process has, or since when it has not: what listens there may be our own, on
    /// its way out.
    own: BTreeMap<u16, Option<Instant>>,
    /// Those of them that are Envoy's.
    of_envoy: BTreeMap<u16, Option<Instant>>,
    /// How long what is given up may still listen.
    drain: Duration,
}

impl Strangers {
    /// Nothing is known yet. `drain` is how long a port that is given up may still be in use.
    pub(super) fn new(drain: Duration) -> Self {
        Self {
            withheld: BTreeMap::new(),
            own: BTreeMap::new(),
            of_envoy: BTreeMap::new(),
            drain,
        }
    }

    /// Takes note of ports that another part of this process has, or had a moment ago.
    pub(super) fn know(&mut self, own: impl IntoIterator<Item = u16>, now: Instant) {
        for port in own {
            let left = self.own.entry(port).or_insert(Some(now));
            // Of those that Envoy has as well it is said when it gives them up.
            *left = left.map(|_| now);
        }
    }

    /// The ports that Envoy has, or had a moment ago.
    pub(super) fn of_envoy(&self, now: Instant) -> BTreeSet<u16> {
        let own = self.of_envoy.iter();
        let own = own.filter(|(_, left)| self.is_own(left, now));
        own.map(|(port, _)| *port).collect()
    }

    fn is_own(&self, left: &Option<Instant>, now: Instant) -> bool {
        left.is_none_or(|left| now.duration_since(left) <= self.drain)
    }

    /// A change without the listeners that cannot have their ports. `ir` is the configuration after
    /// it; `addresses` says what a listener binds.
    pub(super) fn withhold<'a>(
        &mut self,
        change: &'a Change,
        ir: &Ir,
        addresses: impl Fn(&Listener) -> Vec<SocketAddr>,
        now: Instant,
    ) -> Cow<'a, Change> {
        self.withheld
            .retain(|key, _| ir.listeners.contains_key(key));
        let mut passed = Cow::Borrowed(change);
        let changed = change.listeners.iter();
        for (key, listener) in changed.filter_map(|(key, one)| Some((key, one.as_ref()?))) {
            let wanted = addresses(listener);
            match wanted.iter().find(|address| self.is_taken(address, now)) {
                Some(address) => {
                    self.withheld.insert(key.clone(), *address);
                    // It may have had another port before.
                    passed.to_mut().listeners.insert(key.clone(), None);
                }
                None => {
                    self.withheld.remove(key);
                    let ports = wanted.iter().map(|address| (address.port(), None));
                    self.own.extend(ports.clone());
                    self.of_envoy.extend(ports);
                }
            }
        }
        self.forget(ir, addresses, now);
        passed
    }

    /// Takes note of the ports that are given up, and drops those that were given up long ago.
    fn forget(&mut self, ir: &Ir, addresses: impl Fn(&Listener) -> Vec<SocketAddr>, now: Instant) {
        let sent = ir.listeners.values();
        let sent = sent.filter(|listener| !self.withheld.contains_key(&listener.key));
        let had: BTreeSet<u16> = sent
            .flat_map(|listener| addresses(listener))
            .map(|address| address.port())
            .collect();
        let drain = self.drain;
        for own in [&mut self.own, &mut self.of_envoy] {
            own.retain(|port, left| {
                *left = (!had.contains(port)).then(|| left.unwrap_or(now));
                left.is_none_or(|left| now.duration_since(left) <= drain)
            });
        }
    }

    /// The configuration without what is withheld.
    pub(super) fn without<'a>(&self, ir: &'a Ir) -> Cow<'a, Ir> {
        let mut left = Cow::Borrowed(ir);
        for key in self.withheld.keys() {
            if ir.listeners.contains_key(key) {
                left.to_mut().listeners.remove(key);
            }
        }
        left
    }

    /// The listeners that can have their ports by now.
    pub(super) fn freed(
        &self,
        ir: &Ir,
        addresses: impl Fn(&Listener) -> Vec<SocketAddr>,
        now: Instant,
    ) -> Change {
        let mut change = Change::default();
        for (key, listener) in self
            .withheld
            .keys()
            .filter_map(|key| ir.listeners.get_key_value(key))
        {
            if !addresses(listener)
                .iter()
                .any(|address| self.is_taken(address, now))
            {
                let listener: Arc<Listener> = listener.clone();
                change.listeners.insert(key.clone(), Some(listener));
            }
        }
        change
    }

    /// Whether a listener is withheld.
    pub(super) fn has(&self, key: &ListenerKey) -> bool {
        self.withheld.contains_key(key)
    }

    /// What is withheld, and why, in the words of our own proxy.
    pub(super) fn words(&self) -> impl Iterator<Item = (&ListenerKey, String)> {
        self.withheld.iter().map(|(key, address)| {
            let words =
                format!("another process listens on {address}: stop it, or use another port");
            (key, words)
        })
    }

    /// Whether somebody else listens there. What else is the matter with an address Envoy says.
    fn is_taken(&self, address: &SocketAddr, now: Instant) -> bool {
        let own = self.own.get(&address.port());
        !own.is_some_and(|left| self.is_own(left, now))
            && TcpListener::bind(address).is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
    }
}

#[cfg(test)]
mod tests {
    use fg_testkit::ir;

    use super::*;

    const DRAIN: Duration = Duration::from_secs(20);

    fn listener(section: &str, port: u16) -> Listener {
        ir::listener(section, at(port), None)
    }

    fn at(port: u16) -> SocketAddr {
        ([127, 34, 8, 1], port).into()
    }

    fn addresses(listener: &Listener) -> Vec<SocketAddr> {
        vec![at(listener.port)]
    }

    #[test]
    fn who_cannot_have_its_port_is_withheld_until_it_can() {
        let stranger = TcpListener::bind(at(0)).expect("the address is ours");
        let port = stranger.local_addr().expect("it is bound").port();
        let free = TcpListener::bind(at(0)).and_then(|socket| socket.local_addr());
        let free = free.expect("the address is ours").port();
        let mut ir = Ir::default();
        for one in [listener("taken", port), listener("free", free)] {
            ir.listeners.insert(one.key.clone(), Arc::new(one));
        }
        let taken = listener("taken", port).key;
        let (mut strangers, now) = (Strangers::new(DRAIN), Instant::now());
        let all = Change::from(&ir);
        let passed = strangers.withhold(&all, &ir, addresses, now);
        assert_eq!(passed.listeners[&taken], None);
        assert!(passed.listeners.values().flatten().count() == 1);
        assert_eq!(strangers.without(&ir).listeners.len(), 1);
        let words: Vec<String> = strangers.words().map(|(_, words)| words).collect();
        assert!(words[0].contains(&at(port).to_string()), "{words:?}");
        assert!(strangers.freed(&ir, addresses, now).is_empty());

        drop(stranger);
        let freed = strangers.freed(&ir, addresses, now);
        let passed = strangers.withhold(&freed, &ir, addresses, now);
        assert!(passed.listeners[&taken].is_some() && !strangers.has(&taken));
        assert_eq!(strangers.without(&ir).listeners.len(), 2);
        // From now on it may be our own that listens there.
        let _own = TcpListener::bind(at(port)).expect("it is free");
        strangers.withhold(&all, &ir, addresses, now);
        assert!(!strangers.has(&taken));
    }

    #[test]
    fn what_goes_is_not_withheld_any_more() {
        let stranger = TcpListener::bind(at(0)).expect("the address is ours");
        let port = stranger.local_addr().expect("it is bound").port();
        let mut ir = Ir::default();
        let one = listener("taken", port);
        ir.listeners.insert(one.key.clone(), Arc::new(one));
        let (mut strangers, now) = (Strangers::new(DRAIN), Instant::now());
        strangers.withhold(&Change::from(&ir), &ir, addresses, now);
        assert_eq!(strangers.words().count(), 1);
        strangers.withhold(&Change::default(), &Ir::default(), addresses, now);
        assert_eq!(strangers.words().count(), 0);
        // What another part of this process has is no stranger's.
        strangers.know([port], now);
        strangers.withhold(&Change::from(&ir), &ir, addresses, now);
        assert_eq!(strangers.words().count(), 0);
    }

    #[test]
    fn what_envoy_has_is_its_own_whoever_else_has_it() {
        let own = TcpListener::bind(at(0)).expect("the address is ours");
        let port = own.local_addr().expect("it is bound").port();
        let mut with = Ir::default();
        let one = listener("web", port);
        let key = one.key.clone();
        with.listeners.insert(key.clone(), Arc::new(one));
        let (asked, start) = (Change::from(&with), Instant::now());
        let mut strangers = Strangers::new(DRAIN);
        // Our own proxy has it, and then Envoy as well.
        strangers.know([port], start);
        assert!(strangers.of_envoy(start).is_empty());
        strangers.withhold(&asked, &with, addresses, start);
        strangers.know([port], start);
        let late = start + DRAIN * 10;
        assert!(strangers.of_envoy(late).contains(&port));
        strangers.withhold(&asked, &with, addresses, late);
        assert!(
            !strangers.has(&key),
            "it is Envoy's own, however long ago that was said"
        );
        // It may listen for a while after it gave it up.
        let mut gone = Change::default();
        gone.listeners.insert(key, None);
        strangers.withhold(&gone, &Ir::default(), addresses, late);
        assert!(strangers.of_envoy(late + DRAIN).contains(&port));
        assert!(strangers.of_envoy(late + DRAIN * 2).is_empty());
    }

    #[test]
    fn a_port_that_was_given_up_is_trusted_for_the_time_of_a_drain() {
        let somebody = TcpListener::bind(at(0)).expect("the address is ours");
        let port = somebody.local_addr().expect("it is bound").port();
        let mut with = Ir::default();
        let one = listener("web", port);
        let key = one.key.clone();
        with.listeners.insert(key.clone(), Arc::new(one));
        let (asked, without) = (Change::from(&with), Ir::default());
        let mut gone = Change::default();
        gone.listeners.insert(key.clone(), None);
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut strangers = Strangers::new(DRAIN);
        // It is ours however long it is had,
        strangers.know([port], start);
        strangers.withhold(&asked, &with, addresses, start);
        let late = start + DRAIN * 10;
        strangers.withhold(&asked, &with, addresses, late);
        assert!(!strangers.has(&key));
        // for a drain after it was given up,
        strangers.withhold(&gone, &without, addresses, late);
        strangers.withhold(&asked, &with, addresses, late + DRAIN);
        assert!(!strangers.has(&key));
        // and then whose it is must be found out, also when nothing changed meanwhile.
        strangers.withhold(&gone, &without, addresses, late + DRAIN);
        let later = late + DRAIN * 2 + second;
        let passed = strangers.withhold(&asked, &with, addresses, later);
        assert_eq!(passed.listeners[&key], None);
        assert!(strangers.has(&key));
        drop(somebody);
        let freed = strangers.freed(&with, addresses, later);
        assert_eq!(freed.listeners.len(), 1);
    }
}
