//! Route configurations that are refused for some of their hosts, by an Envoy that is told what to
//! refuse.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use envoy_types::pb::envoy::config::route::v3::{Route, RouteConfiguration, VirtualHost};
use fg_base::Text;
use fg_model::{ObjectRef, kinds};
use prost::Message as _;

use crate::fences::*;
use crate::routes::{Host, Whole};

const NAME: &str = "http/80";

/// Hosts by domain, each with what is written for it: what begins with `!` is refused.
type Hosts = BTreeMap<&'static str, &'static str>;

/// Refused, and has a guard.
const GUARDED: &str = "!external_auth/asked/a";

fn host(domain: &str, written: &str) -> Arc<Host> {
    let guard = written.strip_prefix('!').unwrap_or(written);
    let route = Route {
        name: written.to_owned(),
        response_headers_to_remove: vec![guard.to_owned()],
        ..Route::default()
    };
    let host = VirtualHost {
        name: Whole::name(NAME, domain),
        domains: vec![domain.to_owned()],
        routes: vec![route],
        ..VirtualHost::default()
    };
    let (group, kind) = kinds::HTTP_ROUTE;
    Arc::new(Host {
        body: host.encode_to_vec().into(),
        about: vec![Arc::new(ObjectRef::new(group, kind, "default", domain))],
    })
}

fn made(hosts: &Hosts) -> Update {
    let hosts = hosts.iter();
    let hosts = hosts.map(|(domain, written)| ((*domain).into(), host(domain, written)));
    let whole = Whole::new(Bytes::new(), hosts.collect());
    alone(Resource::whole(NAME.into(), Arc::new(whole), Vec::new()))
}

/// An Envoy that answers all that it is sent, and what is kept of it.
struct Ground {
    fences: Fences,
    serial: u64,
    /// What it uses.
    used: Used,
    /// All that it was sent.
    sent: Vec<Used>,
    /// Whether its words name the hosts.
    talks: bool,
}

/// Hosts as they are used; closed ones say so.
type Used = BTreeMap<String, String>;

impl Ground {
    fn new(is_alone: bool) -> Self {
        Self {
            fences: Fences::new(Settings::default(), is_alone),
            serial: 0,
            used: BTreeMap::new(),
            sent: Vec::new(),
            talks: false,
        }
    }

    /// Makes a version, and goes on until nothing is to be sent any more. Gives how often something was
    /// sent.
    fn make(&mut self, hosts: &Hosts) -> usize {
        let before = self.sent.len();
        let mut next = Some(self.send(hosts));
        while let Some(update) = next {
            next = self.answer(&update);
        }
        self.sent.len() - before
    }

    fn send(&mut self, hosts: &Hosts) -> Update {
        let update = self.fences.mended(made(hosts));
        self.note(update)
    }

    fn note(&mut self, update: Update) -> Update {
        self.serial += 1;
        self.fences.sent(&update, self.serial);
        update
    }

    /// Takes an update, or refuses it. Gives what it is sent then.
    fn answer(&mut self, update: &Update) -> Option<Update> {
        let resource = &update.upserts[0];
        let sent = read(resource);
        self.sent.push(sent.clone());
        let faults = sent.iter().enumerate();
        let mut faults = faults.filter(|(_, (_, written))| written.starts_with('!'));
        let next = match faults.next() {
            None => {
                self.used = sent;
                let next = self.fences.confirmed(1, self.serial, &BTreeSet::new());
                (!next.is_empty()).then_some(next)?
            }
            Some((at, _)) => {
                let words = if self.talks {
                    format!("RouteConfigurationValidationError.VirtualHosts[{at}]: no")
                } else {
                    "no".to_owned()
                };
                let key = (Kind::RouteConfiguration, NAME);
                match self.fences.refuse(1, key, &resource.version, &words)? {
                    Answer::Tried(update) => update,
                    Answer::Known(update) => {
                        self.used = read(&update.upserts[0]);
                        return None;
                    }
                }
            }
        };
        Some(self.note(next))
    }

