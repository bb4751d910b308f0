//! From a change of one Gateway's configuration to resources.

use std::sync::Arc;

use bytes::Bytes;
use fg_ir::{Change, Ir};
use twox_hash::XxHash3_64;

use crate::Resource;
use crate::part::{Changed, Part};

/// A resource as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Its name, see [`crate::Name`].
    pub name: String,
    /// Its version, see [`version`].
    pub version: String,
    /// What it is, see [`crate::Kind::type_url`].
    pub type_url: &'static str,
    /// Its bytes.
    pub value: Bytes,
}

/// A change as it is sent.
///
/// Shape: credentials, backends, endpoints, listeners, rules; in each kind by name. Nothing is both
/// new and gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// What is new or changed.
    pub upserts: Vec<Encoded>,
    /// Names of what is gone.
    pub removed: Vec<String>,
}

/// The version of a resource: 16 hexadecimal digits, equal where and whenever its bytes are equal.
///
/// Source: xxHash's XXH3, 64 bits, seed 0. Whoever writes a resource could make two contents of one
/// version; that would keep their own change from being sent, and nothing else.
pub fn version(bytes: &[u8]) -> String {
    format!("{:016x}", XxHash3_64::oneshot(bytes))
}

impl Transaction {
    /// Encodes a change.
    pub fn new(change: &Change) -> Self {
        let mut all = Self::default();
        all.take(&change.credentials);
        all.take(&change.backends);
        all.take(&change.endpoints);
        all.take(&change.listeners);
        all.take(&change.rules);
        all
    }

    /// Encodes a whole configuration.
    pub fn snapshot(ir: &Ir) -> Self {
        let mut all = Self::default();
        all.extend(ir.credentials.values());
        all.extend(ir.backends.values());
        all.extend(ir.endpoints.values());
        all.extend(ir.listeners.values());
        all.extend(ir.rules.values());
        all
    }

    /// The size of what is sent. Units: bytes, without what the protocol adds.
    pub fn size(&self) -> usize {
        let upserts = self.upserts.iter();
        let upserts = upserts
            .map(|one| one.name.len() + one.version.len() + one.type_url.len() + one.value.len());
        upserts.sum::<usize>() + self.removed.iter().map(String::len).sum::<usize>()
    }

    fn take<T: Part>(&mut self, change: &Changed<T>) {
        for (key, value) in change {
            match value {
                Some(value) => self.upserts.push(Encoded::of(&**value)),
                None => self.removed.push(T::name_of(key.clone()).to_string()),
            }
        }
    }

    fn extend<'a, T: Resource + 'a>(&mut self, values: impl Iterator<Item = &'a Arc<T>>) {
        self.upserts
            .extend(values.map(|value| Encoded::of(&**value)));
    }
}

impl Encoded {
    /// Encodes a value.
    pub fn of<T: Resource>(value: &T) -> Self {
        let bytes = value.encode();
        Self {
            name: value.name().to_string(),
            version: version(&bytes),
            type_url: T::KIND.type_url(),
            value: bytes,
        }
    }
}
