//! Which serial each object needs, and which objects wait.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fg_model::ObjectRef;

use super::{Moment, PATIENCE};

/// How often what is still said about an object that waits for long is looked at again.
/// Thirty seconds: its words name proxies, and those change.
const REMIND: Moment = Moment::from_secs(30);

#[derive(Clone, Copy, Debug)]
struct Need {
    serial: u64,
    /// Since when it waits, or when it was set.
    since: Moment,
    /// Whether it is among those that wait.
    waits: bool,
    /// When it is looked at next.
    due: Option<Moment>,
}

/// The needs of all objects on one Gateway.
///
/// Cost: every step touches only the objects that it names or that wait.
#[derive(Debug, Default)]
pub(super) struct Needs {
    all: BTreeMap<Arc<ObjectRef>, Need>,
    /// Those that nobody was told are confirmed, by serial.
    waiting: BTreeMap<u64, BTreeSet<Arc<ObjectRef>>>,
    due: BTreeSet<(Moment, Arc<ObjectRef>)>,
}

impl Needs {
    /// Takes a need; it does not wait yet. What waited waits since then, or an object that is
    /// edited faster than proxies confirm would never be overdue.
    pub(super) fn set(&mut self, object: &Arc<ObjectRef>, serial: u64, now: Moment) {
        let old = self.all.get(object).filter(|old| old.waits);
        let since = old.map_or(now, |old| old.since);
        self.forget(object);
        let need = Need {
            serial,
            since,
            waits: false,
            due: None,
        };
        self.all.insert(object.clone(), need);
    }

    /// It has to wait.
    pub(super) fn wait(&mut self, object: &Arc<ObjectRef>, now: Moment) {
        let Some(need) = self.all.get_mut(object) else {
            return;
        };
        need.waits = true;
        let at = self.waiting.entry(need.serial).or_default();
        at.insert(object.clone());
        let due = (need.since + PATIENCE).max(now);
        self.arm(object, due);
    }

    pub(super) fn forget(&mut self, object: &Arc<ObjectRef>) {
        let Some(need) = self.all.remove(object) else {
            return;
        };
        if let Some(due) = need.due {
            self.due.remove(&(due, object.clone()));
        }
        if let Some(at) = self.waiting.get_mut(&need.serial) {
            at.remove(object);
            if at.is_empty() {
                self.waiting.remove(&need.serial);
            }
        }
    }

    /// Everything up to this serial is confirmed.
    pub(super) fn confirm(&mut self, serial: u64, changed: &mut BTreeSet<Arc<ObjectRef>>) {
        while let Some(entry) = self.waiting.first_entry().filter(|at| *at.key() <= serial) {
            for object in entry.remove() {
                if let Some(need) = self.all.get_mut(&object) {
                    need.waits = false;
                    if let Some(due) = need.due.take() {
                        self.due.remove(&(due, object.clone()));
                    }
                }
                changed.insert(object);
            }
        }
    }

    /// Only what is up to this serial is confirmed, nothing with `None`; the others wait again,
    /// and are looked at next at `due`.
    pub(super) fn take_back(&mut self, serial: Option<u64>, due: Moment) {
        let mut taken = Vec::new();
        for (object, need) in &mut self.all {
            if !need.waits && Some(need.serial) > serial {
                need.waits = true;
                let at = self.waiting.entry(need.serial).or_default();
                at.insert(object.clone());
                taken.push(object.clone());
            }
        }
        for object in taken {
            self.arm(&object, due);
        }
    }

    /// All that wait are looked at again when their patience, from now, is over.
    pub(super) fn wait_again(&mut self, now: Moment) {
        let waiting: Vec<Arc<ObjectRef>> = self.waiting.values().flatten().cloned().collect();
        for object in waiting {
            self.arm(&object, now + PATIENCE);
        }
    }

    /// Takes one object that is to be looked at by now.
    pub(super) fn due(&mut self, now: Moment) -> Option<Arc<ObjectRef>> {
        if self.due.first()?.0 > now {
            return None;
        }
        let (_, object) = self.due.pop_first()?;
        if let Some(need) = self.all.get_mut(&object) {
            need.due = None;
        }
        Some(object)
    }

    /// Says when an object that waits since then is looked at again.
    pub(super) fn remind(&mut self, object: &Arc<ObjectRef>, since: Moment, now: Moment) {
        let overdue = since + PATIENCE;
        let next = if overdue > now { overdue } else { now + REMIND };
        self.arm(object, next);
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        self.due.first().map(|(due, _)| *due)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn objects(&self) -> impl Iterator<Item = &Arc<ObjectRef>> {
        self.all.keys()
    }

    pub(super) fn serial(&self, object: &ObjectRef) -> Option<u64> {
        self.all.get(object).map(|need| need.serial)
    }

    /// Serial, and since when it waits, or was set.
    pub(super) fn waits(&self, object: &ObjectRef) -> Option<(u64, Moment)> {
        let need = self.all.get(object)?;
        Some((need.serial, need.since))
    }

    fn arm(&mut self, object: &Arc<ObjectRef>, at: Moment) {
        if let Some(need) = self.all.get_mut(object) {
            if let Some(old) = need.due.replace(at) {
                self.due.remove(&(old, object.clone()));
            }
            self.due.insert((at, object.clone()));
        }
    }
}
