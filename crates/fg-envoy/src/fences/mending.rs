//! A refused route configuration that holds its virtual hosts: which of them is at fault is found by
//! trying, and these alone are put back.
//!
//! What is sent is a composition: of each host what is wanted, or in its place what was in use before.
//! One that is new, and may or may not be at fault, is left out where its requests get what they got so
//! far: the next wider host answers them, and is as it was ([`wider`]). It is closed where that one is
//! another, which may let pass what the new one would have asked about; when it is found at fault; and
//! while nothing of the configuration is in use, since then nobody has had an answer of it. One that is
//! made no more stays as long as the wider one is put back that shall answer in its place, and about to
//! be tried.
//!
//! When a composition is refused, the hosts in it that are not in use yet are cut into smaller groups,
//! which are tried one after the other, each beside everything that is in use by then; a group of one
//! host that is refused is at fault. Where Envoy's words name hosts, all others are tried first. An edit
//! goes out with whatever is tried next, and a host at fault is not tried again until it is edited: each
//! refusal finds one or makes a group smaller. After [`MOST`] of them all that is not in use yet is put
//! back, and tried again with the next edit of any host.
//!
//! A host that is put back is closed if what was in use lets pass what it would have asked about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use fg_base::Text;

use super::{Fence, Instead, names, wider};
use crate::resource::{Kind, Resource};
use crate::routes::{Host, Whole};
use crate::settings::Settings;

/// As many refusals in a row. Five hosts at fault among 5,000 are found with that.
const MOST: usize = 64;

/// Envoy's word for a host of a route configuration, before its index.
const INDEXED: &str = "VirtualHosts[";

/// A route configuration as it was made last, and what of it is not in use.
#[derive(Debug)]
pub(super) struct Mending {
    wanted: Resource,
    /// Whether no Envoy can have an earlier version of it.
    pub(super) is_new: bool,
    /// The hosts that were found at fault, with Envoy's words.
    held: BTreeMap<Text, String>,
    /// Those of which that is not known, put back all the same, with Envoy's words.
    given_up: BTreeMap<Text, String>,
    /// Groups of hosts of which one is at fault at least, or may be; the last one is tried next.
    doubted: Vec<BTreeSet<Text>>,
    /// In a row, since nothing was in doubt.
    refusals: usize,
}

impl Mending {
    pub(super) fn new(wanted: Resource, is_new: bool) -> Self {
        Self {
            wanted,
            is_new,
            held: BTreeMap::new(),
            given_up: BTreeMap::new(),
            doubted: Vec::new(),
            refusals: 0,
        }
    }

    /// Another version is wanted: hosts that are edited are tried, and then those that were given up.
    pub(super) fn want(&mut self, wanted: Resource) {
        let before = std::mem::replace(&mut self.wanted, wanted);
        let (before, after) = (hosts(&before), hosts(&self.wanted));
        let is_same = |name: &Text| {
            let before = before.and_then(|hosts| hosts.get(name));
            let after = after.and_then(|hosts| hosts.get(name));
            before
                .zip(after)
                .is_some_and(|(before, after)| before.body == after.body)
        };
        self.held.retain(|name, _| is_same(name));
        // The last group is tried next: others are half way.
        let given_up = std::mem::take(&mut self.given_up).into_keys().collect();
        self.doubted.insert(0, given_up);
        for group in &mut self.doubted {
            group.retain(is_same);
        }
        self.doubted.retain(|group| !group.is_empty());
        self.rest();
    }

