//! The end of a connection, for who does not own it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;

use futures::task::AtomicWaker;

/// Closes a connection from outside. Clones are of the same connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Cut(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    is_cut: AtomicBool,
    /// The task that owns the connection.
    owner: AtomicWaker,
}

impl Cut {
    /// Every further read or write of the connection fails.
    pub(super) fn now(&self) {
        self.0.is_cut.store(true, Ordering::Release);
        self.0.owner.wake();
    }

    /// Whether it is cut; if not, the task is woken when it is.
    pub(super) fn poll(&self, context: &Context<'_>) -> bool {
        self.0.owner.register(context.waker());
        self.0.is_cut.load(Ordering::Acquire)
    }
}
