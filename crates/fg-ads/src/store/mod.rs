//! What is served: resources by scope, type URL and name, changed one transaction at a time.

mod scope;
mod table;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::message::Any;

pub(crate) use self::scope::{Attached, State};
pub(crate) use self::table::{Change, Entry, Table, parent};

use self::scope::Scope;

/// Counts the transactions that changed something, from 1. A client that confirmed a serial has all of
/// its scope up to it. Serials of two stores have nothing to do with each other.
pub type Serial = u64;

/// A new or changed resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upsert {
    /// What it is subscribed by.
    pub type_url: Arc<str>,
    /// Unique within scope and type.
    pub name: Arc<str>,
    /// Differs when the content does, and is the same wherever the content is: a hash of it.
    pub version: Arc<str>,
    /// The content. Its own type URL may differ from the one it is subscribed by.
    pub body: Any,
}

/// Changes that clients shall see together: of one type, a client gets them as one response, or in
/// parts that it applies as one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transaction {
    /// New and changed resources. Those whose version is the present one are no change.
    pub upserts: Vec<Upsert>,
    /// Resources that are no more: type URL and name. Those that are not there are no change.
    pub removed: Vec<(Arc<str>, Arc<str>)>,
    /// Resources that nothing leads to any more, and that stay for clients that may use them: type URL
    /// and name. No client has to ask for them, until they are upserted again, to have everything. Those
    /// that are not there are no change.
    pub left: Vec<(Arc<str>, Arc<str>)>,
}

impl Transaction {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a new or changed resource.
    pub fn upsert(
        &mut self,
        type_url: impl Into<Arc<str>>,
        name: impl Into<Arc<str>>,
        version: impl Into<Arc<str>>,
        body: Any,
    ) {
        self.upserts.push(Upsert {
            type_url: type_url.into(),
            name: name.into(),
            version: version.into(),
            body,
        });
    }

    /// Removes a resource.
    pub fn remove(&mut self, type_url: impl Into<Arc<str>>, name: impl Into<Arc<str>>) {
        self.removed.push((type_url.into(), name.into()));
    }

    /// Leaves a resource to those that may use it.
    pub fn leave(&mut self, type_url: impl Into<Arc<str>>, name: impl Into<Arc<str>>) {
        self.left.push((type_url.into(), name.into()));
    }
}

/// The resources of all scopes. Cloning gives another handle to the same.
///
/// A client of a scope that nothing was applied to yet waits: apply a scope first when it is complete,
/// if need be with an empty transaction. Locks are held for single operations, never across a wait.
#[derive(Debug, Clone, Default)]
pub struct Store {
    scopes: Arc<Mutex<Scopes>>,
}

#[derive(Debug, Default)]
struct Scopes {
    by_name: BTreeMap<Arc<str>, Arc<Scope>>,
    /// Of the last transaction that changed something, in whatever scope.
    last: Serial,
}

impl Store {
    /// Nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes a scope, which it makes if there is none, and wakes the scope's clients.
    ///
    /// Gives the serial under which the scope has this content: a new one, or the present one if
    /// nothing changed.
    /// Cost: logarithmic for each resource named.
    pub fn apply(&self, scope: &str, transaction: Transaction) -> Serial {
        self.change(scope, |state, next| state.apply(transaction, next))
    }

    /// Makes these the resources of a scope, whatever it had: all others, of every type, are removed.
    /// Gives a serial as [`Store::apply`] does.
    /// Cost: proportional to the scope.
    pub fn replace(&self, scope: &str, all: Vec<Upsert>) -> Serial {
        self.change(scope, |state, next| state.replace(all, next))
    }

    /// Ends a scope: its clients lose all that they have, and with the last of them it is forgotten.
    pub fn end(&self, name: &str) {
        let mut scopes = self.lock();
        let Some(scope) = scopes.by_name.get(name).cloned() else {
            return;
        };
        let next = scopes.last + 1;
        let serial = scope.change(|state| state.end(next));
        scopes.last = scopes.last.max(serial);
        // Two handles: the map's and this one.
        if Arc::strong_count(&scope) <= 2 {
            scopes.by_name.remove(name);
        }
    }

    /// Forgets scopes, if none of them has clients: whoever comes waits until something is applied to its
    /// own. Says whether there is none of these names now.
    pub fn forget(&self, names: &[impl AsRef<str>]) -> bool {
        let mut scopes = self.lock();
        let held = names.iter().map(|name| scopes.by_name.get(name.as_ref()));
        if held.flatten().any(|scope| Arc::strong_count(scope) > 1) {
            return false;
        }
        for name in names {
            scopes.by_name.remove(name.as_ref());
        }
        true
    }

    /// A scope's present serial; 0 if nothing was applied to it.
    pub fn serial(&self, scope: &str) -> Serial {
        let scopes = self.lock();
        scopes.by_name.get(scope).map_or(0, |scope| scope.serial())
    }

    /// How many resources a scope has, over all types.
    pub fn len(&self, scope: &str) -> usize {
        let scope = self.lock().by_name.get(scope).cloned();
        scope.map_or(0, |scope| scope.lock().len())
    }

    /// Whether a scope has no resources.
    pub fn is_empty(&self, scope: &str) -> bool {
        self.len(scope) == 0
    }

    /// A client's view of a scope, which may not be there yet.
    pub(crate) fn attach(&self, name: &str) -> Attached {
        let name: Arc<str> = name.into();
        let mut scopes = self.lock();
        let scope = scopes.by_name.entry(name.clone()).or_default().clone();
        Attached::new(self.clone(), name, scope)
    }

    /// Forgets a scope that nothing was applied to, or that has ended, when nobody looks at it any more.
    fn detach(&self, name: &str, scope: &Arc<Scope>) {
        let mut scopes = self.lock();
        // Two handles: the map's and the one that goes.
        let unused = scope.lock().is_unused() && Arc::strong_count(scope) <= 2;
        let held = scopes.by_name.get(name);
        if unused && held.is_some_and(|other| Arc::ptr_eq(other, scope)) {
            scopes.by_name.remove(name);
        }
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut State, Serial) -> Serial) -> Serial {
        // The scope is changed under the lock of the map, so that no change goes to a scope that is
        // being forgotten.
        let mut scopes = self.lock();
        let scope = match scopes.by_name.get(name) {
            Some(scope) => scope.clone(),
            None => scopes.by_name.entry(name.into()).or_default().clone(),
        };
        let next = scopes.last + 1;
        let serial = scope.change(|state| change(state, next));
        scopes.last = scopes.last.max(serial);
        serial
    }

    fn lock(&self) -> MutexGuard<'_, Scopes> {
        self.scopes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
