//! The rules by listener and written hostname.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use fg_ir::{Ir, Listener, ListenerKey, Place, Ranked, Rule, RuleKey};
use fg_model::{HostPattern, Match, ObjectRef};

use super::hosts::covering;
use super::preflight;
use super::rule::{CompiledRule, Spot};
use super::write::Written;
use crate::settings::Settings;

/// The listeners that are there or have rules.
#[derive(Debug, Default)]
pub(super) struct Table {
    listeners: BTreeMap<ListenerKey, ListenerRules>,
}

/// What is known of a listener. Rules may come before their listener.
#[derive(Debug, Default)]
pub(super) struct ListenerRules {
    pub(super) listener: Option<Arc<Listener>>,
    hosts: BTreeMap<HostPattern, HostRules>,
}

/// The rules of one written hostname.
#[derive(Debug, Default)]
struct HostRules {
    rules: BTreeMap<RuleKey, Arc<CompiledRule>>,
    /// All of their matches in the order of precedence.
    list: Vec<Entry>,
}

/// One match of a rule.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    rule: Arc<CompiledRule>,
    /// Index in the lists of the rule.
    at: usize,
    /// Its routes where they stand first: in the virtual host of what listener and written hostname
    /// have in common.
    written: Written,
}

/// What it takes to write routes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Means<'a> {
    pub(super) settings: &'a Settings,
    pub(super) ir: &'a Ir,
}

/// The written hostnames whose lists have to be made again, by listener.
pub(super) type Touched = BTreeMap<ListenerKey, BTreeSet<HostPattern>>;

impl Table {
    /// The rules of a listener.
    pub(super) fn listener(&self, key: &ListenerKey) -> Option<&ListenerRules> {
        self.listeners.get(key)
    }

    /// The listeners that are there, by name.
    pub(super) fn listeners(&self) -> impl Iterator<Item = &Arc<Listener>> {
        let all = self.listeners.values();
        all.filter_map(|rules| rules.listener.as_ref())
    }

    /// Replaces a listener, and gives the one before. With `again` all of its lists are made again.
    pub(super) fn replace_listener(
        &mut self,
        key: &ListenerKey,
        listener: Option<&Arc<Listener>>,
        again: bool,
        touched: &mut Touched,
    ) -> Option<Arc<Listener>> {
        let rules = self.listeners.entry(key.clone()).or_default();
        let before = std::mem::replace(&mut rules.listener, listener.cloned());
        if again {
            for (hostname, host) in &mut rules.hosts {
                host.list.clear();
                touch(touched, key, hostname);
            }
        }
        if rules.listener.is_none() && rules.hosts.is_empty() {
            self.listeners.remove(key);
        }
        before
    }

    /// Takes a rule away.
    pub(super) fn remove(&mut self, rule: &Rule, touched: &mut Touched) {
        for (listener, hostname) in places(rule) {
            let hosts = self.listeners.get_mut(listener);
            let host = hosts.and_then(|rules| rules.hosts.get_mut(hostname));
            if let Some(host) = host {
                host.rules.remove(&rule.key);
            }
            touch(touched, listener, hostname);
        }
    }

    /// Adds a rule.
    pub(super) fn add(&mut self, rule: &Arc<CompiledRule>, touched: &mut Touched) {
        for (listener, hostname) in places(&rule.rule) {
            let rules = self.listeners.entry(listener.clone()).or_default();
            let host = rules.hosts.entry(hostname.clone()).or_default();
            host.rules.insert(rule.rule.key.clone(), rule.clone());
            touch(touched, listener, hostname);
        }
    }

    /// Makes the lists of these hostnames again.
    pub(super) fn rebuild(&mut self, means: Means<'_>, touched: &Touched) {
        for (key, hostnames) in touched {
            let Some(rules) = self.listeners.get_mut(key) else {
                continue;
            };
            for hostname in hostnames {
                match rules.hosts.get_mut(hostname) {
                    Some(host) if !host.rules.is_empty() => {
                        let listener = rules.listener.as_deref();
                        host.list = host.list(means, listener, hostname);
                    }
                    _ => {
                        rules.hosts.remove(hostname);
                    }
                }
            }
            if rules.listener.is_none() && rules.hosts.is_empty() {
                self.listeners.remove(key);
            }
        }
    }
}

impl ListenerRules {
    /// The domains that its virtual hosts have: its own hostname, and what its routes' hostnames have
    /// in common with that.
    pub(super) fn domains(&self) -> BTreeSet<HostPattern> {
        let own = self.listener.iter().map(|listener| &listener.hostname);
        own.flat_map(|own| {
            let of_routes = self.hosts.keys();
            let narrowed = of_routes.filter_map(|written| own.intersection(written));
            narrowed.chain([own.clone()])
        })
        .collect()
    }

