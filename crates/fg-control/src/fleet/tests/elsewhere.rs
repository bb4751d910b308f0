//! Proxies that somebody else runs: no Service says which of them are ready.

use std::time::Duration;

use super::super::{Fleet, PATIENCE};
use super::{at, changed, connect, ready, route, said, web};

/// Pods a and b: connected as 1 and 2, and all of serial 10, which the route `shop` needs,
/// confirmed, at 1.
fn two_elsewhere() -> Fleet {
    let mut fleet = Fleet::new(Duration::ZERO);
    fleet.count_connected(&web(), true, at(0));
    fleet.need(&route("shop"), &web(), 10, at(0));
    fleet.changed(at(0));
    assert_eq!(said(&fleet, &route("shop"), at(0)), "no proxy is ready");
    for (client, pod) in [(1, "a"), (2, "b")] {
        connect(&mut fleet, client, pod, at(1));
        fleet.acknowledged(client, 10, at(1));
    }
    assert_eq!(changed(&mut fleet, at(1)), ["shop", "web"]);
    assert_eq!(said(&fleet, &route("shop"), at(1)), "2/2");
    fleet
}

#[test]
fn they_count_while_they_are_connected_and_for_a_while_after() {
    let mut fleet = two_elsewhere();
    let shop = route("shop");
    // No Service has a say in it.
    ready(&mut fleet, &[], at(2));
    fleet.changed(at(2));
    assert_eq!(said(&fleet, &shop, at(2)), "2/2");
    fleet.disconnected(1, at(3));
    assert_eq!(changed(&mut fleet, at(3)), [""; 0]);
    assert_eq!(said(&fleet, &shop, at(3)), "2/2");
    let over = at(3) + PATIENCE;
    assert_eq!(fleet.next_deadline(), Some(over));
    assert_eq!(changed(&mut fleet, over), ["web"]);
    assert_eq!(said(&fleet, &shop, over), "1/1");
    assert_eq!(fleet.next_deadline(), None);
    fleet.count_connected(&web(), false, at(6_000));
    assert_eq!(said(&fleet, &shop, at(6_000)), "no proxy is ready");
}

#[test]
fn one_that_comes_back_at_once_was_not_missed() {
    let mut fleet = two_elsewhere();
    let shop = route("shop");
    // The tokens of both expire.
    for client in [1, 2] {
        fleet.disconnected(client, at(100));
    }
    assert_eq!(changed(&mut fleet, at(100)), [""; 0]);
    assert_eq!(said(&fleet, &shop, at(100)), "2/2");
    for (client, pod) in [(3, "a"), (4, "b")] {
        connect(&mut fleet, client, pod, at(4_000));
    }
    assert_eq!(said(&fleet, &shop, at(4_000)), "undecided");
    for client in [3, 4] {
        fleet.acknowledged(client, 10, at(4_100));
    }
    // Of the route there was nothing to say at any time.
    assert_eq!(changed(&mut fleet, at(4_100)), ["web"]);
    assert_eq!(said(&fleet, &shop, at(4_100)), "2/2");
    assert_eq!(fleet.next_deadline(), None);
    assert_eq!(changed(&mut fleet, at(60_000)), [""; 0]);
    assert_eq!(said(&fleet, &shop, at(60_000)), "2/2");
}

#[test]
fn when_all_stay_away_it_is_said_that_none_is_ready() {
    let mut fleet = two_elsewhere();
    let shop = route("shop");
    fleet.disconnected(1, at(100));
    fleet.disconnected(2, at(200));
    fleet.changed(at(200));
    for (due, words) in [(at(5_100), "1/1"), (at(5_200), "no proxy is ready")] {
        assert_eq!(fleet.next_deadline(), Some(due));
        let news = changed(&mut fleet, due);
        assert_eq!(said(&fleet, &shop, due), words, "{news:?}");
    }
    assert_eq!(fleet.next_deadline(), None);
    // The one that is back is asked anew.
    connect(&mut fleet, 3, "a", at(9_000));
    fleet.acknowledged(3, 10, at(9_000));
    assert_eq!(changed(&mut fleet, at(9_000)), ["shop", "web"]);
    assert_eq!(said(&fleet, &shop, at(9_000)), "1/1");
}
