//! What requests get whose virtual host is left out: the answer of the next wider one.

use std::collections::BTreeMap;
use std::sync::Arc;

use fg_base::Text;

use crate::routes::{Host, Whole};

type Hosts = BTreeMap<Text, Arc<Host>>;

/// Closes those of the hosts that are left out of what is `sent`, and not in use, whose requests would get
/// another answer than from what is in use: from `good`.
pub(super) fn close(
    mut left_out: Vec<(&Text, &Arc<Host>)>,
    good: &Hosts,
    sent: &mut Hosts,
    closed: impl Fn(&Host) -> Arc<Host>,
) {
    // What answers for names that are not its own may answer for these as well.
    let is_elsewhere_same = is_same(elsewhere(good), elsewhere(sent));
    // Wider ones first: they may be closed themselves.
    left_out.sort_by_key(|(name, _)| (!name.starts_with('*'), name.len()));
    for (name, host) in left_out {
        if !is_elsewhere_same || !is_same(next_wider(good, name), next_wider(sent, name)) {
            sent.insert(name.clone(), closed(host));
        }
    }
}

/// Keeps of what is in use, `good`, those hosts that are `wanted` no more as long as the wider one that shall
/// answer in their place is put back, and about to be tried: until then it may let pass what they ask about.
pub(super) fn keep(
    good: &Hosts,
    wanted: &Hosts,
    sent: &mut Hosts,
    is_tried: impl Fn(&Text) -> bool,
) {
    let taken = elsewhere(sent).map(|host| host.domains());
    let taken = taken.unwrap_or_default();
    let gone = good.iter().filter(|(name, _)| {
        Whole::has_routes(name) && !wanted.contains_key(*name) && !taken.contains(&***name)
    });
    let kept = gone.filter(|(name, _)| {
        let mut wider = covering(name);
        let next = wider.find_map(|wider| wanted.get_key_value(&*wider));
        next.is_some_and(|(next, _)| is_tried(next))
    });
    let kept = kept.map(|(name, host)| (name.clone(), host.clone()));
    sent.extend(kept.collect::<Vec<_>>());
}

/// The host that answers for a domain that has none.
fn next_wider<'a>(hosts: &'a Hosts, domain: &str) -> Option<&'a Arc<Host>> {
    covering(domain).find_map(|wider| hosts.get(&*wider))
}

/// The domains that cover one, without itself, the most specific one first.
fn covering(domain: &str) -> impl Iterator<Item = String> {
    let suffixes = domain.match_indices('.');
    let suffixes = suffixes.filter_map(|(at, _)| domain.get(at..));
    let wider = suffixes.chain([""]).map(|suffix| format!("*{suffix}"));
    wider.filter(move |wider| wider != domain)
}

/// The host whose name is none of its domains.
fn elsewhere(hosts: &Hosts) -> Option<&Arc<Host>> {
    let mut hosts = hosts.iter();
    hosts
        .find(|(name, _)| !Whole::has_routes(name))
        .map(|(_, host)| host)
}

fn is_same(one: Option<&Arc<Host>>, other: Option<&Arc<Host>>) -> bool {
    one.map(|host| &host.body) == other.map(|host| &host.body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wider_is_named_from_the_next_one_on() {
        for (domain, wider) in [
            ("x.b.a", &["*.b.a", "*.a", "*"][..]),
            ("*.b.a", &["*.a", "*"]),
            ("*.a", &["*"]),
            ("a", &["*"]),
            ("*", &[]),
        ] {
            assert_eq!(covering(domain).collect::<Vec<_>>(), wider, "{domain}");
        }
    }
}
