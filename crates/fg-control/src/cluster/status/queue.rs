//! Which object is written next. Pure: time is handed in.
//!
//! Each object is in it at most once. Gateways, classes and `ListenerSet`s go first, but one in
//! [`TURN`] is of the others; those are taken a namespace at a time in turn, so that a namespace
//! with thousands of routes holds up its own alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use fg_base::Text;
use fg_model::ObjectRef;

use super::kind::Kind;

/// Of so many objects one is not an urgent one, if there is one.
const TURN: u32 = 8;

/// How long after it was written an urgent object is left alone, at first and at most: the counters
/// in a Gateway's status change with each of thousands of routes. What is written again and again is
/// left alone twice as long each time, until it was not written for that long.
const SPACING: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(400));

/// The shortest and the longest time until a failed object is tried again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// It waits its turn.
    Queued,
    /// It waits for this time; whether it does so because it failed.
    Later(Duration, bool),
    /// It is being written; when it has to be written again after that.
    Flying(Option<Duration>),
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    place: Place,
    /// Since when there is something to write.
    since: Duration,
    failures: u32,
    /// Whether what it waits for was refused, so that nothing but something else helps.
    refused: bool,
}

/// What an urgent object has a right to once it was written.
#[derive(Clone, Copy, Debug)]
struct Rest {
    until: Duration,
    long: Duration,
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    entries: BTreeMap<Arc<ObjectRef>, Entry>,
    urgent: VecDeque<Arc<ObjectRef>>,
    others: BTreeMap<Text, VecDeque<Arc<ObjectRef>>>,
    namespaces: VecDeque<Text>,
    later: BTreeSet<(Duration, Arc<ObjectRef>)>,
    turn: u32,
    /// Urgent objects that were written lately.
    rests: BTreeMap<Arc<ObjectRef>, Rest>,
}

impl Queue {
    /// There is something to write, at this time at the earliest.
    pub(super) fn push(&mut self, object: &Arc<ObjectRef>, now: Duration, at: Duration) {
        let rests = self.rests.get(object).map(|rest| rest.until);
        let at = at.max(rests.unwrap_or_default());
        let Some(entry) = self.entries.get_mut(object) else {
            let entry = Entry {
                place: Place::Queued,
                since: now,
                failures: 0,
                refused: false,
            };
            self.entries.insert(object.clone(), entry);
            self.put(object, now, at, false);
            return;
        };
        match entry.place {
            // Sooner than it would have been, but not before a failure's time.
            Place::Later(old, false) if at < old => {
                self.later.remove(&(old, object.clone()));
                self.put(object, now, at, false);
            }
            Place::Queued | Place::Later(..) => {}
            Place::Flying(again) => {
                entry.place = Place::Flying(Some(again.map_or(at, |again| again.min(at))));
            }
        }
    }

    /// As [`Self::push`], for something else than was written last: that it was refused is no reason
    /// to wait.
    pub(super) fn renew(&mut self, object: &Arc<ObjectRef>, now: Duration, at: Duration) {
        if let Some(entry) = self.entries.get_mut(object)
            && std::mem::take(&mut entry.refused)
            && let Place::Later(old, _) = entry.place
        {
            entry.failures = 0;
            entry.place = Place::Later(old, false);
        }
        self.push(object, now, at);
    }

    /// Takes the next object; [`Self::done`] or [`Self::failed`] has to follow.
    pub(super) fn pop(&mut self, now: Duration) -> Option<Arc<ObjectRef>> {
        while let Some((at, _)) = self.later.first()
            && *at <= now
            && let Some((_, object)) = self.later.pop_first()
        {
            self.put(&object, now, now, false);
        }
        let object = if self.turn + 1 >= TURN || self.urgent.is_empty() {
            self.turn = 0;
            self.pop_other().or_else(|| self.urgent.pop_front())?
        } else {
            self.turn += 1;
            self.urgent.pop_front()?
        };
        if let Some(entry) = self.entries.get_mut(&object) {
            entry.place = Place::Flying(None);
        }
        Some(object)
    }

    /// An object says what it should, or is gone. Gives for how long it waited.
    pub(super) fn done(&mut self, object: &Arc<ObjectRef>, now: Duration) -> Duration {
        let Some(entry) = self.entries.get_mut(object) else {
            return Duration::ZERO;
        };
        let waited = now.saturating_sub(entry.since);
        let until = match is_urgent(object) {
            true => rest(&mut self.rests, object, now),
            false => now,
        };
        if let Place::Flying(Some(at)) = entry.place {
            let at = at.max(until);
            entry.since = now;
            entry.failures = 0;
            entry.refused = false;
            self.put(object, now, at, false);
        } else {
            self.entries.remove(object);
        }
        waited
    }

    /// An object was refused: it is tried again after this long, or once there is something else to
    /// write, be it since it was taken. Gives when.
    pub(super) fn refused(
        &mut self,
        object: &Arc<ObjectRef>,
        now: Duration,
        after: Duration,
    ) -> Duration {
        let place = self.entries.get(object).map(|entry| entry.place);
        if matches!(place, Some(Place::Flying(Some(_)))) {
            return self.failed(object, now, Duration::ZERO);
        }
        let wait = self.failed(object, now, after);
        if let Some(entry) = self.entries.get_mut(object) {
            entry.refused = true;
        }
        wait
    }

