//! What a client gets, and what the server learns of it.

use std::sync::atomic::Ordering;

use fg_ads::client::{Link, State};
use fg_ads::server::Options;
use fg_ads::{Client, Delivery, Event, Rejection, Store, Verdict};
use tokio::sync::mpsc;

use crate::ground::{Ground, accept, show, soon};

async fn until(client: &Client, is_so: impl FnMut(&State) -> bool) -> State {
    let mut state = client.watch();
    soon(state.wait_for(is_so)).await.unwrap().clone()
}

fn rejection(name: &str, reason: &str) -> Rejection {
    Rejection {
        name: name.to_owned(),
        reason: reason.to_owned(),
        ..Rejection::default()
    }
}

/// The next batch, rejected in part.
async fn refuse(deliveries: &mut mpsc::Receiver<Delivery>, rejected: &[Rejection]) {
    let delivery = soon(deliveries.recv()).await.unwrap();
    delivery.answer(Verdict {
        rejected: rejected.to_vec(),
    });
}

#[tokio::test]
async fn everything_comes_first_and_then_what_changes() {
    let ground = Ground::new();
    let mut running = ground.serve(Options::default()).await;
    let (client, mut deliveries) = ground.client(&running);
    let Event::Connected { node, scope, .. } = running.event().await else {
        panic!("nobody connected");
    };
    assert_eq!((node.id.as_str(), &*scope), ("front-1", "shop/front"));
    assert_eq!(client.state().serial, None, "nothing is complete yet");

    ground.apply(&["a=1", "b=1"], 0);
    assert_eq!(accept(&mut deliveries).await, "1: a=1 b=1");
    assert!(matches!(
        running.event().await,
        Event::Acked { serial: 1, .. }
    ));
    ground.apply(&["a=2", "c=1", "-b"], 0);
    assert_eq!(accept(&mut deliveries).await, "2: a=2 c=1 -b");
    assert!(matches!(
        running.event().await,
        Event::Acked { serial: 2, .. }
    ));
    let state = until(&client, |state| state.serial == Some(2)).await;
    assert!(matches!(state.link, Link::Connected { .. }));
    assert_eq!((state.resources, state.last_error), (2, None));

    // The third is for others.
    ground.store.apply("shop/other", fg_ads::Transaction::new());
    ground.apply(&["d=1"], 0);
    assert_eq!(accept(&mut deliveries).await, "4: d=1");
    assert!(matches!(
        running.event().await,
        Event::Acked { serial: 4, .. }
    ));
    assert_eq!(running.metrics.acks.load(Ordering::Relaxed), 3);
    drop(client);
    assert!(matches!(running.event().await, Event::Disconnected { .. }));
    running.stop().await;
}

#[tokio::test]
async fn nothing_is_complete_too() {
    let ground = Ground::new();
    let running = ground.serve(Options::default()).await;
    ground.apply(&[], 0);
    let (_client, mut deliveries) = ground.client(&running);
    assert_eq!(accept(&mut deliveries).await, "1:");
}

#[tokio::test]
async fn after_a_restart_of_the_server_only_what_differs_is_sent() {
    let mut ground = Ground::new();
    let running = ground.serve(Options::default()).await;
    ground.apply(&["a=1", "b=1", "c=1"], 0);
    let (client, mut deliveries) = ground.client(&running);
    assert_eq!(accept(&mut deliveries).await, "1: a=1 b=1 c=1");
    until(&client, |state| state.serial == Some(1)).await;
    let address = running.address;
    running.stop().await;
    let state = until(&client, |state| {
        matches!(state.link, Link::Connecting { .. })
    })
    .await;
    let words = state.last_error.unwrap();
    assert!(words.contains("going away"), "{words}");

    ground.store = Store::new();
    let mut running = ground.serve_at(address, Options::default()).await;
    assert!(matches!(running.event().await, Event::Connected { .. }));
    ground.apply(&["a=1", "b=2", "d=1"], 0);
    assert_eq!(accept(&mut deliveries).await, "1: b=2 d=1 -c");
    assert!(matches!(
        running.event().await,
        Event::Acked { serial: 1, .. }
    ));

    running.stop().await;
    let mut running = ground.serve_at(address, Options::default()).await;
    assert_eq!(accept(&mut deliveries).await, "1:", "nothing differs");
    assert!(matches!(
        running.answer().await,
        Event::Acked { serial: 1, .. }
    ));
}

