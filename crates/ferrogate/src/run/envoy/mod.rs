//! Envoy as a child of this process, programmed by discovery over loopback.
//!
//! [`Envoy`] belongs to the main thread. Beside it run the server of discovery, the thread that
//! watches the child, and those that copy its output; they tell what happens as [`News`].

mod admin;
#[cfg(unix)]
mod child;
#[cfg(not(unix))]
#[path = "nowhere.rs"]
mod child;
mod discovery;
mod drain;
mod folder;
mod install;
mod log;
mod options;
mod program;
mod retries;
mod standing;
mod strangers;
mod unheeded;
mod words;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use fg_ads::Serial;
use fg_control::{Bound, Control, Remarks};
use fg_deploy::bootstrap::{self, Address};
use fg_envoy::{Fence, Kind, RouteShape, Settings};
use fg_ir::{Change, Ir, Listener, ListenerKey};
use fg_model::EnvoyVersion;
use fg_model::Plane;

use crate::envoy::{Served, unwritten};
pub(crate) use admin::Admin;
use child::{Child, Launch};
use discovery::Discovery;
use folder::Folder;
pub(crate) use options::Options;
use program::{Lack, Program};
use retries::Retries;
use strangers::Strangers;

/// What happens beside the main thread.
#[derive(Debug)]
pub(crate) enum News {
    /// To the child.
    Child(child::News),
    /// Between it and its configuration.
    Discovery(fg_ads::Event),
}

/// How it stands with the child.
#[derive(Debug)]
enum State {
    /// It is looked for, or starts.
    Starting,
    /// There is none.
    Missing(Lack),
    /// It runs.
    Running,
    /// It ended by itself, and how.
    Ended(String),
}

/// The child and what it serves.
pub(crate) struct Envoy {
    options: Options,
    state: State,
    /// Since its version is known.
    served: Option<(EnvoyVersion, Served)>,
    /// The listeners that it has confirmed since it was started.
    live: BTreeSet<ListenerKey>,
    /// Up to where it has confirmed what it was sent since it was started.
    confirmed: Serial,
    /// Whether it ever had a complete configuration.
    was_complete: bool,
    /// Of listeners whose address was in use.
    retries: Retries,
    /// Listeners that are not even sent since another process has their port.
    strangers: Strangers,
    admin: Admin,
    // Dropped in this order.
    child: Option<Child>,
    discovery: Discovery,
    _folder: Folder,
}

impl Envoy {
    /// Starts it, without waiting for it.
    ///
    /// # Errors
    /// When a socket, a file or a thread is not to be had.
    pub(crate) fn start(
        options: Options,
        tell: impl Fn(News) + Clone + Send + 'static,
    ) -> anyhow::Result<Self> {
        let folder = Folder::make().context("no folder for Envoy's files can be made")?;
        let discovery = Discovery::start({
            let tell = tell.clone();
            move |event| tell(News::Discovery(event))
        })
        .context("Envoy's configuration cannot be served")?;
        let socket = folder.path("admin.sock");
        let text = bootstrap(&options, &discovery, &socket);
        let launch = Launch {
            args: options.args.clone(),
            bootstrap: folder.write(bootstrap::FILE, &text)?,
            workers: options.workers,
            drain: options.drain,
        };
        let child = Child::start(launch, move |news| tell(News::Child(news)))?;
        let strangers = Strangers::new(options.drain);
        Ok(Self {
            options,
            state: State::Starting,
            served: None,
            live: BTreeSet::new(),
            confirmed: 0,
            was_complete: false,
            retries: Retries::default(),
            strangers,
            admin: Admin::new(socket),
            child: Some(child),
            discovery,
            _folder: folder,
        })
    }

    /// Its admin pages.
    pub(crate) fn admin(&self) -> Admin {
        self.admin.clone()
    }

    /// Serves a change. `ir` is its configuration after it; `own` are the ports that our own proxy has
    /// or had a moment ago.
    pub(crate) fn apply(&mut self, change: &Change, ir: &Ir, own: impl Iterator<Item = u16>) {
        self.strangers.know(own, Instant::now());
        self.live.retain(|key| ir.listeners.contains_key(key));
        if self.served.is_some() {
            self.update(change, ir);
        }
    }

    fn update(&mut self, change: &Change, ir: &Ir) {
        let settings = &self.options.settings;
        let addresses = |listener: &Listener| addresses(settings, listener);
        let change = self
            .strangers
            .withhold(change, ir, addresses, Instant::now());
        let ir = self.strangers.without(ir);
        self.live.retain(|key| !self.strangers.has(key));
        if let Some((_, served)) = &mut self.served {
            served.update(&ir, &change);
        }
    }

