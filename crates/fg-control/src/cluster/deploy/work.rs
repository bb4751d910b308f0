//! The part that waits: watches what is there, and does what is planned.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fg_deploy::{Fleet, MANAGED_BY, MANAGER, Owner};
use fg_model::ObjectRef;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered, SelectAll, select_all};
use futures::{FutureExt as _, StreamExt as _};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, Preconditions};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, watcher as watch_all};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::Desk;
use super::kinds::{Child, KINDS, Kind};
use super::state::{Action, Change, Done, Failure, Seen, State};
use super::unit::Unit;

/// How many units are worked on at a time. Each waits for the API server alone, so that what it is
/// slow with or refuses keeps nothing else from being applied.
const ABREAST: usize = 64;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The name under which the number of pods is held when our settings say nothing about it any more.
const KEEPER: &str = "ferrogate-replicas";

type Metadata = PartialObjectMeta<DynamicObject>;
type Events = SelectAll<BoxStream<'static, (Kind, watcher::Result<Event<Metadata>>)>>;
type Jobs<'a> = FuturesUnordered<BoxFuture<'a, (Unit, Vec<Done>)>>;
type Tell = Box<dyn Fn(&Arc<ObjectRef>, Option<String>) + Send + Sync>;

/// The task of the deployer.
pub(super) struct Work {
    client: kube::Client,
    desk: Arc<Desk>,
    tell: Tell,
    fleet: Fleet,
}

/// What comes of waiting.
enum Woken {
    Wishes,
    Bundle,
    Lead,
    Done(Unit, Vec<Done>),
    Event(Kind, Box<watcher::Result<Event<Metadata>>>),
    Due,
    End,
}

impl Work {
    pub(super) fn new(client: kube::Client, fleet: Fleet, desk: Arc<Desk>, tell: Tell) -> Self {
        Self {
            client,
            desk,
            tell,
            fleet,
        }
    }

    /// Never ends by itself, unless those who tell it things are gone.
    pub(super) async fn run(
        self,
        mut bundle: watch::Receiver<Arc<str>>,
        mut leads: watch::Receiver<bool>,
    ) {
        let mut state = State::new(self.fleet.clone(), bundle.borrow_and_update().clone());
        let mut listing = Listing::default();
        let mut may_write = *leads.borrow_and_update();
        let mut events = self.events();
        let mut jobs = Jobs::new();
        loop {
            let now = Instant::now();
            let writes = may_write && listing.is_complete();
            if writes {
                self.start(&mut state, &mut jobs, now);
            }
            let next = state.next(now).filter(|_| writes);
            let woken = tokio::select! {
                biased;
                changed = leads.changed() => changed.map_or(Woken::End, |()| Woken::Lead),
                Some((unit, done)) = jobs.next() => Woken::Done(unit, done),
                () = self.desk.changed.notified() => Woken::Wishes,
                changed = bundle.changed() => changed.map_or(Woken::End, |()| Woken::Bundle),
                event = events.next() => match event {
                    Some((kind, event)) => Woken::Event(kind, Box::new(event)),
                    None => Woken::End,
                },
                () = until(next) => Woken::Due,
            };
            match woken {
                Woken::Wishes | Woken::Due => {}
                Woken::Bundle => state.bundle(bundle.borrow_and_update().clone()),
                Woken::Lead => {
                    let before = std::mem::replace(&mut may_write, *leads.borrow_and_update());
                    if may_write && !before {
                        state.begin();
                    } else if !may_write {
                        // Another may write from now on: what is under way is let go of.
                        jobs.clear();
                        state.abandon();
                    }
                }
                Woken::Done(unit, done) => {
                    state.finish(&unit, done, Instant::now());
                    self.tell(&mut state);
                }
                Woken::Event(kind, event) => listing.take(kind, *event, &mut state),
                Woken::End => return,
            }
            for (gateway, wish) in self.desk.take() {
                state.wish(&gateway, wish);
            }
        }
    }