    fn fenced(&self) -> Vec<(String, Instead)> {
        let all = self.fences.all().into_iter();
        all.map(|fence| (fence.resource.name.to_string(), fence.instead))
            .collect()
    }

    fn uses(&self, domain: &str) -> &str {
        self.used.get(domain).map_or("nothing", String::as_str)
    }
}

fn read(resource: &Resource) -> Used {
    let message = RouteConfiguration::decode(&*resource.body).expect("one");
    let hosts = message.virtual_hosts.into_iter();
    hosts
        .map(|host| {
            let route = &host.routes[0];
            let closed = *route == crate::routes::closed(&Settings::default());
            let written = if closed { "closed" } else { &route.name };
            (host.domains[0].clone(), written.to_owned())
        })
        .collect()
}

const DOMAINS: [&str; 26] = [
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s",
    "t", "u", "v", "w", "x", "y", "z",
];

fn all(written: &'static str) -> Hosts {
    DOMAINS.map(|domain| (domain, written)).into()
}

#[test]
fn only_the_host_at_fault_keeps_its_last_good_version() {
    let mut ground = Ground::new(false);
    assert_eq!(ground.make(&all("1")), 1);
    let mut hosts = all("1");
    hosts.extend([("b", "!"), ("c", "2")]);
    assert_eq!(
        ground.make(&hosts),
        3,
        "both, the one, the other without it"
    );
    assert_eq!(
        (ground.uses("b"), ground.uses("c"), ground.uses("d")),
        ("1", "2", "1")
    );
    let fenced = [("http/80/b".to_owned(), Instead::LastGood)];
    assert_eq!(ground.fenced(), fenced);
    let fence = &ground.fences.of(7)[0];
    assert_eq!(&*fence.resource.about[0].name, "b");
    assert_eq!(fence.reason, "no");
    // What else is edited is live at once.
    hosts.insert("d", "3");
    assert_eq!(ground.make(&hosts), 1);
    assert_eq!((ground.uses("b"), ground.uses("d")), ("1", "3"));
    assert_eq!(ground.fenced(), fenced);
    // An edit that does not mend it, beside one that is fine.
    hosts.extend([("b", "!!"), ("d", "4")]);
    ground.make(&hosts);
    assert_eq!((ground.uses("b"), ground.uses("d")), ("1", "4"));
    assert_eq!(ground.fenced(), fenced);
    hosts.insert("b", "2");
    assert_eq!(ground.make(&hosts), 1);
    assert_eq!(ground.uses("b"), "2");
    assert_eq!(ground.fenced(), []);
}

#[test]
fn a_host_without_a_good_version_is_closed() {
    for is_alone in [true, false] {
        let mut ground = Ground::new(is_alone);
        let mut hosts = all("1");
        if !is_alone {
            ground.make(&hosts);
        }
        hosts.extend([("new", "!"), ("other", "1")]);
        ground.make(&hosts);
        assert_eq!((ground.uses("new"), ground.uses("other")), ("closed", "1"));
        assert_eq!(ground.uses("a"), "1");
        let fenced = [("http/80/new".to_owned(), Instead::Nothing)];
        assert_eq!(ground.fenced(), fenced);
        hosts.remove("new");
        assert_eq!(ground.make(&hosts), 1);
        assert_eq!(ground.uses("new"), "nothing");
        assert_eq!(ground.fenced(), []);
    }
}

