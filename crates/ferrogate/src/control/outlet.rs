//! Where the main thread's decisions go: to the writer of status and to the deployer, which run on
//! the runtime, and write only while this replica leads.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use fg_api::deployment::Wish;
use fg_control::cluster::authority::Authority;
use fg_control::cluster::deploy::Deployer;
use fg_control::cluster::leader::{LeaseSettings, Seat, lead};
use fg_control::cluster::status::StatusWriter;
use fg_deploy::Fleet;
use fg_model::ObjectRef;
use fg_status::{Document, GatewayKey};
use tokio::sync::watch;

use super::Event;
use super::discovery::Discovery;
use super::metrics::Figure;
use super::steering::Outlet;
use crate::cli::InstallArgs;

/// The Gateways whose proxies are let in.
pub(crate) type Accounts = Arc<RwLock<BTreeSet<GatewayKey>>>;

/// The name of the Lease.
const LEASE: &str = "ferrogate";

/// How long until the Lease is asked for again, when it cannot be.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The cluster.
pub(crate) struct ClusterOutlet {
    accounts: Accounts,
    statuses: StatusWriter,
    deployer: Deployer,
    discovery: Arc<Mutex<Arc<fg_ads::Metrics>>>,
    acting: watch::Sender<bool>,
    end: watch::Sender<bool>,
    election: Option<tokio::task::JoinHandle<()>>,
    /// Kept, since it renews certificates while it lives.
    _authority: Authority,
}

