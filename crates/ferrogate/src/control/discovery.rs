//! The configuration for proxies, served while this replica leads.
//!
//! Only the leader writes what proxies have confirmed into statuses, so proxies come to the leader.
//! The other replicas know everything, too, and serve at once when they lead; until then their
//! socket is closed, so that a proxy tries the next one without waiting.

use std::net::SocketAddr;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fg_ads::{Authenticator, Metrics, Security, Server, Store};
use fg_envoy::Kind;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::Event;

/// How long until a socket that cannot be had is asked for again.
const BIND_AGAIN: Duration = Duration::from_millis(200);

/// What is served, and where.
pub(crate) struct Discovery {
    /// The socket.
    pub(crate) address: SocketAddr,
    /// What there is.
    pub(crate) store: Store,
    /// Who may have it.
    pub(crate) reviewer: Arc<dyn Authenticator>,
    /// Under which certificate.
    pub(crate) security: Security,
    /// The counters of the present server.
    pub(crate) metrics: Arc<Mutex<Arc<Metrics>>>,
    /// Who hears what proxies say.
    pub(crate) sender: Sender<Event>,
}

impl Discovery {
    /// Serves whenever `acting` says so, until its sender is gone.
    pub(crate) async fn run(self, mut acting: watch::Receiver<bool>) {
        while acting.wait_for(|acts| *acts).await.is_ok() {
            let listener = match TcpListener::bind(self.address).await {
                Ok(listener) => listener,
                Err(error) => {
                    tracing::error!(address = %self.address, %error, "discovery cannot be served");
                    tokio::time::sleep(BIND_AGAIN).await;
                    continue;
                }
            };
            self.serve(listener, acting.clone()).await;
        }
    }

    /// Serves one term.
    async fn serve(&self, listener: TcpListener, mut acting: watch::Receiver<bool>) {
        let options = fg_ads::server::Options::for_envoy(Kind::ALL.map(Kind::type_url));
        let (server, mut news) = Server::new(self.store.clone(), self.reviewer.clone(), options);
        *self.metrics.lock().unwrap_or_else(PoisonError::into_inner) = server.metrics();
        let sender = self.sender.clone();
        let telling = tokio::spawn(async move {
            while let Some(event) = news.recv().await {
                if sender.send(Event::Proxy(event)).is_err() {
                    return;
                }
            }
        });
        let ended = async move {
            // Its sender is gone only when everything ends.
            let _ = acting.wait_for(|acts| !*acts).await;
        };
        server.serve(listener, self.security.clone(), ended).await;
        drop(server);
        // It ends when the last stream has said that it did.
        let _ = telling.await;
    }
}
