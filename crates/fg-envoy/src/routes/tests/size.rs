//! What an edit costs.

use fg_testkit::routing::build::{change, listener, path, rule};

use super::world::World;
use crate::{Kind, Update};

const HOSTS: u32 = 50;
const ROUTES: u32 = 5_000;

fn world(wildcards: u32) -> World {
    let mut rules = Vec::new();
    for at in 0..ROUTES {
        let hostname = format!("host-{:02}.example.com", at % HOSTS);
        let hostnames: &[&str] = if at < wildcards {
            &["*.example.com"]
        } else {
            &[&hostname]
        };
        let matches = vec![path(&format!("/service-{at}"))];
        rules.push(rule(
            &format!("route-{at:04}"),
            0,
            &[("http", hostnames)],
            matches,
        ));
    }
    World::of(vec![listener("http", "")], rules)
}

/// The bytes of what is sent, without the parts that are not routes.
fn bytes(update: &Update) -> usize {
    let hosts = update
        .upserts
        .iter()
        .filter(|one| one.kind == Kind::VirtualHost);
    hosts.map(|one| one.body.len()).sum()
}

#[test]
fn an_edit_sends_its_host_alone() {
    let mut world = world(0);
    let whole = bytes(&world.compiler.all());
    let on: &[(&str, &[&str])] = &[("http", &["host-07.example.com"])];
    let update = world.apply(&change(
        Vec::new(),
        vec![rule("route-0007", 0, on, vec![path("/x")])],
    ));
    let names: Vec<_> = update.upserts.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["http/80/host-07.example.com"]);
    assert!(update.removed.is_empty());
    let edited = bytes(&update);
    eprintln!("{ROUTES} routes over {HOSTS} hosts: {whole} bytes; an edit: {edited} bytes");
    assert!(edited * 40 < whole, "{edited} of {whole}");
}

#[test]
fn an_edit_under_a_wildcard_sends_all_hosts_below() {
    let mut world = world(10);
    let whole = bytes(&world.compiler.all());
    let on: &[(&str, &[&str])] = &[("http", &["*.example.com"])];
    let update = world.apply(&change(
        Vec::new(),
        vec![rule("route-0007", 0, on, vec![path("/x")])],
    ));
    let hosts = update
        .upserts
        .iter()
        .filter(|one| one.kind == Kind::VirtualHost);
    assert_eq!(hosts.count(), HOSTS as usize + 1);
    let edited = bytes(&update);
    eprintln!("with 10 rules under a wildcard: {whole} bytes; an edit of one: {edited} bytes");
}
