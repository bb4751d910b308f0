//! A compiler, and an Envoy that takes what it makes.

use fg_ads::{Protocol, Rejection};
use fg_envoy::{Compiler, Kind, RouteShape, Settings, Update};
use fg_ir::{Change, Ir};
use fg_testkit::programmed::Programmed;

/// An Envoy with everything that programs it.
pub(crate) struct Ground {
    pub(crate) programmed: Programmed,
    ir: Ir,
    compiler: Compiler,
}

impl Ground {
    /// With an Envoy of a version that has a configuration, all of which it took.
    pub(crate) fn new(version: &str, change: Change) -> Self {
        Self::with(version, Protocol::Delta, Settings::default(), change)
    }

    /// With other settings, or by another protocol.
    pub(crate) fn with(
        version: &str,
        protocol: Protocol,
        settings: Settings,
        change: Change,
    ) -> Self {
        let settings = Settings {
            routes: RouteShape::Whole,
            ..settings
        };
        Self::start(version, protocol, settings, change)
    }

    /// With routes that are cut into resources so.
    pub(crate) fn shaped(version: &str, routes: RouteShape, change: Change) -> Self {
        let settings = Settings {
            routes,
            ..Settings::default()
        };
        Self::start(version, Protocol::Delta, settings, change)
    }

    fn start(version: &str, protocol: Protocol, settings: Settings, change: Change) -> Self {
        let types = Kind::ALL.map(Kind::type_url);
        let mut ground = Self {
            programmed: Programmed::new(version, protocol, types),
            ir: Ir::default(),
            compiler: Compiler::new(settings),
        };
        ground.apply(change);
        ground
    }

    /// Applies a change, and waits until Envoy uses it; it must refuse nothing.
    pub(crate) fn apply(&mut self, change: Change) -> Update {
        let (update, refused) = self.try_apply(change);
        assert_eq!(refused, [], "{}", self.programmed.complaints());
        update
    }

    /// Applies a change, and gives what Envoy refuses.
    pub(crate) fn try_apply(&mut self, change: Change) -> (Update, Vec<Rejection>) {
        let update = self.compile(&change);
        self.send(update)
    }

    /// Applies a change but for these resources, as when Envoy refuses them and goes on with what
    /// it has.
    pub(crate) fn apply_without(&mut self, kind: Kind, change: Change) {
        let mut update = self.compile(&change);
        update.upserts.retain(|resource| resource.kind != kind);
        let (_, refused) = self.send(update);
        assert_eq!(refused, [], "{}", self.programmed.complaints());
    }

    fn compile(&mut self, change: &Change) -> Update {
        self.ir.apply(change);
        self.compiler.update(&self.ir, change)
    }

    fn send(&mut self, update: Update) -> (Update, Vec<Rejection>) {
        if update.is_empty() {
            // There is nothing to wait for.
            return (update, Vec::new());
        }
        let upserts = update.upserts.iter().map(|resource| {
            let (kind, name, version) = (resource.kind, &*resource.name, &*resource.version);
            (kind.type_url(), name, version, Some(resource.body.clone()))
        });
        let removed = update.removed.iter();
        let removed = removed.map(|(kind, name)| (kind.type_url(), &**name, "", None));
        let serial = self.programmed.apply(upserts.chain(removed));
        let refused = self.programmed.settled(serial);
        (update, refused)
    }
}
