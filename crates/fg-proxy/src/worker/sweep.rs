//! Coarse deadlines of connections: setting one is a store, and a sweep a few times a second looks
//! for those that passed. Connections never touch a timer wheel per request.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use crate::shared::SocketKey;

/// Time between two sweeps, and so the precision of coarse deadlines.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// All coarse deadlines of a worker.
#[derive(Debug)]
pub(crate) struct Sweep {
    started: Instant,
    /// Ticks since the start.
    now: Rc<Cell<u64>>,
    entries: RefCell<Vec<Rc<Entry>>>,
}

#[derive(Debug)]
struct Entry {
    /// The socket that the connection came by.
    socket: SocketKey,
    /// Tick after which it is expired; `u64::MAX` is never.
    deadline: Cell<u64>,
    expired: Cell<bool>,
    idle: Cell<bool>,
    gone: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Entry {
    fn fire(&self) {
        self.expired.set(true);
        self.deadline.set(u64::MAX);
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

/// The deadline of one connection. Gone with it.
#[derive(Debug)]
pub(crate) struct Timer {
    entry: Rc<Entry>,
    now: Rc<Cell<u64>>,
}

impl Sweep {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            now: Rc::default(),
            entries: RefCell::default(),
        }
    }

    /// A deadline for a new connection; not set yet.
    pub(crate) fn register(&self, socket: SocketKey) -> Timer {
        let entry = Rc::new(Entry {
            socket,
            deadline: Cell::new(u64::MAX),
            expired: Cell::new(false),
            idle: Cell::new(false),
            gone: Cell::new(false),
            waker: RefCell::new(None),
        });
        self.entries.borrow_mut().push(entry.clone());
        Timer {
            entry,
            now: self.now.clone(),
        }
    }

    /// Wakes the connections whose deadline passed.
    pub(crate) fn sweep(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis() / TICK.as_millis())
            .unwrap_or(u64::MAX);
        self.now.set(now);
        self.entries.borrow_mut().retain(|entry| {
            if entry.deadline.get() < now {
                entry.fire();
            }
            !entry.gone.get()
        });
    }

    /// Ends the idle connections of sockets that are gone.
    pub(crate) fn expire_idle(&self, gone: impl Fn(&SocketKey) -> bool) {
        let entries = self.entries.borrow();
        entries
            .iter()
            .filter(|entry| entry.idle.get() && gone(&entry.socket))
            .for_each(|entry| entry.fire());
    }

    /// Wakes every connection, so that it looks around: HTTP/2 has something to say of a drain.
    pub(crate) fn wake_all(&self) {
        for entry in &*self.entries.borrow() {
            if let Some(waker) = &*entry.waker.borrow() {
                waker.wake_by_ref();
            }
        }
    }

    /// Milliseconds since the start, as of the last sweep.
    pub(crate) fn now_millis(&self) -> u64 {
        self.now.get() * u64::try_from(TICK.as_millis()).unwrap_or(1)
    }
}

impl Timer {
    /// Sets the deadline; it fires between `after` and `after` + 2 ticks.
    #[inline]
    pub(crate) fn set(&self, after: Duration) {
        // In 64 bits: this is done several times a request, and dividing 128 bits takes long.
        const TICK_MILLIS: u64 = TICK.subsec_millis() as u64;
        let ticks = after
            .as_secs()
            .saturating_mul(1000 / TICK_MILLIS)
            .saturating_add(u64::from(after.subsec_millis()).div_ceil(TICK_MILLIS));
        self.entry
            .deadline
            .set(self.now.get().saturating_add(ticks));
        self.entry.expired.set(false);
    }

    /// Whether the deadline passed since it was set.
    #[inline]
    pub(crate) fn is_expired(&self) -> bool {
        self.entry.expired.get()
    }

    /// Notes whom to wake. The task of a connection is always the same.
    pub(crate) fn attach(&self, context: &Context<'_>) {
        let mut waker = self.entry.waker.borrow_mut();
        if waker.is_none() {
            *waker = Some(context.waker().clone());
        }
    }

    /// Notes whether the connection waits for a request and may be ended at any time.
    #[inline]
    pub(crate) fn set_idle(&self, idle: bool) {
        self.entry.idle.set(idle);
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.entry.gone.set(true);
        self.entry.waker.borrow_mut().take();
    }
}