#[tokio::test]
async fn a_rejected_resource_is_named_and_all_others_are_in_use() {
    let ground = Ground::new();
    let mut running = ground.serve(Options::default()).await;
    ground.apply(&["a=1", "b=bad", "c=1"], 0);
    let (client, mut deliveries) = ground.client(&running);
    let bad = rejection("b", "the port is taken");
    let delivery = soon(deliveries.recv()).await.unwrap();
    delivery.answer(Verdict {
        rejected: vec![bad.clone()],
    });
    match running.answer().await {
        Event::Rejected {
            serial: 1,
            resources,
            message,
            ..
        } => {
            let version = "bad".to_owned();
            assert_eq!(resources, [Rejection { version, ..bad }]);
            assert_eq!(message, "b: the port is taken");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        until(&client, |state| state.serial.is_some())
            .await
            .resources,
        2
    );
    ground.apply(&["a=2"], 0);
    assert_eq!(
        accept(&mut deliveries).await,
        "2: a=2",
        "it is not sent again"
    );
    until(&client, |state| state.serial == Some(2)).await;

    // A new stream begins with what is here, and what was rejected is not.
    let address = running.address;
    running.stop().await;
    let mut running = ground.serve_at(address, Options::default()).await;
    assert_eq!(accept(&mut deliveries).await, "2: b=bad");
    while !matches!(running.answer().await, Event::Acked { serial: 2, .. }) {}
}

#[tokio::test]
async fn what_was_rejected_comes_again_when_the_server_is_back_at_what_was_here() {
    let mut ground = Ground::new();
    let running = ground.serve(Options::default()).await;
    ground.apply(&["a=1", "b=1"], 0);
    let (client, mut deliveries) = ground.client(&running);
    accept(&mut deliveries).await;
    ground.apply(&["b=2"], 0);
    refuse(&mut deliveries, &[rejection("b", "closed")]).await;
    until(&client, |state| state.resources == 1).await;
    let address = running.address;
    running.stop().await;

    ground.store = Store::new();
    ground.apply(&["a=1", "b=1"], 0);
    let running = ground.serve_at(address, Options::default()).await;
    assert_eq!(accept(&mut deliveries).await, "1: b=1");
    until(&client, |state| state.resources == 2).await;

    ground.apply(&["b=3"], 0);
    refuse(&mut deliveries, &[rejection("b", "closed")]).await;
    until(&client, |state| state.resources == 1).await;
    running.stop().await;
    ground.store = Store::new();
    ground.apply(&["a=1"], 0);
    let _running = ground.serve_at(address, Options::default()).await;
    assert_eq!(accept(&mut deliveries).await, "1: -b");
}

#[tokio::test]
async fn a_report_that_differs_from_the_last_verdict_is_sent_and_an_equal_one_is_not() {
    let ground = Ground::new();
    let mut running = ground.serve(Options::default()).await;
    ground.apply(&["a=1"], 0);
    let (client, mut deliveries) = ground.client(&running);
    let taken = [rejection("a", "the port is taken")];
    refuse(&mut deliveries, &taken).await;
    assert!(matches!(running.answer().await, Event::Rejected { .. }));
    client.report(taken.to_vec());
    client.report(Vec::new());
    let Event::Report { resources, .. } = running.answer().await else {
        panic!("the port is free and nobody was told");
    };
    assert_eq!(resources, []);

    // The last word was that all is well: said again, it is not sent; nor is what a verdict said.
    client.report(Vec::new());
    ground.apply(&["b=1"], 0);
    refuse(&mut deliveries, &taken).await;
    client.report(taken.to_vec());
    assert!(matches!(running.answer().await, Event::Rejected { .. }));
    ground.apply(&["c=1"], 0);
    accept(&mut deliveries).await;
    assert!(matches!(
        running.answer().await,
        Event::Acked { serial: 3, .. }
    ));
    assert_eq!(running.metrics.reports.load(Ordering::Relaxed), 1);

    // A verdict replaces the last report: a new stream does not begin with it.
    client.report(taken.to_vec());
    assert!(matches!(running.answer().await, Event::Report { .. }));
    ground.apply(&["d=1"], 0);
    accept(&mut deliveries).await;
    assert!(matches!(running.answer().await, Event::Acked { .. }));
    let address = running.address;
    running.stop().await;
    let mut running = ground.serve_at(address, Options::default()).await;
    accept(&mut deliveries).await;
    assert!(matches!(running.answer().await, Event::Acked { .. }));
    client.report(taken.to_vec());
    let Event::Report { resources, .. } = running.answer().await else {
        panic!("it is not in use and nobody was told");
    };
    assert_eq!(resources, taken);
    assert_eq!(running.metrics.reports.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_client_of_another_server_is_another() {
    let ground = Ground::new();
    let mut one = ground.serve(Options::default()).await;
    let mut other = ground.serve(Options::default()).await;
    let _clients = (ground.client(&one), ground.client(&other));
    let Event::Connected { client: first, .. } = one.event().await else {
        panic!("nobody connected");
    };
    let Event::Connected { client: second, .. } = other.event().await else {
        panic!("nobody connected");
    };
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_report_stands_until_the_next_one_on_every_stream() {
    let ground = Ground::new();
    let mut running = ground.serve(Options::default()).await;
    ground.apply(&["a=1"], 0);
    let (client, mut deliveries) = ground.client(&running);
    accept(&mut deliveries).await;
    assert!(matches!(running.answer().await, Event::Acked { .. }));
    let lost = rejection("a", "the address is gone");
    client.report(vec![lost.clone()]);
    let reported = async |running: &mut crate::ground::Running| loop {
        if let Event::Report { resources, .. } = running.answer().await {
            return resources;
        }
    };
    assert_eq!(reported(&mut running).await, std::slice::from_ref(&lost));
    let address = running.address;
    running.stop().await;
    let mut running = ground.serve_at(address, Options::default()).await;
    refuse(&mut deliveries, std::slice::from_ref(&lost)).await;
    assert_eq!(reported(&mut running).await, [lost]);
    client.report(Vec::new());
    assert_eq!(reported(&mut running).await, []);
}

#[tokio::test]
async fn a_transaction_in_parts_is_one_batch() {
    let ground = Ground::new();
    let options = Options {
        response_bytes: 1_000,
        ..Options::default()
    };
    let mut running = ground.serve(options).await;
    ground.apply(&["a=1", "b=1", "c=1", "d=1", "e=1"], 400);
    let (_client, mut deliveries) = ground.client(&running);
    assert_eq!(accept(&mut deliveries).await, "1: a=1 b=1 c=1 d=1 e=1");
    assert!(matches!(
        running.answer().await,
        Event::Acked { serial: 1, .. }
    ));
    assert_eq!(running.metrics.responses.load(Ordering::Relaxed), 3);
    assert_eq!(running.metrics.acks.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_batch_that_is_dropped_comes_again() {
    let ground = Ground::new();
    let running = ground.serve(Options::default()).await;
    ground.apply(&["a=1"], 0);
    let (_client, mut deliveries) = ground.client(&running);
    let dropped = soon(deliveries.recv()).await.unwrap();
    assert_eq!(show(&dropped.batch), "1: a=1");
    drop(dropped);
    assert_eq!(accept(&mut deliveries).await, "1: a=1");
}

#[tokio::test]
async fn a_scope_that_is_emptied_leaves_clients_nothing() {
    let ground = Ground::new();
    let running = ground.serve(Options::default()).await;
    ground.apply(&["a=1", "b=1"], 0);
    let (client, mut deliveries) = ground.client(&running);
    assert_eq!(accept(&mut deliveries).await, "1: a=1 b=1");
    ground.store.replace("shop/front", Vec::new());
    assert_eq!(accept(&mut deliveries).await, "2: -a -b");
    ground.apply(&["a=1"], 0);
    assert_eq!(accept(&mut deliveries).await, "3: a=1");
    assert_eq!(
        until(&client, |state| state.resources == 1).await.serial,
        Some(3)
    );
}
