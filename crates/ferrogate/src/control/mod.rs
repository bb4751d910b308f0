//! `ferrogate control`: the control plane in a cluster.
//!
//! The main thread decides ([`steering`]): one batch of objects, or one word of a proxy, at a time.
//! A runtime beside it does all that waits: watches of the API server, streams of proxies, writes
//! of status and deployments, admin pages, signals.

mod discovery;
mod metrics;
mod outlet;
pub(crate) mod planes;
mod pods;
mod steering;

use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use fg_admin::{AdminSite, Readiness, ReadinessSite, Site};
use fg_ads::Store;
use fg_control::Control;
use fg_control::cluster::authority::{Authority, Settings as AuthoritySettings, TokenReviewer};
use fg_control::cluster::status::{Settings as StatusSettings, StatusWriter};
use fg_sources::kube::{Batch, Counters, Discovery as Which, Onlooker, Options as SourceOptions};
use fg_status::GatewayKey;
use fg_translate::Ground;
use tokio::sync::oneshot;

use crate::cli::{ControlArgs, DiscoveryArgs, DiscoveryMode, InstallArgs, ServedByArgs};
use crate::folder::options;
use crate::run::pages::{Pages, Shared};
use crate::signals::{Asked, Signals};
use crate::sockets::bind;
use crate::{exit, logging};
use discovery::Discovery;
use metrics::{MetricsPage, Timings};
use outlet::{Accounts, ClusterOutlet};
use planes::Planes;
use steering::Steering;

/// What the main thread waits for.
pub(crate) enum Event {
    /// Objects changed; the source collects the next batch until it hears that this one was taken.
    Objects(Box<Batch>, oneshot::Sender<()>),
    /// A proxy says something.
    Proxy(fg_ads::Event),
    /// What could not be applied for a Gateway, or that all is well.
    Deployed(GatewayKey, Option<String>),
    /// Whether this replica leads.
    Leads(bool),
    /// SIGTERM or SIGINT.
    End,
}

/// How often certificates are looked at for having expired.
const CLOCK: Duration = Duration::from_secs(60);

/// Runs until a signal ends it.
pub(crate) fn control(args: &ControlArgs) -> anyhow::Result<ExitCode> {
    // What the API server refuses is told by whoever asked, with the object's name.
    let quiet = if args.logging.log.contains(['=', ',']) {
        args.logging.log.clone()
    } else {
        format!("{},kube_client=off", args.logging.log)
    };
    let level = match logging::start(&quiet) {
        Ok(level) => level,
        Err(wrong) => return Ok(exit::usage(&wrong)),
    };
    let source = match source_options(&args.discovery) {
        Ok(source) => source,
        Err(wrong) => return Ok(exit::usage(&wrong)),
    };
    let install = &args.install;
    let sites = [
        bind(
            install.admin.admin_address,
            "admin pages",
            "--admin-address",
        )?,
        bind(
            install.readiness_address,
            "readiness",
            "--readiness-address",
        )?,
        bind(install.metrics_address, "metrics", "--metrics-address")?,
    ];
    // Not kept: it is taken when this replica leads. But what cannot be had is said at once.
    drop(bind(
        install.discovery_address,
        "discovery",
        "--discovery-address",
    )?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // What it does is short; a second thread would mostly wake the first.
        .worker_threads(1)
        .thread_name("cluster")
        .enable_all()
        .build()?;
    let readiness = Readiness::not_yet("reading the cluster");
    let state = Shared::default();
    let mut translation = options(args.translation, ServedByArgs::default());
    translation.ground = Ground::Cluster;
    state.lock().control = Control::new(translation);
    let (sender, events) = channel();
    let signals = {
        let _runtime = runtime.enter();
        Signals::listen()?
    };
    runtime.spawn(pass_on(signals, sender.clone()));

    let timings = Arc::new(Timings::default());
    let counters = Arc::new(Counters::default());
    let store = Store::new();
    let accounts: Accounts = Arc::new(RwLock::default());
    let pages: Arc<dyn Site> = Arc::new(AdminSite(Arc::new(Pages {
        state: state.clone(),
        level,
        settings: fg_proxy::Settings::default(),
    })));
    let outlet = runtime
        .block_on(start(Started {
            install,
            source,
            store: store.clone(),
            counters: counters.clone(),
            accounts,
            sender,
        }))
        .context("cannot reach the API server")?;
    let metrics: Arc<dyn Site> = Arc::new(MetricsPage {
        timings: timings.clone(),
        counters,
        state: state.clone(),
        statuses: outlet.statuses(),
        figures: outlet.figures(),
    });
    let readiness_site: Arc<dyn Site> = Arc::new(ReadinessSite(readiness.clone()));
    let [admin, ready, measured] = sites;
    for (socket, site) in [(admin, pages), (ready, readiness_site), (measured, metrics)] {
        runtime.spawn(fg_admin::serve(socket, site));
    }

    let planes = Planes::new(store.clone(), of_envoys(install));
    let mut steering = Steering::new(state, store, planes, timings, outlet);
    follow(&mut steering, &events, &readiness);
    readiness.not_ready("ending");
    runtime.block_on(steering.into_outlet().end());
    runtime.shutdown_timeout(Duration::from_secs(2));
    Ok(ExitCode::SUCCESS)
}

/// How resources for Envoys are made.
fn of_envoys(install: &InstallArgs) -> fg_envoy::Settings {
    fg_envoy::Settings {
        ipv6: install.envoy_ipv6,
        access_log: install.envoy_access_log,
        ..fg_envoy::Settings::default()
    }
}

/// What the runtime's part is started with.
struct Started<'a> {
    install: &'a InstallArgs,
    source: SourceOptions,
    store: Store,
    counters: Arc<Counters>,
    accounts: Accounts,
    sender: Sender<Event>,
}

