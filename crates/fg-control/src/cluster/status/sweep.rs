//! Compares everything that exists with what it should say.
//!
//! It reads pages of lists, not objects, and queues only what differs: what somebody else erased or
//! what was missed while nobody led, and entries of ours on objects that are no longer ours.

use std::sync::Arc;

use fg_model::ObjectRef;

use super::Shared;
use super::api::{Api, ApiError};
use super::job::{Write, plan};
use super::kind::{KINDS, Kind};
use super::live::Object;

pub(super) async fn run(api: Api, shared: Arc<Shared>) {
    for kind in KINDS {
        if let Err(error) = sweep(&api, &shared, kind).await {
            // What is not there needs nothing, and what failed comes again with the next sweep;
            // until then each object's own news queues it.
            if !matches!(error, ApiError::Gone) {
                shared.counters.error();
                tracing::warn!(kind = kind.name.1, %error, "statuses could not be compared");
                compare_one_by_one(&shared, kind);
            }
        }
    }
    shared.counters.sweep();
}

async fn sweep(api: &Api, shared: &Shared, kind: &Kind) -> Result<(), ApiError> {
    let mut from: Option<String> = None;
    loop {
        let (page, next) = api.list(kind, from.as_deref()).await?;
        for live in &page {
            look(shared, kind, live);
        }
        shared.wake.notify_one();
        match next {
            Some(next) => from = Some(next),
            None => return Ok(()),
        }
    }
}

fn look(shared: &Shared, kind: &Kind, found: &Object) {
    let metadata = &found.metadata;
    let (group, name) = kind.name;
    let object = ObjectRef::new(group, name, &metadata.namespace, &metadata.name);
    let object = Arc::new(object);
    let wanted = shared.state().wanted.get(&object).cloned();
    let settings = &shared.settings;
    // The time is not looked at: only whether there is something to write.
    if plan(
        kind,
        &object,
        &found.live(),
        wanted.as_deref(),
        settings,
        "",
    ) == Write::Nothing
    {
        if wanted.is_some() {
            shared.counters.unchanged(1);
        }
        return;
    }
    let now = shared.now();
    let mut state = shared.state();
    state.sights.answered(&object, found);
    state.queue.push(&object, now, now);
}

/// Queues every object of a kind that could not be listed.
fn compare_one_by_one(shared: &Shared, kind: &Kind) {
    let now = shared.now();
    let mut state = shared.state();
    let objects = state.wanted.keys().filter(|object| object.is(kind.name));
    let objects: Vec<Arc<ObjectRef>> = objects.cloned().collect();
    for object in objects {
        state.queue.push(&object, now, now);
    }
    drop(state);
    shared.wake.notify_one();
}
