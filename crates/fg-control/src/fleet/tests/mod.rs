//! The rules of confirmations, with the time in the test's hand.

mod elsewhere;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use fg_ir::ListenerKey;
use fg_model::{ObjectRef, kinds};
use fg_status::{Confirmation, GatewayKey};

use super::{Connected, Fleet, Moment, ReadyPod, Rejection, Verdict};

const GRACE: Moment = Duration::from_secs(5);

fn at(millis: u64) -> Moment {
    GRACE + Duration::from_millis(millis)
}

fn web() -> GatewayKey {
    GatewayKey::new("shop", "web")
}

fn address(pod: &str) -> IpAddr {
    let last = pod.bytes().last().unwrap_or(0);
    [10, 0, 0, last].into()
}

fn object(kind: (&str, &str), name: &str) -> Arc<ObjectRef> {
    Arc::new(ObjectRef::new(kind.0, kind.1, "shop", name))
}

fn route(name: &str) -> Arc<ObjectRef> {
    object(kinds::HTTP_ROUTE, name)
}

fn connect(fleet: &mut Fleet, client: u64, pod: &str, now: Moment) {
    let proxy = Connected {
        client,
        gateway: web(),
        pod: pod.into(),
        address: address(pod),
    };
    fleet.connected(proxy, now);
}

fn ready(fleet: &mut Fleet, pods: &[&str], now: Moment) {
    let pods = pods.iter().map(|pod| ReadyPod {
        address: address(pod),
    });
    fleet.set_ready(&web(), pods, now);
}

/// Pods a and b: connected as 1 and 2, ready, and all of serial 10 confirmed, at 0.
fn two() -> Fleet {
    let mut fleet = Fleet::new(Duration::ZERO);
    for (client, pod) in [(1, "a"), (2, "b")] {
        connect(&mut fleet, client, pod, at(0));
        fleet.acknowledged(client, 10, at(0));
    }
    ready(&mut fleet, &["a", "b"], at(0));
    fleet.changed(at(0));
    fleet
}

fn said(fleet: &Fleet, object: &Arc<ObjectRef>, now: Moment) -> String {
    match fleet.confirmation(object, &web(), now) {
        Confirmation::Undecided => "undecided".to_owned(),
        Confirmation::Confirmed { proxies } => format!("{proxies}/{proxies}"),
        Confirmation::Pending { words } | Confirmation::Rejected { words } => words,
    }
}