/// Until it is known who is at fault, requests for new hosts get what they got so far, such as the answer
/// of a wider host.
#[test]
fn hosts_that_are_new_disturb_nobody_while_they_are_tried() {
    let mut ground = Ground::new(false);
    ground.make(&all("1"));
    let mut hosts = all("1");
    hosts.extend([
        ("new", "!"),
        ("other", "1"),
        ("third", "1"),
        ("fourth", "1"),
    ]);
    ground.make(&hosts);
    assert_eq!(ground.uses("new"), "closed", "it is at fault");
    for sent in &ground.sent {
        let mut closed = sent.iter().filter(|(_, written)| *written == "closed");
        assert!(closed.all(|(name, _)| name == "new"), "{sent:?}");
    }
    for name in ["other", "third", "fourth", "a"] {
        assert_eq!(ground.uses(name), "1", "{name}");
    }
}

/// What requests for a domain get.
fn gets<'a>(used: &'a Used, domains: &[&str]) -> &'a str {
    let mut written = domains.iter().filter_map(|domain| used.get(*domain));
    written.next().map_or("nothing", String::as_str)
}

/// Asks somebody.
const ASKS: &str = "external_auth/asked/a";

/// Hosts before an edit, and what they are made by it, together with all others of which one is at fault:
/// whatever is tried beside what, no request for `x.a` passes unasked.
fn passes_nobody(before: &[(&'static str, &'static str)], after: &[(&'static str, &'static str)]) {
    for (fault, talks) in DOMAINS
        .into_iter()
        .flat_map(|fault| [(fault, true), (fault, false)])
    {
        let mut ground = Ground::new(false);
        ground.talks = talks;
        let (mut hosts, mut next) = (all("1"), all("2"));
        hosts.extend(before.iter().copied());
        ground.make(&hosts);
        ground.sent.clear();
        next.extend(after.iter().copied());
        next.insert(fault, "!");
        ground.make(&next);
        for sent in &ground.sent {
            let got = gets(sent, &["x.a", "*.a", "*"]);
            assert!(
                [ASKS, "closed"].contains(&got),
                "{fault} {after:?}: {sent:?}"
            );
        }
        assert_eq!(ground.used.len(), next.len(), "nothing stays at the end");
        for (domain, written) in next {
            let wanted = if domain == fault { "1" } else { written };
            assert_eq!(ground.uses(domain), wanted, "{fault} {after:?}");
        }
    }
}

/// A guard that moves to a new host, from a wider one that lets everything pass then.
#[test]
fn requests_for_a_new_host_get_no_new_answer_of_a_wider_one() {
    const X: (&str, &str) = ("x.a", ASKS);
    passes_nobody(&[("*.a", ASKS)], &[("*.a", "1"), X]);
    passes_nobody(&[("*", ASKS)], &[("*", "1"), ("*.a", "1"), X]);
    passes_nobody(&[("*", ASKS)], &[("*", ASKS), ("*.a", "1"), X]);
    passes_nobody(&[("*", "1"), ("*.a", ASKS)], &[("*", "1"), X]);
}

/// A guard that moves from a host to a wider one, which lets everything pass until then.
#[test]
fn requests_for_a_host_that_goes_get_no_old_answer_of_a_wider_one() {
    const X: (&str, &str) = ("x.a", ASKS);
    passes_nobody(&[("*.a", "1"), X], &[("*.a", ASKS)]);
    passes_nobody(&[("*", "1"), ("*.a", "1"), X], &[("*", "2"), ("*.a", ASKS)]);
    passes_nobody(&[("*", "1"), ("*.a", ASKS), X], &[("*", ASKS)]);
}

/// As long as the wider one stays.
#[test]
fn a_new_host_below_one_that_stays_is_not_closed_while_it_is_tried() {
    let mut ground = Ground::new(false);
    let mut hosts = all("1");
    hosts.extend([("*", "1"), ("*.a", "wider")]);
    ground.make(&hosts);
    hosts.extend([("x.a", "1"), ("y.a", "1"), ("*", "2"), ("b", "!")]);
    ground.make(&hosts);
    for sent in &ground.sent {
        assert!(sent.values().all(|written| written != "closed"), "{sent:?}");
    }
    assert_eq!((ground.uses("x.a"), ground.uses("b")), ("1", "1"));
}

