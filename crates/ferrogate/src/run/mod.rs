//! `ferrogate run`: sources, translation, proxy and admin pages in one process.
//!
//! The main thread is the control plane: it waits for changes and signals, and does one thing at a
//! time. Workers serve (`fg-proxy`); one more thread has a runtime for admin pages, signals and the
//! echo servers of the quickstart. Gateways of Envoy are served by a child process ([`envoy`]), which
//! is started when the first of them comes.

mod addresses;
mod banner;
mod envoy;
mod metrics;
pub(crate) mod pages;
mod planes;
mod serving;
mod shares;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use fg_admin::Readiness;
use fg_proxy::Proxy;
use fg_sources::watch::{Changes, Watch};
use fg_telemetry::Registry;

use crate::cli::RunArgs;
use crate::folder::{Source, options};
use crate::native::Native;
use crate::signals::Asked;
use crate::sockets::Sockets;
use crate::{descriptors, echo, exit, logging, quickstart};
use planes::{EnvoyAdmin, Planes};
use serving::Serving;

/// What the control plane waits for.
pub(crate) enum Event {
    /// Files may have changed.
    Changed(Changes),
    /// Something happened to Envoy.
    Envoy(Box<envoy::News>),
    /// SIGHUP: look at everything.
    Reload,
    /// SIGTERM or SIGINT: drain and end.
    End,
}

/// How often listeners that could not be bound are tried again, when nothing else happens.
const BIND_AGAIN: Duration = Duration::from_secs(1);

/// How often certificates are looked at for having expired, when nothing else happens.
const CLOCK: Duration = Duration::from_secs(60);

/// Serves until a signal ends it.
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let level = match logging::start(&args.plane.logging.process.log) {
        Ok(level) => level,
        Err(wrong) => return Ok(exit::usage(&wrong)),
    };
    let folder = match args.folder.as_deref().map(Source::open).transpose() {
        Ok(folder) => folder,
        Err(wrong) => return Ok(exit::usage(&wrong)),
    };
    descriptors::raise_limit();
    let sockets = Sockets::bind(&args.plane.sockets)?;
    let registry = Arc::new(Registry::new(
        args.plane.limits.max_metric_series,
        Proxy::reasons(),
    ));
    let readiness = Readiness::not_yet("starting");
    let settings = crate::settings::settings(&args.plane);
    let proxy =
        Proxy::start(settings.clone(), registry.clone()).context("cannot start the workers")?;

    let state = pages::Shared::default();
    let (sender, events) = channel();
    let pages = pages::Pages {
        state: state.clone(),
        level,
        settings: settings.clone(),
    };
    let mut example = match folder {
        Some(_) => None,
        None => Some(quickstart::prepare().context("cannot start the example's backends")?),
    };
    let echoes = example
        .as_mut()
        .map(|example| std::mem::take(&mut example.echoes));
    let envoy_admin = EnvoyAdmin::default();
    sockets.serve(
        Arc::new(pages),
        readiness.clone(),
        Arc::new(metrics::Both::new(registry.clone(), envoy_admin.clone())),
        to_event(sender.clone()),
        serve_echoes(echoes),
    )?;

    // The watch is in place before the first look, so that nothing falls between them.
    let watch = match &args.folder {
        Some(folder) => Some(watch(folder, sender.clone())?),
        None => None,
    };
    let tell = move |news| {
        // Without a receiver everything is over.
        let _ = sender.send(Event::Envoy(Box::new(news)));
    };
    let native = Native::new(proxy, registry);
    let of_envoy = envoy::Options::new(args, &settings);
    let port_map = settings.port_map.clone();
    let planes = Planes::new(native, port_map, of_envoy, Arc::new(tell), envoy_admin);
    let options = options(args.translation, args.served_by);
    let mut serving = Serving::new(planes, state, options);
    match (folder, &example) {
        (Some(mut folder), _) => {
            let objects = folder.load();
            serving.begin(folder, objects);
        }
        (None, Some(example)) => {
            let (source, objects) = Source::in_memory(&example.files);
            serving.begin(source, objects);
        }
        (None, None) => {}
    }
    let mut start = Start {
        readiness: &readiness,
        args,
        is_quickstart: example.is_some(),
        is_told: false,
        was_ready: false,
    };
    follow(&mut serving, &mut start, &events, watch.as_ref());
    readiness.not_ready("draining");
    drop(watch);
    serving.drain(args.plane.serving.drain_timeout);
    Ok(ExitCode::SUCCESS)
}

fn watch(folder: &std::path::Path, sender: Sender<Event>) -> anyhow::Result<Watch> {
    let send = move |changes| sender.send(Event::Changed(changes)).is_ok();
    Watch::start(folder, send).with_context(|| format!("cannot watch {}", folder.display()))
}

/// What is said of the start.
struct Start<'a> {
    readiness: &'a Readiness,
    args: &'a RunArgs,
    is_quickstart: bool,
    /// Whether it was told where everything serves.
    is_told: bool,
    /// Whether a complete configuration ever served.
    was_ready: bool,
}

impl Start<'_> {
    fn look_at(&mut self, serving: &Serving) {
        if !self.is_told && serving.is_decided() {
            banner::print(serving, self.args, self.is_quickstart);
            self.is_told = true;
        }
        self.was_ready = self.was_ready || serving.is_ready();
        match serving.lack() {
            Some(lack) if self.was_ready => self.readiness.not_ready(lack.to_owned()),
            None if self.was_ready => self.readiness.ready(),
            _ => {}
        }
    }
}

/// Makes events of what an operator asks for.
fn to_event(sender: Sender<Event>) -> impl Fn(Asked) -> bool + Send {
    move |asked| {
        let event = match asked {
            Asked::Reload => Event::Reload,
            Asked::End => Event::End,
        };
        sender.send(event).is_ok()
    }
}

/// Serves the backends of the quickstart, if it is one.
async fn serve_echoes(echoes: Option<Vec<(std::net::TcpListener, Arc<str>)>>) {
    if let Some(echoes) = echoes
        && let Err(error) = echo::serve(echoes).await
    {
        tracing::error!(%error, "the echo servers ended");
    }
}

/// Does what comes, until the end is asked for.
fn follow(
    serving: &mut Serving,
    start: &mut Start<'_>,
    events: &Receiver<Event>,
    watch: Option<&Watch>,
) {
    if let Some(watch) = watch {
        watch.follow(serving.links());
    }
    let mut clock = Instant::now();
    loop {
        start.look_at(serving);
        let event = match events.recv_timeout(BIND_AGAIN) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => {
                serving.bind_again();
                if clock.elapsed() >= CLOCK {
                    clock = Instant::now();
                    serving.look_at_the_clock();
                }
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let (changes, asked) = match event {
            Event::Changed(changes) => (changes, false),
            Event::Envoy(news) => {
                serving.hear(*news);
                continue;
            }
            Event::Reload => {
                tracing::info!("reading everything again, as asked by SIGHUP");
                (Changes::everything(), true)
            }
            Event::End => return,
        };
        if let Some(warning) = &changes.warning {
            tracing::warn!("{warning}");
        }
        if !serving.step(&changes) && asked {
            tracing::info!("nothing changed");
        }
        if let Some(watch) = watch {
            watch.follow(serving.links());
        }
    }
}
