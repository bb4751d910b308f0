//! The end of a connection, for who does not own it, and how far its client has come.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;
use std::time::Duration;

use futures::task::AtomicWaker;

/// Closes a connection from outside. Clones are of the same connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Cut(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    is_cut: AtomicBool,
    has_stream: AtomicBool,
    is_let_in: AtomicBool,
    /// The task that owns the connection.
    owner: AtomicWaker,
}

impl Cut {
    /// Every further read or write of the connection fails.
    pub(super) fn now(&self) {
        self.0.is_cut.store(true, Ordering::Release);
        self.0.owner.wake();
    }

    /// The client opened a stream.
    pub(super) fn opened(&self) {
        self.0.has_stream.store(true, Ordering::Release);
    }

    /// A stream of the client was let in.
    pub(super) fn let_in(&self) {
        self.0.is_let_in.store(true, Ordering::Release);
    }

    /// Cuts a connection that opens no stream in time, or on which nobody was let in after the time
    /// that all steps to it may take.
    pub(super) async fn unless_used(self, deadline: Duration) {
        /// The token, the first message, who it is.
        const STEPS: u32 = 3;
        tokio::time::sleep(deadline).await;
        if self.0.has_stream.load(Ordering::Acquire) {
            tokio::time::sleep(deadline.saturating_mul(STEPS)).await;
        }
        if !self.0.is_let_in.load(Ordering::Acquire) {
            self.now();
        }
    }

    /// Whether it is cut; if not, the task is woken when it is.
    pub(super) fn poll(&self, context: &Context<'_>) -> bool {
        self.0.owner.register(context.waker());
        self.0.is_cut.load(Ordering::Acquire)
    }
}
