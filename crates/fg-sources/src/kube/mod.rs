//! The API server of a cluster as a source of objects.
//!
//! [`watch`] lists and watches every kind of `kinds.rs` and hands on [`Batch`]es: the same words
//! that a folder gives. What it promises:
//!
//! - The first batch holds the whole world: every kind that exists and may be read is listed.
//!   Later ones hold what changed, coalesced: everything that is there when the receiver has room,
//!   without waiting for more.
//! - A lost connection, a restarted API server or a history that is too old ends in a new list, of
//!   which only what differs is handed on. What was not listed again is removed at its end, not
//!   before. Until then everything serves on as it was.
//! - What does not matter here says nothing: status (so our own writes of it cause no batch),
//!   `managedFields`, and whatever else `decode.rs` does not read. Of an object that was handed on
//!   only a hash is kept. Who writes statuses may look on as they come by: [`Onlooker`].
//! - A kind whose CustomResourceDefinition is missing is no error; it is picked up when the
//!   definition appears and emptied when that is gone. A kind that may not be read is a finding,
//!   and so is an object that cannot be read; what was last read of it stays.
//!
//! Objects are not judged again: the API server did that. Fields that a newer definition has are
//! ignored.

mod backoff;
mod bundle;
mod collection;
mod counters;
mod decode;
mod hub;
mod kinds;
mod options;
mod raw;
mod sight;
mod stream;

use std::sync::Arc;
use std::time::Instant;

use fg_api::Resource;
use fg_model::{Finding, ObjectRef};
use kube::Client;
use tokio::sync::mpsc;

pub use backoff::Backoff;
pub use counters::{Counters, KindCounters};
pub use options::{Discovery, Options};
pub use sight::{Onlooker, Sight};

/// Objects that changed, and what is wrong with the source.
#[derive(Clone, Debug)]
pub struct Batch {
    /// New and changed objects, each with its whole new value, and each at most once.
    pub upserts: Vec<Resource>,
    /// Objects that are gone; none of them is in `upserts`.
    pub removed: Vec<ObjectRef>,
    /// Everything that is wrong now, not only what changed; `None` when that is the same as before.
    pub findings: Option<Vec<Arc<Finding>>>,
    /// Whether this is the first one, with the whole world in it.
    pub first: bool,
    /// When the first event of it arrived here.
    pub since: Instant,
}

/// Watches until the receiver of `batches` is gone.
///
/// A channel with room for one batch coalesces best: while the receiver works, changes wait here
/// as one batch, each object once.
pub async fn watch(
    client: Client,
    options: Options,
    counters: Arc<Counters>,
    onlooker: Option<Onlooker>,
    batches: mpsc::Sender<Batch>,
) {
    let hub = hub::Hub::new(client, options, counters, onlooker);
    hub.run(batches).await;
}