    /// Takes what happened. Says whether there is something new to say of Gateways.
    pub(crate) fn hear(&mut self, news: News, ir: &Ir) -> bool {
        match news {
            News::Child(child::News::Missing(lack)) => {
                tracing::error!("no Envoy: {} ({})", lack.words, lack.hint);
                self.state = State::Missing(lack);
            }
            News::Child(child::News::Started(program)) => {
                self.started(&program, ir);
                return false;
            }
            News::Child(child::News::Ended { words, pause }) => {
                tracing::error!(again_in = ?pause, "{words}; it is started again");
                self.live.clear();
                self.confirmed = 0;
                self.state = State::Ended(words);
            }
            News::Discovery(event) => return self.discovered(event, ir),
        }
        true
    }

    fn started(&mut self, program: &Program, ir: &Ir) {
        let version = program.version;
        tracing::info!(program = %program.path.display(), %version, "Envoy started");
        if version > EnvoyVersion::NEWEST {
            tracing::warn!(%version, "this Envoy is newer than any that was tried");
        }
        if !self.options.unheeded.is_empty() {
            let flags = self.options.unheeded.join(", ");
            tracing::warn!("Envoy does not follow {flags}: they are for our own proxy");
        }
        if self.served.as_ref().is_none_or(|(of, _)| *of != version) {
            self.serve(version, ir);
        }
    }

    /// Serves everything anew, also what was refused.
    fn serve(&mut self, version: EnvoyVersion, ir: &Ir) {
        let settings = Settings {
            routes: RouteShape::of(version),
            ..self.options.settings.clone()
        };
        let store = self.discovery.store.clone();
        let all = Change::from(ir);
        let addresses = |listener: &Listener| addresses(&settings, listener);
        self.strangers.withhold(&all, ir, addresses, Instant::now());
        let ir = self.strangers.without(ir);
        let served = Served::alone(settings.clone(), store, discovery::SCOPE, &ir);
        self.served = Some((version, served));
    }

    /// Asks Envoy once more to bind what it could not, when that has become possible.
    pub(crate) fn bind_again(&mut self, ir: &Ir) {
        let Some((_, served)) = &self.served else {
            return;
        };
        let settings = &self.options.settings;
        let now = Instant::now();
        let freed = self
            .strangers
            .freed(ir, |listener| addresses(settings, listener), now);
        let is_possible = |fence: &Fence| {
            let mut listeners = ir.listeners.values();
            words::is_taken(fence)
                && listeners.any(|listener| {
                    words::is_of(listener, &fence.resource.name)
                        && addresses(settings, listener)
                            .iter()
                            .all(|address| TcpListener::bind(address).is_ok())
                })
        };
        let fences = served.fences();
        let names = fences.iter().map(|fence| fence.resource.name.clone());
        let mut due = Vec::new();
        for (fence, name) in fences.iter().zip(names) {
            if self.retries.is_due(&name, now) && is_possible(fence) {
                due.push(name);
            }
        }
        if let Some((_, served)) = &mut self.served {
            for name in due {
                tracing::info!(listener = &*name, "Envoy is asked to bind it once more");
                self.retries.tried(&name, now);
                served.again(Kind::Listener, &name);
            }
        }
        if !freed.is_empty() {
            self.update(&freed, ir);
        }
    }

