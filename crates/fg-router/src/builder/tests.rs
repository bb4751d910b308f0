//! What a change rebuilds, and what it shares with the snapshot before.

use std::collections::BTreeMap;
use std::sync::Arc;

use fg_testkit::routing::build::{self, change, listener_at, path, rule_key};

use super::*;

/// A rule `shop/<route>` with one path, under hostnames of the listeners.
fn rule(route: &str, text: &str, on: &[(&str, &str)]) -> Rule {
    let on = on.iter();
    let on: Vec<(&str, &[&str])> = on
        .map(|(section, hostname)| (*section, std::slice::from_ref(hostname)))
        .collect();
    build::rule(route, 0, &on, vec![path(text)])
}

fn rules<const N: usize>(rules: [Rule; N]) -> Change {
    change(Vec::new(), rules.into())
}

fn listeners<const N: usize>(all: [(&str, u16); N]) -> Change {
    let all = all.map(|(section, port)| listener_at(section, "", &[], port));
    change(all.into(), Vec::new())
}

/// Where each host table of a router is, by listener and hostname.
fn tables(router: &Router<Arc<Rule>>) -> BTreeMap<String, *const HostTable<Arc<Rule>>> {
    let mut places = BTreeMap::new();
    for (_, socket) in router.sockets() {
        for table in socket.listeners() {
            for (hostname, host) in table.hosts.entries() {
                let name = format!("{} {hostname}", table.listener.key.section);
                places.insert(name, Arc::as_ptr(host));
            }
        }
    }
    places
}

/// The names of the tables that differ.
fn rebuilt(before: &Router<Arc<Rule>>, after: &Router<Arc<Rule>>) -> Vec<String> {
    let (before, after) = (tables(before), tables(after));
    let differs =
        |(name, table): &(&String, &*const HostTable<Arc<Rule>>)| before.get(*name) != Some(*table);
    after
        .iter()
        .filter(differs)
        .map(|(name, _)| name.clone())
        .collect()
}

#[test]
fn only_the_hostnames_of_a_changed_rule_are_rebuilt() {
    let mut builder = Builder::new();
    let mut made = 0;
    let mut make = |rule: &Arc<Rule>| {
        made += 1;
        rule.clone()
    };
    builder.apply(&listeners([("a", 80), ("b", 81)]), &mut make);
    let cart = rule("cart", "/cart", &[("a", "x.com"), ("b", "x.com")]);
    let blog = rule("blog", "/blog", &[("a", "y.com"), ("b", "y.com")]);
    let wiki = rule("wiki", "/wiki", &[("a", "x.com")]);
    let first = builder.apply(&rules([cart, blog, wiki]), &mut make);

    let wiki = rule("wiki", "/pages", &[("a", "x.com")]);
    let second = builder.apply(&rules([wiki]), &mut make);
    assert_eq!(rebuilt(&first, &second), ["a x.com"]);
    assert!(Arc::ptr_eq(
        second.socket(None, 81).expect("a socket"),
        first.socket(None, 81).expect("a socket")
    ));

    let moved = rule("wiki", "/pages", &[("b", "y.com")]);
    let third = builder.apply(&rules([moved]), &mut make);
    assert_eq!(rebuilt(&second, &third), ["a x.com", "b y.com"]);
    assert_eq!(made, 5, "a rule is made once for each change of it");
}

#[test]
fn a_changed_listener_keeps_its_tables() {
    let mut builder = Builder::new();
    builder.apply(&listeners([("a", 80), ("b", 81)]), &mut Arc::clone);
    let cart = rule("cart", "/cart", &[("a", "x.com"), ("b", "x.com")]);
    let first = builder.apply(&rules([cart]), &mut Arc::clone);
    let second = builder.apply(&listeners([("a", 8080)]), &mut Arc::clone);
    assert_eq!(rebuilt(&first, &second), [""; 0]);
    let ports: Vec<u16> = second.sockets().map(|((_, port), _)| port).collect();
    assert_eq!(ports, [81, 8080]);
}

#[test]
fn a_listener_may_come_after_its_rules() {
    let mut builder = Builder::new();
    let cart = rule("cart", "/cart", &[("a", "x.com")]);
    let first = builder.apply(&rules([cart]), &mut Arc::clone);
    assert_eq!(first.sockets().count(), 0);
    let second = builder.apply(&listeners([("a", 80)]), &mut Arc::clone);
    assert_eq!(rebuilt(&first, &second), ["a x.com"]);
}

#[test]
fn a_change_of_nothing_is_the_same_snapshot() {
    let mut builder: Builder<Arc<Rule>> = Builder::new();
    let first = builder.apply(&listeners([("a", 80)]), &mut Arc::clone);
    let second = builder.apply(&Change::default(), &mut Arc::clone);
    assert!(Arc::ptr_eq(&first, &second));
    assert!(Arc::ptr_eq(&second, builder.router()));
}

#[test]
fn equal_patterns_are_compiled_once_and_forgotten_with_their_rules() {
    let mut builder = Builder::new();
    let on = [("a", "x.com")];
    let [one, two] = ["one", "two"].map(|name| rule(name, "~/a.*", &on));
    drop(builder.apply(&rules([one, two]), &mut Arc::clone));
    assert_eq!(builder.patterns.len(), 1);
    let gone = Change {
        rules: ["one", "two"].map(|name| (rule_key(name, 0), None)).into(),
        ..Change::default()
    };
    drop(builder.apply(&gone, &mut Arc::clone));
    assert!(builder.patterns.is_empty());
    assert!(builder.listeners.is_empty() && builder.rules.is_empty());
}
