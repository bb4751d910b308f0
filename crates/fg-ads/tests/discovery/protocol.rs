//! The protocol, message by message.

use fg_ads::server::{Options, Ordered};
use fg_ads::{Event, Transaction};
use tonic::Code;

use crate::ground::{Ground, TYPE, transaction};
use crate::raw::{Raw, show};

#[tokio::test]
async fn what_changes_while_a_response_is_unanswered_is_sent_once_and_in_its_newest_state() {
    let ground = Ground::new();
    let mut running = ground.serve_plain(Options::default()).await;
    ground.apply(&["a=1", "b=1"], 0);
    let mut raw = Raw::open(&running).await;
    raw.subscribe(TYPE, &[]).await;
    let first = raw.next().await.unwrap();
    assert_eq!(show(&first), format!("{TYPE} 1: a=1 b=1"));
    for change in ["a=2", "a=3", "b=2", "-b", "c=1", "a=4"] {
        ground.apply(&[change], 0);
    }
    raw.ack_nonce(TYPE, "of long ago").await;
    raw.ack(&first).await;
    let second = raw.next().await.unwrap();
    assert_eq!(show(&second), format!("{TYPE} 7: c=1 a=4 -b"));
    raw.ack(&second).await;
    let mut serials = Vec::new();
    while serials.len() < 2 {
        if let Event::Acked { serial, .. } = running.event().await {
            serials.push(serial);
        }
    }
    assert_eq!(serials, [1, 7]);
}

#[tokio::test]
async fn parts_follow_each_other_when_they_are_answered() {
    let ground = Ground::new();
    let options = Options {
        response_bytes: 1_000,
        ..Options::default()
    };
    let running = ground.serve_plain(options).await;
    ground.apply(&["a=1", "b=1", "c=1", "z=1"], 600);
    let mut raw = Raw::open(&running).await;
    raw.subscribe(TYPE, &["*"]).await;
    let first = raw.next().await.unwrap();
    assert_eq!(show(&first), format!("{TYPE} 1+: a=1"));
    ground.apply(&["big=1"], 5_000);
    raw.ack(&first).await;
    assert_eq!(raw.take().await, format!("{TYPE} 1+: b=1"));
    assert_eq!(raw.take().await, format!("{TYPE} 1+: c=1"));
    assert_eq!(raw.take().await, format!("{TYPE} 1: z=1"));
    assert_eq!(
        raw.take().await,
        format!("{TYPE} 2: big=1"),
        "larger than a part may be"
    );
}

#[tokio::test]
async fn names_are_answered_whether_they_exist_or_not() {
    let ground = Ground::new();
    let running = ground.serve_plain(Options::default()).await;
    ground.apply(&["a=1", "b=1"], 0);
    let mut raw = Raw::open(&running).await;
    raw.subscribe(TYPE, &["a", "x"]).await;
    assert_eq!(raw.take().await, format!("{TYPE} 1: a=1 -x"));
    ground.apply(&["b=2"], 0);
    ground.apply(&["x=1"], 0);
    assert_eq!(raw.take().await, format!("{TYPE} 3: x=1"));
    raw.subscribe(TYPE, &["b"]).await;
    assert_eq!(raw.take().await, format!("{TYPE} 3: b=2"));
    raw.subscribe(TYPE, &["b"]).await;
    assert_eq!(
        raw.take().await,
        format!("{TYPE} 3: b=2"),
        "asked for again"
    );
}

#[tokio::test]
async fn types_in_order_are_made_before_they_are_broken() {
    let ground = Ground::new();
    let ordered = |type_url: &str, after: &[&str]| Ordered {
        type_url: type_url.to_owned(),
        after: after.iter().map(ToString::to_string).collect(),
        ..Ordered::default()
    };
    let options = Options {
        order: vec![ordered("cluster", &[]), ordered("route", &["cluster"])],
        ..Options::default()
    };
    let running = ground.serve_plain(options).await;
    let apply = |clusters: &[&str], routes: &[&str], free: &[&str]| {
        let mut all = Transaction::new();
        for (type_url, changes) in [("route", routes), ("cluster", clusters), ("free", free)] {
            let one = transaction(type_url, changes, 0);
            all.upserts.extend(one.upserts);
            all.removed.extend(one.removed);
        }
        ground.store.apply("shop/front", all);
    };
    apply(&["old=1"], &["r=old"], &["e=1"]);
    let mut raw = Raw::open(&running).await;
    raw.subscribe("route", &[]).await;
    assert_eq!(raw.take().await, "route 1: r=old", "nothing to wait for");
    raw.subscribe("cluster", &[]).await;
    assert_eq!(raw.take().await, "cluster 1: old=1");
    raw.subscribe("free", &[]).await;
    assert_eq!(raw.take().await, "free 1: e=1");

    apply(&["new=1", "-old"], &["r=new"], &["e=2"]);
    let cluster = raw.next().await.unwrap();
    assert_eq!(show(&cluster), "cluster 2: new=1");
    assert_eq!(raw.take().await, "free 2: e=2", "it waits for nobody");
    raw.ack(&cluster).await;
    assert_eq!(raw.take().await, "route 2: r=new");
    assert_eq!(raw.take().await, "cluster 2: -old");
}

#[tokio::test]
async fn who_missed_too_many_removals_starts_anew() {
    let ground = Ground::new();
    let mut running = ground.serve_plain(Options::default()).await;
    ground.apply(&["a=1"], 0);
    let mut slow = Raw::open(&running).await;
    slow.subscribe(TYPE, &[]).await;
    let unanswered = slow.next().await.unwrap();
    let names: Vec<String> = (0..10_000).map(|number| format!("n{number}")).collect();
    let made: Vec<String> = names.iter().map(|name| format!("{name}=1")).collect();
    let gone: Vec<String> = names.iter().map(|name| format!("-{name}")).collect();
    ground.apply(&made.iter().map(String::as_str).collect::<Vec<_>>(), 0);
    ground.apply(&gone.iter().map(String::as_str).collect::<Vec<_>>(), 0);
    slow.ack(&unanswered).await;
    assert_eq!(slow.next().await.unwrap_err().code(), Code::Unavailable);
    while !matches!(running.event().await, Event::Disconnected { .. }) {}

    let mut by_name = Raw::open(&running).await;
    by_name.subscribe(TYPE, &["a", "n1"]).await;
    assert_eq!(by_name.take().await, format!("{TYPE} 3: a=1 -n1"));
    let mut all = Raw::open(&running).await;
    all.subscribe(TYPE, &[]).await;
    assert_eq!(all.take().await, format!("{TYPE} 3: a=1"));
}

#[tokio::test]
async fn other_methods_and_nameless_types_are_refused() {
    let ground = Ground::new();
    let running = ground.serve_plain(Options::default()).await;
    let mut raw = Raw::open(&running).await;
    raw.subscribe("", &[]).await;
    assert_eq!(raw.next().await.unwrap_err().code(), Code::InvalidArgument);
}
