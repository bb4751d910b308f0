//! What a change rebuilds, and what it shares with the snapshot before.

use std::collections::BTreeMap;
use std::sync::Arc;

use fg_base::Text;
use fg_ir::{Action, Attachment, Protocol, Refusal, RefusalKind};
use fg_model::{Age, Match, ObjectRef, Origin, PathMatch, kinds};

use super::*;

fn key(section: &str) -> ListenerKey {
    ListenerKey {
        namespace: "infra".into(),
        gateway: "edge".into(),
        section: section.into(),
    }
}

fn listener(section: &str, port: u16) -> Arc<Listener> {
    let (group, kind) = kinds::GATEWAY;
    Arc::new(Listener {
        key: key(section),
        origin: Origin::of(Arc::new(ObjectRef::new(group, kind, "infra", "edge")), 1),
        addresses: Vec::new(),
        port,
        protocol: Protocol::Http,
        hostname: HostPattern::Any,
        tls: None,
        backend_certificate: None,
    })
}

/// A rule `shop/<route>` with one path, under hostnames of the listeners.
fn rule(route: &str, path: PathMatch, on: &[(&str, &str)]) -> Arc<Rule> {
    let (group, kind) = kinds::HTTP_ROUTE;
    let route_ref = Arc::new(ObjectRef::new(group, kind, "shop", route));
    let one = Match {
        path,
        method: None,
        headers: Vec::new(),
        query: Vec::new(),
    };
    Arc::new(Rule {
        key: RuleKey {
            route: route_ref.clone(),
            rule: 0,
        },
        origin: Origin::of(route_ref, 1),
        kind: fg_ir::RouteKind::Http,
        name: None,
        attachments: on
            .iter()
            .map(|(section, hostname)| Attachment {
                listener: key(section),
                hostnames: vec![HostPattern::parse(Some(hostname)).expect("a hostname")],
            })
            .collect(),
        age: Arc::new(Age {
            created: 0,
            namespace: "shop".into(),
            name: route.into(),
        }),
        matches: vec![(0, one)],
        policies: fg_policies::traffic::Set::default(),
        action: Action::Refuse(Refusal {
            kind: RefusalKind::NoBackends,
            finding: None,
            text: Text::default(),
        }),
    })
}

fn prefix(path: &str) -> PathMatch {
    PathMatch::Prefix(path.into())
}

fn rules(rules: &[&Arc<Rule>]) -> Change {
    Change {
        rules: rules
            .iter()
            .map(|rule| (rule.key.clone(), Some((*rule).clone())))
            .collect(),
        ..Change::default()
    }
}

fn listeners(listeners: &[Arc<Listener>]) -> Change {
    Change {
        listeners: listeners
            .iter()
            .map(|one| (one.key.clone(), Some(one.clone())))
            .collect(),
        ..Change::default()
    }
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
    builder.apply(
        &listeners(&[listener("a", 80), listener("b", 81)]),
        &mut make,
    );
    let cart = rule("cart", prefix("/cart"), &[("a", "x.com"), ("b", "x.com")]);
    let blog = rule("blog", prefix("/blog"), &[("a", "y.com"), ("b", "y.com")]);
    let wiki = rule("wiki", prefix("/wiki"), &[("a", "x.com")]);
    let first = builder.apply(&rules(&[&cart, &blog, &wiki]), &mut make);

    let wiki = rule("wiki", prefix("/pages"), &[("a", "x.com")]);
    let second = builder.apply(&rules(&[&wiki]), &mut make);
    assert_eq!(rebuilt(&first, &second), ["a x.com"]);
    assert!(Arc::ptr_eq(
        second.socket(None, 81).expect("a socket"),
        first.socket(None, 81).expect("a socket")
    ));

    let moved = rule("wiki", prefix("/pages"), &[("b", "y.com")]);
    let third = builder.apply(&rules(&[&moved]), &mut make);
    assert_eq!(rebuilt(&second, &third), ["a x.com", "b y.com"]);
    assert_eq!(made, 5, "a rule is made once for each change of it");
}

#[test]
fn a_changed_listener_keeps_its_tables() {
    let mut builder = Builder::new();
    builder.apply(
        &listeners(&[listener("a", 80), listener("b", 81)]),
        &mut Arc::clone,
    );
    let cart = rule("cart", prefix("/cart"), &[("a", "x.com"), ("b", "x.com")]);
    let first = builder.apply(&rules(&[&cart]), &mut Arc::clone);
    let second = builder.apply(&listeners(&[listener("a", 8080)]), &mut Arc::clone);
    assert_eq!(rebuilt(&first, &second), [""; 0]);
    let ports: Vec<u16> = second.sockets().map(|((_, port), _)| port).collect();
    assert_eq!(ports, [81, 8080]);
}

#[test]
fn a_listener_may_come_after_its_rules() {
    let mut builder = Builder::new();
    let cart = rule("cart", prefix("/cart"), &[("a", "x.com")]);
    let first = builder.apply(&rules(&[&cart]), &mut Arc::clone);
    assert_eq!(first.sockets().count(), 0);
    let second = builder.apply(&listeners(&[listener("a", 80)]), &mut Arc::clone);
    assert_eq!(rebuilt(&first, &second), ["a x.com"]);
}

#[test]
fn a_change_of_nothing_is_the_same_snapshot() {
    let mut builder: Builder<Arc<Rule>> = Builder::new();
    let first = builder.apply(&listeners(&[listener("a", 80)]), &mut Arc::clone);
    let second = builder.apply(&Change::default(), &mut Arc::clone);
    assert!(Arc::ptr_eq(&first, &second));
    assert!(Arc::ptr_eq(&second, builder.router()));
}

#[test]
fn equal_patterns_are_compiled_once_and_forgotten_with_their_rules() {
    let mut builder = Builder::new();
    let regex = || PathMatch::Regex(Pattern::new("/a.*").expect("a pattern"));
    let on = [("a", "x.com")];
    let (one, two) = (rule("one", regex(), &on), rule("two", regex(), &on));
    drop(builder.apply(&rules(&[&one, &two]), &mut Arc::clone));
    assert_eq!(builder.patterns.len(), 1);
    let gone = Change {
        rules: [one, two]
            .into_iter()
            .map(|rule| (rule.key.clone(), None))
            .collect(),
        ..Change::default()
    };
    drop(builder.apply(&gone, &mut Arc::clone));
    assert!(builder.patterns.is_empty());
    assert!(builder.listeners.is_empty() && builder.rules.is_empty());
}
