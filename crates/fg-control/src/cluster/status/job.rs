//! One object: compare it with what it should say, write what differs, and look at the result.
//!
//! What was seen of it last is compared first, see `seen`. It is read when nothing was seen, when it
//! seems to need no write, and when it turns out to have changed since.

use std::sync::Arc;

use fg_model::ObjectRef;
use serde_json::{Map, Value, json};

use super::api::{Api, ApiError};
use super::kind::{Kind, Shape};
use super::live::{Live, Object};
use super::merge::{Terms, is_own, merged, ours};
use super::{Settings, Shared, Wanted};

/// How often a conflict is answered by reading again at once.
const TRIES: u32 = 5;

/// What came of it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The live status already said so.
    Unchanged,
    /// It was written.
    Written,
    /// The object does not exist.
    Gone,
    /// It has to be tried again.
    Failed(ApiError),
}

/// What has to be sent so that a live object says what it should.
#[derive(Debug, PartialEq)]
pub(super) enum Write {
    Nothing,
    /// Server-side apply.
    Apply(Value),
    /// A merge patch.
    Merge(Value),
}

pub(super) async fn run(api: Api, shared: Arc<Shared>, object: Arc<ObjectRef>) -> Outcome {
    let Some(kind) = Kind::of(&object) else {
        return Outcome::Gone;
    };
    let job = Job {
        api: &api,
        shared: &shared,
        kind,
        object: &object,
    };
    for at in 0..TRIES {
        match job.once(at == 0).await {
            Ok(true) => return Outcome::Written,
            Ok(false) => return Outcome::Unchanged,
            Err(ApiError::Conflict) => shared.counters.conflict(),
            Err(ApiError::Gone) => return Outcome::Gone,
            Err(error) => return Outcome::Failed(error),
        }
    }
    Outcome::Failed(ApiError::Conflict)
}

/// An object that is being written.
struct Job<'a> {
    api: &'a Api,
    shared: &'a Shared,
    kind: &'static Kind,
    object: &'a Arc<ObjectRef>,
}

impl Job<'_> {
    /// Whether it was written. `trusts`: what was seen last may do in place of a read.
    async fn once(&self, trusts: bool) -> Result<bool, ApiError> {
        if let Some(seen) = self.seen().filter(|_| trusts) {
            // That nothing has to be written is not believed: it may have changed since.
            if self.write(seen, self.wanted().as_deref()).await? {
                return Ok(true);
            }
        }
        self.shared.counters.read_one();
        let found = self.api.get(self.kind, self.object).await?;
        // Asked only now: it may be newer than when the object was queued.
        let wrote = self.write(found.live(), self.wanted().as_deref()).await?;
        if !wrote {
            self.answered(&found);
        }
        Ok(wrote)
    }

    /// Whether something had to be written; it was.
    async fn write(&self, live: Live, wanted: Option<&Wanted>) -> Result<bool, ApiError> {
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
        let now = now.to_string();
        let (kind, object) = (self.kind, &**self.object);
        let settings = &self.shared.settings;
        let written = match plan(kind, object, &live, wanted, settings, &now) {
            Write::Nothing => return Ok(false),
            Write::Merge(body) => {
                self.answered(&self.api.merge(kind, object, &body).await?);
                return Ok(true);
            }
            Write::Apply(body) => self.api.apply(kind, object, &body).await,
        };
        // Apply leaves what it does not own, such as a listener that is gone but holds a condition
        // of somebody else; the rest of that entry may then be invalid. And it takes no field that
        // an older definition of the kind does not have.
        let live = match written {
            Ok(answer) => {
                self.answered(&answer);
                answer.live()
            }
            Err(error) if wanted.is_some() && error.is_about_fields() => live,
            Err(error) => return Err(error),
        };
        if let Some(wanted) = wanted
            && let Some(body) = rest(kind, object, &live, wanted, settings, &now)
        {
            self.answered(&self.api.merge(kind, object, &body).await?);
        }
        Ok(true)
    }

    fn wanted(&self) -> Option<Arc<Wanted>> {
        self.shared.state().wanted.get(self.object).cloned()
    }

    /// What was seen of it last. It is as good as used.
    fn seen(&self) -> Option<Live> {
        self.shared.state().sights.take(self.object)
    }

    fn answered(&self, answer: &Object) {
        self.shared.state().sights.answered(self.object, answer);
    }
}

