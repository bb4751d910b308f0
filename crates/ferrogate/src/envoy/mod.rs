//! What one scope of Envoys is served: the resources of a configuration, kept up with it, and fences
//! around those that Envoy refused.

mod unwritten;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fg_ads::message::Any;
use fg_ads::{ClientId, Rejection, Serial, Store, Transaction};
use fg_envoy::{Answer, Compiler, Concerned, Fence, Fences, Kind, Refusal, Settings, Update};
use fg_ir::{Change, Ir, RuleKey};

pub(crate) use unwritten::unwritten;

/// What policies could not write for Envoy, by rule.
pub(crate) type Refusals = BTreeMap<RuleKey, BTreeSet<Refusal>>;

/// A scope's resources.
pub(crate) struct Served {
    compiler: Compiler,
    fences: Fences,
    store: Store,
    scope: String,
    /// Whether it is said that more waits for removal than is kept.
    is_crowded: bool,
}

impl Served {
    /// Serves a whole configuration, also an empty one: that is complete, too. `is_old`: another control
    /// plane may have served its Envoys.
    pub(crate) fn beside(
        settings: Settings,
        store: Store,
        scope: &str,
        ir: &Ir,
        is_old: bool,
    ) -> Self {
        let (mut served, update) = Self::make(settings, store, scope, ir, !is_old);
        let serial = served.store.apply(scope, transaction(&update));
        served.fences.sent(&update, serial);
        served
    }

    /// As [`Self::beside`], for Envoys that nobody else ever served. Whatever the scope had before is
    /// replaced.
    pub(crate) fn alone(settings: Settings, store: Store, scope: &str, ir: &Ir) -> Self {
        let (mut served, update) = Self::make(settings, store, scope, ir, true);
        let serial = served.store.replace(scope, transaction(&update).upserts);
        served.fences.sent(&update, serial);
        served
    }

    fn make(
        settings: Settings,
        store: Store,
        scope: &str,
        ir: &Ir,
        is_alone: bool,
    ) -> (Self, Update) {
        let mut served = Self {
            fences: Fences::new(settings.clone(), is_alone),
            compiler: Compiler::new(settings),
            store,
            scope: scope.to_owned(),
            is_crowded: false,
        };
        let update = served.compiler.update(ir, &Change::from(ir));
        let update = served.fences.mended(update);
        (served, update)
    }

    /// Serves a change. `ir` is the configuration after it.
    pub(crate) fn update(&mut self, ir: &Ir, change: &Change) {
        let update = self.compiler.update(ir, change);
        let update = self.fences.mended(update);
        self.send(&update);
        self.release();
    }

    /// Removes what had to wait.
    fn release(&mut self) {
        let update = self.fences.released();
        if self.fences.has_given_way() && !std::mem::replace(&mut self.is_crowded, true) {
            tracing::warn!(
                scope = self.scope,
                "so much waits until no Envoy needs it that the oldest of it is removed before that"
            );
        }
        self.send(&update);
    }

    fn send(&mut self, update: &Update) {
        if update.is_empty() {
            return;
        }
        let serial = self.store.apply(&self.scope, transaction(update));
        self.fences.sent(update, serial);
    }

    /// The serial of all that is served now.
    pub(crate) fn serial(&self) -> Serial {
        self.store.serial(&self.scope)
    }

    /// An Envoy has connected.
    pub(crate) fn connected(&mut self, client: ClientId) {
        self.fences.connected(client.0);
    }

    /// An Envoy uses everything up to a serial, but for what it refused, and what it did not ask for: by
    /// type and name. More may be sent by that.
    pub(crate) fn confirmed(
        &mut self,
        client: ClientId,
        serial: Serial,
        unasked: &[(Arc<str>, Arc<str>)],
    ) {
        let unasked = unasked
            .iter()
            .filter_map(|(type_url, name)| Some((kind(type_url)?, name.clone())));
        let next = self.fences.confirmed(client.0, serial, &unasked.collect());
        self.send(&next);
        self.release();
    }

    /// An Envoy uses everything of a type. Says whether it refused something of it before.
    pub(crate) fn accepted(&mut self, client: ClientId, type_url: &str) -> bool {
        let differs = kind(type_url).is_some_and(|kind| self.fences.accepted(client.0, kind));
        self.release();
        differs
    }

    /// An Envoy refuses these resources of a type and uses all others: what nobody uses is replaced by
    /// its last good version for all, or by what finds out which part of it is at fault.
    pub(crate) fn refused(&mut self, client: ClientId, type_url: &str, refused: &[Rejection]) {
        let Some(kind) = kind(type_url) else {
            return;
        };
        self.fences.accepted(client.0, kind);
        for one in refused {
            let (name, version) = (one.name.as_str(), one.version.as_str());
            let answer = self
                .fences
                .refuse(client.0, (kind, name), version, &one.reason);
            match answer {
                Some(Answer::Known(update)) => {
                    self.store.apply(&self.scope, transaction(&update));
                }
                Some(Answer::Tried(update)) => self.send(&update),
                None => {}
            }
        }
    }

    /// An Envoy is gone.
    pub(crate) fn gone(&mut self, client: ClientId) {
        self.fences.gone(client.0);
        self.release();
    }

    /// Sends a refused resource once more.
    pub(crate) fn again(&mut self, kind: Kind, name: &str) {
        if let Some(update) = self.fences.again(kind, name) {
            self.send(&update);
        }
    }

    /// What policies could not write, by rule.
    pub(crate) const fn refusals(&self) -> &Refusals {
        self.compiler.refusals()
    }

    /// What any Envoy does not use now, sorted.
    pub(crate) fn fences(&self) -> Vec<Fence> {
        self.fences.all()
    }

    /// Whose status says so. `ir` is the configuration.
    pub(crate) fn concerned(&self, fence: &Fence, ir: &Ir) -> Concerned {
        self.compiler.concerned(&fence.resource, ir)
    }

    /// What one Envoy does not use now, sorted.
    pub(crate) fn fences_of(&self, client: ClientId) -> Vec<Fence> {
        self.fences.of(client.0)
    }
}

fn kind(type_url: &str) -> Option<Kind> {
    let mut kinds = Kind::ALL.into_iter();
    kinds.find(|kind| kind.type_url() == type_url)
}

/// An update in the words of discovery.
fn transaction(update: &Update) -> Transaction {
    let mut transaction = Transaction::new();
    for resource in &update.upserts {
        let kind = resource.kind.type_url();
        let body = Any {
            type_url: kind.to_owned(),
            value: resource.body.clone(),
        };
        let (name, version) = (resource.name.clone(), resource.version.clone());
        transaction.upsert(kind, name, version, body);
    }
    for (kind, name) in &update.removed {
        transaction.remove(kind.type_url(), name.clone());
    }
    for (kind, name) in &update.left {
        transaction.leave(kind.type_url(), name.clone());
    }
    transaction
}

#[cfg(test)]
mod tests;