    /// An object has to be tried again, after this long at least. Gives when.
    pub(super) fn failed(
        &mut self,
        object: &Arc<ObjectRef>,
        now: Duration,
        at_least: Duration,
    ) -> Duration {
        let Some(entry) = self.entries.get_mut(object) else {
            return Duration::ZERO;
        };
        let (shortest, longest) = BACKOFF;
        let wait = shortest * 2_u32.saturating_pow(entry.failures.min(16));
        let wait = wait.min(longest).max(at_least);
        entry.failures += 1;
        entry.refused = false;
        self.put(object, now, now + wait, true);
        wait
    }

    /// When something is due that is not yet.
    pub(super) fn next(&self) -> Option<Duration> {
        self.later.first().map(|(at, _)| *at)
    }

    /// Whether [`Self::pop`] would give something.
    pub(super) fn is_ready(&self, now: Duration) -> bool {
        !self.urgent.is_empty()
            || !self.namespaces.is_empty()
            || self.next().is_some_and(|at| at <= now)
    }

    /// Forgets what is not being written.
    pub(super) fn clear(&mut self) {
        self.entries.retain(|_, entry| {
            let flies = matches!(entry.place, Place::Flying(_));
            if flies {
                entry.place = Place::Flying(None);
            }
            flies
        });
        self.urgent.clear();
        self.others.clear();
        self.namespaces.clear();
        self.later.clear();
    }

    /// How many objects wait or are being written.
    pub(super) fn depth(&self) -> usize {
        self.entries.len()
    }

    /// How long the one that waits longest has waited.
    ///
    /// Cost: in proportion to the depth.
    pub(super) fn age(&self, now: Duration) -> Duration {
        let oldest = self.entries.values().map(|entry| entry.since).min();
        oldest.map_or(Duration::ZERO, |oldest| now.saturating_sub(oldest))
    }

    fn put(&mut self, object: &Arc<ObjectRef>, now: Duration, at: Duration, failed: bool) {
        let Some(entry) = self.entries.get_mut(object) else {
            return;
        };
        if at > now {
            entry.place = Place::Later(at, failed);
            self.later.insert((at, object.clone()));
            return;
        }
        entry.place = Place::Queued;
        if is_urgent(object) {
            self.urgent.push_back(object.clone());
            return;
        }
        let namespace = &object.namespace;
        let others = self.others.entry(namespace.clone()).or_default();
        if others.is_empty() {
            self.namespaces.push_back(namespace.clone());
        }
        others.push_back(object.clone());
    }

    fn pop_other(&mut self) -> Option<Arc<ObjectRef>> {
        let namespace = self.namespaces.pop_front()?;
        let others = self.others.get_mut(&namespace)?;
        let object = others.pop_front();
        if others.is_empty() {
            self.others.remove(&namespace);
        } else {
            self.namespaces.push_back(namespace);
        }
        object
    }
}

/// An urgent object was written: until when it is left alone.
fn rest(
    rests: &mut BTreeMap<Arc<ObjectRef>, Rest>,
    object: &Arc<ObjectRef>,
    now: Duration,
) -> Duration {
    let (first, longest) = SPACING;
    rests.retain(|_, rest| rest.until + rest.long > now);
    let rest = rests.entry(object.clone()).or_insert(Rest {
        until: now,
        long: first / 2,
    });
    rest.long = (rest.long * 2).min(longest);
    rest.until = now + rest.long;
    rest.until
}

fn is_urgent(object: &ObjectRef) -> bool {
    Kind::of(object).is_some_and(|kind| kind.urgent)
}

#[cfg(test)]
mod tests {
    use fg_model::kinds;

    use super::*;

    fn object(kind: (&str, &str), namespace: &str, name: &str) -> Arc<ObjectRef> {
        Arc::new(ObjectRef::new(kind.0, kind.1, namespace, name))
    }

    fn route(namespace: &str, name: &str) -> Arc<ObjectRef> {
        object(kinds::HTTP_ROUTE, namespace, name)
    }

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Names in the order in which they come out at a time, each done at once.
    fn all(queue: &mut Queue, now: Duration) -> Vec<String> {
        let mut names = Vec::new();
        while let Some(object) = queue.pop(now) {
            names.push(object.name.to_string());
            queue.done(&object, now);
        }
        names
    }

