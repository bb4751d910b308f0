//! The data planes that serve a folder: our own proxy, and Envoy once a Gateway wants it.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use fg_control::{Bound, Control, Remarks};
use fg_ir::{Change, Ir};
use fg_model::Plane;
use fg_proxy::Ack;
use fg_telemetry::ControlStats;

use super::envoy::{self, Admin, Envoy};
use super::shares::Share;
use crate::native::Native;

/// The way to the admin pages of Envoy, once there is one.
pub(crate) type EnvoyAdmin = Arc<OnceLock<Admin>>;

/// Hands on what happens to Envoy.
pub(crate) type Tell = Arc<dyn Fn(envoy::News) + Send + Sync>;

/// Both of them, each with its part of the configuration.
pub(crate) struct Planes {
    native: Native,
    /// What our own proxy says of its listeners.
    bound: Vec<Bound>,
    native_share: Share,
    envoy_share: Share,
    envoy: Option<Envoy>,
    /// Why there is none although one is wanted.
    failure: Option<String>,
    options: envoy::Options,
    tell: Tell,
    admin: EnvoyAdmin,
}

impl Planes {
    /// Serves nothing yet. Envoy is started when the first Gateway wants it, and from then on runs
    /// until the end.
    pub(crate) fn new(
        native: Native,
        options: envoy::Options,
        tell: Tell,
        admin: EnvoyAdmin,
    ) -> Self {
        Self {
            native,
            bound: Vec::new(),
            native_share: Share::new(Plane::Native),
            envoy_share: Share::new(Plane::Envoy),
            envoy: None,
            failure: None,
            options,
            tell,
            admin,
        }
    }

    /// Serves a change, and hands back what is to be said of listeners.
    pub(crate) fn apply(&mut self, control: &mut Control, change: &Change) {
        let nothing = Ir::default();
        let plane = |gateway: &_| control.plane(gateway);
        let ir = control.ir();
        let of_native = self.native_share.update(ir, change, plane);
        let of_envoy = self.envoy_share.update(ir, change, plane);
        // Also what our own proxy gives up by this change.
        let mut own = ports(&self.bound);
        // The first one makes the configuration that serves nothing.
        if !of_native.is_empty() || self.native.generation() == 0 {
            let ir = self.native_share.of(ir, &nothing);
            self.bound = bounds(self.native.apply(&of_native, ir));
        }
        if !of_envoy.is_empty() {
            own.extend(ports(&self.bound));
            self.start_envoy();
            let ir = self.envoy_share.of(ir, &nothing);
            if let Some(envoy) = &mut self.envoy {
                envoy.apply(&of_envoy, ir, own.into_iter());
            }
        }
        self.report(control);
    }

    fn start_envoy(&mut self) {
        if self.envoy.is_some() {
            return;
        }
        let tell = self.tell.clone();
        match Envoy::start(self.options.clone(), move |news| tell(news)) {
            Ok(envoy) => {
                let _there_is_one_only = self.admin.set(envoy.admin());
                self.envoy = Some(envoy);
                self.failure = None;
            }
            Err(error) => self.failure = Some(format!("{error:#}")),
        }
    }

    /// Takes what happened to Envoy. Says whether something new is to be said.
    pub(crate) fn hear(&mut self, control: &mut Control, news: envoy::News) -> bool {
        let nothing = Ir::default();
        let Some(envoy) = &mut self.envoy else {
            return false;
        };
        let is_news = envoy.hear(news, self.envoy_share.of(control.ir(), &nothing));
        if is_news {
            self.report(control);
        }
        is_news
    }

    /// Tries again to bind what could not be bound. Says whether something changed.
    pub(crate) fn bind_again(&mut self, control: &mut Control) -> bool {
        let acks = self.native.bind_again();
        let has_changed = acks.is_some();
        if let Some(acks) = acks {
            self.bound = bounds(acks);
        }
        if let Some(envoy) = &mut self.envoy {
            // What comes of it is heard later.
            envoy.bind_again(self.envoy_share.of(control.ir(), &Ir::default()));
        }
        if has_changed {
            self.report(control);
        }
        has_changed
    }

    /// Tells the control plane how it stands with everything.
    fn report(&self, control: &mut Control) {
        let nothing = Ir::default();
        let ir = self.envoy_share.of(control.ir(), &nothing);
        let mut bound = self.bound.clone();
        let mut remarks = Remarks::default();
        if let Some(envoy) = &self.envoy {
            bound.extend(envoy.bound(ir));
            remarks = envoy.remarks(control, ir);
        }
        if let Some(words) = &self.failure {
            envoy::unavailable(words, control, ir, &mut remarks);
        }
        bound.retain(|one| !remarks.listeners.contains_key(&one.listener));
        control.acknowledge(bound);
        control.remark(remarks);
    }

    /// Whether nothing is waited for that would change what serves.
    pub(crate) fn is_decided(&self) -> bool {
        self.envoy.as_ref().is_none_or(Envoy::is_decided)
    }

    /// Whether what was asked for first serves, as far as it can.
    pub(crate) fn is_ready(&self) -> bool {
        match &self.envoy {
            None => self.failure.is_none() || !self.bound.is_empty(),
            Some(envoy) => envoy.was_complete() || (envoy.is_decided() && !self.bound.is_empty()),
        }
    }

    /// Whether everything is in use that was served.
    pub(crate) fn is_confirmed(&self) -> bool {
        self.failure.is_none() && self.envoy.as_ref().is_none_or(Envoy::is_confirmed)
    }

    /// Counts what was served.
    pub(crate) fn generation(&self) -> u64 {
        self.native.generation() + self.envoy.as_ref().map_or(0, Envoy::serial)
    }

    /// Changes what the metrics say of the configuration.
    pub(crate) fn note(&self, change: impl FnOnce(&mut ControlStats)) {
        self.native.note(change);
    }

    /// Lets requests under way finish, on both.
    pub(crate) fn drain(self, timeout: Duration) {
        let Self { native, envoy, .. } = self;
        std::thread::scope(|scope| {
            if let Some(envoy) = envoy {
                scope.spawn(move || envoy.drain(timeout));
            }
            native.drain(timeout);
        });
    }
}

/// The ports that are bound.
fn ports(bound: &[Bound]) -> Vec<u16> {
    let addresses = bound.iter().flat_map(|one| one.addresses.iter().flatten());
    addresses.map(SocketAddr::port).collect()
}

fn bounds(acks: Vec<Ack>) -> Vec<Bound> {
    let bounds = acks.into_iter().map(|ack| Bound {
        listener: ack.listener,
        addresses: ack.bound,
    });
    bounds.collect()
}