    fn discovered(&mut self, event: fg_ads::Event, ir: &Ir) -> bool {
        let Some((_, served)) = &mut self.served else {
            return false;
        };
        match event {
            fg_ads::Event::Settled {
                client,
                serial,
                unasked,
                ..
            } => {
                served.confirmed(client, serial, &unasked);
                self.confirmed = serial;
                if serial < served.serial() {
                    return false;
                }
                self.retries.keep(&served.fences());
                if !self.was_complete {
                    tracing::info!("Envoy has its first complete configuration");
                }
                self.was_complete = true;
                self.state = State::Running;
                let sent = ir.listeners.keys();
                let sent = sent.filter(|key| !self.strangers.has(key));
                self.live = sent.cloned().collect();
                true
            }
            fg_ads::Event::Acked {
                client, type_url, ..
            } => served.accepted(client, &type_url),
            fg_ads::Event::Rejected {
                client,
                type_url,
                resources,
                message,
                ..
            } => {
                tracing::warn!(r#type = %type_url, "Envoy refuses something: {message}");
                served.refused(client, &type_url, &resources);
                true
            }
            fg_ads::Event::Connected { client, .. } => {
                served.connected(client);
                false
            }
            fg_ads::Event::Disconnected { client, reason, .. } => {
                served.gone(client);
                tracing::debug!(reason, "Envoy's stream of configuration ended");
                false
            }
            _ => false,
        }
    }

    /// Whether it has, or had, a complete configuration, or gets none soon.
    pub(crate) fn is_decided(&self) -> bool {
        self.was_complete || !matches!(self.state, State::Starting | State::Running)
    }

    /// Whether it ever had a complete configuration.
    pub(crate) fn was_complete(&self) -> bool {
        self.was_complete
    }

    /// Whether it uses everything that it was sent, but for what it refused.
    pub(crate) fn is_confirmed(&self) -> bool {
        self.confirmed > 0 && self.confirmed >= self.serial()
    }

    /// Counts what it was sent.
    pub(crate) fn serial(&self) -> Serial {
        self.served
            .as_ref()
            .map_or(0, |(_, served)| served.serial())
    }

    /// Where its listeners serve.
    pub(crate) fn bound<'a>(&'a self, ir: &'a Ir) -> impl Iterator<Item = Bound> + 'a {
        let live = ir.listeners.values();
        let live = live.filter(|listener| self.live.contains(&listener.key));
        let live = live.map(|listener| Bound {
            listener: listener.key.clone(),
            addresses: Ok(addresses(&self.options.settings, listener)),
        });
        let withheld = self.strangers.words().map(|(key, words)| Bound {
            listener: key.clone(),
            addresses: Err(words),
        });
        live.chain(withheld)
    }

    /// What is wrong with it, and with what it was sent.
    pub(crate) fn remarks(&self, control: &Control, ir: &Ir) -> Remarks {
        let mut remarks = Remarks::default();
        match &self.state {
            State::Missing(lack) => {
                words::unavailable((&lack.words, Some(&lack.hint)), control, ir, &mut remarks)
            }
            State::Ended(how) => {
                let words = format!("{how}; it is started again");
                words::unavailable((&words, None), control, ir, &mut remarks);
            }
            State::Starting | State::Running => self.say_refused(control, ir, &mut remarks),
        }
        if let Some((_, served)) = &self.served {
            let is_ours = |gateway: &_| control.plane(gateway) == Some(Plane::Envoy);
            let findings = unwritten(served.refusals(), control, ir, is_ours);
            remarks.findings.extend(findings);
        }
        remarks
    }

    fn say_refused(&self, control: &Control, ir: &Ir, remarks: &mut Remarks) {
        let Some((_, served)) = &self.served else {
            return;
        };
        for fence in served.fences() {
            let concerned = served.concerned(&fence, ir);
            words::refused(&fence, concerned, (control, ir), remarks);
        }
    }

    /// Lets requests under way finish, and ends it.
    pub(crate) fn drain(mut self, timeout: Duration) {
        if matches!(self.state, State::Running) {
            drain::drain(&self.admin, timeout);
        }
        self.end();
    }

    fn end(&mut self) {
        if let Some(child) = self.child.take() {
            child.end();
        }
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        self.end();
    }
}

/// Nothing that Envoy should serve is served, since it cannot even be looked for.
pub(crate) fn unavailable(words: &str, control: &Control, ir: &Ir, remarks: &mut Remarks) {
    words::unavailable((words, None), control, ir, remarks);
}

/// Where a listener is bound.
fn addresses(settings: &Settings, listener: &Listener) -> Vec<SocketAddr> {
    let everywhere: IpAddr = if settings.ipv6 {
        Ipv6Addr::UNSPECIFIED.into()
    } else {
        Ipv4Addr::UNSPECIFIED.into()
    };
    let sockets = listener.sockets().map(|(address, port)| {
        let port = settings.port_map.get(&port).copied().unwrap_or(port);
        SocketAddr::new(address.unwrap_or(everywhere), port)
    });
    sockets.collect()
}

/// What the child is started with.
fn bootstrap(options: &Options, discovery: &Discovery, admin: &Path) -> String {
    let mut node = bootstrap::Node::new(format!("run-{}", std::process::id()), "ferrogate");
    let key = discovery.key.expose().clone();
    node.metadata.insert(discovery::KEY.to_owned(), key);
    let control = bootstrap::Control::Plain(Address::Socket(discovery.address));
    let mut settings = bootstrap::Settings::new(node, control);
    settings.admin = Address::Path(admin.display().to_string());
    // They are ours, and show what it says.
    settings.readiness = None;
    settings.metrics = None;
    settings.connections = options.connections;
    bootstrap::bootstrap(&settings)
}

/// 128 random bits, as text.
fn random() -> std::io::Result<String> {
    use std::io::Read as _;
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
