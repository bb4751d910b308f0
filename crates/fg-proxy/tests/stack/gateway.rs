//! A running proxy for one test.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use fg_ir::Change;
use fg_proxy::{Proxy, Settings};
use fg_telemetry::Registry;
use fg_testkit::{Client, Upstream, address, ir};

/// A proxy with one listener.
pub(crate) struct Gateway {
    proxy: Mutex<Option<Proxy>>,
    registry: Arc<Registry>,
    pub(crate) address: SocketAddr,
}

/// Settings with one worker, so that what a test does next meets what it did before, and without
/// the fields that we add, so that bytes can be compared.
pub(crate) fn plain() -> Settings {
    Settings {
        workers: 1,
        forwarded_headers: false,
        request_id: false,
        ..Settings::default()
    }
}

impl Gateway {
    /// Sends everything to these upstreams, with [`plain`] settings.
    pub(crate) fn to(upstreams: &[&Upstream]) -> Self {
        Self::with(plain(), upstreams)
    }

    /// Sends everything to these upstreams.
    pub(crate) fn with(settings: Settings, upstreams: &[&Upstream]) -> Self {
        let addresses: Vec<_> = upstreams
            .iter()
            .map(|upstream| upstream.address())
            .collect();
        Self::to_addresses(settings, &addresses)
    }

    /// Sends everything to these addresses.
    pub(crate) fn to_addresses(settings: Settings, addresses: &[SocketAddr]) -> Self {
        let address = address::own_address();
        Self::serving(settings, address, &ir::everything_to(address, addresses))
    }

    /// Serves a configuration of one listener at `address`.
    pub(crate) fn serving(settings: Settings, address: SocketAddr, change: &Change) -> Self {
        let registry = Arc::new(Registry::new(5_000, Proxy::reasons()));
        let proxy = Proxy::start(settings, registry.clone()).expect("the proxy starts");
        let gateway = Self {
            proxy: Mutex::new(Some(proxy)),
            registry,
            address,
        };
        gateway.apply(change);
        gateway
    }

    /// Applies a change; every listener must be bound after it.
    pub(crate) fn apply(&self, change: &Change) {
        let mut proxy = self.proxy.lock().unwrap_or_else(PoisonError::into_inner);
        for ack in proxy.as_mut().expect("not drained").apply(change) {
            assert!(ack.bound.is_ok(), "{ack:?}");
        }
    }

    /// Does something with the proxy itself.
    pub(crate) fn proxy<T>(&self, act: impl FnOnce(&mut Proxy) -> T) -> T {
        let mut proxy = self.proxy.lock().unwrap_or_else(PoisonError::into_inner);
        act(proxy.as_mut().expect("not drained"))
    }

    /// Drains; says whether everything came to its end in time.
    pub(crate) fn drain(&self, timeout: Duration) -> bool {
        let mut proxy = self.proxy.lock().unwrap_or_else(PoisonError::into_inner);
        let proxy = proxy.take().expect("not drained");
        proxy.drain(timeout)
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// The value of a metric, the sum of all its label sets; 0 when there is none.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let page = self.registry.render(SystemTime::UNIX_EPOCH);
        let of_line = |line: &str| {
            let rest = line.strip_prefix(name)?;
            if !rest.starts_with([' ', '{']) {
                return None;
            }
            rest.rsplit(' ').next()?.parse::<f64>().ok()
        };
        page.lines().filter_map(of_line).sum()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let proxy = self
            .proxy
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(proxy) = proxy {
            // What a test left open is of no interest any more.
            proxy.drain(Duration::ZERO);
        }
    }
}