/// Starts everything that waits for an API server or a proxy.
async fn start(with: Started<'_>) -> anyhow::Result<ClusterOutlet> {
    let client = kube::Client::try_default().await?;
    let authority = Authority::start(
        client.clone(),
        &AuthoritySettings {
            service: with.install.service.clone(),
            pod_ip: with.install.pod_ip,
            ..AuthoritySettings::new(with.install.namespace.clone())
        },
    )
    .await;
    let accounts = with.accounts.clone();
    let reviewer = TokenReviewer::new(client.clone(), move |namespace, name| {
        let known = accounts
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let key = GatewayKey::new(namespace, name);
        known.contains(&key).then(|| fg_deploy::name(name))
    });
    let statuses = StatusWriter::new(StatusSettings::default());
    let writer = statuses.clone();
    let onlooker: Onlooker = Box::new(move |sight| writer.saw(sight));
    let (batches, mut changed) = tokio::sync::mpsc::channel(1);
    tokio::spawn(fg_sources::kube::watch(
        client.clone(),
        with.source,
        with.counters,
        Some(onlooker),
        batches,
    ));
    let sender = with.sender.clone();
    tokio::spawn(async move {
        while let Some(batch) = changed.recv().await {
            let (taken, done) = oneshot::channel();
            let event = Event::Objects(Box::new(batch), taken);
            if sender.send(event).is_err() || done.await.is_err() {
                return;
            }
        }
    });
    let discovery = Discovery {
        address: with.install.discovery_address,
        store: with.store,
        reviewer: Arc::new(reviewer),
        security: authority.security(),
        metrics: Arc::default(),
        sender: with.sender.clone(),
    };
    Ok(ClusterOutlet::start(
        client,
        with.install,
        statuses,
        authority,
        discovery,
        with.accounts,
        with.sender,
    ))
}

/// Does what comes, until the end is asked for.
fn follow(steering: &mut Steering<ClusterOutlet>, events: &Receiver<Event>, readiness: &Readiness) {
    let mut clock = Instant::now();
    loop {
        match events.recv_timeout(steering.patience()) {
            Ok(Event::Objects(batch, taken)) => {
                let first = batch.first;
                steering.take(*batch);
                // A source that is gone has nothing to wait for.
                let _ = taken.send(());
                if first {
                    readiness.ready();
                }
            }
            Ok(Event::Proxy(event)) => steering.hear(event),
            Ok(Event::Deployed(gateway, failure)) => steering.deployed(gateway, failure),
            Ok(Event::Leads(leads)) => steering.lead(leads),
            Ok(Event::End) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => steering.settle(),
        }
        if clock.elapsed() >= CLOCK {
            clock = Instant::now();
            steering.look_at_the_clock();
        }
    }
}

async fn pass_on(mut signals: Signals, sender: Sender<Event>) {
    loop {
        // There is no file to read again.
        if signals.next().await == Asked::End && sender.send(Event::End).is_err() {
            return;
        }
    }
}

fn source_options(args: &DiscoveryArgs) -> Result<SourceOptions, String> {
    let namespaces =
        serde_json::from_str(&args.discovery_namespace_selectors).map_err(|error| {
            format!("--discovery-namespace-selectors is no JSON list of label selectors: {error}")
        })?;
    let mode = |mode| match mode {
        DiscoveryMode::All => Which::All,
        DiscoveryMode::Labeled => Which::Labeled,
    };
    Ok(SourceOptions {
        namespaces,
        secrets: mode(args.secret_discovery_mode),
        config_maps: mode(args.config_map_discovery_mode),
        services: mode(args.service_discovery_mode),
        ..SourceOptions::default()
    })
}

#[cfg(test)]
mod with_envoys;

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    #[test]
    fn what_envoys_are_sent_follows_the_settings() {
        let sent = |flags: &[&str]| {
            let words = ["ferrogate", "control"].iter().chain(flags);
            let cli = Cli::try_parse_from(words).expect("a command line");
            let Command::Control(args) = cli.command else {
                panic!("another command");
            };
            of_envoys(&args.install)
        };
        assert_eq!(sent(&[]), fg_envoy::Settings::default());
        let settings = sent(&["--envoy-ipv6", "false", "--envoy-access-log"]);
        assert!(!settings.ipv6 && settings.access_log);
    }
}