impl ClusterOutlet {
    /// Starts the parts that write, on the present runtime.
    pub(crate) fn start(
        client: kube::Client,
        install: &InstallArgs,
        statuses: StatusWriter,
        authority: Authority,
        discovery: Discovery,
        accounts: Accounts,
        sender: Sender<Event>,
    ) -> Self {
        let acting = watch::Sender::new(false);
        let (end, ended) = watch::channel(false);
        let settings = LeaseSettings {
            namespace: install.namespace.clone(),
            name: LEASE.to_owned(),
            identity: install.pod_name.clone(),
        };
        let election = if install.disable_leader_election {
            // Without a receiver everything is over.
            let _ = sender.send(Event::Leads(true));
            None
        } else {
            let election = elect(client.clone(), settings, sender.clone(), ended);
            Some(tokio::spawn(election))
        };
        let (writer, follow) = (statuses.clone(), acting.subscribe());
        let to = client.clone();
        tokio::spawn(async move { writer.run(to, follow).await });
        let metrics = discovery.metrics.clone();
        tokio::spawn(discovery.run(acting.subscribe()));
        let fleet = Fleet {
            image: install.proxy_image.clone(),
            envoy_image: install.envoy_image.clone(),
            control: format!(
                "{}.{}.svc:{}",
                install.service,
                install.namespace,
                install.discovery_address.port()
            ),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let tell = move |gateway: &Arc<ObjectRef>, failure: Option<String>| {
            let key = GatewayKey::new(&gateway.namespace, &gateway.name);
            // Without a receiver everything is over.
            let _ = sender.send(Event::Deployed(key, failure));
        };
        let bundle = authority.watch_bundle();
        let deployer = Deployer::start(client, fleet, bundle, acting.subscribe(), tell);
        Self {
            accounts,
            statuses,
            deployer,
            discovery: metrics,
            acting,
            end,
            election,
            _authority: authority,
        }
    }

    /// The writer of status.
    pub(crate) fn statuses(&self) -> StatusWriter {
        self.statuses.clone()
    }

    /// What its parts count.
    pub(crate) fn figures(&self) -> Box<dyn Fn() -> Vec<Figure> + Send + Sync> {
        let statuses = self.statuses.clone();
        let acting = self.acting.subscribe();
        let discovery = self.discovery.clone();
        Box::new(move || {
            let status = statuses.metrics();
            let mut figures = vec![
                (
                    "ferrogate_leader",
                    "gauge",
                    "Whether this replica writes.",
                    u64::from(*acting.borrow()),
                ),
                (
                    "ferrogate_status_objects",
                    "gauge",
                    "Objects that have a status of ours.",
                    status.objects as u64,
                ),
                (
                    "ferrogate_status_queue_depth",
                    "gauge",
                    "Statuses that wait to be written.",
                    status.queue_depth as u64,
                ),
                (
                    "ferrogate_status_queue_age_milliseconds",
                    "gauge",
                    "How long the oldest of them has waited.",
                    u64::try_from(status.queue_age.as_millis()).unwrap_or(u64::MAX),
                ),
                (
                    "ferrogate_status_written_total",
                    "counter",
                    "Statuses written.",
                    status.written,
                ),
                (
                    "ferrogate_status_unchanged_total",
                    "counter",
                    "Statuses that said already what they should.",
                    status.unchanged,
                ),
                (
                    "ferrogate_status_read_total",
                    "counter",
                    "Objects read before a status was written, or not.",
                    status.read,
                ),
                (
                    "ferrogate_status_conflicts_total",
                    "counter",
                    "Writes that found the object changed meanwhile.",
                    status.conflicts,
                ),
                (
                    "ferrogate_status_errors_total",
                    "counter",
                    "Writes that failed, to be tried again.",
                    status.errors,
                ),
            ];
            let discovery = discovery.lock().unwrap_or_else(PoisonError::into_inner);
            figures.extend(of_discovery(&discovery));
            drop(discovery);
            figures
        })
    }

    /// Lets go of the lead, so that another replica writes at once.
    pub(crate) async fn end(self) {
        self.acting.send_replace(false);
        self.end.send_replace(true);
        if let Some(election) = self.election {
            let _ended = election.await;
        }
    }
}

fn of_discovery(discovery: &fg_ads::Metrics) -> [Figure; 5] {
    let read = |cell: &std::sync::atomic::AtomicU64| cell.load(Ordering::Relaxed);
    [
        (
            "ferrogate_discovery_clients",
            "gauge",
            "Streams of proxies.",
            read(&discovery.clients),
        ),
        (
            "ferrogate_discovery_responses_total",
            "counter",
            "Responses sent to proxies.",
            read(&discovery.responses),
        ),
        (
            "ferrogate_discovery_bytes_total",
            "counter",
            "Bytes of those.",
            read(&discovery.bytes),
        ),
        (
            "ferrogate_discovery_confirmed_total",
            "counter",
            "Responses that proxies confirmed.",
            read(&discovery.acks),
        ),
        (
            "ferrogate_discovery_rejected_total",
            "counter",
            "Responses of which proxies refused a part.",
            read(&discovery.nacks),
        ),
    ]
}

/// Takes part in the election until the end, and says who leads.
async fn elect(
    client: kube::Client,
    settings: LeaseSettings,
    sender: Sender<Event>,
    mut ended: watch::Receiver<bool>,
) {
    let seat = async {
        loop {
            match lead(client.clone(), &settings).await {
                Ok(seat) => return seat,
                Err(error) => {
                    tracing::warn!(%error, "the Lease cannot be asked for; nothing is written");
                    tokio::time::sleep(ASK_AGAIN).await;
                }
            }
        }
    };
    let seat: Seat = tokio::select! {
        seat = seat => seat,
        _ = ended.changed() => return,
    };
    let mut leading = seat.leading();
    let mut told = false;
    loop {
        let now = *leading.borrow_and_update();
        if now != told {
            told = now;
            tracing::info!(leads = now, "who leads has changed");
            if sender.send(Event::Leads(now)).is_err() {
                break;
            }
        }
        tokio::select! {
            changed = leading.changed() => if changed.is_err() {
                break;
            },
            _ = ended.changed() => break,
        }
    }
    drop(leading);
    seat.release().await;
}

impl Outlet for ClusterOutlet {
    fn status(&mut self, object: &Arc<ObjectRef>, document: Option<&Document>) {
        match document {
            Some(document) => self.statuses.set(object, document),
            None => self.statuses.forget(object),
        }
    }

    fn act(&mut self, acts: bool) {
        if acts {
            self.statuses.synced();
        }
        self.acting.send_replace(acts);
    }

    fn deploy(&mut self, gateway: &Arc<ObjectRef>, wish: Option<Wish>) {
        let key = GatewayKey::new(&gateway.namespace, &gateway.name);
        let mut accounts = self
            .accounts
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match &wish {
            Some(_) => accounts.insert(key),
            None => accounts.remove(&key),
        };
        drop(accounts);
        self.deployer.wish(gateway, wish);
    }
}
