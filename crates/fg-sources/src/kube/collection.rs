//! The objects of one kind: what was handed on of them, as hashes, and what a list still has to
//! show.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::RandomState;
use std::sync::Arc;

use fg_api::Resource;
use fg_base::Text;
use fg_model::{Finding, FindingKind, ObjectRef, Origin, kinds};

use super::decode::{self, Flaw};
use super::kinds::Kind;
use super::raw::Raw;
use super::sight::{Onlooker, sight};
use super::stream::Trouble;

/// So many answers in a row that a kind does not exist are believed.
const ABSENT: u32 = 3;

/// So many refusals or failures in a row are no passing state of an API server that has just
/// started.
const LASTING: u32 = 5;

/// What changed: the new object, or that it is gone.
pub(super) type Changes = BTreeMap<Arc<ObjectRef>, Option<Resource>>;

/// What is known about the kind as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    /// Nothing yet.
    Unknown,
    /// All objects.
    Listed,
    /// It does not exist.
    Absent,
    /// It may not be read. What was read before stays.
    Denied,
}

/// What is remembered of an object.
struct Seen {
    hash: u64,
    /// The list in which it was last seen.
    list: u32,
    /// Whether some version of it was handed on.
    good: bool,
}

/// One kind.
pub(super) struct Collection {
    kind: &'static Kind,
    /// Its name, shared by all of its objects.
    name: (Text, Text),
    hasher: RandomState,
    seen: BTreeMap<Arc<ObjectRef>, Seen>,
    standing: Standing,
    /// Counts lists.
    list: u32,
    /// A list is under way: what changed since it began. It is handed on as a whole.
    listing: Option<Changes>,
    /// Something in this list could not be told apart, so nothing is gone because it is missing.
    doubtful: bool,
    /// Namespaces that are not read and have had objects since the last list began.
    skipped: BTreeSet<Text>,
    flaws: BTreeMap<Arc<ObjectRef>, Arc<Finding>>,
    denied: Option<Arc<Finding>>,
    /// The API server failed it for some time.
    pub(super) unreachable: bool,
}

impl Collection {
    pub(super) fn new(kind: &'static Kind) -> Self {
        Self {
            kind,
            name: (kind.name.0.into(), kind.name.1.into()),
            hasher: RandomState::new(),
            seen: BTreeMap::new(),
            standing: Standing::Unknown,
            list: 0,
            listing: None,
            doubtful: false,
            skipped: BTreeSet::new(),
            flaws: BTreeMap::new(),
            denied: None,
            unreachable: false,
        }
    }

    /// Whether all is known that can be known for now.
    pub(super) fn settled(&self) -> bool {
        self.standing != Standing::Unknown
    }

    /// Whether the kind does not exist.
    pub(super) fn missing(&self) -> bool {
        self.standing == Standing::Absent
    }

    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    /// What is wrong with the kind or objects of it.
    pub(super) fn findings(&self) -> impl Iterator<Item = &Arc<Finding>> {
        self.denied.iter().chain(self.flaws.values())
    }

    /// A list begins.
    pub(super) fn started(&mut self) {
        self.list = self.list.wrapping_add(1);
        self.listing.get_or_insert_default();
        self.doubtful = false;
        self.skipped.clear();
    }

    /// A list is complete. `true` when findings changed.
    pub(super) fn listed(&mut self, changes: &mut Changes) -> bool {
        let mut staged = self.listing.take().unwrap_or_default();
        let list = self.list;
        let mut flawless = true;
        if !self.doubtful {
            let flaws = &mut self.flaws;
            self.seen.retain(|id, seen| {
                let stays = seen.list == list;
                if !stays {
                    flawless &= flaws.remove(id).is_none();
                    if seen.good {
                        staged.insert(id.clone(), None);
                    }
                }
                stays
            });
        }
        changes.append(&mut staged);
        self.standing = Standing::Listed;
        let resumed = self.resumed();
        resumed || !flawless
    }

    /// The API server answers again. `true` when findings changed.
    pub(super) fn resumed(&mut self) -> bool {
        let unreachable = std::mem::take(&mut self.unreachable);
        self.denied.take().is_some() || unreachable
    }

    /// Something came that cannot be told apart.
    pub(super) fn unreadable(&mut self) {
        self.doubtful = true;
    }

    /// An object is there. `true` when findings changed.
    pub(super) fn object(
        &mut self,
        mut raw: Raw,
        onlooker: Option<&Onlooker>,
        changes: &mut Changes,
    ) -> bool {
        let id = self.id(&raw);
        if let Some(onlooker) = onlooker
            && let Some(sight) = sight(self.kind, &id, &raw)
        {
            onlooker(&sight);
        }
        raw.narrow(self.kind);
        let hash = raw.hash(&self.hasher);
        let same = self.seen.get_mut(&id).filter(|seen| seen.hash == hash);
        if let Some(seen) = same {
            seen.list = self.list;
            return false;
        }
        let known = self.seen.get_key_value(&id).map(|(id, _)| id.clone());
        let id = known.unwrap_or_else(|| Arc::new(id));
        let generation = raw.metadata.generation.unwrap_or(0);
        let meta = decode::meta(self.kind, &mut raw.metadata);
        let decoded = (self.kind.decode)(id.clone(), meta, &raw);
        let before = self.seen.get(&id).is_some_and(|seen| seen.good);
        let seen = Seen {
            hash,
            list: self.list,
            good: before || decoded.is_ok(),
        };
        self.seen.insert(id.clone(), seen);
        match decoded {
            Ok(resource) => {
                let flawed = self.flaws.remove(&id).is_some();
                self.note(id, Some(resource), changes);
                flawed
            }
            Err(flaw) => {
                let finding = self.flawed(&id, generation, flaw, before);
                self.flaws.insert(id, finding);
                true
            }
        }
    }