    /// Begins with what is due, as far as there is room.
    ///
    /// Cancel of a job: its requests may or may not have had their effect.
    fn start<'a>(&'a self, state: &mut State, jobs: &mut Jobs<'a>, now: Instant) {
        let room = ABREAST.saturating_sub(jobs.len());
        if room == 0 {
            return;
        }
        for unit in state.due(now).into_iter().take(room) {
            let plan = state.start(&unit);
            let job = self.perform(plan).map(move |done| (unit, done));
            jobs.push(job.boxed());
        }
    }

    fn tell(&self, state: &mut State) {
        for (gateway, words) in state.news() {
            if let Some(words) = &words {
                tracing::warn!(%gateway, words, "not deployed as it should be");
            }
            (self.tell)(&gateway, words);
        }
    }

    /// Does one thing after the other, also when one fails.
    async fn perform(&self, plan: Vec<Action>) -> Vec<Done> {
        let mut done = Vec::new();
        for action in plan {
            let (child, result) = match action {
                Action::Apply {
                    child,
                    object,
                    is_ours,
                } => {
                    let result = patiently(self.apply(&child, object, is_ours)).await;
                    (child, result)
                }
                Action::Delete { child, uid } => {
                    let result = patiently(self.delete(&child, uid)).await;
                    (child, result)
                }
            };
            done.push(Done { child, result });
        }
        done
    }

    async fn apply(&self, child: &Child, object: Value, is_ours: bool) -> Result<Change, Failure> {
        let api = self.api(child);
        if !is_ours
            && let Some(there) = api.get_metadata_opt(&child.name).await.map_err(failure)?
            && !belongs(&there, &object)
        {
            return Err(Failure {
                words: "there is one of that name that does not belong to this Gateway".to_owned(),
                passes: false,
            });
        }
        self.keep_replicas(&api, child, &object).await?;
        let params = PatchParams::apply(MANAGER).force();
        let patch = Patch::Apply(&object);
        let there = api
            .patch_metadata(&child.name, &params, &patch)
            .await
            .map_err(failure)?;
        tracing::debug!(kind = child.kind.name(), namespace = %child.namespace, name = %child.name, "applied");
        Ok(Change::Applied {
            uid: there.metadata.uid.unwrap_or_default(),
            version: there.metadata.resource_version.unwrap_or_default(),
            generation: there.metadata.generation,
            object,
        })
    }

    /// A Deployment that no longer says how many pods there are keeps those that it has, for whoever
    /// scales it: a field that nobody holds any more would be 1 again at once.
    async fn keep_replicas(
        &self,
        api: &Api<DynamicObject>,
        child: &Child,
        object: &Value,
    ) -> Result<(), Failure> {
        if child.kind != Kind::Deployment || object.pointer("/spec/replicas").is_some() {
            return Ok(());
        }
        let Some(there) = api.get_opt(&child.name).await.map_err(failure)? else {
            return Ok(());
        };
        let replicas = there.data.pointer("/spec/replicas");
        let Some(replicas) = replicas.filter(|_| holds_replicas(&there)) else {
            return Ok(());
        };
        let kept = json!({
            "apiVersion": object["apiVersion"],
            "kind": object["kind"],
            "metadata": { "name": child.name, "namespace": child.namespace, "uid": there.metadata.uid },
            "spec": { "replicas": replicas },
        });
        let params = PatchParams::apply(KEEPER);
        match api
            .patch_metadata(&child.name, &params, &Patch::Apply(&kept))
            .await
        {
            Ok(_) => Ok(()),
            // Somebody has just scaled it, and holds it.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            Err(error) => Err(failure(error)),
        }
    }

    async fn delete(&self, child: &Child, uid: String) -> Result<Change, Failure> {
        let params = DeleteParams::background().preconditions(Preconditions {
            uid: Some(uid),
            resource_version: None,
        });
        match self.api(child).delete(&child.name, &params).await {
            Ok(_) => Ok(Change::Deleted),
            // Gone, or another one by now.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {
                Ok(Change::Deleted)
            }
            Err(error) => Err(failure(error)),
        }
    }

    fn api(&self, child: &Child) -> Api<DynamicObject> {
        let resource = child.kind.resource();
        Api::namespaced_with(self.client.clone(), &child.namespace, &resource)
    }

    /// All objects that say to be of ours, by their metadata.
    fn events(&self) -> Events {
        let config = watcher::Config::default().labels(&format!("{MANAGED_BY}={MANAGER}"));
        select_all(KINDS.map(|kind| {
            let all: Api<Metadata> = Api::all_with(self.client.clone(), &kind.resource());
            let events = watch_all(all, config.clone()).default_backoff();
            events.map(move |event| (kind, event)).boxed()
        }))
    }
}

/// Which kinds were listed, so that what is not known is not there.
#[derive(Default)]
struct Listing {
    complete: BTreeSet<Kind>,
    /// Known before a list that is under way, and not in it so far.
    missing: BTreeSet<Child>,
}

impl Listing {
    fn is_complete(&self) -> bool {
        self.complete.len() == KINDS.len()
    }