/// What has to be sent for one object.
pub(super) fn plan(
    kind: &Kind,
    object: &ObjectRef,
    live: &Live,
    wanted: Option<&Wanted>,
    settings: &Settings,
    now: &str,
) -> Write {
    let generation = live.generation;
    // Of an object of that name that is gone, or of which the newest is still to be heard.
    if wanted.is_some_and(|wanted| wanted.generation > generation) {
        return Write::Nothing;
    }
    if kind.shape == Shape::Owned && wanted.is_none() {
        let body = applied(kind, object, live, left_over(&live.status));
        return if live.managed {
            Write::Apply(body)
        } else {
            Write::Nothing
        };
    }
    let terms = terms(kind, object, generation, settings, now);
    let wanted = wanted.map(Wanted::status);
    let status = merged(&live.status, wanted.as_ref(), &terms);
    if is_same(&status, &live.status) {
        return Write::Nothing;
    }
    match (kind.shape, &wanted) {
        (Shape::Owned, Some(wanted)) => {
            Write::Apply(applied(kind, object, live, ours(&status, wanted)))
        }
        _ => Write::Merge(patch(live, status)),
    }
}

/// What is still to be sent after an apply, as a merge patch.
fn rest(
    kind: &Kind,
    object: &ObjectRef,
    live: &Live,
    wanted: &Wanted,
    settings: &Settings,
    now: &str,
) -> Option<Value> {
    let generation = live.generation;
    let terms = terms(kind, object, generation, settings, now);
    let status = merged(&live.status, Some(&wanted.status()), &terms);
    (!is_same(&status, &live.status)).then(|| patch(live, status))
}

fn terms<'a>(
    kind: &Kind,
    object: &'a ObjectRef,
    generation: i64,
    settings: &'a Settings,
    now: &'a str,
) -> Terms<'a> {
    Terms {
        shape: kind.shape,
        generation,
        namespace: &object.namespace,
        controllers: &settings.controllers,
        now,
    }
}

/// An object without a status is one with an empty status.
fn is_same(one: &Value, other: &Value) -> bool {
    let empty = Map::new();
    one.as_object().unwrap_or(&empty) == other.as_object().unwrap_or(&empty)
}

/// The body of an apply. It names the version that it was made from: what it keeps of the live
/// status must still be so.
fn applied(kind: &Kind, object: &ObjectRef, live: &Live, status: Value) -> Value {
    let mut body = json!({
        "apiVersion": kind.api_version(),
        "kind": kind.name.1,
        "metadata": {
            "name": &*object.name,
            "resourceVersion": live.version,
        },
        "status": status,
    });
    if !object.namespace.is_empty() {
        body["metadata"]["namespace"] = (*object.namespace).into();
    }
    body
}

/// The body of a merge patch: the fields of the status that change.
fn patch(live: &Live, status: Value) -> Value {
    let before = &live.status;
    let mut changes = Map::new();
    for (field, _) in before.as_object().into_iter().flatten() {
        if status.get(field).is_none() {
            changes.insert(field.clone(), Value::Null);
        }
    }
    if let Value::Object(status) = status {
        let changed = status.into_iter();
        changes.extend(changed.filter(|(field, value)| before.get(field) != Some(value)));
    }
    json!({
        "metadata": {"resourceVersion": live.version},
        "status": changes,
    })
}

/// What has to stay of ours when all else goes: the required fields of listeners in which somebody
/// else has a condition.
fn left_over(status: &Value) -> Value {
    let listeners = status["listeners"].as_array().into_iter().flatten();
    let shared = listeners.filter(|listener| {
        let conditions = listener["conditions"].as_array();
        let mut conditions = conditions.into_iter().flatten();
        conditions.any(|condition| !is_own(condition))
    });
    let kept: Vec<Value> = shared
        .map(|listener| json!({"name": listener["name"], "attachedRoutes": 0, "conditions": []}))
        .collect();
    if kept.is_empty() {
        json!({})
    } else {
        json!({ "listeners": kept })
    }
}
