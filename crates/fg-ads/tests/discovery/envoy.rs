//! What is there for Envoy: its order, both protocols, refusals that name nothing.

use std::sync::Arc;
use std::time::Duration;

use fg_ads::server::{Options, Ordered};
use fg_ads::{Event, Protocol, Transaction};

use crate::ground::{Ground, TYPE, transaction};
use crate::raw::{Raw, World, show};

const TYPES: [&str; 6] = [
    "secret",
    "cluster",
    "endpoints",
    "listener",
    "routes",
    "host",
];

/// Changes of several types at once, each as `TYPE NAME=VERSION …`; a body is its version.
fn apply(ground: &Ground, changes: &[&str]) -> u64 {
    let mut all = Transaction::new();
    for changes in changes {
        let (type_url, changes) = changes.split_once(' ').expect("a type first");
        let changes: Vec<&str> = changes.split(' ').collect();
        let one = transaction(type_url, &changes, 0);
        all.upserts.extend(one.upserts);
        all.removed.extend(one.removed);
    }
    ground.store.apply("shop/front", all)
}

#[tokio::test]
async fn endpoints_wait_for_nobody_and_routes_for_clusters_and_their_endpoints() {
    let ground = Ground::new();
    let mut running = ground.serve_plain(Options::for_envoy(TYPES)).await;
    apply(&ground, &["cluster a=1", "endpoints a=1", "routes r=1"]);
    let mut raw = Raw::open(&running).await;
    raw.subscribe("cluster", &[]).await;
    assert_eq!(raw.take().await, "cluster 1: a=1");
    raw.subscribe("endpoints", &["a"]).await;
    assert_eq!(raw.take().await, "endpoints 1: a=1");
    raw.subscribe("routes", &["r"]).await;
    assert_eq!(raw.take().await, "routes 1: r=1");
    assert_eq!(running.settled().await, 1);

    apply(&ground, &["cluster b=1", "endpoints b=1", "routes r=2"]);
    let cluster = raw.next().await.unwrap();
    assert_eq!(show(&cluster), "cluster 2: b=1");
    // While the cluster is on its way, endpoints change, and the route changes once more.
    apply(&ground, &["endpoints a=2"]);
    assert_eq!(raw.take().await, "endpoints 3: a=2");
    apply(&ground, &["cluster c=1", "routes r=3"]);
    raw.ack(&cluster).await;
    let other = raw.next().await.unwrap();
    assert_eq!(show(&other), "cluster 4: c=1");
    // The endpoints of the new cluster were not asked for: its route waits for them. As it was with
    // that cluster it comes, though a newer one waits for the next cluster.
    raw.subscribe("endpoints", &["b"]).await;
    assert_eq!(raw.take().await, "endpoints 4: b=1");
    assert_eq!(raw.take().await, "routes 2: r=2");
    raw.ack(&other).await;
    assert_eq!(raw.take().await, "routes 4: r=3");
    assert_eq!(running.settled().await, 4);

    // A cluster that changes needs its endpoints again, even if they are the same.
    apply(&ground, &["cluster a=2"]);
    assert_eq!(raw.take().await, "cluster 5: a=2");
    assert_eq!(raw.take().await, "endpoints 5: a=2");
    assert_eq!(running.settled().await, 5);
}

#[tokio::test]
async fn nothing_is_taken_from_a_client_that_comes_back_before_what_uses_it() {
    let ground = Ground::new();
    let options = Options {
        ask_deadline: Duration::from_secs(60),
        ..Options::for_envoy(TYPES)
    };
    let mut running = ground.serve_plain(options).await;
    apply(&ground, &["cluster b=1", "endpoints b=1", "routes r=2"]);
    // It has a route to a cluster that was removed while it was away.
    let mut raw = Raw::open(&running).await;
    raw.resume("cluster", &[], &[("a", "1")]).await;
    assert_eq!(raw.take().await, "cluster 1: b=1");
    raw.resume("endpoints", &["a", "b"], &[("a", "1")]).await;
    assert_eq!(raw.take().await, "endpoints 1: b=1 -a");
    raw.resume("listener", &[], &[]).await;
    assert_eq!(raw.take().await, "listener 1:");
    raw.resume("routes", &["r"], &[("r", "1")]).await;
    assert_eq!(raw.take().await, "routes 1: r=2");
    // By these it uses nothing any more.
    raw.resume("host", &[], &[]).await;
    assert_eq!(raw.take().await, "host 1: -r/");
    assert_eq!(raw.take().await, "cluster 1: -a");
    assert_eq!(running.settled().await, 1);
}

