//! A server, its authority, and clients of it.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use fg_ads::client::Options as ClientOptions;
use fg_ads::message::{Any, Node};
use fg_ads::server::Options;
use fg_ads::tls::ServerConfig;
use fg_ads::{
    Authenticator, Batch, Client, Delivery, Event, Identity, Metrics, Protocol, Security, Server,
    Store, Transaction, Verdict, tls,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tonic::Status;

/// Long enough for anything here on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// What clients subscribe to.
pub(crate) const TYPE: &str = "test/Configuration";

/// Waits, but not for ever.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what)
        .await
        .expect("it happens soon")
}

/// An authority.
pub(crate) struct Ca(CertifiedIssuer<'static, KeyPair>);

impl Ca {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// What a server on the loopback interface shows.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        tls::server_config(&certificate.pem(), &key.serialize_pem()).unwrap()
    }
}

/// Tokens and what they let see.
#[derive(Default)]
pub(crate) struct Doorman(pub(crate) Mutex<BTreeMap<String, Identity>>);

#[tonic::async_trait]
impl Authenticator for Doorman {
    async fn admit(&self, token: Option<&str>, _: Option<SocketAddr>) -> Result<(), Status> {
        // Of some it is only known who they are when they have said so.
        if token == Some("nonsense") {
            return Err(Status::unauthenticated("that is no token"));
        }
        Ok(())
    }

    async fn identify(
        &self,
        token: Option<&str>,
        _: &Node,
        _: Option<SocketAddr>,
        _: Protocol,
    ) -> Result<Identity, Status> {
        let known = self.0.lock().unwrap();
        known
            .get(token.unwrap_or_default())
            .cloned()
            .ok_or_else(|| Status::unauthenticated("the token is unknown"))
    }
}

/// A server that runs.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) events: mpsc::Receiver<Event>,
    pub(crate) metrics: Arc<Metrics>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    /// The next event, that everything is settled left out.
    pub(crate) async fn event(&mut self) -> Event {
        loop {
            let event = soon(self.events.recv()).await.expect("the server runs");
            if !matches!(event, Event::Settled { .. }) {
                return event;
            }
        }
    }

    /// The serial up to which a client has everything, when there is news of that.
    pub(crate) async fn settled(&mut self) -> u64 {
        self.unasked().await.0
    }

    /// The same, and types and names of what it has not asked for.
    pub(crate) async fn unasked(&mut self) -> (u64, Vec<(Arc<str>, Arc<str>)>) {
        loop {
            let event = soon(self.events.recv()).await.expect("the server runs");
            if let Event::Settled {
                serial, unasked, ..
            } = event
            {
                return (serial, unasked);
            }
        }
    }

    /// The next event that is not one of connections.
    pub(crate) async fn answer(&mut self) -> Event {
        loop {
            let event = self.event().await;
            let of_connections =
                matches!(event, Event::Connected { .. } | Event::Disconnected { .. });
            if !of_connections {
                return event;
            }
        }
    }

    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        soon(&mut self.task).await.unwrap();
    }
}

/// Everything that a test needs, with TLS and one good token, `token`, for the scope `shop/front`.
pub(crate) struct Ground {
    pub(crate) store: Store,
    pub(crate) doorman: Arc<Doorman>,
    pub(crate) ca: Ca,
    pub(crate) config: watch::Sender<Arc<ServerConfig>>,
    folder: TempDir,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let ca = Ca::new();
        let ground = Self {
            store: Store::new(),
            doorman: Arc::default(),
            config: watch::Sender::new(ca.server()),
            ca,
            folder: TempDir::new().unwrap(),
        };
        ground.trust(&ground.ca.pem());
        ground.admit("token", "shop/front", None);
        ground.hold("token");
        ground
    }

    /// What clients trust.
    pub(crate) fn trust(&self, authorities: &str) {
        fs::write(self.path("ca.crt"), authorities).unwrap();
    }

    /// The token that clients have.
    pub(crate) fn hold(&self, token: &str) {
        fs::write(self.path("token"), format!("{token}\n")).unwrap();
    }

    pub(crate) fn admit(&self, token: &str, scope: &str, valid_for: Option<Duration>) {
        let identity = Identity {
            scope: scope.to_owned(),
            valid_for,
        };
        let mut known = self.doorman.0.lock().unwrap();
        known.insert(token.to_owned(), identity);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) async fn serve(&self, options: Options) -> Running {
        self.serve_at("127.0.0.1:0".parse().unwrap(), options).await
    }

    pub(crate) async fn serve_at(&self, address: SocketAddr, options: Options) -> Running {
        let security = Security::Tls(self.config.subscribe());
        self.serve_with(address, options, security).await
    }

    /// Without TLS, for clients made by hand.
    pub(crate) async fn serve_plain(&self, options: Options) -> Running {
        let address = "127.0.0.1:0".parse().unwrap();
        self.serve_with(address, options, Security::Plain).await
    }

    async fn serve_with(
        &self,
        address: SocketAddr,
        options: Options,
        security: Security,
    ) -> Running {
        let (server, events) = Server::new(self.store.clone(), self.doorman.clone(), options);
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let metrics = server.metrics();
        let task = tokio::spawn(async move {
            let shutdown = async move { drop(stopped.await) };
            server.serve(listener, security, shutdown).await;
        });
        Running {
            address,
            events,
            metrics,
            stop: Some(stop),
            task,
        }
    }

    pub(crate) fn client(&self, running: &Running) -> (Client, mpsc::Receiver<Delivery>) {
        Client::start(self.client_options(running))
    }

    pub(crate) fn client_options(&self, running: &Running) -> ClientOptions {
        let node = Node {
            id: "front-1".to_owned(),
            ..Node::default()
        };
        ClientOptions {
            ca_file: Some(self.path("ca.crt")),
            token_file: Some(self.path("token")),
            backoff_first: Duration::from_millis(5),
            backoff_most: Duration::from_millis(50),
            ..ClientOptions::new(running.address.to_string(), node, TYPE)
        }
    }

    /// Applies `name=version` and `-name`, each resource as large as said.
    pub(crate) fn apply(&self, changes: &[&str], size: usize) -> u64 {
        self.store
            .apply("shop/front", transaction(TYPE, changes, size))
    }
}

/// `name=version` and `-name`.
pub(crate) fn transaction(type_url: &str, changes: &[&str], size: usize) -> Transaction {
    let mut transaction = Transaction::new();
    for change in changes {
        if let Some(name) = change.strip_prefix('-') {
            transaction.remove(type_url, name);
        } else {
            let (name, version) = change.split_once('=').unwrap();
            let mut value = version.as_bytes().to_vec();
            value.resize(size.max(value.len()), b'.');
            let body = Any {
                type_url: "test/Rule".to_owned(),
                value: Bytes::from(value),
            };
            transaction.upsert(type_url, name, version, body);
        }
    }
    transaction
}

/// The next batch, all accepted: `SERIAL: name=version … -name …`.
pub(crate) async fn accept(deliveries: &mut mpsc::Receiver<Delivery>) -> String {
    let delivery = soon(deliveries.recv()).await.expect("the client runs");
    let shown = show(&delivery.batch);
    delivery.answer(Verdict::accepted());
    shown
}

pub(crate) fn show(batch: &Batch) -> String {
    let mut words = vec![format!("{}:", batch.serial)];
    words.extend(
        batch
            .upserts
            .iter()
            .map(|one| format!("{}={}", one.name, one.version)),
    );
    words.extend(batch.removed.iter().map(|name| format!("-{name}")));
    words.join(" ")
}