    /// What is to be sent. `good` is what is in use.
    pub(super) fn composition(&self, good: Option<&Resource>, settings: &Settings) -> Resource {
        let back: BTreeSet<&Text> = self
            .doubted
            .iter()
            .flatten()
            .chain(self.at_rest().map(|(name, _)| name))
            .collect();
        let Some(whole) = self.wanted.whole.as_ref().filter(|_| !back.is_empty()) else {
            return self.wanted.clone();
        };
        let good = good.and_then(hosts);
        let mut doubtful = Vec::new();
        let mut sent: BTreeMap<Text, Arc<Host>> = BTreeMap::new();
        for (name, host) in &whole.hosts {
            let host = match good.map(|good| good.get(name)) {
                _ if !back.contains(name) => host.clone(),
                Some(Some(good)) if !self.is_closed(name, host, good) => good.clone(),
                Some(None) if !self.is_at_rest(name) => {
                    doubtful.push((name, host));
                    continue;
                }
                _ => Arc::new(host.closed(settings)),
            };
            sent.insert(name.clone(), host);
        }
        if let Some(good) = good {
            let is_tried = |name: &Text| back.contains(name) && !self.is_at_rest(name);
            wider::keep(good, &whole.hosts, &mut sent, is_tried);
            let closed = |host: &Host| Arc::new(host.closed(settings));
            wider::close(doubtful, good, &mut sent, closed);
        }
        let whole = Arc::new(whole.with(sent));
        Resource::whole(self.wanted.name.clone(), whole, self.wanted.about.clone())
    }

    /// A composition was refused. Says whether another one is to be tried: if not, no host of it can
    /// be at fault.
    pub(super) fn refused(
        &mut self,
        tried: &Resource,
        good: Option<&Resource>,
        reason: &str,
    ) -> bool {
        let fresh = self.fresh(tried, good);
        self.refusals += 1;
        match fresh.as_slice() {
            [] => {
                self.give_up(&[], reason);
                self.rest();
                return false;
            }
            [one] => {
                self.held.insert(one.clone(), reason.to_owned());
            }
            several if self.refusals < MOST => {
                let groups = split(several, tried, reason);
                self.doubted.extend(groups.into_iter().rev());
            }
            several => self.give_up(several, reason),
        }
        self.next();
        true
    }

    /// These, and all that is in doubt, are put back.
    pub(super) fn give_up(&mut self, names: &[Text], reason: &str) {
        let doubted = std::mem::take(&mut self.doubted);
        let all = names.iter().cloned().chain(doubted.into_iter().flatten());
        self.given_up
            .extend(all.map(|name| (name, reason.to_owned())));
    }

    /// Whether a host is put back and not about to be tried.
    fn is_at_rest(&self, name: &Text) -> bool {
        self.held.contains_key(name) || self.given_up.contains_key(name)
    }

    /// All of those.
    fn at_rest(&self) -> impl Iterator<Item = (&Text, &String)> {
        self.held.iter().chain(&self.given_up)
    }

    /// Whether a host that is put back is closed, since what was in use is less guarded. One that is
    /// about to be tried is not: that is a matter of moments, and most of them are not at fault.
    fn is_closed(&self, name: &Text, wanted: &Host, good: &Host) -> bool {
        self.is_at_rest(name) && names::is_less_guarded(&wanted.body, &good.body)
    }

    /// Goes on with the next group. Says whether there was one: then there is another composition.
    pub(super) fn next(&mut self) -> bool {
        let next = self.doubted.pop();
        if next.is_none() {
            self.rest();
        }
        next.is_some()
    }

