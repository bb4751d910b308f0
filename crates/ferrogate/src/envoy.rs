//! What one scope of Envoys is served: the resources of a configuration, kept up with it, and fences
//! around those that Envoy refused.

use fg_ads::message::Any;
use fg_ads::{ClientId, Rejection, Serial, Store, Transaction};
use fg_envoy::{Compiler, Fence, Fences, Kind, Settings, Update};
use fg_ir::{Change, Ir};

/// A scope's resources.
pub(crate) struct Served {
    compiler: Compiler,
    fences: Fences,
    store: Store,
    scope: String,
}

impl Served {
    /// Serves a whole configuration, also an empty one: that is complete, too. Whatever the scope had
    /// before is replaced. Its Envoys may have been served by another control plane.
    pub(crate) fn new(settings: Settings, store: Store, scope: &str, ir: &Ir) -> Self {
        Self::make(settings, store, scope, ir, false)
    }

    /// As [`Self::new`], for Envoys that nobody else ever served.
    pub(crate) fn alone(settings: Settings, store: Store, scope: &str, ir: &Ir) -> Self {
        Self::make(settings, store, scope, ir, true)
    }

    fn make(settings: Settings, store: Store, scope: &str, ir: &Ir, is_alone: bool) -> Self {
        let mut fences = Fences::new(settings.clone(), is_alone);
        let mut compiler = Compiler::new(settings);
        let update = compiler.update(ir, &Change::from(ir));
        let serial = store.replace(scope, transaction(&update).upserts);
        fences.sent(&update, serial);
        Self {
            compiler,
            fences,
            store,
            scope: scope.to_owned(),
        }
    }

    /// Serves a change. `ir` is the configuration after it.
    pub(crate) fn update(&mut self, ir: &Ir, change: &Change) {
        let update = self.compiler.update(ir, change);
        if !update.is_empty() {
            self.send(&update);
        }
    }

    fn send(&mut self, update: &Update) {
        let serial = self.store.apply(&self.scope, transaction(update));
        self.fences.sent(update, serial);
    }

    /// The serial of all that is served now.
    pub(crate) fn serial(&self) -> Serial {
        self.store.serial(&self.scope)
    }

    /// An Envoy uses everything up to a serial, but for what it refused.
    pub(crate) fn confirmed(&mut self, client: ClientId, serial: Serial) {
        self.fences.confirmed(client.0, serial);
    }

    /// An Envoy uses everything of a type. Says whether it refused something of it before.
    pub(crate) fn accepted(&mut self, client: ClientId, type_url: &str) -> bool {
        kind(type_url).is_some_and(|kind| self.fences.accepted(client.0, kind))
    }

    /// An Envoy refuses these resources of a type and uses all others: what nobody uses is replaced by
    /// its last good version for all.
    pub(crate) fn refused(&mut self, client: ClientId, type_url: &str, refused: &[Rejection]) {
        let Some(kind) = kind(type_url) else {
            return;
        };
        self.fences.accepted(client.0, kind);
        for one in refused {
            let (name, version) = (one.name.as_str(), one.version.as_str());
            let instead = self
                .fences
                .refuse(client.0, (kind, name), version, &one.reason);
            if let Some(update) = instead {
                self.store.apply(&self.scope, transaction(&update));
            }
        }
    }

    /// An Envoy is gone.
    pub(crate) fn gone(&mut self, client: ClientId) {
        self.fences.gone(client.0);
    }

    /// Sends a refused resource once more.
    pub(crate) fn again(&mut self, kind: Kind, name: &str) {
        if let Some(update) = self.fences.again(kind, name) {
            self.send(&update);
        }
    }

    /// What any Envoy does not use now, sorted.
    pub(crate) fn fences(&self) -> Vec<Fence> {
        self.fences.all()
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
    transaction
}
