//! From a change of the IR to the next snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fg_ir::{Change, Listener, ListenerKey, Rule, RuleKey, Socket};
use fg_model::{HostPattern, Pattern};
use regex::bytes::Regex;

use crate::candidate::CompiledRule;
use crate::host_table::HostTable;
use crate::hosts::Hosts;
use crate::table::{ListenerTable, Router, SocketTable};

/// Makes snapshots from changes; keeps what that takes.
///
/// Cost of a change: compiles the rules in it, rebuilds the tables of their hostnames on their
/// listeners, then the (shallow) tables of hosts above. Everything else is shared.
pub struct Builder<R> {
    rules: BTreeMap<RuleKey, Arc<CompiledRule<R>>>,
    listeners: BTreeMap<ListenerKey, State<R>>,
    patterns: BTreeMap<Pattern, Arc<Regex>>,
    router: Arc<Router<R>>,
}

/// What is known of a listener. Rules may come before their listener.
struct State<R> {
    listener: Option<Arc<Listener>>,
    hosts: BTreeMap<HostPattern, Host<R>>,
    table: Option<Arc<ListenerTable<R>>>,
}

/// The rules of one written hostname.
struct Host<R> {
    rules: BTreeMap<RuleKey, Arc<CompiledRule<R>>>,
    table: Arc<HostTable<R>>,
}

/// The hostnames whose tables a change touches, by listener.
type Touched = BTreeMap<ListenerKey, BTreeSet<HostPattern>>;

impl<R> Default for Builder<R> {
    fn default() -> Self {
        Self {
            rules: BTreeMap::new(),
            listeners: BTreeMap::new(),
            patterns: BTreeMap::new(),
            router: Arc::default(),
        }
    }
}

impl<R> Builder<R> {
    /// A builder that knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The last snapshot.
    pub fn router(&self) -> &Arc<Router<R>> {
        &self.router
    }

    /// Applies a change and gives the new snapshot. `make` is called once for each rule that is new
    /// or different; backends and endpoints are not looked at.
    pub fn apply(
        &mut self,
        change: &Change,
        make: &mut dyn FnMut(&Arc<Rule>) -> R,
    ) -> Arc<Router<R>> {
        let mut touched = Touched::new();
        for (key, rule) in &change.rules {
            self.replace_rule(key, rule.as_ref(), make, &mut touched);
        }
        let mut ports = BTreeSet::new();
        for (key, listener) in &change.listeners {
            touched.entry(key.clone()).or_default();
            let state = self.listeners.entry(key.clone()).or_default();
            ports.extend(state.listener.iter().map(|before| before.port));
            state.listener.clone_from(listener);
        }
        for (key, hosts) in touched {
            let Some(state) = self.listeners.get_mut(&key) else {
                continue;
            };
            state.rebuild(hosts);
            ports.extend(state.listener.iter().map(|now| now.port));
            if state.listener.is_none() && state.hosts.is_empty() {
                self.listeners.remove(&key);
            }
        }
        self.rebuild_sockets(&ports);
        self.patterns
            .retain(|_, regex| Arc::strong_count(regex) > 1);
        self.router.clone()
    }

    fn replace_rule(
        &mut self,
        key: &RuleKey,
        rule: Option<&Arc<Rule>>,
        make: &mut dyn FnMut(&Arc<Rule>) -> R,
        touched: &mut Touched,
    ) {
        if let Some(before) = self.rules.remove(key) {
            for (listener, hostname) in places(&before.rule) {
                touched
                    .entry(listener.clone())
                    .or_default()
                    .insert(hostname.clone());
                let host = self
                    .listeners
                    .get_mut(listener)
                    .and_then(|state| state.hosts.get_mut(hostname));
                if let Some(host) = host {
                    host.rules.remove(key);
                }
            }
        }
        let Some(rule) = rule else {
            return;
        };
        let patterns = &mut self.patterns;
        let mut compile = |pattern: &Pattern| match patterns.get(pattern) {
            Some(regex) => regex.clone(),
            None => {
                let regex = Arc::new(pattern.regex());
                patterns.insert(pattern.clone(), regex.clone());
                regex
            }
        };
        let compiled = Arc::new(CompiledRule::new(rule, make(rule), &mut compile));
        for (listener, hostname) in places(rule) {
            touched
                .entry(listener.clone())
                .or_default()
                .insert(hostname.clone());
            let state = self.listeners.entry(listener.clone()).or_default();
            let host = state.hosts.entry(hostname.clone()).or_default();
            host.rules.insert(key.clone(), compiled.clone());
        }
        self.rules.insert(key.clone(), compiled);
    }

