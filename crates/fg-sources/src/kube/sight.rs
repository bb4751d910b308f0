//! How objects stand, told as they are seen, for whoever writes to their status.

use fg_model::ObjectRef;

use super::kinds::Kind;
use super::raw::Raw;

/// An object at one version, with a status that anybody may have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight<'a> {
    /// The object.
    pub object: &'a ObjectRef,
    /// Its `metadata.generation`, from 1; 0 when the kind has none.
    pub generation: i64,
    /// Its `metadata.resourceVersion`, never empty.
    pub version: &'a str,
    /// Its `status` as the API server wrote it, JSON; `None` when it has none.
    pub status: Option<&'a str>,
}

/// Who is told how objects of kinds with a status of ours stand, whenever they are heard of: also when
/// all that changed is a status, which is in no [`super::Batch`]. Of an object that is in a batch, it
/// is told before the batch is there.
///
/// It is called while events are read, and must not block.
pub type Onlooker = Box<dyn Fn(&Sight<'_>) + Send + Sync>;

/// How an object stands, if its kind has a status of ours.
pub(super) fn sight<'a>(kind: &Kind, object: &'a ObjectRef, raw: &'a Raw) -> Option<Sight<'a>> {
    let version = raw.metadata.resource_version.as_deref()?;
    let is_told = kind.status && !version.is_empty();
    is_told.then(|| Sight {
        object,
        generation: raw.metadata.generation.unwrap_or(0),
        version,
        status: raw.status.as_deref().map(serde_json::value::RawValue::get),
    })
}
