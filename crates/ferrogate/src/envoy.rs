//! What one scope of Envoys is served: the resources of a configuration, kept up with it, and fences
//! around those that Envoy refused.

use fg_ads::message::Any;
use fg_ads::{Rejection, Serial, Store, Transaction};
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
    /// before is replaced.
    pub(crate) fn new(settings: Settings, store: Store, scope: &str, ir: &Ir) -> Self {
        let mut compiler = Compiler::new(settings);
        let update = compiler.update(ir, &Change::from(ir));
        let serial = store.replace(scope, transaction(&update).upserts);
        let mut fences = Fences::default();
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
            let serial = self.store.apply(&self.scope, transaction(&update));
            self.fences.sent(&update, serial);
        }
    }

    /// The serial of all that is served now.
    pub(crate) fn serial(&self) -> Serial {
        self.store.serial(&self.scope)
    }

    /// An Envoy uses everything up to a serial, but for what it refused.
    pub(crate) fn confirmed(&mut self, serial: Serial) {
        self.fences.confirmed(serial);
    }

    /// An Envoy refused resources of a type: their last good versions are served to all.
    pub(crate) fn refused(&mut self, type_url: &str, refused: &[Rejection]) {
        let Some(&kind) = Kind::ALL.iter().find(|kind| kind.type_url() == type_url) else {
            return;
        };
        for one in refused {
            let instead = self
                .fences
                .refuse(kind, &one.name, &one.version, &one.reason);
            if let Some(update) = instead {
                self.store.apply(&self.scope, transaction(&update));
            }
        }
    }

    /// What is fenced now, sorted.
    pub(crate) fn fences(&self) -> impl Iterator<Item = Fence> {
        self.fences.all()
    }
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
