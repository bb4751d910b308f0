//! Rules to virtual hosts and route configurations.
//!
//! - `rule.rs`: what is known of a rule, once however many hosts serve it; `write.rs`: its encoded
//!   routes; `matches.rs` is what they ask, `answers.rs` what is answered here; `list.rs`: how they
//!   stand in a virtual host.
//! - `table.rs`: the rules by listener and hostname as written, in the order of precedence.
//! - `sockets.rs`: which listener owns which hosts; `resources.rs`: the resources; `whole.rs`: one that
//!   holds its virtual hosts, in parts.
//!
//! Envoy takes the most specific domain and never looks at another one. So the virtual host of a
//! domain has the rules of every written hostname that covers it: a wildcard's rules are copied into
//! the virtual hosts of narrower names. An edit of a rule makes again the virtual hosts of its own
//! hostnames, and of the names that these cover.

mod answers;
mod encode;
mod expression;
mod hosts;
mod list;
mod matches;
mod names;
mod preflight;
mod resources;
mod rule;
mod sockets;
mod table;
#[cfg(test)]
mod tests;
mod whole;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use envoy_types::pb::envoy::config::route::v3::Route;
use fg_base::Uses;
use fg_exchange::Reason;
use fg_ir::{BackendKey, Change, Ir, Listener, Rule, RuleKey, Socket};
use fg_model::ObjectRef;
use fg_policies::envoy::HttpFilter;

pub(crate) use self::names::{cluster as cluster_name, configuration};
use self::resources::Configuration;
use self::rule::{CompiledRule, Facts, Needs};
use self::sockets::Owners;
use self::table::{Means, Table, Touched};
pub(crate) use self::whole::{Host, Whole};
use crate::compiler::{Output, Refusal};
use crate::settings::Settings;

/// The route that stands in for all of a virtual host that Envoy refuses.
pub(crate) fn closed(settings: &Settings) -> Route {
    answers::to_all(settings, Reason::InvalidRule)
}

/// How a cluster speaks to its endpoints. One backend may need several: what an `HTTPRoute` calls by
/// HTTP/1.1, a `GRPCRoute` calls by HTTP/2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Speech {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// What the other resources need to know of a step in the routes.
#[derive(Debug, Default)]
pub(crate) struct Routed {
    /// Clusters that are used since this step, or no more: each once, sorted.
    pub(crate) touched: Vec<(BackendKey, Speech)>,
    /// The filters that listeners need changed.
    pub(crate) filters_changed: bool,
}

/// The rules by host, and what they use.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    /// Filters that rules need in the chain of their listeners, by name.
    pub(crate) filters: BTreeMap<String, HttpFilter>,
    rules: BTreeMap<RuleKey, Arc<CompiledRule>>,
    /// Of the rules that have some.
    refusals: BTreeMap<RuleKey, BTreeSet<Refusal>>,
    /// The rules that looked at a backend.
    users: BTreeMap<BackendKey, BTreeSet<RuleKey>>,
    /// What rules were told of a backend, where it is not [`Facts::USUAL`].
    facts: BTreeMap<BackendKey, Facts>,
    clusters: Uses<(BackendKey, Speech)>,
    filter_uses: Uses<String>,
    table: Table,
    sockets: BTreeMap<Socket, (Owners, BTreeMap<String, Configuration>)>,
}

impl Routes {
    /// Follows a change.
    pub(crate) fn update(
        &mut self,
        settings: &Settings,
        ir: &Ir,
        change: &Change,
        output: &mut Output,
    ) -> Routed {
        let means = Means { settings, ir };
        let mut step = Step::default();
        let mut again: BTreeMap<RuleKey, Option<Arc<Rule>>> = self
            .backends_changed(ir, change)
            .into_iter()
            .filter_map(|key| {
                let rule = self.rules.get(&key)?.rule.clone();
                Some((key, Some(rule)))
            })
            .collect();
        again.extend(
            change
                .rules
                .iter()
                .map(|(key, rule)| (key.clone(), rule.clone())),
        );
        for (key, rule) in again {
            self.replace_rule(means, &key, rule.as_ref(), &mut step);
        }
        let mut ports = BTreeSet::new();
        for (key, listener) in &change.listeners {
            let rules = self.table.listener(key);
            let before = rules.and_then(|rules| rules.listener.as_ref());
            let is_new = !is_same_to_routes(before, listener.as_ref());
            let touched = &mut step.touched;
            let listener = listener.as_ref();
            let before = self.table.replace_listener(key, listener, is_new, touched);
            if is_new {
                ports.extend(before.iter().chain(listener).map(|one| one.port));
            }
        }
        self.table.rebuild(means, &step.touched);
        self.rebuild_ports(means, &ports, output);
        self.refresh(means, &step.touched, &ports, output);
        self.finish(step)
    }