#[tokio::test]
async fn a_client_that_comes_back_and_asks_for_nothing_more_uses_nothing_more() {
    let ground = Ground::new();
    let options = Options {
        ask_deadline: Duration::from_millis(50),
        ..Options::for_envoy(TYPES)
    };
    let running = ground.serve_plain(options).await;
    apply(&ground, &["cluster b=1"]);
    let mut raw = Raw::open(&running).await;
    raw.resume("cluster", &[], &[("a", "1")]).await;
    assert_eq!(raw.take().await, "cluster 1: b=1");
    assert_eq!(raw.take().await, "cluster 1: -a");
}

#[tokio::test]
async fn it_is_not_settled_while_something_was_not_asked_for() {
    let ground = Ground::new();
    let mut running = ground.serve_plain(Options::for_envoy(TYPES)).await;
    apply(&ground, &["cluster a=1", "listener l=1", "routes r=1"]);
    let mut raw = Raw::open(&running).await;
    raw.subscribe("cluster", &[]).await;
    raw.take().await;
    raw.subscribe("listener", &[]).await;
    raw.take().await;
    apply(&ground, &["cluster a=2"]);
    raw.take().await;
    raw.subscribe("routes", &["r"]).await;
    assert_eq!(raw.take().await, "routes 2: r=1");
    assert_eq!(running.settled().await, 2, "the first news of it");
}

#[tokio::test]
async fn nobody_has_to_ask_for_what_is_left_to_those_that_use_it() {
    let ground = Ground::new();
    let mut running = ground.serve_plain(Options::for_envoy(TYPES)).await;
    let leave = |changes: &[(&str, &str)]| {
        let mut all = Transaction::new();
        for (type_url, name) in changes {
            all.leave(*type_url, *name);
        }
        ground.store.apply("shop/front", all)
    };
    let all = ["secret s=1", "endpoints a=1 b=1"];
    apply(&ground, &all);
    assert_eq!(leave(&[("secret", "s"), ("endpoints", "b")]), 2);
    assert_eq!(leave(&[("endpoints", "b"), ("cluster", "none")]), 2);
    let mut raw = Raw::open(&running).await;
    raw.subscribe("endpoints", &["a"]).await;
    assert_eq!(raw.take().await, "endpoints 2: a=1");
    assert_eq!(running.settled().await, 2);
    // Who wants it gets it.
    raw.subscribe("endpoints", &["b"]).await;
    assert_eq!(raw.take().await, "endpoints 2: b=1");

    // Something leads to it again, though it is the same.
    assert_eq!(apply(&ground, &["secret s=1"]), 3);
    apply(&ground, &["endpoints a=2"]);
    assert_eq!(raw.take().await, "endpoints 4: a=2");
    raw.subscribe("secret", &["s"]).await;
    assert_eq!(raw.take().await, "secret 4: s=1");
    assert_eq!(running.settled().await, 4);
}

#[tokio::test]
async fn who_does_not_ask_in_time_does_not_use_it() {
    let ground = Ground::new();
    let options = Options {
        ask_deadline: Duration::from_millis(50),
        ..Options::for_envoy(TYPES)
    };
    let mut running = ground.serve_plain(options).await;
    let all = ["secret s=1", "endpoints a=1 b=1", "host r/h=1"];
    apply(&ground, &all);
    let mut raw = Raw::open(&running).await;
    raw.subscribe("endpoints", &["a"]).await;
    assert_eq!(raw.take().await, "endpoints 1: a=1");
    let unasked = |wanted: &[(&str, &str)]| {
        let wanted = wanted.iter();
        let wanted = wanted.map(|(type_url, name)| ((*type_url).into(), (*name).into()));
        wanted.collect::<Vec<(Arc<str>, Arc<str>)>>()
    };
    let wanted = unasked(&[("endpoints", "b"), ("host", "r/h"), ("secret", "s")]);
    assert_eq!(running.unasked().await, (1, wanted));
    // It is waited for once only, until it asks.
    apply(&ground, &["endpoints a=2"]);
    assert_eq!(raw.take().await, "endpoints 2: a=2");
    assert_eq!(running.settled().await, 2);
    raw.subscribe("host", &["r"]).await;
    assert_eq!(raw.take().await, "host 2: r/h=1");
    apply(&ground, &["endpoints a=3"]);
    assert_eq!(raw.take().await, "endpoints 3: a=3");
    let wanted = unasked(&[("endpoints", "b"), ("secret", "s")]);
    assert_eq!(running.unasked().await, (3, wanted));
}