    /// The domains whose virtual hosts have the rules of a written hostname: all that it covers.
    pub(super) fn domains_below(&self, written: &HostPattern) -> BTreeSet<HostPattern> {
        let own = self.listener.as_ref().map(|listener| &listener.hostname);
        let Some(domain) = own.and_then(|own| own.intersection(written)) else {
            return BTreeSet::new();
        };
        match domain {
            HostPattern::Exact(_) => BTreeSet::from([domain]),
            HostPattern::Wildcard(_) | HostPattern::Any => {
                let all = self.domains().into_iter();
                let covered = |one: &HostPattern| one.intersection(&domain).as_ref() == Some(one);
                // The domain itself goes with its last rule.
                all.filter(covered).chain([domain.clone()]).collect()
            }
        }
    }

    /// Whether there is a virtual host of this domain.
    pub(super) fn has_domain(&self, domain: &HostPattern) -> bool {
        let Some(listener) = &self.listener else {
            return false;
        };
        let own = &listener.hostname;
        // Broader hostnames come to the listener's own.
        own == domain || (self.hosts.contains_key(domain) && own.intersection(domain).is_some())
    }

    /// The routes of a domain's virtual host, and the objects that they come from: the rules of every
    /// written hostname that covers it, the most specific one first.
    pub(super) fn routes(
        &self,
        means: Means<'_>,
        domain: &HostPattern,
    ) -> (Vec<Bytes>, Vec<Arc<ObjectRef>>) {
        let Some(listener) = &self.listener else {
            return (Vec::new(), Vec::new());
        };
        let lists: Vec<(HostPattern, &HostRules)> = covering(domain)
            .filter_map(|written| Some((written.clone(), self.hosts.get(&written)?)))
            .collect();
        let spot = Spot::of(listener, domain);
        let entries = lists.iter().flat_map(|(written, host)| {
            let first = listener.hostname.intersection(written);
            let is_first =
                first.is_some_and(|first| Spot::of(listener, &first).host() == spot.host());
            host.list.iter().map(move |entry| {
                let written = if is_first {
                    entry.written.clone()
                } else {
                    entry.rule.routes(means.settings, means.ir, entry.at, spot)
                };
                (entry, written)
            })
        });
        let mut all = lists.iter().flat_map(|(_, host)| &host.list);
        let routes = if all.any(Entry::has_cors) {
            preflight::with_preflights(means.settings.routes, entries)
        } else {
            entries.map(|(_, written)| written.routes).collect()
        };
        let rules = lists.iter().flat_map(|(_, host)| host.rules.keys());
        let mut objects: Vec<Arc<ObjectRef>> = rules.map(|key| key.route.clone()).collect();
        objects.sort_unstable();
        objects.dedup();
        (routes, objects)
    }
}

impl HostRules {
    /// All matches of the rules in the order of precedence. What was written before stays.
    fn list(
        &self,
        means: Means<'_>,
        listener: Option<&Listener>,
        written: &HostPattern,
    ) -> Vec<Entry> {
        let Some(listener) = listener else {
            return Vec::new();
        };
        let Some(domain) = listener.hostname.intersection(written) else {
            return Vec::new();
        };
        let before: BTreeMap<(&RuleKey, usize), &Entry> = self
            .list
            .iter()
            .map(|entry| ((&entry.rule.rule.key, entry.at), entry))
            .collect();
        let spot = Spot::of(listener, &domain);
        let mut sorted: Vec<(&Place, Ranked<'_>, Entry)> = Vec::new();
        for (key, rule) in &self.rules {
            let matches = rule.places.iter().zip(&rule.rule.matches).enumerate();
            sorted.extend(matches.map(|(at, (place, (index, matched)))| {
                let ranked = Ranked {
                    rule: &rule.rule,
                    index: *index,
                    matched,
                };
                let same = before.get(&(key, at));
                let same = same.filter(|entry| Arc::ptr_eq(&entry.rule, rule));
                let entry = same.map_or_else(
                    || Entry {
                        rule: rule.clone(),
                        at,
                        written: rule.routes(means.settings, means.ir, at, spot),
                    },
                    |entry| Entry::clone(entry),
                );
                (place, ranked, entry)
            }));
        }
        sorted.sort_by(|(a_place, a, _), (b_place, b, _)| {
            a_place.cmp(b_place).then_with(|| a.precedence(*b))
        });
        sorted.into_iter().map(|(.., entry)| entry).collect()
    }
}

impl Entry {
    /// Whether its rule answers preflights.
    pub(super) fn has_cors(&self) -> bool {
        self.rule.rule.policies.cors.is_some()
    }

    /// The match.
    pub(super) fn matched(&self) -> Option<&Match> {
        let matches = &self.rule.rule.matches;
        matches.get(self.at).map(|(_, matched)| matched)
    }
}

/// Every listener and written hostname that a rule is served under; some may come twice.
fn places(rule: &Rule) -> impl Iterator<Item = (&ListenerKey, &HostPattern)> {
    rule.attachments.iter().flat_map(|attachment| {
        let hostnames = attachment.hostnames.iter();
        hostnames.map(|hostname| (&attachment.listener, hostname))
    })
}

fn touch(touched: &mut Touched, listener: &ListenerKey, hostname: &HostPattern) {
    let hostnames = touched.entry(listener.clone()).or_default();
    hostnames.insert(hostname.clone());
}