    /// Whether a cluster is used.
    pub(crate) fn uses(&self, backend: &BackendKey, speech: Speech) -> bool {
        self.clusters.contains(&(backend.clone(), speech))
    }

    /// The rules that send something to the backends of an object, by backend.
    pub(crate) fn users_of(
        &self,
        object: &Arc<ObjectRef>,
    ) -> impl Iterator<Item = (&BackendKey, &BTreeSet<RuleKey>)> {
        let at = |port| BackendKey {
            object: object.clone(),
            port,
        };
        self.users.range(at(0)..=at(u16::MAX))
    }

    /// What policies could not write for Envoy: the rule or the share is closed. By rule.
    pub(crate) const fn refusals(&self) -> &BTreeMap<RuleKey, BTreeSet<Refusal>> {
        &self.refusals
    }

    /// The rules that were told something of a backend that is no longer so.
    fn backends_changed(&mut self, ir: &Ir, change: &Change) -> BTreeSet<RuleKey> {
        let mut rules = BTreeSet::new();
        for key in change.backends.keys() {
            let now = Facts::of(ir, key);
            let before = if now == Facts::USUAL {
                self.facts.remove(key)
            } else {
                self.facts.insert(key.clone(), now)
            };
            if before.unwrap_or(Facts::USUAL) != now {
                rules.extend(self.users.get(key).into_iter().flatten().cloned());
            }
        }
        rules
    }

    fn replace_rule(
        &mut self,
        means: Means<'_>,
        key: &RuleKey,
        rule: Option<&Arc<Rule>>,
        step: &mut Step,
    ) {
        let after = rule.map(|rule| CompiledRule::new(means.settings, means.ir, rule));
        let after = after.map(Arc::new);
        let before = self.rules.remove(key);
        self.count(key, before.as_deref(), after.as_deref(), step);
        if let Some(before) = &before {
            self.table.remove(&before.rule, &mut step.touched);
        }
        self.refusals.remove(key);
        if let Some(after) = after {
            if !after.needs.refusals.is_empty() {
                let refusals = after.needs.refusals.clone();
                self.refusals.insert(key.clone(), refusals);
            }
            self.table.add(&after, &mut step.touched);
            self.rules.insert(key.clone(), after);
        }
    }

    /// Counts what a rule uses, in place of what it used.
    fn count(
        &mut self,
        key: &RuleKey,
        before: Option<&CompiledRule>,
        after: Option<&CompiledRule>,
        step: &mut Step,
    ) {
        let nothing = Needs::default();
        let before = before.map_or(&nothing, |rule| &rule.needs);
        let after = after.map_or(&nothing, |rule| &rule.needs);
        for cluster in self.clusters.replace(&before.clusters, &after.clusters) {
            let is_used = self.clusters.contains(&cluster);
            step.clusters.entry(cluster).or_insert(!is_used);
        }
        for backend in before.backends.difference(&after.backends) {
            if let Some(users) = self.users.get_mut(backend) {
                users.remove(key);
                if users.is_empty() {
                    self.users.remove(backend);
                }
            }
        }
        for backend in after.backends.difference(&before.backends) {
            let users = self.users.entry(backend.clone()).or_default();
            users.insert(key.clone());
        }
        let (had, has) = (before.filters.keys(), after.filters.keys());
        step.filters.extend(self.filter_uses.replace(had, has));
        for (name, filter) in &after.filters {
            if self.filters.get(name) != Some(filter) {
                step.changed
                    .entry(name.clone())
                    .or_insert_with(|| self.filters.get(name).cloned());
                self.filters.insert(name.clone(), filter.clone());
            }
        }
    }