/// Another listener's names may be among those of the host that is no domain.
#[test]
fn a_new_host_is_closed_where_other_names_are_answered_otherwise() {
    let mut ground = Ground::new(false);
    let mut hosts = all("1");
    hosts.insert("~misdirected", "1");
    ground.make(&hosts);
    hosts.remove("~misdirected");
    hosts.extend([("x.a", "1"), ("b", "!")]);
    ground.sent.clear();
    ground.make(&hosts);
    for sent in &ground.sent {
        assert!(sent.contains_key("x.a"), "{sent:?}");
    }
    assert_eq!((ground.uses("x.a"), ground.uses("b")), ("1", "1"));
}

#[test]
fn nothing_is_tried_where_no_good_version_is_known() {
    let mut ground = Ground::new(false);
    let mut hosts = all("1");
    hosts.insert("b", "!");
    assert_eq!(ground.make(&hosts), 1);
    assert_eq!(ground.uses("a"), "nothing", "what it has, it keeps");
    let fenced = [(NAME.to_owned(), Instead::WhatWas)];
    assert_eq!(ground.fenced(), fenced);
    hosts.insert("b", "1");
    assert_eq!(ground.make(&hosts), 1);
    assert_eq!(ground.fenced(), []);
}

#[test]
fn hosts_that_envoy_names_are_tried_last() {
    let mut ground = Ground::new(false);
    ground.talks = true;
    ground.make(&all("1"));
    let mut hosts = all("2");
    hosts.insert("k", "!");
    assert_eq!(ground.make(&hosts), 4, "all, all others, it, without it");
    assert_eq!((ground.uses("k"), ground.uses("z")), ("1", "2"));
}

#[test]
fn every_set_of_faults_is_found_and_what_is_in_use_stays() {
    // A number for each set of a few, and some large ones.
    for set in (0..300_u32).chain([0x3ff_ffff, 0x155_5555, 0x200_0001]) {
        let mut ground = Ground::new(false);
        ground.make(&all("1"));
        let faulty = |at: usize| set >> at & 1 == 1;
        let hosts: Hosts = (0_usize..)
            .zip(DOMAINS)
            .map(|(at, domain)| (domain, if faulty(at) { "!" } else { "2" }))
            .collect();
        let tries = ground.make(&hosts);
        let faults = set.count_ones() as usize;
        assert!(tries <= 2 + 11 * faults, "{faults}: {tries}");
        for (at, domain) in DOMAINS.into_iter().enumerate() {
            let wanted = if faulty(at) { "1" } else { "2" };
            assert_eq!(ground.uses(domain), wanted, "{set:x} {domain}");
        }
        assert_eq!(ground.fenced().len(), faults);
    }
}

#[test]
fn trying_ends_whatever_is_refused() {
    let names: Vec<&'static str> = (0..500)
        .map(|at| &*format!("host-{at:03}").leak())
        .collect();
    let every = |written| -> Hosts { names.iter().map(|name| (*name, written)).collect() };
    let mut ground = Ground::new(false);
    ground.make(&every("1"));
    let mut hosts = every("!");
    let tries = ground.make(&hosts);
    assert!(tries <= 70, "{tries}");
    assert_eq!(ground.fenced().len(), names.len());
    assert!(ground.used.values().all(|written| written == "1"));
    // Edits are tried all the same, first, and what was given up once more.
    hosts.insert("host-123", "2");
    let tries = ground.make(&hosts);
    assert!(tries <= 71, "{tries}");
    assert_eq!(ground.uses("host-123"), "2");
}

