//! Which objects serve: one of each name, whatever number of files write it. No I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use fg_api::Resource;
use fg_api::schema::Decoded;
use fg_base::Text;
use fg_model::{Finding, FindingKind, ObjectRef, Origin, Place, kinds};

use super::Delta;
use super::document::Written;
use crate::builtin;

/// Where an object is written: file, then its number in the file. The smallest serves.
pub(crate) type Spot = (Arc<Path>, usize);

/// One writing of an object.
#[derive(Debug)]
struct Claim {
    place: Place,
    good: Option<Decoded>,
    refused: bool,
}

/// The object that serves under a name.
#[derive(Debug)]
struct Serving {
    resource: Resource,
    /// `None` for objects that are written nowhere.
    place: Option<Place>,
}

/// All objects.
#[derive(Debug, Default)]
pub(crate) struct Store {
    claims: BTreeMap<Arc<ObjectRef>, BTreeMap<Spot, Claim>>,
    serving: BTreeMap<Arc<ObjectRef>, Serving>,
    duplicates: BTreeMap<Arc<ObjectRef>, Vec<Finding>>,
    /// How many serving objects are in a namespace.
    mentions: BTreeMap<Text, usize>,
    /// Objects that exist unless they are written.
    builtin: BTreeMap<Arc<ObjectRef>, Resource>,
    /// Names whose claims changed since the last [`Store::settle`].
    touched: BTreeSet<Arc<ObjectRef>>,
}

impl Store {
    /// A store with the built-in classes, which the first [`Store::settle`] reports.
    pub(crate) fn new() -> Self {
        let builtin: BTreeMap<_, _> = builtin::classes()
            .map(|class| (class.id().clone(), class))
            .collect();
        Self {
            touched: builtin.keys().cloned().collect(),
            builtin,
            ..Self::default()
        }
    }

    /// Takes what a file wrote out.
    pub(crate) fn remove(&mut self, path: &Arc<Path>, written: &[Written]) {
        for (index, object) in written.iter().enumerate() {
            if let Some(claims) = self.claims.get_mut(&object.id) {
                claims.remove(&(path.clone(), index));
                if claims.is_empty() {
                    self.claims.remove(&object.id);
                }
            }
            self.touched.insert(object.id.clone());
        }
    }

    /// Puts what a file writes in. `file` is its name for people.
    pub(crate) fn insert(&mut self, path: &Arc<Path>, file: &Text, written: &[Written]) {
        for (index, object) in written.iter().enumerate() {
            let claim = Claim {
                place: Place {
                    file: file.clone(),
                    line: object.line,
                },
                good: object.good.clone(),
                refused: object.refused,
            };
            let claims = self.claims.entry(object.id.clone()).or_default();
            claims.insert((path.clone(), index), claim);
            self.touched.insert(object.id.clone());
        }
    }

    /// Decides anew who serves under the names that were touched.
    pub(crate) fn settle(&mut self) -> Delta {
        let mut delta = Delta::default();
        let touched = std::mem::take(&mut self.touched);
        let (namespaces, objects): (Vec<_>, Vec<_>) =
            touched.into_iter().partition(|id| id.is(kinds::NAMESPACE));
        let mut namespaces: BTreeSet<_> = namespaces.into_iter().collect();
        for id in objects {
            let was = self.serving.contains_key(&id);
            self.decide(&id, &mut delta);
            let is = self.serving.contains_key(&id);
            if was != is && !id.namespace.is_empty() {
                self.mention(&id.namespace, is, &mut namespaces);
            }
        }
        for id in namespaces {
            self.decide(&id, &mut delta);
        }
        delta
    }

    fn mention(&mut self, name: &Text, more: bool, namespaces: &mut BTreeSet<Arc<ObjectRef>>) {
        let count = self.mentions.entry(name.clone()).or_default();
        *count = if more {
            *count + 1
        } else {
            count.saturating_sub(1)
        };
        if *count == 0 {
            self.mentions.remove(name);
        }
        namespaces.insert(builtin::namespace_id(name));
    }

    fn decide(&mut self, id: &Arc<ObjectRef>, delta: &mut Delta) {
        let findings = self.repeated(id);
        let before = match findings.is_empty() {
            true => self.duplicates.remove(id),
            false => self.duplicates.insert(id.clone(), findings),
        };
        delta.findings_changed |= before.as_ref() != self.duplicates.get(id);
        let winner = self.claims.get(id).and_then(|claims| {
            claims
                .values()
                .find_map(|claim| Some((claim.good.as_ref()?, claim.place.clone())))
        });
        let next = match winner {
            Some((good, place)) => {
                Some((good.resource.clone(), good.generation_given, Some(place)))
            }
            None => self.unwritten(id).map(|resource| (resource, false, None)),
        };
        let Some((mut resource, given, place)) = next else {
            if self.serving.remove(id).is_some() {
                delta.removed.push(id.clone());
            }
            return;
        };
        let before = self.serving.get_mut(id);
        if let (false, Some(before)) = (given, &before) {
            let generation = before.resource.meta().generation;
            let changed = !resource.same_spec(&before.resource);
            resource.set_generation(generation + i64::from(changed));
        }
        match before {
            Some(before) if before.resource == resource => before.place = place,
            _ => {
                delta.upserts.push(resource.clone());
                self.serving.insert(id.clone(), Serving { resource, place });
            }
        }
    }

    /// An object that exists without being written.
    fn unwritten(&self, id: &ObjectRef) -> Option<Resource> {
        if id.is(kinds::NAMESPACE) {
            let (name, _) = self.mentions.get_key_value(&id.name)?;
            return Some(builtin::namespace(name));
        }
        self.builtin.get(id).cloned()
    }

    /// A finding for each good writing of an object behind the one that serves.
    fn repeated(&self, id: &Arc<ObjectRef>) -> Vec<Finding> {
        let claims = self.claims.get(id).into_iter().flat_map(BTreeMap::values);
        let mut good = claims.filter(|claim| claim.good.is_some());
        let Some(first) = good.next() else {
            return Vec::new();
        };
        good.filter(|claim| !claim.refused)
            .map(|claim| {
                let generation = claim
                    .good
                    .as_ref()
                    .map_or(0, |good| good.resource.meta().generation);
                let text = format!(
                    "the same object stands in {} too, which comes first by path and serves",
                    first.place
                );
                let about = Origin::of(id.clone(), generation);
                let mut finding = Finding::error(about, FindingKind::Duplicate, text)
                    .hint(format!("remove one of {} and {}", first.place, claim.place));
                finding.place = Some(claim.place.clone());
                finding
            })
            .collect()
    }

    /// Findings about objects that are written more than once.
    pub(crate) fn duplicates(&self) -> impl Iterator<Item = &Finding> {
        self.duplicates.values().flatten()
    }

    /// Every object that serves.
    pub(crate) fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.serving.values().map(|serving| &serving.resource)
    }

    /// The object that serves under a name.
    pub(crate) fn resource(&self, id: &ObjectRef) -> Option<&Resource> {
        Some(&self.serving.get(id)?.resource)
    }

    /// Where the object that serves is written.
    pub(crate) fn place(&self, id: &ObjectRef) -> Option<&Place> {
        self.serving.get(id)?.place.as_ref()
    }
}