    /// Makes the route configurations of these ports again.
    fn rebuild_ports(&mut self, means: Means<'_>, ports: &BTreeSet<u16>, output: &mut Output) {
        for port in ports {
            let owners = Owners::of_port(*port, self.table.listeners());
            let here = self.sockets.keys().filter(|(_, of)| of == port);
            let gone = here.filter(|socket| !owners.contains_key(*socket));
            for socket in gone.copied().collect::<Vec<_>>() {
                let (_, configurations) = self.sockets.remove(&socket).unwrap_or_default();
                for configuration in configurations.into_values() {
                    configuration.remove(output);
                }
            }
            for (socket, owners) in owners {
                let (_, mut before) = self.sockets.remove(&socket).unwrap_or_default();
                let mut after = BTreeMap::new();
                for (name, serves) in owners.views(socket) {
                    let mut one = before.remove(&name).unwrap_or_else(|| {
                        Configuration::new(name.clone(), means.settings.routes, serves)
                    });
                    one.rebuild(means, &owners, &self.table, output);
                    after.insert(name, one);
                }
                for configuration in before.into_values() {
                    configuration.remove(output);
                }
                self.sockets.insert(socket, (owners, after));
            }
        }
    }

    /// Makes the virtual hosts again that have rules of these hostnames, but on these ports, where
    /// that was done.
    fn refresh(
        &mut self,
        means: Means<'_>,
        touched: &Touched,
        done: &BTreeSet<u16>,
        output: &mut Output,
    ) {
        for (key, hostnames) in touched {
            let Some(rules) = self.table.listener(key) else {
                continue;
            };
            let Some(listener) = rules.listener.as_ref() else {
                continue;
            };
            if done.contains(&listener.port) {
                continue;
            }
            let below = hostnames.iter().flat_map(|name| rules.domains_below(name));
            let domains: BTreeSet<_> = below.collect();
            let sockets = self.sockets.iter_mut();
            for (_, (owners, configurations)) in
                sockets.filter(|((_, port), _)| *port == listener.port)
            {
                let owner = owners.owner(&listener.hostname);
                if owner.is_none_or(|owner| owner.key != *key) {
                    continue;
                }
                for configuration in configurations.values_mut() {
                    if configuration.serves.has(listener) {
                        configuration.refresh(means, owners, rules, &domains, output);
                    }
                }
            }
        }
    }

    /// What the step has come to.
    fn finish(&mut self, mut step: Step) -> Routed {
        for name in &step.filters {
            if !self.filter_uses.contains(name) {
                let gone = self.filters.remove(name);
                step.changed.entry(name.clone()).or_insert(gone);
            }
        }
        let clusters = step.clusters.into_iter();
        let changed = clusters.filter(|(cluster, was)| self.clusters.contains(cluster) != *was);
        Routed {
            touched: changed.map(|(cluster, _)| cluster).collect(),
            filters_changed: step
                .changed
                .iter()
                .any(|(name, before)| self.filters.get(name) != before.as_ref()),
        }
    }
}

/// What a step has touched so far.
#[derive(Default)]
struct Step {
    touched: Touched,
    /// Whether a cluster was used before the step.
    clusters: BTreeMap<(BackendKey, Speech), bool>,
    /// Filters whose uses began or ended.
    filters: BTreeSet<String>,
    /// Filters that were put or removed, as they were before the step.
    changed: BTreeMap<String, Option<HttpFilter>>,
}

/// Whether two states of a listener have the same routes.
fn is_same_to_routes(before: Option<&Arc<Listener>>, after: Option<&Arc<Listener>>) -> bool {
    let key = |listener: &Listener| {
        (
            listener.addresses.clone(),
            listener.port,
            listener.protocol,
            listener.hostname.clone(),
            listener.origin.object.clone(),
        )
    };
    before.map(|one| key(one)) == after.map(|one| key(one))
}
