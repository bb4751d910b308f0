//! An object as the API server writes it, cut to what can matter here, and not yet read.
//!
//! Everything else (`managedFields`, owners) is skipped while the bytes are read and never stored.
//! What remains is compared by hash, so that an object that did not change in what matters is not
//! even decoded. A status is shown to whoever writes them, and then dropped.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use fg_base::Text;
use fg_model::kinds;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::kinds::Kind;

/// Holds a whole copy of the object, and of a Secret's values.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A value as text; `None` when absent or null.
pub(super) type Part = Option<Box<RawValue>>;

/// Values by key; null values are kept as such.
pub(super) type Parts = Option<BTreeMap<Text, Box<RawValue>>>;

/// An object.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Raw {
    pub(super) metadata: Metadata,
    pub(super) spec: Part,
    // of a Secret
    #[serde(rename = "type")]
    pub(super) kind: Part,
    // of a Secret or ConfigMap
    pub(super) data: Parts,
    pub(super) binary_data: Parts,
    // of an EndpointSlice
    pub(super) address_type: Part,
    pub(super) endpoints: Part,
    pub(super) ports: Part,
    pub(super) status: Part,
    // of a Service: what is read of its status
    #[serde(skip)]
    pub(super) balancer: Part,
}

/// Its `metadata`. The API server makes sure that these have these types.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) name: Text,
    #[serde(default = "nothing")]
    pub(super) namespace: Text,
    pub(super) uid: Option<Text>,
    pub(super) generation: Option<i64>,
    pub(super) creation_timestamp: Option<Box<str>>,
    #[serde(default, deserialize_with = "texts")]
    pub(super) labels: BTreeMap<Text, Text>,
    #[serde(default, deserialize_with = "texts")]
    pub(super) annotations: BTreeMap<Text, Text>,
    pub(super) resource_version: Option<Box<str>>,
}

/// The one part of a status that is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    load_balancer: Part,
}

impl Raw {
    /// Its namespace; empty for kinds that are in none.
    pub(super) fn namespace(&self) -> &Text {
        &self.metadata.namespace
    }

    /// Drops what is not read of this kind.
    pub(super) fn narrow(&mut self, kind: &Kind) {
        let annotations = &mut self.metadata.annotations;
        match kind.annotations {
            true => drop(annotations.remove(LAST_APPLIED)),
            false => annotations.clear(),
        }
        if let Some(keys) = kind.keys {
            let both = [&mut self.data, &mut self.binary_data];
            for data in both.into_iter().flatten() {
                data.retain(|key, _| keys.contains(&&**key));
            }
        }
        if let Some(status) = self.status.take()
            && kind.name == kinds::SERVICE
        {
            let status = serde_json::from_str::<Status>(status.get());
            self.balancer = status.ok().and_then(|status| status.load_balancer);
        }
    }

    /// Equal for objects that are equal in all that matters.
    pub(super) fn hash(&self, hasher: &RandomState) -> u64 {
        let mut hasher = hasher.build_hasher();
        let meta = &self.metadata;
        meta.uid.hash(&mut hasher);
        meta.generation.hash(&mut hasher);
        meta.labels.hash(&mut hasher);
        meta.annotations.hash(&mut hasher);
        let parts = [
            &self.spec,
            &self.kind,
            &self.address_type,
            &self.endpoints,
            &self.ports,
        ];
        for part in parts {
            text(part).hash(&mut hasher);
        }
        for parts in [&self.data, &self.binary_data] {
            for (key, value) in parts.iter().flatten() {
                (key, value.get()).hash(&mut hasher);
            }
            // Between the two.
            0_u8.hash(&mut hasher);
        }
        text(&self.balancer).hash(&mut hasher);
        hasher.finish()
    }
}

fn nothing() -> Text {
    "".into()
}

/// Texts by key; null is none.
fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Text, Text>, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

fn text(part: &Part) -> Option<&str> {
    part.as_deref().map(RawValue::get)
}