    /// Rebuilds the sockets of these ports; one whose listeners are the same stays.
    fn rebuild_sockets(&mut self, ports: &BTreeSet<u16>) {
        if ports.is_empty() {
            return;
        }
        let tables: Vec<&Arc<ListenerTable<R>>> = self
            .listeners
            .values()
            .filter_map(|state| state.table.as_ref())
            .filter(|table| ports.contains(&table.listener.port))
            .collect();
        let addresses: BTreeSet<Socket> = tables
            .iter()
            .flat_map(|table| table.listener.sockets())
            .collect();
        let mut sockets = self.router.sockets.clone();
        sockets.retain(|address, _| !ports.contains(&address.1) || addresses.contains(address));
        for address in addresses {
            let mut here: Vec<(u8, &Arc<ListenerTable<R>>)> = tables
                .iter()
                .filter_map(|table| Some((table.listener.closeness(address)?, *table)))
                .collect();
            // The closer binding first: of two with one hostname the first stays.
            here.sort_by_key(|(closeness, _)| *closeness);
            let hosts = Hosts::new(
                here.into_iter()
                    .map(|(_, table)| (table.listener.hostname.clone(), table.clone())),
            );
            let same = sockets
                .get(&address)
                .is_some_and(|before| is_same(&before.hosts, &hosts));
            if !same {
                sockets.insert(address, Arc::new(SocketTable { hosts }));
            }
        }
        self.router = Arc::new(Router { sockets });
    }
}

impl<R> Default for State<R> {
    fn default() -> Self {
        Self {
            listener: None,
            hosts: BTreeMap::new(),
            table: None,
        }
    }
}

impl<R> State<R> {
    /// Rebuilds the tables of these hostnames, and that of the listener.
    fn rebuild(&mut self, hostnames: BTreeSet<HostPattern>) {
        for hostname in hostnames {
            match self.hosts.get_mut(&hostname) {
                Some(host) if !host.rules.is_empty() => {
                    host.table = Arc::new(HostTable::new(host.rules.values()));
                }
                _ => {
                    self.hosts.remove(&hostname);
                }
            }
        }
        self.table = self.listener.as_ref().map(|listener| {
            let hosts = self.hosts.iter();
            Arc::new(ListenerTable {
                listener: listener.clone(),
                hosts: Hosts::new(hosts.map(|(name, host)| (name.clone(), host.table.clone()))),
            })
        });
    }
}

impl<R> Default for Host<R> {
    fn default() -> Self {
        Self {
            rules: BTreeMap::new(),
            table: Arc::new(HostTable::new([])),
        }
    }
}

/// Every listener and written hostname that a rule is served under; some may come twice.
fn places(rule: &Rule) -> impl Iterator<Item = (&ListenerKey, &HostPattern)> {
    rule.attachments.iter().flat_map(|attachment| {
        attachment
            .hostnames
            .iter()
            .map(|hostname| (&attachment.listener, hostname))
    })
}

/// Whether both hold the very same tables.
fn is_same<R>(before: &Hosts<Arc<ListenerTable<R>>>, after: &Hosts<Arc<ListenerTable<R>>>) -> bool {
    let (before, after) = (before.entries(), after.entries());
    before.len() == after.len()
        && before
            .iter()
            .zip(after)
            .all(|((a_name, a), (b_name, b))| a_name == b_name && Arc::ptr_eq(a, b))
}

#[cfg(test)]
mod tests;
