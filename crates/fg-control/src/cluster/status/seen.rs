//! What was last seen of objects, so that a write need not read first. Pure.
//!
//! It comes from the watch and from the answers to our own writes, and may be out of date: what is
//! made from it names its version, and the API server refuses that when anybody wrote meanwhile. A
//! bounded number of objects is kept, with a bounded amount of text: those of which there was news
//! last.

use std::collections::BTreeMap;
use std::sync::Arc;

use fg_model::ObjectRef;

use super::live::{Live, Object, value};

/// The most objects that are kept: more than wait to be written while thousands are made at once.
/// Units: objects.
const MOST: usize = 8192;

/// The most text of statuses that is kept; one of a route is about a kilobyte. Units: bytes.
const TEXT: usize = 4 << 20;

/// One object at one version.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    version: Box<str>,
    generation: i64,
    /// As text; `None` when it has none.
    status: Option<Box<str>>,
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Sights {
    objects: BTreeMap<Arc<ObjectRef>, (u64, Seen)>,
    /// By when there was news, the oldest first.
    order: BTreeMap<u64, Arc<ObjectRef>>,
    news: u64,
    /// How long all statuses are. Units: bytes.
    text: usize,
}

impl Sights {
    /// An object stands like this at a version.
    pub(super) fn note(
        &mut self,
        object: &ObjectRef,
        version: &str,
        generation: i64,
        status: Option<&str>,
    ) {
        let known = self.objects.get(object);
        if known.is_some_and(|(_, seen)| !is_newer(version, &seen.version)) {
            return;
        }
        let object = match self.objects.remove_entry(object) {
            Some((object, (turn, seen))) => {
                self.order.remove(&turn);
                self.text -= seen.text();
                object
            }
            None => Arc::new(object.clone()),
        };
        let seen = Seen {
            version: version.into(),
            generation,
            status: status.map(Into::into),
        };
        self.news += 1;
        self.text += seen.text();
        self.order.insert(self.news, object.clone());
        self.objects.insert(object, (self.news, seen));
        while (self.objects.len() > MOST || self.text > TEXT)
            && let Some((_, oldest)) = self.order.pop_first()
            && let Some((_, seen)) = self.objects.remove(&oldest)
        {
            self.text -= seen.text();
        }
    }

    /// An object stands as this answer says.
    pub(super) fn answered(&mut self, object: &ObjectRef, answer: &Object) {
        let metadata = &answer.metadata;
        let version = &metadata.resource_version;
        self.note(object, version, metadata.generation, answer.status());
    }

    /// Takes what is known of an object: whoever writes from it makes it old.
    pub(super) fn take(&mut self, object: &ObjectRef) -> Option<Live> {
        let (turn, seen) = self.objects.remove(object)?;
        self.order.remove(&turn);
        self.text -= seen.text();
        Some(Live {
            version: seen.version.into(),
            generation: seen.generation,
            managed: false,
            status: value(seen.status.as_deref()),
        })
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.objects.clear();
        self.order.clear();
        self.text = 0;
    }
}

impl Seen {
    fn text(&self) -> usize {
        self.status.as_ref().map_or(0, |status| status.len())
    }
}

/// Whether a version follows another one. Those that are no numbers cannot be compared, and the last
/// to come is taken for the newer one: if it is not, a write from it is refused.
fn is_newer(version: &str, known: &str) -> bool {
    match (version.parse::<u64>(), known.parse::<u64>()) {
        (Ok(version), Ok(known)) => version > known,
        _ => version != known,
    }
}

#[cfg(test)]
mod tests {
    use fg_model::kinds;

    use super::*;

    fn route(name: &str) -> ObjectRef {
        let (group, kind) = kinds::HTTP_ROUTE;
        ObjectRef::new(group, kind, "shop", name)
    }

    fn version(sights: &mut Sights, name: &str) -> Option<String> {
        sights.take(&route(name)).map(|live| live.version)
    }

    #[test]
    fn the_newest_is_known_and_given_away_once() {
        let mut sights = Sights::default();
        let r = route("r");
        sights.note(&r, "9", 1, None);
        sights.note(&r, "10", 2, Some(r#"{"parents":[]}"#));
        // Of a watch that is behind our own write.
        sights.note(&r, "9", 1, None);
        let live = sights.take(&r).expect("it was seen");
        assert_eq!((&*live.version, live.generation), ("10", 2));
        assert_eq!(live.status.to_string(), r#"{"parents":[]}"#);
        assert_eq!(version(&mut sights, "r"), None);
        assert!(sights.order.is_empty());
    }

    #[test]
    fn versions_that_are_no_numbers_follow_each_other_as_they_come() {
        let mut sights = Sights::default();
        sights.note(&route("r"), "b", 1, None);
        sights.note(&route("r"), "a", 1, None);
        assert_eq!(version(&mut sights, "r").as_deref(), Some("a"));
    }

    #[test]
    fn so_many_are_kept_and_the_oldest_go_first() {
        let mut sights = Sights::default();
        for at in 0..MOST {
            sights.note(&route(&at.to_string()), "1", 1, None);
        }
        for news in 2..=4_999 {
            sights.note(&route("0"), &news.to_string(), 1, None);
        }
        sights.note(&route("more"), "1", 1, None);
        assert_eq!((sights.objects.len(), sights.order.len()), (MOST, MOST));
        assert_eq!(version(&mut sights, "1"), None);
        assert_eq!(version(&mut sights, "0").as_deref(), Some("4999"));
        assert_eq!(version(&mut sights, "more").as_deref(), Some("1"));
    }

    #[test]
    fn so_much_text_is_kept_and_the_oldest_goes_first() {
        let mut sights = Sights::default();
        let long = format!("\"{}\"", "x".repeat(TEXT / 4 - 2));
        for news in 1..=3 {
            sights.note(&route("a"), &news.to_string(), 1, Some(&long));
        }
        for name in ["b", "c", "d"] {
            sights.note(&route(name), "1", 1, Some(&long));
        }
        assert_eq!((sights.objects.len(), sights.text), (4, TEXT));
        sights.note(&route("e"), "1", 1, Some("{}"));
        assert_eq!(version(&mut sights, "a"), None);
        assert_eq!(version(&mut sights, "b").as_deref(), Some("1"));
        assert_eq!(sights.text, TEXT / 2 + 2);
    }
}