    /// An object is there that is not read. `true` when findings changed.
    pub(super) fn skip(&mut self, raw: &Raw, changes: &mut Changes) -> bool {
        self.skipped.insert(raw.namespace().clone());
        self.gone(raw, changes)
    }

    /// An object is gone. `true` when findings changed.
    pub(super) fn gone(&mut self, raw: &Raw, changes: &mut Changes) -> bool {
        let id = self.id(raw);
        self.forget(&id, changes)
    }

    fn forget(&mut self, id: &ObjectRef, changes: &mut Changes) -> bool {
        if let Some((id, seen)) = self.seen.remove_entry(id)
            && seen.good
        {
            self.note(id, None, changes);
        }
        self.flaws.remove(id).is_some()
    }

    /// The objects of a namespace are no longer read. `true` when findings changed.
    pub(super) fn leave(&mut self, namespace: &Text, changes: &mut Changes) -> bool {
        if !self.kind.namespaced {
            return false;
        }
        let (group, kind) = self.kind.name;
        let first = ObjectRef::new(group, kind, namespace, "");
        let inside = self.seen.range(first..).map(|(id, _)| id.clone());
        let inside: Vec<_> = inside.take_while(|id| id.namespace == *namespace).collect();
        if !inside.is_empty() {
            self.skipped.insert(namespace.clone());
        }
        let mut changed = false;
        for id in inside {
            changed |= self.forget(&id, changes);
        }
        changed
    }

    /// Whether there are objects in a namespace that were not read, so that a new list is needed
    /// now that they are.
    pub(super) fn lacks(&self, namespace: &Text) -> bool {
        self.skipped.contains(namespace)
    }

    /// The kind does not go on. `true` when findings changed.
    pub(super) fn trouble(&mut self, trouble: &Trouble, times: u32, changes: &mut Changes) -> bool {
        if times >= LASTING
            && self.standing == Standing::Listed
            && let Some(mut staged) = self.listing.take()
        {
            // There will be no end of that list for a while.
            changes.append(&mut staged);
        }
        match trouble {
            Trouble::Absent if times >= ABSENT => self.vanish(changes),
            Trouble::Denied(words) if times >= LASTING => {
                if self.standing == Standing::Unknown || self.standing == Standing::Absent {
                    self.standing = Standing::Denied;
                }
                let finding = Some(Arc::new(self.denial(words)));
                let changed = self.denied != finding;
                self.denied = finding;
                changed
            }
            Trouble::Unreachable(_) if times >= LASTING => {
                !std::mem::replace(&mut self.unreachable, true)
            }
            _ => false,
        }
    }

    fn vanish(&mut self, changes: &mut Changes) -> bool {
        self.standing = Standing::Absent;
        self.listing = None;
        for (id, seen) in std::mem::take(&mut self.seen) {
            if seen.good {
                changes.insert(id, None);
            }
        }
        let flawed = !std::mem::take(&mut self.flaws).is_empty();
        flawed | self.resumed()
    }

    fn note(&mut self, id: Arc<ObjectRef>, change: Option<Resource>, changes: &mut Changes) {
        self.listing.as_mut().unwrap_or(changes).insert(id, change);
    }

    fn id(&self, raw: &Raw) -> ObjectRef {
        let (group, kind) = self.name.clone();
        ObjectRef {
            group,
            kind,
            namespace: raw.namespace().clone(),
            name: raw.metadata.name.clone(),
        }
    }

    fn flawed(
        &self,
        id: &Arc<ObjectRef>,
        generation: i64,
        flaw: Flaw,
        before: bool,
    ) -> Arc<Finding> {
        let about = Origin::of(id.clone(), generation).at(flaw.path);
        let finding = Finding::error(about, FindingKind::SchemaViolation, flaw.text);
        let after = match before {
            true => "; until then its last good version serves",
            false => "",
        };
        Arc::new(finding.hint(format!(
            "see whether the definition of {} fits this version of Ferrogate{after}",
            self.kind.resource()
        )))
    }

    fn denial(&self, words: &str) -> Finding {
        let (group, kind) = kinds::API_RESOURCE;
        let resource = self.kind.resource();
        let object = Arc::new(ObjectRef::new(group, kind, "", &resource));
        let text = match self.seen.is_empty() {
            true => format!("the API server does not let Ferrogate read them: {words}"),
            false => format!(
                "the API server no longer lets Ferrogate read them, what was read before serves: {words}"
            ),
        };
        Finding::error(Origin::of(object, 0), FindingKind::SourceUnavailable, text).hint(format!(
            "grant `get`, `list` and `watch` on `{}` in the API group `{}` to its ServiceAccount",
            self.kind.plural, self.kind.name.0
        ))
    }
}
