//! `ferrogate proxy`: one Gateway's data plane in a cluster.
//!
//! The main thread takes what the control plane sends, one transaction at a time, and serves it.
//! Workers serve requests (`fg-proxy`); one more thread has a runtime for the connection to the
//! control plane, admin pages and signals. It is ready with the first complete configuration, and
//! goes on with what it has while the control plane is away.

mod pages;
mod serving;

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use fg_admin::{MetricsSite, Readiness};
use fg_ads::client::{Link, Options, State};
use fg_ads::message::{Locality, Node};
use fg_ads::{Client, Delivery, Rejection, Verdict};
use fg_proxy::Proxy;
use fg_telemetry::Registry;
use fg_wire::{CONFIGURATION_TYPE, Incoming};

use crate::cli::{FleetArgs, ProxyArgs};
use crate::native::Native;
use crate::signals::Asked;
use crate::sockets::Sockets;
use crate::{descriptors, exit, logging, settings};
use pages::{Leaving, Pages, Shared};
use serving::Serving;

/// What the main thread waits for.
enum Event {
    /// The control plane sent something.
    Delivery(Delivery),
    /// SIGTERM or SIGINT: drain and end.
    End,
}

/// The connection to the control plane, once there is one.
type Way = Arc<OnceLock<Arc<Client>>>;

/// How often listeners that could not be bound are tried again.
const BIND_AGAIN: Duration = Duration::from_secs(1);

/// Serves until a signal ends it.
pub(crate) fn proxy(args: &ProxyArgs) -> anyhow::Result<ExitCode> {
    let level = match logging::start(&args.plane.logging.process.log) {
        Ok(level) => level,
        Err(wrong) => return Ok(exit::usage(&wrong)),
    };
    descriptors::raise_limit();
    let sockets = Sockets::bind(&args.plane.sockets)?;
    let registry = Arc::new(Registry::new(
        args.plane.limits.max_metric_series,
        Proxy::reasons(),
    ));
    let readiness = Readiness::not_yet("waiting for the first configuration");
    let settings = settings::settings(&args.plane);
    let proxy =
        Proxy::start(settings.clone(), registry.clone()).context("cannot start the workers")?;
    let state = Shared::default();
    let link = Way::default();
    let leaving = Arc::new(Leaving::default());
    let pages = Pages {
        state: state.clone(),
        level,
        settings,
        readiness: readiness.clone(),
        leaving: leaving.clone(),
        connections: proxy.open_connections(),
        control: {
            let (link, server) = (link.clone(), args.fleet.control.clone());
            Box::new(move || in_words(&server, link.get().map(|client| client.state())))
        },
    };
    let (sender, events) = channel();
    sockets.serve(
        Arc::new(pages),
        readiness.clone(),
        Arc::new(MetricsSite(registry.clone())),
        {
            let sender = sender.clone();
            move |asked| match asked {
                // There is no file to read again.
                Asked::Reload => true,
                Asked::End => sender.send(Event::End).is_ok(),
            }
        },
        follow_control_plane(options(&args.fleet), link.clone(), sender),
    )?;
    let mut serving = Serving::new(Native::new(proxy, registry), state);
    serve(&mut serving, &leaving, &events, &link, &readiness);
    readiness.not_ready("draining");
    serving.drain(args.plane.serving.drain_timeout);
    Ok(ExitCode::SUCCESS)
}

/// Hands on what the control plane sends.
async fn follow_control_plane(options: Options, link: Way, events: Sender<Event>) {
    let server = options.server.clone();
    let (client, mut deliveries) = Client::start(options);
    let client = Arc::new(client);
    let news = client.watch();
    if link.set(client).is_err() {
        tracing::error!("there are two connections to the control plane; this is a bug");
    }
    tokio::spawn(tell(server, news));
    while let Some(delivery) = deliveries.recv().await {
        if events.send(Event::Delivery(delivery)).is_err() {
            return;
        }
    }
}