fn changed(fleet: &mut Fleet, now: Moment) -> Vec<String> {
    let changed = fleet.changed(now);
    let names = changed.iter().map(|object| object.name.to_string());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn confirmed_is_what_every_ready_proxy_confirmed() {
    let mut fleet = two();
    let (old, new) = (route("old"), route("new"));
    fleet.need(&old, &web(), 10, at(0));
    assert_eq!(said(&fleet, &old, at(0)), "2/2");
    fleet.need(&new, &web(), 11, at(10));
    assert_eq!(changed(&mut fleet, at(10)), ["new", "old"]);
    assert_eq!(said(&fleet, &new, at(10)), "undecided");
    fleet.acknowledged(1, 11, at(20));
    assert_eq!(changed(&mut fleet, at(20)), [""; 0]);
    assert_eq!(
        fleet.verdict(&new, &web()),
        Some(Verdict::Waiting {
            since: at(10),
            confirmed: 1,
            missing: vec!["b".into()],
        })
    );
    fleet.acknowledged(2, 12, at(30));
    // The one that was confirmed is not touched.
    assert_eq!(changed(&mut fleet, at(30)), ["new"]);
    assert_eq!(said(&fleet, &new, at(30)), "2/2");
    assert_eq!(fleet.next_deadline(), None);
}

#[test]
fn after_five_seconds_the_proxy_is_named() {
    let mut fleet = two();
    let new = route("new");
    fleet.need(&new, &web(), 11, at(0));
    fleet.acknowledged(1, 11, at(1));
    fleet.changed(at(1));
    assert_eq!(fleet.next_deadline(), Some(at(5_000)));
    assert_eq!(changed(&mut fleet, at(4_999)), [""; 0]);
    assert_eq!(said(&fleet, &new, at(4_999)), "undecided");
    assert_eq!(changed(&mut fleet, at(5_000)), ["new"]);
    assert_eq!(said(&fleet, &new, at(5_000)), "1/2 proxies; waiting for b");
    // An edit does not buy more time.
    fleet.need(&new, &web(), 12, at(5_100));
    assert_eq!(
        said(&fleet, &new, at(5_100)),
        "0/2 proxies; waiting for a, b"
    );
    fleet.acknowledged(1, 12, at(5_200));
    fleet.acknowledged(2, 12, at(5_200));
    assert_eq!(changed(&mut fleet, at(5_200)), ["new"]);
    assert_eq!(said(&fleet, &new, at(5_200)), "2/2");
    // Once confirmed, the next edit has its own time.
    fleet.need(&new, &web(), 13, at(6_000));
    assert_eq!(said(&fleet, &new, at(10_999)), "undecided");
}

#[test]
fn without_a_ready_proxy_it_is_said_at_once() {
    let mut fleet = two();
    let new = route("new");
    fleet.need(&new, &web(), 10, at(0));
    fleet.changed(at(0));
    ready(&mut fleet, &[], at(100));
    assert_eq!(changed(&mut fleet, at(100)), ["new", "web"]);
    assert_eq!(said(&fleet, &new, at(100)), "no proxy is ready");
    assert_eq!(fleet.next_deadline(), None);
    // The pod is back, with what it had.
    ready(&mut fleet, &["b"], at(200));
    assert_eq!(changed(&mut fleet, at(200)), ["new", "web"]);
    assert_eq!(said(&fleet, &new, at(200)), "1/1");
}

#[test]
fn a_start_keeps_what_was_said_for_five_seconds() {
    let mut fleet = Fleet::new(Duration::from_secs(100));
    let new = route("new");
    let start = Duration::from_secs(101);
    fleet.need(&new, &web(), 1, start);
    fleet.changed(start);
    assert_eq!(said(&fleet, &new, start), "undecided");
    assert_eq!(fleet.next_deadline(), Some(Duration::from_secs(105)));
    let over = Duration::from_secs(105);
    assert_eq!(changed(&mut fleet, over), ["new"]);
    assert_eq!(said(&fleet, &new, over), "no proxy is ready");
    // The lead is taken over: the same again.
    let taken = Duration::from_secs(110);
    fleet.expect(taken);
    fleet.need(&new, &web(), 1, taken);
    fleet.changed(taken);
    assert_eq!(said(&fleet, &new, taken), "undecided");
    assert_eq!(
        said(&fleet, &new, Duration::from_secs(115)),
        "no proxy is ready"
    );
    // A ready pod that has not connected to this control plane is no proxy that confirmed.
    let mut fleet = Fleet::new(Duration::ZERO);
    fleet.need(&new, &web(), 1, Duration::from_secs(1));
    fleet.set_ready(
        &web(),
        [ReadyPod {
            address: address("a"),
        }],
        Duration::from_secs(1),
    );
    fleet.changed(Duration::from_secs(1));
    assert_eq!(fleet.next_deadline(), Some(Duration::from_secs(6)));
    let over = Duration::from_secs(6);
    assert_eq!(changed(&mut fleet, over), ["new"]);
    assert_eq!(
        said(&fleet, &new, over),
        "0/1 proxies; waiting for 10.0.0.97"
    );
    // It is known by its address once it connects.
    connect(&mut fleet, 1, "a", over);
    fleet.acknowledged(1, 1, over);
    assert_eq!(changed(&mut fleet, over), ["new", "web"]);
    assert_eq!(said(&fleet, &new, over), "1/1");
}

#[test]
fn a_broken_connection_takes_nothing_back_but_a_new_process_does() {
    let mut fleet = two();
    let new = route("new");
    fleet.need(&new, &web(), 10, at(0));
    fleet.changed(at(0));
    fleet.disconnected(2, at(100));
    assert_eq!(said(&fleet, &new, at(60_000)), "2/2");
    connect(&mut fleet, 3, "b", at(60_000));
    assert_eq!(said(&fleet, &new, at(60_000)), "undecided");
    // The end of the old connection, late, is not that of the new one.
    fleet.disconnected(2, at(60_001));
    assert_eq!(changed(&mut fleet, at(60_001)), ["web"]);
    assert_eq!(fleet.next_deadline(), Some(at(65_000)));
    fleet.acknowledged(3, 10, at(60_100));
    assert_eq!(said(&fleet, &new, at(60_100)), "2/2");
    // Nothing was said about it meanwhile, so there is nothing to say now.
    assert_eq!(changed(&mut fleet, at(60_100)), [""; 0]);
    connect(&mut fleet, 4, "b", at(70_000));
    assert_eq!(changed(&mut fleet, at(75_000)), ["new", "web"]);
    assert_eq!(said(&fleet, &new, at(75_000)), "1/2 proxies; waiting for b");
    fleet.acknowledged(4, 10, at(75_100));
    assert_eq!(changed(&mut fleet, at(75_100)), ["new"]);
}

#[test]
fn pods_that_are_not_ready_are_not_waited_for() {
    let mut fleet = two();
    connect(&mut fleet, 3, "c", at(0));
    let new = route("new");
    fleet.need(&new, &web(), 11, at(0));
    fleet.acknowledged(1, 11, at(1));
    fleet.acknowledged(2, 11, at(1));
    assert_eq!(said(&fleet, &new, at(1)), "2/2");
    // A pod that goes while it is waited for is waited for no more.
    fleet.need(&new, &web(), 12, at(2));
    fleet.acknowledged(1, 12, at(3));
    fleet.changed(at(3));
    ready(&mut fleet, &["a"], at(4));
    assert_eq!(changed(&mut fleet, at(4)), ["new", "web"]);
    assert_eq!(said(&fleet, &new, at(4)), "1/1");
    // When they are ready again, what they confirmed counts.
    ready(&mut fleet, &["a", "b", "c"], at(5));
    fleet.need(&new, &web(), 11, at(6));
    assert_eq!(said(&fleet, &new, at(60_000)), "2/3 proxies; waiting for c");
}

fn rejection(resource: &str, object: Option<&Arc<ObjectRef>>) -> Rejection {
    Rejection {
        resource: resource.into(),
        reason: "no such thing".to_owned(),
        object: object.cloned(),
        listener: None,
    }
}

#[test]
fn a_rejection_names_proxy_resource_and_reason_until_it_is_past() {
    let mut fleet = two();
    let new = route("new");
    fleet.need(&new, &web(), 11, at(0));
    let refused = vec![rejection("rule/shop/new/0", Some(&new))];
    fleet.rejected(1, refused.clone(), at(1));
    fleet.acknowledged(1, 11, at(1));
    fleet.rejected(2, refused, at(1));
    fleet.acknowledged(2, 11, at(1));
    assert_eq!(changed(&mut fleet, at(1)), ["new", "web"]);
    assert_eq!(
        said(&fleet, &new, at(1)),
        "proxy a refuses rule/shop/new/0: no such thing; and 1 more"
    );
    assert_eq!(fleet.remark(&web()), None);
    fleet.accepted(1, ["rule/shop/new/0", "rule/shop/new/1"], at(2));
    assert_eq!(
        said(&fleet, &new, at(2)),
        "proxy b refuses rule/shop/new/0: no such thing"
    );
    // Another process knows nothing of it.
    connect(&mut fleet, 3, "b", at(3));
    fleet.acknowledged(3, 11, at(3));
    assert_eq!(changed(&mut fleet, at(3)), ["new", "web"]);
    assert_eq!(said(&fleet, &new, at(3)), "2/2");
}

#[test]
fn rejections_without_an_object_of_theirs_show_on_the_gateway() {
    let mut fleet = two();
    let gateway = object(kinds::GATEWAY, "web");
    fleet.need(&gateway, &web(), 10, at(0));
    let listener = ListenerKey {
        namespace: "shop".into(),
        gateway: "web".into(),
        section: "http".into(),
    };
    let bind = Rejection {
        listener: Some(listener.clone()),
        ..rejection("listener/shop/web/http", Some(&gateway))
    };
    fleet.changed(at(0));
    fleet.rejected(1, vec![bind, rejection("backend/x", None)], at(1));
    assert_eq!(changed(&mut fleet, at(1)), ["web"]);
    assert_eq!(said(&fleet, &gateway, at(1)), "2/2");
    assert_eq!(
        fleet.remark(&web()).as_deref(),
        Some("proxy a refuses backend/x: no such thing")
    );
    let refused = fleet.refused_listeners(&web());
    assert_eq!(
        refused.get(&listener).map(String::as_str),
        Some("proxy a refuses listener/shop/web/http: no such thing")
    );
    fleet.accepted(1, ["listener/shop/web/http", "backend/x"], at(2));
    assert_eq!(changed(&mut fleet, at(2)), ["web"]);
    assert!(fleet.refused_listeners(&web()).is_empty());
    assert_eq!(fleet.remark(&web()), None);
}

#[test]
fn what_is_gone_is_forgotten() {
    let mut fleet = two();
    let new = route("new");
    fleet.need(&new, &web(), 11, at(0));
    fleet.keep(&new, &BTreeSet::new());
    assert_eq!(fleet.verdict(&new, &web()), None);
    fleet.changed(at(0));
    assert_eq!(fleet.next_deadline(), None);
    fleet.need(&new, &web(), 12, at(1));
    fleet.remove_gateway(&web());
    assert_eq!(changed(&mut fleet, at(1)), ["new"]);
    assert_eq!(fleet.verdict(&new, &web()), None);
    assert_eq!(fleet.next_deadline(), None);
    // Its proxies are still there for a moment.
    fleet.acknowledged(1, 12, at(2));
    fleet.disconnected(1, at(2));
    ready(&mut fleet, &[], at(2));
    assert_eq!(fleet.gateways.len(), 1);
    fleet.disconnected(2, at(3));
    assert_eq!(fleet.gateways.len(), 0);
}

#[test]
fn a_gateway_that_is_made_anew_has_the_proxies_that_stayed() {
    let mut fleet = two();
    let new = route("new");
    fleet.need(&new, &web(), 10, at(0));
    fleet.rejected(1, vec![rejection("rule/shop/new/0", Some(&new))], at(0));
    fleet.remove_gateway(&web());
    assert!(!fleet.refuses(1), "what it refused is gone");
    fleet.changed(at(0));
    fleet.need(&new, &web(), 12, at(10));
    assert_eq!(said(&fleet, &new, at(10)), "undecided");
    fleet.acknowledged(1, 12, at(20));
    fleet.acknowledged(2, 12, at(20));
    assert_eq!(changed(&mut fleet, at(20)), ["new"]);
    assert_eq!(said(&fleet, &new, at(20)), "2/2");
    fleet.rejected(2, vec![rejection("rule/shop/new/0", Some(&new))], at(30));
    assert_eq!(
        said(&fleet, &new, at(30)),
        "proxy b refuses rule/shop/new/0: no such thing"
    );
}

/// A small generator, so that a failure can be repeated. Source: SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

/// Whoever only listens to `changed` and wakes at `next_deadline` ends up saying the same as
/// whoever asks about everything all the time.
#[test]
fn nothing_is_missed_by_who_only_hears_of_changes() {
    const PODS: [&str; 3] = ["a", "b", "c"];
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let mut fleet = Fleet::new(Duration::ZERO);
        let mut now = Duration::ZERO;
        let mut serial = 1;
        let mut clients = [0_u64; 3];
        let mut next_client = 1;
        let mut told = std::collections::BTreeMap::new();
        if seed % 2 == 1 {
            fleet.count_connected(&web(), true, now);
        }
        for _ in 0..120 {
            now += Duration::from_millis([1, 20, 400, 2_000][dice.roll(4) as usize]);
            while let Some(deadline) = fleet.next_deadline().filter(|due| *due < now) {
                listen(&mut fleet, deadline, &mut told);
                assert!(
                    fleet.next_deadline().is_none_or(|next| next > deadline),
                    "seed {seed}: a deadline that stays would never let its timer rest"
                );
            }
            let pod = dice.roll(3) as usize;
            match dice.roll(8) {
                0 => {
                    clients[pod] = next_client;
                    connect(&mut fleet, next_client, PODS[pod], now);
                    next_client += 1;
                }
                1 => fleet.disconnected(clients[pod], now),
                2..=4 => {
                    let to = serial - dice.roll(serial.min(3));
                    fleet.acknowledged(clients[pod], to, now);
                }
                5 => {
                    let mask = dice.roll(8);
                    let pods: Vec<&str> = (0..3)
                        .filter(|bit| mask >> bit & 1 == 1)
                        .map(|bit| PODS[bit])
                        .collect();
                    ready(&mut fleet, &pods, now);
                }
                _ => {
                    serial += dice.roll(2);
                    let name = ["x", "y", "z"][dice.roll(3) as usize];
                    fleet.need(&route(name), &web(), serial, now);
                }
            }
            listen(&mut fleet, now, &mut told);
            for name in ["x", "y", "z"] {
                let expected = class(&fleet.confirmation(&route(name), &web(), now));
                let told = told.get(name).copied().unwrap_or("undecided");
                // What is undecided leaves the old words, so any are right.
                if expected != "undecided" {
                    assert_eq!(told, expected, "seed {seed}, {name} at {now:?}");
                }
            }
        }
    }
}

fn listen(
    fleet: &mut Fleet,
    now: Moment,
    told: &mut std::collections::BTreeMap<String, &'static str>,
) {
    for object in fleet.changed(now) {
        let class = class(&fleet.confirmation(&object, &web(), now));
        if class != "undecided" {
            told.insert(object.name.to_string(), class);
        }
    }
}

fn class(confirmation: &Confirmation) -> &'static str {
    match confirmation {
        Confirmation::Undecided => "undecided",
        Confirmation::Confirmed { .. } => "confirmed",
        Confirmation::Pending { .. } => "pending",
        Confirmation::Rejected { .. } => "rejected",
    }
}
