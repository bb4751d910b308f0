//! Signs of life of backends' HTTP/2 connections.

use std::rc::Weak;
use std::time::Duration;

use crate::worker::pool::Http2Link;

/// How long a backend has to take our last words on a connection that nobody uses any more.
const FAREWELL: Duration = Duration::from_secs(2);

/// Done when nobody uses a connection any more, and its backend had time to take our goodbye: one
/// that reads nothing never takes it.
pub(super) async fn is_unused(unused: tokio::sync::oneshot::Receiver<()>) {
    // Nothing is ever sent by it.
    let _ = unused.await;
    tokio::time::sleep(FAREWELL).await;
}

/// Asks a backend that has requests now and then whether it is there; done when it does not answer.
pub(super) async fn is_silent(link: &Weak<Http2Link>, silence: Duration) {
    loop {
        tokio::time::sleep(silence).await;
        let Some(link) = link.upgrade().filter(|link| link.active.get() > 0) else {
            continue;
        };
        let answer = async {
            match &mut *link.pings.lock().await {
                Some(pings) => pings.ask().await.is_ok(),
                None => true,
            }
        };
        if !tokio::time::timeout(silence, answer).await.unwrap_or(false) {
            return;
        }
    }
}
