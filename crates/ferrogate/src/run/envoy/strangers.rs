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

use fg_ir::{Change, Ir, Listener, ListenerKey};

/// What is known of ports.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    /// Listeners that are withheld, and where somebody else listens.
    withheld: BTreeMap<ListenerKey, SocketAddr>,
    /// Ports that this process has, or had: what listens there may be our own, on its way out.
    own: BTreeSet<u16>,
}

impl Strangers {
    /// Takes note of ports that another part of this process has.
    pub(super) fn know(&mut self, own: impl IntoIterator<Item = u16>) {
        self.own.extend(own);
    }

    /// A change without the listeners that cannot have their ports. `ir` is the configuration after
    /// it; `addresses` says what a listener binds.
    pub(super) fn withhold<'a>(
        &mut self,
        change: &'a Change,
        ir: &Ir,
        addresses: impl Fn(&Listener) -> Vec<SocketAddr>,
    ) -> Cow<'a, Change> {
        self.withheld
            .retain(|key, _| ir.listeners.contains_key(key));
        let mut passed = Cow::Borrowed(change);
        let changed = change.listeners.iter();
        for (key, listener) in changed.filter_map(|(key, one)| Some((key, one.as_ref()?))) {
            let wanted = addresses(listener);
            match wanted.iter().find(|address| self.is_taken(address)) {
                Some(address) => {
                    self.withheld.insert(key.clone(), *address);
                    // It may have had another port before.
                    passed.to_mut().listeners.insert(key.clone(), None);
                }
                None => {
                    self.withheld.remove(key);
                    self.own.extend(wanted.iter().map(SocketAddr::port));
                }
            }
        }
        passed
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
    ) -> Change {
        let mut change = Change::default();
        for (key, listener) in self
            .withheld
            .keys()
            .filter_map(|key| ir.listeners.get_key_value(key))
        {
            if !addresses(listener)
                .iter()
                .any(|address| self.is_taken(address))
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
    fn is_taken(&self, address: &SocketAddr) -> bool {
        !self.own.contains(&address.port())
            && TcpListener::bind(address).is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
    }
}

#[cfg(test)]
mod tests {
    use fg_ir::Protocol;
    use fg_model::{HostPattern, ObjectRef, Origin};

    use super::*;

    fn listener(section: &str, port: u16) -> Listener {
        let object = ObjectRef::new("g", "Gateway", "default", "web");
        Listener {
            key: ListenerKey {
                namespace: "default".into(),
                gateway: "web".into(),
                section: section.into(),
            },
            origin: Origin::of(Arc::new(object), 1),
            addresses: Vec::new(),
            port,
            protocol: Protocol::Http,
            hostname: HostPattern::Any,
            tls: None,
            backend_certificate: None,
        }
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
        let free = TcpListener::bind(at(0)).expect("the address is ours");
        let free = free.local_addr().expect("it is bound").port();
        let mut ir = Ir::default();
        for one in [listener("taken", port), listener("free", free)] {
            ir.listeners.insert(one.key.clone(), Arc::new(one));
        }
        let taken = listener("taken", port).key;
        let mut strangers = Strangers::default();
        let all = Change::from(&ir);
        let passed = strangers.withhold(&all, &ir, addresses);
        assert_eq!(passed.listeners[&taken], None);
        assert!(passed.listeners.values().flatten().count() == 1);
        assert_eq!(strangers.without(&ir).listeners.len(), 1);
        let words: Vec<String> = strangers.words().map(|(_, words)| words).collect();
        assert!(words[0].contains(&at(port).to_string()), "{words:?}");
        assert!(strangers.freed(&ir, addresses).is_empty());

        drop(stranger);
        let freed = strangers.freed(&ir, addresses);
        let passed = strangers.withhold(&freed, &ir, addresses);
        assert!(passed.listeners[&taken].is_some() && !strangers.has(&taken));
        assert_eq!(strangers.without(&ir).listeners.len(), 2);
        // From now on it may be our own that listens there.
        let _own = TcpListener::bind(at(port)).expect("it is free");
        strangers.withhold(&all, &ir, addresses);
        assert!(!strangers.has(&taken));
    }

    #[test]
    fn what_goes_is_not_withheld_any_more() {
        let stranger = TcpListener::bind(at(0)).expect("the address is ours");
        let port = stranger.local_addr().expect("it is bound").port();
        let mut ir = Ir::default();
        let one = listener("taken", port);
        ir.listeners.insert(one.key.clone(), Arc::new(one));
        let mut strangers = Strangers::default();
        strangers.withhold(&Change::from(&ir), &ir, addresses);
        assert_eq!(strangers.words().count(), 1);
        strangers.withhold(&Change::default(), &Ir::default(), addresses);
        assert_eq!(strangers.words().count(), 0);
        // What another part of this process has is no stranger's.
        strangers.know([port]);
        strangers.withhold(&Change::from(&ir), &ir, addresses);
        assert_eq!(strangers.words().count(), 0);
    }
}
