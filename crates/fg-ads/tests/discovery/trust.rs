//! Tokens and authorities.

use std::sync::atomic::Ordering;
use std::time::Duration;

use fg_ads::Event;
use fg_ads::server::Options;

use crate::ground::{Ca, Ground, accept, soon};

#[tokio::test]
async fn a_wrong_token_gets_nothing_and_the_right_one_then_all() {
    let ground = Ground::new();
    ground.hold("wrong");
    ground.apply(&["a=1"], 0);
    let running = ground.serve(Options::default()).await;
    let (client, mut deliveries) = ground.client(&running);
    let mut state = client.watch();
    let refused = soon(state.wait_for(|state| state.last_error.is_some())).await;
    let words = refused.unwrap().last_error.clone().unwrap();
    assert!(words.contains("the token is unknown"), "{words}");
    assert!(running.metrics.refused.load(Ordering::Relaxed) > 0);
    ground.hold("token");
    assert_eq!(accept(&mut deliveries).await, "1: a=1");
}

#[tokio::test]
async fn a_token_shows_its_own_scope_only() {
    let ground = Ground::new();
    ground.admit("other", "shop/other", None);
    ground.hold("other");
    ground.apply(&["a=1"], 0);
    ground.store.apply(
        "shop/other",
        crate::ground::transaction(crate::ground::TYPE, &["o=1"], 0),
    );
    let running = ground.serve(Options::default()).await;
    let (_client, mut deliveries) = ground.client(&running);
    assert_eq!(accept(&mut deliveries).await, "2: o=1");
}

#[tokio::test]
async fn when_a_token_expires_the_client_comes_back_with_a_fresh_one() {
    let ground = Ground::new();
    ground.admit("short", "shop/front", Some(Duration::from_millis(50)));
    ground.hold("short");
    ground.apply(&["a=1"], 0);
    let mut running = ground.serve(Options::default()).await;
    let (client, mut deliveries) = ground.client(&running);
    assert_eq!(accept(&mut deliveries).await, "1: a=1");
    ground.hold("token");
    let gone = loop {
        if let Event::Disconnected { reason, .. } = running.event().await {
            break reason;
        }
    };
    assert!(gone.contains("expired"), "{gone}");
    assert!(matches!(running.event().await, Event::Connected { .. }));
    assert_eq!(accept(&mut deliveries).await, "1:");
    drop(client);
}

#[tokio::test]
async fn an_authority_changes_while_everything_runs() {
    let ground = Ground::new();
    ground.apply(&["a=1"], 0);
    let running = ground.serve(Options::default()).await;
    let (client, mut deliveries) = ground.client(&running);
    assert_eq!(accept(&mut deliveries).await, "1: a=1");

    // The next authority signs; who is connected stays so.
    let next = Ca::new();
    ground.config.send_replace(next.server());
    ground.apply(&["b=1"], 0);
    assert_eq!(accept(&mut deliveries).await, "2: b=1");
    assert_eq!(client.state().last_error, None);

    // Who comes and does not know it says so, and comes in when it does.
    let (late, mut deliveries) = ground.client(&running);
    let mut state = late.watch();
    let refused = state.wait_for(|state| {
        let words = state.last_error.as_deref();
        words.is_some_and(|words| words.contains("TLS handshake"))
    });
    soon(refused).await.unwrap();
    ground.trust(&format!("{}{}", ground.ca.pem(), next.pem()));
    assert_eq!(accept(&mut deliveries).await, "2: a=1 b=1");
    assert_eq!(client.state().last_error, None);
}