    #[test]
    fn gateways_first_namespaces_in_turn_each_once() {
        let mut queue = Queue::default();
        for name in ["a1", "a2", "a3"] {
            queue.push(&route("a", name), at(0), at(0));
        }
        queue.push(&route("b", "b1"), at(1), at(1));
        queue.push(&route("a", "a1"), at(2), at(2));
        queue.push(&object(kinds::GATEWAY, "a", "gw"), at(3), at(3));
        assert_eq!((queue.depth(), queue.age(at(10))), (5, at(10)));
        assert_eq!(all(&mut queue, at(10)), ["gw", "a1", "b1", "a2", "a3"]);
        assert_eq!(queue.depth(), 0);
        // Gateways do not starve the others.
        for name in 0..20 {
            queue.push(
                &object(kinds::GATEWAY, "a", &name.to_string()),
                at(0),
                at(0),
            );
        }
        queue.push(&route("a", "r"), at(0), at(0));
        assert_eq!(all(&mut queue, at(0))[7], "r");
    }

    #[test]
    fn what_changes_while_it_is_written_is_written_again() {
        let mut queue = Queue::default();
        let r = route("a", "r");
        queue.push(&r, at(0), at(0));
        assert_eq!(queue.pop(at(0)), Some(r.clone()));
        queue.push(&r, at(1), at(31));
        queue.push(&r, at(2), at(2));
        assert_eq!(queue.pop(at(2)), None, "never two at once");
        assert_eq!(queue.done(&r, at(5)), at(5));
        assert_eq!(queue.pop(at(5)), Some(r));
    }

    #[test]
    fn a_gateway_that_was_written_rests() {
        let mut queue = Queue::default();
        let gateway = object(kinds::GATEWAY, "a", "gw");
        queue.push(&gateway, at(0), at(0));
        assert_eq!(all(&mut queue, at(0)), ["gw"]);
        queue.push(&gateway, at(10), at(10));
        assert_eq!((queue.pop(at(99)), queue.next()), (None, Some(at(100))));
        assert_eq!(queue.pop(at(100)), Some(gateway.clone()));
        queue.push(&gateway, at(101), at(101));
        queue.done(&gateway, at(105));
        // Longer each time.
        assert_eq!((queue.pop(at(304)), queue.next()), (None, Some(at(305))));
        for (written, again) in [(305, 705), (705, 1_105)] {
            assert_eq!(all(&mut queue, at(written)), ["gw"]);
            queue.push(&gateway, at(written + 1), at(written + 1));
            assert_eq!(queue.pop(at(again - 1)), None);
        }
        assert_eq!(all(&mut queue, at(1_105)), ["gw"]);
        // It was left in peace, and may come at once, and soon again.
        queue.push(&gateway, at(1_905), at(1_905));
        assert_eq!(all(&mut queue, at(1_905)), ["gw"]);
        queue.push(&gateway, at(1_906), at(1_906));
        assert_eq!(queue.pop(at(2_004)), None);
        assert_eq!(all(&mut queue, at(2_005)), ["gw"]);
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn what_settles_waits_unless_it_is_settled() {
        let mut queue = Queue::default();
        let r = route("a", "r");
        queue.push(&r, at(0), at(30));
        assert_eq!((queue.pop(at(29)), queue.next()), (None, Some(at(30))));
        queue.push(&r, at(29), at(59));
        assert!(
            queue.is_ready(at(30)),
            "putting off again and again would never end"
        );
        queue.push(&r, at(29), at(29));
        assert_eq!(all(&mut queue, at(29)), ["r"]);
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn what_fails_is_tried_less_and_less_often() {
        let mut queue = Queue::default();
        let r = route("a", "r");
        queue.push(&r, at(0), at(0));
        let mut now = at(0);
        let mut waits = Vec::new();
        for _ in 0..12 {
            assert_eq!(queue.pop(now), Some(r.clone()));
            let wait = queue.failed(&r, now, at(0));
            // News of it is no reason to ask a busy server sooner.
            queue.push(&r, now, now);
            assert_eq!(queue.pop(now), None);
            waits.push(wait.as_millis());
            now += wait;
        }
        assert_eq!(waits[..4], [100, 200, 400, 800]);
        assert_eq!(waits[11], 5_000);
        assert_eq!(queue.pop(now), Some(r.clone()));
        assert_eq!(queue.failed(&r, now, at(90_000)), at(90_000));
    }

    #[test]
    fn what_is_refused_waits_until_there_is_something_else_to_write() {
        const LONG: Duration = Duration::from_secs(30);
        let mut queue = Queue::default();
        let r = route("a", "r");
        queue.push(&r, at(0), at(0));
        assert_eq!(queue.pop(at(0)), Some(r.clone()));
        assert_eq!(queue.refused(&r, at(0), LONG), LONG);
        queue.push(&r, at(10), at(10));
        assert_eq!(queue.pop(at(10)), None, "the same is refused again");
        queue.renew(&r, at(20), at(20));
        assert_eq!(queue.pop(at(20)), Some(r.clone()));
        // The news came while the old was on its way.
        queue.renew(&r, at(21), at(21));
        assert!(queue.refused(&r, at(25), LONG) < at(1_000));
        // A server that is busy is left in peace all the same.
        assert_eq!(queue.pop(at(2_000)), Some(r.clone()));
        queue.failed(&r, at(2_000), LONG);
        queue.renew(&r, at(2_001), at(2_001));
        assert_eq!(queue.pop(at(2_001)), None);
    }
}