    fn take(&mut self, kind: Kind, event: watcher::Result<Event<Metadata>>, state: &mut State) {
        let now = Instant::now();
        match event {
            Ok(Event::Init) => self.missing.extend(state.known(kind)),
            Ok(Event::InitApply(object) | Event::Apply(object)) => {
                if let Some(child) = child(kind, &object) {
                    self.missing.remove(&child);
                    state.see(child, Some(seen(object)), now);
                }
            }
            Ok(Event::Delete(object)) => {
                if let Some(child) = child(kind, &object) {
                    state.see(child, None, now);
                }
            }
            Ok(Event::InitDone) => {
                let of_kind = |child: &Child| child.kind == kind;
                let gone: Vec<Child> = self
                    .missing
                    .iter()
                    .filter(|c| of_kind(c))
                    .cloned()
                    .collect();
                self.missing.retain(|child| !of_kind(child));
                for child in gone {
                    state.see(child, None, now);
                }
                self.complete.insert(kind);
            }
            Err(error) => {
                tracing::warn!(kind = kind.name(), %error, "what is deployed cannot be watched");
                // A kind that may not be read, or that there is not, keeps no other one waiting.
                self.complete.insert(kind);
            }
        }
    }
}

fn child(kind: Kind, object: &Metadata) -> Option<Child> {
    Some(Child {
        namespace: object.metadata.namespace.as_deref()?.into(),
        kind,
        name: object.metadata.name.as_deref()?.into(),
    })
}

fn seen(object: Metadata) -> Seen {
    let owners = owners(&object);
    let metadata = object.metadata;
    Seen {
        uid: metadata.uid.unwrap_or_default(),
        version: metadata.resource_version.unwrap_or_default(),
        generation: metadata.generation,
        labels: metadata.labels.unwrap_or_default(),
        annotations: metadata.annotations.unwrap_or_default(),
        owners,
    }
}

/// The Gateways that an object belongs to.
fn owners(object: &Metadata) -> Vec<Owner> {
    let all = object.metadata.owner_references.iter().flatten();
    let gateways = all.filter(|owner| {
        let group = owner
            .api_version
            .split_once('/')
            .map_or("", |split| split.0);
        (group, &*owner.kind) == fg_model::kinds::GATEWAY
    });
    let owner = |owner: &k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference| Owner {
        name: owner.name.clone(),
        uid: owner.uid.clone(),
    };
    gateways.map(owner).collect()
}

/// Whether an object belongs to whom it will belong to: by name, since a Gateway that is made anew
/// is another one, and its predecessor's objects are on their way out.
fn belongs(there: &Metadata, object: &Value) -> bool {
    let label = there.metadata.labels.as_ref();
    let is_managed = label
        .and_then(|labels| labels.get(MANAGED_BY))
        .map(String::as_str);
    let wanted = object["metadata"]["ownerReferences"].as_array();
    let mut wanted = wanted.into_iter().flatten();
    let owners = owners(there);
    let is_owned = wanted.any(|wanted| owners.iter().any(|owner| wanted["name"] == *owner.name));
    let is_shared = Child::of(object).is_some_and(|child| child.is_shared());
    is_managed == Some(MANAGER) && (is_owned || is_shared)
}

/// Whether it was us who said how many pods a Deployment has.
fn holds_replicas(there: &DynamicObject) -> bool {
    let mut managed = there.metadata.managed_fields.iter().flatten();
    managed.any(|entry| {
        let fields = entry.fields_v1.as_ref();
        entry.manager.as_deref() == Some(MANAGER)
            && entry.operation.as_deref() == Some("Apply")
            && fields.is_some_and(|fields| fields.0.pointer("/f:spec/f:replicas").is_some())
    })
}

/// What the API server says; nothing if it cannot be asked.
fn failure(error: kube::Error) -> Failure {
    match error {
        kube::Error::Api(status) => Failure {
            passes: matches!(status.code, 408 | 409 | 429 | 500..),
            words: status.message.clone(),
        },
        other => {
            tracing::warn!(error = %other, "the API server cannot be asked");
            Failure {
                words: String::new(),
                passes: true,
            }
        }
    }
}

async fn patiently<T>(request: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    match tokio::time::timeout(PATIENCE, request).await {
        Ok(result) => result,
        Err(_) => Err(Failure {
            words: format!(
                "the API server did not answer within {} s",
                PATIENCE.as_secs()
            ),
            passes: true,
        }),
    }
}

/// Until then; for ever without.
async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}