#[test]
fn innocent_hosts_that_were_given_up_come_back() {
    let names: Vec<&'static str> = (0..500)
        .map(|at| &*format!("host-{at:03}").leak())
        .collect();
    let mut ground = Ground::new(false);
    ground.make(&names.iter().map(|name| (*name, "1")).collect());
    let faulty: BTreeSet<&str> = names.iter().copied().step_by(12).take(40).collect();
    let mut hosts: Hosts = names.iter().map(|name| (*name, "2")).collect();
    hosts.extend(faulty.iter().map(|name| (*name, "!")));
    ground.make(&hosts);
    let innocent = |ground: &Ground| {
        let fenced = ground.fenced().into_iter();
        let names = fenced.map(|(name, _)| name.rsplit('/').next().unwrap_or_default().to_owned());
        names.filter(|name| !faulty.contains(name.as_str())).count()
    };
    assert!(innocent(&ground) > 0, "some are given up");
    hosts.extend(faulty.iter().map(|name| (*name, "3")));
    ground.make(&hosts);
    for (name, written) in &hosts {
        assert_eq!(ground.uses(name), *written, "{name}");
    }
    assert_eq!(ground.fenced(), []);
}

#[test]
fn what_is_given_up_is_tried_again_with_an_edit_of_another_host() {
    let mut ground = Ground::new(false);
    ground.make(&all("1"));
    let mending = ground.fences.mendings.get_mut(NAME).expect("it is there");
    // As after too many refusals.
    mending.want(made(&all("2")).upserts.remove(0));
    mending.give_up(&DOMAINS.map(Text::from), "no");
    let mut hosts = all("2");
    hosts.insert("a", "3");
    assert_eq!(ground.make(&hosts), 2, "the edit, and the others");
    assert_eq!((ground.uses("a"), ground.uses("z")), ("3", "2"));
}

#[test]
fn a_host_of_a_whole_whose_guard_is_refused_is_closed() {
    let mut ground = Ground::new(false);
    ground.make(&all("1"));
    let mut hosts = all("2");
    hosts.extend([("k", "!"), ("m", GUARDED), ("p", "external_auth/asked/a")]);
    ground.make(&hosts);
    assert_eq!((ground.uses("k"), ground.uses("m")), ("1", "closed"));
    assert_eq!(ground.uses("p"), "external_auth/asked/a");
    let fenced = [
        ("http/80/k".to_owned(), Instead::LastGood),
        ("http/80/m".to_owned(), Instead::Nothing),
    ];
    assert_eq!(ground.fenced(), fenced);
    hosts.insert("m", "3");
    assert_eq!(ground.make(&hosts), 1);
    assert_eq!(ground.uses("m"), "3");
}

#[test]
fn edits_while_it_is_tried_go_out_with_what_is_tried_next() {
    let mut ground = Ground::new(false);
    ground.make(&all("1"));
    let mut hosts = all("2");
    hosts.extend([("b", "!"), ("y", "!")]);
    let first = ground.send(&hosts);
    let _next = ground.answer(&first);
    // An edit comes at every step, also one that is refused.
    for (at, written) in ["3", "4", "!!", "5", "6", "7", "8", "9"]
        .into_iter()
        .enumerate()
    {
        hosts.insert("m", written);
        let update = ground.send(&hosts);
        let mut next = ground.answer(&update);
        if at == 7 {
            while let Some(update) = next {
                next = ground.answer(&update);
            }
        }
    }
    assert_eq!((ground.uses("b"), ground.uses("y")), ("1", "1"));
    assert_eq!((ground.uses("m"), ground.uses("a")), ("9", "2"));
    assert_eq!(ground.fenced().len(), 2);
    assert!(ground.sent.len() < 32, "{}", ground.sent.len());
}

#[test]
fn what_another_envoy_uses_is_not_tried() {
    let mut ground = Ground::new(false);
    ground.make(&all("1"));
    let update = ground.send(&all("2"));
    ground.fences.confirmed(1, ground.serial, &BTreeSet::new());
    let key = (Kind::RouteConfiguration, NAME);
    let version = &update.upserts[0].version;
    assert_eq!(ground.fences.refuse(2, key, version, "no"), None);
}
