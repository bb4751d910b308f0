//! What the README and the quickstart print works when it is typed.

#![expect(clippy::panic, reason = "a test that cannot go on says so")]
#![expect(
    dead_code,
    reason = "the end-to-end tests use the rest of what is shared"
)]

mod commands;
mod pages;
mod quickstart;
#[path = "../end_to_end/support/mod.rs"]
mod support;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The ports of 127.0.0.1 that README and quickstart name: one test at a time has them.
static PORTS: Mutex<()> = Mutex::new(());

fn ports() -> MutexGuard<'static, ()> {
    PORTS.lock().unwrap_or_else(PoisonError::into_inner)
}