/// Logs when the connection to the control plane comes and goes.
async fn tell(server: String, mut news: tokio::sync::watch::Receiver<State>) {
    let mut told = None;
    loop {
        let state = news.borrow_and_update().clone();
        let words = match state.link {
            Link::Connected { .. } => None,
            Link::Connecting { .. } => state.last_error,
        };
        let connected = matches!(state.link, Link::Connected { .. });
        if told.as_ref() != Some(&(connected, words.clone())) {
            match (connected, &words) {
                (true, _) => tracing::info!(server, "connected to the control plane"),
                (false, Some(error)) => tracing::warn!(
                    server,
                    error,
                    "no connection to the control plane; serving what was sent before"
                ),
                (false, None) => {}
            }
            told = Some((connected, words));
        }
        if news.changed().await.is_err() {
            return;
        }
    }
}

/// Does what comes, until the end is asked for.
fn serve(
    serving: &mut Serving,
    leaving: &Leaving,
    events: &Receiver<Event>,
    link: &Way,
    readiness: &Readiness,
) {
    loop {
        match events.recv_timeout(BIND_AGAIN) {
            Ok(Event::Delivery(delivery)) => {
                let batch = &delivery.batch;
                let upserts = batch.upserts.iter().map(|one| Incoming {
                    name: &one.name,
                    type_url: &one.type_url,
                    value: &one.value,
                });
                let upserts: Vec<Incoming<'_>> = upserts.collect();
                let removed: Vec<&str> = batch.removed.iter().map(String::as_str).collect();
                let refused = serving.take(batch.serial, &upserts, &removed);
                let listeners = serving.listeners();
                leaving.listeners.store(listeners, Ordering::Release);
                // What is complete may serve; it stays out of service once it was told to leave,
                // were it only just now.
                readiness.ready();
                if leaving.told.load(Ordering::Acquire) {
                    readiness.not_ready("draining");
                }
                delivery.answer(Verdict {
                    rejected: refused.into_iter().map(rejection).collect(),
                });
            }
            Ok(Event::End) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                if let Some(unbound) = serving.bind_again()
                    && let Some(client) = link.get()
                {
                    client.report(unbound.into_iter().map(rejection).collect());
                }
            }
        }
    }
}

fn rejection(refused: fg_wire::Rejection) -> Rejection {
    Rejection {
        name: refused.name,
        reason: refused.reason,
        ..Rejection::default()
    }
}

fn options(args: &FleetArgs) -> Options {
    let node = Node {
        id: args.pod_name.clone(),
        cluster: format!("{}.{}", args.gateway, args.namespace),
        locality: Some(Locality {
            zone: args.zone.clone(),
            ..Locality::default()
        }),
        ..Node::default()
    };
    let node = node
        .with_text("gateway", &format!("{}/{}", args.namespace, args.gateway))
        .with_text("pod", &args.pod_name)
        .with_text("address", &args.pod_ip.to_string())
        .with_text("node", &args.node_name)
        .with_text("version", env!("CARGO_PKG_VERSION"));
    Options {
        ca_file: Some(args.ca_file.clone()),
        token_file: Some(args.token_file.clone()),
        ..Options::new(&*args.control, node, CONFIGURATION_TYPE)
    }
}

/// How it stands with the control plane.
fn in_words(server: &str, state: Option<State>) -> String {
    let Some(state) = state else {
        return format!("not yet connected to {server}");
    };
    let error = match &state.last_error {
        Some(error) => format!(" ({error})"),
        None => String::new(),
    };
    match state.link {
        Link::Connected { since } => {
            format!("connected to {server} since {}", when(since))
        }
        Link::Connecting { since, tries } => format!(
            "no connection to {server} since {}, {tries} tries{error}; serving what was sent before",
            when(since)
        ),
    }
}

fn when(time: std::time::SystemTime) -> String {
    let seconds = time.elapsed().unwrap_or_default().as_secs();
    format!("{seconds} s ago")
}