#[tokio::test]
async fn a_refusal_excuses_only_what_would_have_followed_from_it() {
    let ground = Ground::new();
    let mut running = ground.serve_plain(Options::for_envoy(TYPES)).await;
    apply(
        &ground,
        &[
            "secret s=1",
            "cluster a=1",
            "endpoints a=1",
            "listener l=1",
            "routes r=1",
        ],
    );
    let mut raw = Raw::open(&running).await;
    // What it refuses may be what has this secret, and these endpoints.
    raw.subscribe("cluster", &[]).await;
    assert_eq!(raw.refuse("no").await, "cluster 1: a=1");
    assert!(matches!(running.answer().await, Event::Rejected { .. }));
    // But its listeners are awaited, and their routes.
    apply(&ground, &["listener l=2"]);
    raw.subscribe("listener", &[]).await;
    assert_eq!(raw.take().await, "listener 2: l=2");
    apply(&ground, &["routes r=2"]);
    raw.subscribe("routes", &["r"]).await;
    assert_eq!(raw.take().await, "routes 3: r=2");
    assert_eq!(running.settled().await, 3, "the first news of it");
    // A listener that is refused excuses its routes.
    apply(&ground, &["listener k=1", "routes k=1"]);
    assert_eq!(raw.refuse("no").await, "listener 4: k=1");
    assert_eq!(running.settled().await, 4);
}

#[tokio::test]
async fn hosts_are_subscribed_to_by_the_name_of_their_routes() {
    let ground = Ground::new();
    let running = ground.serve_plain(Options::for_envoy(TYPES)).await;
    apply(&ground, &["host r/80/a=1 r/80/b=1 r/81/c=1"]);
    let mut raw = Raw::open(&running).await;
    raw.subscribe("host", &["r/80"]).await;
    assert_eq!(raw.take().await, "host 1: r/80/a=1 r/80/b=1");
    apply(&ground, &["host r/81/c=2"]);
    apply(&ground, &["host r/80/d=1 -r/80/a"]);
    assert_eq!(raw.take().await, "host 3: r/80/d=1 -r/80/a");
    raw.subscribe("host", &["r/82"]).await;
    assert_eq!(raw.take().await, "host 3: -r/82/", "there is none");
}

#[tokio::test]
async fn what_is_refused_without_a_name_is_found() {
    let ground = Ground::new();
    let mut running = ground.serve_plain(Options::default()).await;
    ground.apply(&["gone=1", "a=1"], 0);
    let mut raw = Raw::open(&running).await;
    raw.subscribe(TYPE, &[]).await;
    raw.take().await;
    ground.apply(&["a=2", "b=2", "c=2", "d=2", "-gone"], 0);
    let all = format!("{TYPE} 2: a=2 b=2 c=2 d=2 -gone");
    assert_eq!(raw.refuse("something").await, all);
    // What is named later is tried first: a wildcard is named before the names under it.
    assert_eq!(raw.take().await, format!("{TYPE} 2+: c=2 d=2"));
    assert_eq!(raw.refuse("something").await, format!("{TYPE} 2+: a=2 b=2"));
    assert_eq!(raw.refuse("not b").await, format!("{TYPE} 2+: b=2"));
    assert_eq!(raw.take().await, format!("{TYPE} 2+: a=2"));
    assert_eq!(raw.take().await, format!("{TYPE} 2: -gone"));
    running.answer().await;
    let event = running.answer().await;
    let Event::Rejected {
        resources,
        serial: 2,
        ..
    } = event
    else {
        panic!("{event:?}");
    };
    let [only] = &*resources else {
        panic!("{resources:?}");
    };
    let found = (&*only.name, &*only.version, &*only.reason);
    assert_eq!(found, ("b", "2", "not b"));

    // Told as long as it stands, and sent again when it is another.
    ground.apply(&["c=3"], 0);
    assert_eq!(raw.take().await, format!("{TYPE} 3: c=3"));
    assert!(matches!(
        running.answer().await,
        Event::Rejected { serial: 3, .. }
    ));
    ground.apply(&["b=4"], 0);
    assert_eq!(raw.take().await, format!("{TYPE} 4: b=4"));
    assert!(matches!(
        running.answer().await,
        Event::Acked { serial: 4, .. }
    ));
}

