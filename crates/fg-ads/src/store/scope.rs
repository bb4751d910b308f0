//! One scope: its tables, its serial, and the wake-up of those who look at it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::{Serial, Store, Table, Transaction, Upsert};

/// One scope, shared by the store and the streams of its clients.
#[derive(Debug)]
pub(crate) struct Scope {
    state: Mutex<State>,
    /// The serial, for those who wait.
    news: watch::Sender<Serial>,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            news: watch::Sender::new(0),
        }
    }
}

impl Scope {
    pub(super) fn serial(&self) -> Serial {
        self.lock().serial
    }

    /// The resources, for a look that does not wait.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut State) -> Serial) -> Serial {
        let serial = change(&mut self.lock());
        self.news.send_if_modified(|known| {
            let is_new = *known != serial;
            *known = serial;
            is_new
        });
        serial
    }
}

/// The resources of a scope.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// 0 until something was applied.
    serial: Serial,
    tables: BTreeMap<Arc<str>, Table>,
    /// Nothing was applied since it ended.
    ended: bool,
}

impl State {
    /// 0 until something was applied.
    pub(crate) fn serial(&self) -> Serial {
        self.serial
    }

    /// The resources of a type; none if there never was one.
    pub(crate) fn table(&self, type_url: &str) -> Option<&Table> {
        self.tables.get(type_url)
    }

    pub(super) fn len(&self) -> usize {
        self.tables.values().map(Table::len).sum()
    }

    /// Whether nobody but its clients needs it.
    pub(super) const fn is_unused(&self) -> bool {
        self.serial == 0 || self.ended
    }

    pub(super) fn end(&mut self, next: Serial) -> Serial {
        let serial = self.replace(Vec::new(), next);
        self.ended = true;
        serial
    }

    /// `next` is the serial if something changes.
    pub(super) fn apply(&mut self, transaction: Transaction, next: Serial) -> Serial {
        self.ended = false;
        let mut changed = self.serial == 0;
        for upsert in transaction.upserts {
            let table = self.tables.entry(upsert.type_url.clone()).or_default();
            changed |= table.upsert(upsert, next);
        }
        for (type_url, name) in transaction.removed {
            if let Some(table) = self.tables.get_mut(&type_url) {
                changed |= table.remove(&name, next);
            }
        }
        for (type_url, name) in transaction.left {
            if let Some(table) = self.tables.get_mut(&type_url) {
                changed |= table.leave(&name, next);
            }
        }
        if changed {
            self.serial = next;
        }
        self.serial
    }

    pub(super) fn replace(&mut self, all: Vec<Upsert>, next: Serial) -> Serial {
        let kept: BTreeSet<(Arc<str>, Arc<str>)> = all
            .iter()
            .map(|upsert| (upsert.type_url.clone(), upsert.name.clone()))
            .collect();
        let mut removed = Vec::new();
        for (type_url, table) in &self.tables {
            let keys = table
                .entries()
                .map(|entry| (type_url.clone(), entry.name.clone()));
            removed.extend(keys.filter(|key| !kept.contains(key)));
        }
        let all = Transaction {
            upserts: all,
            removed,
            left: Vec::new(),
        };
        self.apply(all, next)
    }
}

/// A client's view of a scope.
#[derive(Debug)]
pub(crate) struct Attached {
    store: Store,
    name: Arc<str>,
    scope: Arc<Scope>,
    news: watch::Receiver<Serial>,
}

impl Attached {
    pub(super) fn new(store: Store, name: Arc<str>, scope: Arc<Scope>) -> Self {
        let news = scope.news.subscribe();
        Self {
            store,
            name,
            scope,
            news,
        }
    }

    /// Waits until the scope changed since the last call.
    ///
    /// Cancel: safe.
    pub(crate) async fn changed(&mut self) {
        // Its other end is in the scope, which is held here.
        let _ = self.news.changed().await;
    }

    /// What is looked at.
    pub(crate) fn scope(&self) -> Arc<Scope> {
        self.scope.clone()
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.store.detach(&self.name, &self.scope);
    }
}
