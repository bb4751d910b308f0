//! What happened, in numbers that a metrics page can read.

use std::sync::atomic::{AtomicU64, Ordering};

use super::kinds::KINDS;

/// Counters of every kind that is watched.
#[derive(Debug)]
pub struct Counters(Vec<KindCounters>);

/// Counters of one kind.
#[derive(Debug, Default)]
pub struct KindCounters {
    events: AtomicU64,
    lists: AtomicU64,
    errors: AtomicU64,
    objects: AtomicU64,
}

impl Default for Counters {
    fn default() -> Self {
        Self(KINDS.iter().map(|_| KindCounters::default()).collect())
    }
}

impl Counters {
    /// The kinds with their counters.
    pub fn kinds(&self) -> impl Iterator<Item = (&'static str, &KindCounters)> {
        KINDS.iter().map(|kind| kind.name.1).zip(&self.0)
    }

    /// Those of one kind; `None` for what is watched only to know what else to watch.
    pub(super) fn of(&self, index: usize) -> Option<&KindCounters> {
        self.0.get(index)
    }
}

impl KindCounters {
    /// Objects heard of since the start, whether they mattered or not, those of lists included.
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// Complete lists since the start. The first is one too.
    pub fn lists(&self) -> u64 {
        self.lists.load(Ordering::Relaxed)
    }

    /// Failures since the start: refused, broken off, unreadable.
    pub fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// Objects there are now.
    pub fn objects(&self) -> u64 {
        self.objects.load(Ordering::Relaxed)
    }

    pub(super) fn event(&self) {
        self.events.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn list(&self) {
        self.lists.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn error(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set_objects(&self, objects: usize) {
        self.objects.store(objects as u64, Ordering::Relaxed);
    }
}