#[tokio::test]
async fn who_refuses_everything_is_not_sent_it_for_ever() {
    let ground = Ground::new();
    let mut running = ground.serve_plain(Options::default()).await;
    let names: Vec<String> = (0..100).map(|number| format!("n{number}=1")).collect();
    ground.apply(&names.iter().map(String::as_str).collect::<Vec<_>>(), 0);
    let mut raw = Raw::open(&running).await;
    raw.subscribe(TYPE, &[]).await;
    for _ in 0..199 {
        raw.refuse("no").await;
    }
    let event = running.answer().await;
    assert!(matches!(event, Event::Rejected { resources, .. } if resources.len() == 100));
    ground.apply(&["another=1"], 0);
    assert_eq!(raw.take().await, format!("{TYPE} 2: another=1"));
}

#[tokio::test]
async fn the_state_of_the_world_is_all_of_what_has_no_name_and_what_changed_of_what_has() {
    let ground = Ground::new();
    let ordered = |type_url: &str| Ordered {
        type_url: type_url.to_owned(),
        ..Ordered::default()
    };
    let options = Options {
        order: vec![ordered("cluster"), ordered("endpoints")],
        ..Options::default()
    };
    let mut running = ground.serve_plain(options).await;
    apply(&ground, &["cluster a=a1 b=b1", "endpoints a=x1 b=y1"]);
    let mut world = World::open(&running).await;
    world.want("cluster", &[]).await;
    assert_eq!(world.take(&[]).await, "1: a1 b1");
    let event = running.event().await;
    assert!(
        matches!(
            event,
            Event::Connected {
                protocol: Protocol::StateOfTheWorld,
                ..
            }
        ),
        "{event:?}"
    );
    world.want("endpoints", &["a"]).await;
    assert_eq!(world.take(&["a", "b"]).await, "1: x1");
    assert_eq!(world.take(&["a", "b"]).await, "1: y1", "b is wanted, too");
    assert_eq!(running.settled().await, 1);
    apply(&ground, &["endpoints b=y2"]);
    assert_eq!(world.take(&["a", "b"]).await, "2: y2");
    apply(&ground, &["cluster c=c1 -a", "endpoints -a"]);
    assert_eq!(world.take(&[]).await, "3: b1 c1");
}

#[tokio::test]
async fn a_refused_state_of_the_world_goes_on_with_the_last_good_bodies() {
    let ground = Ground::new();
    let mut running = ground.serve_plain(Options::default()).await;
    ground.apply(&["a=a1", "b=b1", "c=c1"], 0);
    let mut world = World::open(&running).await;
    world.want(TYPE, &[]).await;
    assert_eq!(world.take(&[]).await, "1: a1 b1 c1");
    ground.apply(&["a=a2", "b=b2", "d=d2", "-c"], 0);
    assert_eq!(world.refuse("the word b is wrong").await, "2: a2 b2 d2");
    assert_eq!(
        world.take(&[]).await,
        "2+: a2 b1 c1 d2",
        "without the suspect"
    );
    assert_eq!(world.refuse("b is wrong").await, "2+: a2 b2 c1 d2");
    assert_eq!(world.take(&[]).await, "2: a2 b1 d2");
    running.answer().await;
    let event = running.answer().await;
    assert!(
        matches!(&event, Event::Rejected { resources, .. } if resources.len() == 1 && resources[0].name == "b"),
        "{event:?}"
    );
    ground.apply(&["a=a3"], 0);
    assert_eq!(world.take(&[]).await, "3: a3 b1 d2");
    ground.apply(&["b=b4"], 0);
    assert_eq!(world.take(&[]).await, "4: a3 b4 d2");
    running.answer().await;
    assert!(matches!(
        running.answer().await,
        Event::Acked { serial: 4, .. }
    ));
}
