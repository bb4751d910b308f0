//! The time limits of a route, running.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use fg_exchange::{Fault, Reason};
use tokio::time::Sleep;

/// The route's time limits, running. Rules without limits have no timer.
#[derive(Default)]
pub(super) struct Clocks {
    /// When the time for the whole exchange is over.
    pub(super) exchange: Option<Pin<Box<Sleep>>>,
    /// When the time for this try is over: connecting, the reply, and its body.
    pub(super) attempt: Option<Pin<Box<Sleep>>>,
}

impl Clocks {
    /// The fault of the limit that is over.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Fault> {
        let is_over = |sleep: &mut Option<Pin<Box<Sleep>>>, context: &mut Context<'_>| {
            sleep
                .as_mut()
                .is_some_and(|sleep| sleep.as_mut().poll(context).is_ready())
        };
        if is_over(&mut self.exchange, context) {
            return Poll::Ready(Fault::new(Reason::RouteTimeout));
        }
        if is_over(&mut self.attempt, context) {
            return Poll::Ready(Fault::new(Reason::UpstreamTimeout));
        }
        Poll::Pending
    }
}

/// A timer for a limit.
pub(super) fn clock(limit: Option<Duration>) -> Option<Pin<Box<Sleep>>> {
    limit.map(|limit| Box::pin(tokio::time::sleep(limit)))
}
