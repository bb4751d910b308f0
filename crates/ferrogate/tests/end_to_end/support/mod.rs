//! What all end-to-end tests use: the binary, a folder, a client, and patience.

pub(crate) mod client;
pub(crate) mod folder;
pub(crate) mod gateway;
pub(crate) mod process;

pub(crate) use client::get;
pub(crate) use folder::Folder;
pub(crate) use gateway::{Echo, Gateway};

use std::time::{Duration, Instant};

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until a question has an answer.
///
/// # Panics
/// When none comes in time; `what` says what was waited for.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}