    /// The hosts that are in use otherwise than they are wanted. `good` is what is in use.
    pub(super) fn standing<'a>(
        &'a self,
        good: Option<&'a Resource>,
    ) -> impl Iterator<Item = &'a Bytes> {
        let wanted = hosts(&self.wanted);
        let good = good.and_then(hosts).into_iter().flatten();
        let standing = good.filter(move |(name, host)| {
            let wanted = wanted.and_then(|wanted| wanted.get(*name));
            wanted.is_none_or(|wanted| !Arc::ptr_eq(wanted, host) && wanted.body != host.body)
        });
        standing.map(|(_, host)| &host.body)
    }

    /// The hosts at fault, or given up, each with its last good version, if that is used. `good` is what
    /// is in use.
    pub(super) fn fences<'a>(
        &'a self,
        good: Option<&'a Resource>,
        settings: &Settings,
    ) -> Vec<(Fence, Option<&'a Bytes>)> {
        let fences = self.at_rest().filter_map(move |(name, reason)| {
            let host = hosts(&self.wanted)?.get(name)?;
            let good = good.and_then(hosts).and_then(|good| good.get(name));
            let closed = host.closed(settings).body;
            let good = good
                .filter(|good| good.body != closed)
                .filter(|good| !self.is_closed(name, host, good));
            let full = Whole::name(&self.wanted.name, name);
            let about = host.about.clone();
            let fence = Fence {
                resource: Resource::new(Kind::VirtualHost, full.into(), host.body.clone(), about),
                reason: reason.clone(),
                instead: if good.is_some() {
                    Instead::LastGood
                } else {
                    Instead::Nothing
                },
            };
            Some((fence, good.map(|good| &good.body)))
        });
        fences.collect()
    }

    /// The hosts of a composition that are as they are wanted, and not in use.
    fn fresh(&self, tried: &Resource, good: Option<&Resource>) -> Vec<Text> {
        let (wanted, good) = (hosts(&self.wanted), good.and_then(hosts));
        let Some((tried, wanted)) = hosts(tried).zip(wanted) else {
            return Vec::new();
        };
        let is = |hosts: &BTreeMap<Text, Arc<Host>>, name: &Text, host: &Arc<Host>| {
            hosts.get(name).is_some_and(|one| one.body == host.body)
        };
        let fresh = tried.iter().filter(|(name, host)| {
            Whole::has_routes(name)
                && is(wanted, name, host)
                && !good.is_some_and(|good| is(good, name, host))
        });
        fresh.map(|(name, _)| name.clone()).collect()
    }

    /// Refusals are counted anew when nothing is in doubt.
    fn rest(&mut self) {
        if self.doubted.is_empty() {
            self.refusals = 0;
        }
    }
}

fn hosts(resource: &Resource) -> Option<&BTreeMap<Text, Arc<Host>>> {
    resource.whole.as_ref().map(|whole| &whole.hosts)
}

/// Fewer hosts than there were, in each group; the first one is to be tried first.
fn split(names: &[Text], tried: &Resource, words: &str) -> Vec<BTreeSet<Text>> {
    let (suspects, others): (Vec<Text>, Vec<Text>) = {
        let named = named(tried, words);
        names.iter().cloned().partition(|name| named.contains(name))
    };
    if suspects.is_empty() || others.is_empty() {
        let (left, right) = names.split_at(names.len() / 2);
        return [left, right]
            .map(|half| half.iter().cloned().collect())
            .into();
    }
    let alone = suspects.into_iter().map(|one| [one].into());
    std::iter::once(others.into_iter().collect())
        .chain(alone)
        .collect()
}

/// The hosts that Envoy's words name, by their index or by their name.
fn named(tried: &Resource, words: &str) -> BTreeSet<Text> {
    let Some(hosts) = hosts(tried) else {
        return BTreeSet::new();
    };
    let indexes = words.split(INDEXED).skip(1);
    let indexes = indexes.filter_map(|rest| rest.split(']').next()?.parse::<usize>().ok());
    let by_index: BTreeSet<Text> = indexes
        .filter_map(|at| hosts.keys().nth(at).cloned())
        .collect();
    if !by_index.is_empty() {
        return by_index;
    }
    let is_named = |name: &&Text| {
        let full = Whole::name(&tried.name, name);
        words
            .match_indices(&full)
            .any(|(at, _)| is_end(words.get(at + full.len()..)))
    };
    hosts.keys().filter(is_named).cloned().collect()
}

/// Whether no name goes on there.
fn is_end(rest: Option<&str>) -> bool {
    let next = rest.and_then(|rest| rest.chars().next());
    !next.is_some_and(|next| next.is_alphanumeric() || matches!(next, '-' | '.'))
}
