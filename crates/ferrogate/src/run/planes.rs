//! The data planes that serve a folder: our own proxy, and Envoy once a Gateway wants it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use fg_control::{Bound, Control, Remarks};
use fg_ir::{Change, GatewayKey, Ir};
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

/// How long Envoy has served a Gateway that came to it when our own proxy gives it up: what has
/// confirmed a listener does not yet accept on all of its threads.
const SETTLED: Duration = Duration::from_millis(250);

/// Both of them, each with its part of the configuration.
pub(crate) struct Planes {
    native: Native,
    /// What our own proxy says of its listeners.
    bound: Vec<Bound>,
    native_share: Share,
    envoy_share: Share,
    /// Gateways that went to Envoy and that our own proxy serves until Envoy does; and since when it
    /// has.
    leaving: BTreeMap<GatewayKey, Option<Instant>>,
    envoy: Option<Envoy>,
    /// Why there is none although one is wanted.
    failure: Option<String>,
    /// Why not all of its listeners serve, if that is known.
    lack: Option<String>,
    /// The port that is bound for a listener's port.
    port_map: BTreeMap<u16, u16>,
    options: envoy::Options,
    tell: Tell,
    admin: EnvoyAdmin,
}

impl Planes {
    /// Serves nothing yet. Envoy is started when the first Gateway wants it, and from then on runs
    /// until the end.
    pub(crate) fn new(
        native: Native,
        port_map: BTreeMap<u16, u16>,
        options: envoy::Options,
        tell: Tell,
        admin: EnvoyAdmin,
    ) -> Self {
        Self {
            native,
            bound: Vec::new(),
            native_share: Share::new(Plane::Native),
            envoy_share: Share::new(Plane::Envoy),
            leaving: BTreeMap::new(),
            envoy: None,
            failure: None,
            lack: None,
            port_map,
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
        let of_envoy = self.envoy_share.update(ir, change, plane);
        // Also what our own proxy gives up by this change.
        let mut own = ports(&self.bound);
        self.leave(control);
        // What comes from Envoy is bound before Envoy is told to give it up.
        self.serve_natively(control, change);
        if !of_envoy.is_empty() {
            own.extend(ports(&self.bound));
            self.start_envoy();
            let ir = self.envoy_share.of(ir, &nothing);
            if let Some(envoy) = &mut self.envoy {
                envoy.apply(&of_envoy, ir, own.into_iter());
            }
        }
        self.hand_over(control);
        self.report(control);
    }

    /// Finds the Gateways that our own proxy has and that Envoy is to have.
    fn leave(&mut self, control: &Control) {
        let before = std::mem::take(&mut self.leaving);
        let is_there = |gateway: &GatewayKey| {
            let mut listeners = control.ir().listeners.keys();
            listeners.any(|key| GatewayKey::from(key) == *gateway)
        };
        for one in self.bound.iter().filter(|one| one.addresses.is_ok()) {
            let gateway = GatewayKey::from(&one.listener);
            if control.plane(&gateway) == Some(Plane::Envoy) && is_there(&gateway) {
                let since = before.get(&gateway).copied().flatten();
                self.leaving.insert(gateway, since);
            }
        }
    }

    /// Gives up what Envoy serves by now. Says whether something was given up.
    fn hand_over(&mut self, control: &Control) -> bool {
        let Some(envoy) = &self.envoy else {
            return false;
        };
        let nothing = Ir::default();
        let ir = self.envoy_share.of(control.ir(), &nothing);
        let (before, now) = (self.leaving.len(), Instant::now());
        self.leaving.retain(|gateway, since| {
            *since = envoy.serves(gateway, ir).then(|| since.unwrap_or(now));
            since.is_none_or(|since| now.duration_since(since) < SETTLED)
        });
        let is_less = self.leaving.len() < before;
        if is_less {
            self.serve_natively(control, &Change::default());
        }
        is_less
    }

    /// Serves a change by our own proxy, as far as it concerns it.
    fn serve_natively(&mut self, control: &Control, change: &Change) {
        let (ir, nothing) = (control.ir(), Ir::default());
        let plane = |gateway: &GatewayKey| match self.leaving.contains_key(gateway) {
            true => Some(Plane::Native),
            false => control.plane(gateway),
        };
        let of_native = self.native_share.update(ir, change, plane);
        // The first one makes the configuration that serves nothing.
        if !of_native.is_empty() || self.native.generation() == 0 {
            self.share_ports();
            let ir = self.native_share.of(ir, &nothing);
            self.bound = bounds(self.native.apply(&of_native, ir));
        }
    }

    /// Tells each of them which ports the other one has.
    fn share_ports(&mut self) {
        if let Some(envoy) = &mut self.envoy {
            envoy.know(ports(&self.bound));
            self.native.share_ports(envoy.ports());
        }
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
        self.share_ports();
        let Some(envoy) = &mut self.envoy else {
            return false;
        };
        let is_news = envoy.hear(news, self.envoy_share.of(control.ir(), &nothing));
        let is_news = self.hand_over(control) || is_news;
        if is_news {
            self.report(control);
        }
        is_news
    }

    /// Tries again to bind what could not be bound. Says whether something changed.
    pub(crate) fn bind_again(&mut self, control: &mut Control) -> bool {
        self.share_ports();
        let acks = self.native.bind_again();
        let has_changed = acks.is_some();
        if let Some(acks) = acks {
            self.bound = bounds(acks);
        }
        if let Some(envoy) = &mut self.envoy {
            // What comes of it is heard later.
            envoy.bind_again(self.envoy_share.of(control.ir(), &Ir::default()));
        }
        let has_changed = self.hand_over(control) || has_changed;
        if has_changed {
            self.report(control);
        }
        has_changed
    }

    /// Tells the control plane how it stands with everything.
    fn report(&mut self, control: &mut Control) {
        let nothing = Ir::default();
        let ir = self.envoy_share.of(control.ir(), &nothing);
        let mut bound = self.bound.clone();
        // Of these it is said what Envoy does.
        bound.retain(|one| !self.leaving.contains_key(&GatewayKey::from(&one.listener)));
        for one in &mut bound {
            if let (Err(words), Some(listener)) = (
                &mut one.addresses,
                control.ir().listeners.get(&one.listener),
            ) {
                advise(words, listener.port, &self.port_map);
            }
        }
        let mut remarks = Remarks::default();
        self.lack = self.envoy.as_ref().and_then(|envoy| envoy.lack(ir));
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
        self.lack.is_none()
            && self.failure.is_none()
            && self.envoy.as_ref().is_none_or(Envoy::is_confirmed)
    }

    /// Why not all that Envoy should serve is served, if that is known.
    pub(crate) fn lack(&self) -> Option<&str> {
        self.lack.as_deref()
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

/// Adds how to have a listener elsewhere whose port is taken.
fn advise(words: &mut String, port: u16, port_map: &BTreeMap<u16, u16>) {
    if !words.contains("another process") {
        return;
    }
    let bound = port_map.get(&port).copied().unwrap_or(port);
    let free = bound.checked_add(10_000).unwrap_or(bound / 2);
    words.push_str(&format!(
        "; `--port-map {port}={free}` serves this listener on port {free} instead"
    ));
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
