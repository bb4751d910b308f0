//! What was made so far, and what of it differs from what was given out.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use fg_model::ObjectRef;

use crate::resource::{Kind, Resource, Update};
use crate::routes::Whole;

/// Collects resources; equal ones are no change.
#[derive(Debug, Default)]
pub(crate) struct Output {
    made: BTreeMap<(Kind, Arc<str>), Resource>,
    /// Put or removed since the last [`Output::take`], with the version given out before.
    touched: BTreeMap<(Kind, Arc<str>), Option<Arc<str>>>,
}

impl Output {
    /// Makes a resource, or another version of it.
    pub(crate) fn put(
        &mut self,
        kind: Kind,
        name: &str,
        message: &impl prost::Message,
        about: Vec<Arc<ObjectRef>>,
    ) {
        self.put_encoded(kind, name, message.encode_to_vec().into(), about);
    }

    /// As [`Self::put`], of a message that is encoded already.
    pub(crate) fn put_encoded(
        &mut self,
        kind: Kind,
        name: &str,
        body: Bytes,
        about: Vec<Arc<ObjectRef>>,
    ) {
        self.keep(Resource::new(kind, name.into(), body, about));
    }

    /// Makes a route configuration with its virtual hosts.
    pub(crate) fn put_whole(&mut self, name: &str, whole: Whole, about: Vec<Arc<ObjectRef>>) {
        self.keep(Resource::whole(name.into(), Arc::new(whole), about));
    }

    fn keep(&mut self, resource: Resource) {
        let key = (resource.kind, resource.name.clone());
        let before = self.made.insert(key.clone(), resource);
        let version = before.map(|before| before.version);
        self.touched.entry(key).or_insert(version);
    }

    /// Removes a resource, if there is one.
    pub(crate) fn remove(&mut self, kind: Kind, name: &str) {
        let key = (kind, Arc::from(name));
        if let Some(before) = self.made.remove(&key) {
            self.touched.entry(key).or_insert(Some(before.version));
        }
    }

    /// What differs from what was given out before.
    pub(crate) fn take(&mut self) -> Update {
        let mut update = Update::default();
        for (key, before) in std::mem::take(&mut self.touched) {
            match (self.made.get(&key), before) {
                (Some(now), Some(before)) if now.version == before => {}
                (Some(now), _) => update.upserts.push(now.clone()),
                (None, Some(_)) => update.removed.push(key),
                (None, None) => {}
            }
        }
        update
    }

    /// All there is.
    pub(crate) fn all(&self) -> Update {
        Update {
            upserts: self.made.values().cloned().collect(),
            ..Update::default()
        }
    }
}
