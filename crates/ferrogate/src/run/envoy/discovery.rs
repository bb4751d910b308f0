//! The child's configuration, served to it alone on a socket of this machine.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use fg_ads::message::Node;
use fg_ads::server::Options;
use fg_ads::{Authenticator, Event, Identity, Protocol, Security, Server, Store};
use fg_base::Secret;
use fg_envoy::Kind;
use tokio::sync::oneshot;
use tonic::Status;

/// The one scope that there is.
pub(super) const SCOPE: &str = "run";

/// What of its node message lets the child in.
pub(super) const KEY: &str = "key";

/// The server, until it is dropped.
pub(super) struct Discovery {
    /// What it serves.
    pub(super) store: Store,
    /// Where.
    pub(super) address: SocketAddr,
    /// To whom: other users of this machine reach the socket, too, and private keys go over it.
    pub(super) key: Secret<String>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Discovery {
    /// Starts to serve an empty store, and tells what its client says.
    ///
    /// # Errors
    /// When there is no socket, thread or runtime to be had.
    pub(super) fn start(tell: impl Fn(Event) + Send + 'static) -> io::Result<Self> {
        let key = super::random()?;
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = socket.local_addr()?;
        socket.set_nonblocking(true)?;
        let store = Store::new();
        let child = Arc::new(OnlyChild(Secret::new(key.clone())));
        let options = Options::for_envoy(Kind::ALL.map(Kind::type_url));
        let (server, mut events) = Server::new(store.clone(), child, options);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (end, ended) = oneshot::channel();
        let serving = async move {
            tokio::spawn(async move {
                while let Some(event) = events.recv().await {
                    tell(event);
                }
            });
            let shutdown = async {
                // A sender that is gone means the same.
                let _ = ended.await;
            };
            match tokio::net::TcpListener::from_std(socket) {
                Ok(socket) => server.serve(socket, Security::Plain, shutdown).await,
                Err(error) => tracing::error!(%error, "Envoy's configuration cannot be served"),
            }
        };
        let thread = std::thread::Builder::new()
            .name("discovery".to_owned())
            .spawn(move || runtime.block_on(serving))?;
        Ok(Self {
            store,
            address,
            key: Secret::new(key),
            end: Some(end),
            thread: Some(thread),
        })
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that serves Envoy's configuration died; this is a bug");
        }
    }
}

/// Lets in whoever has the key.
struct OnlyChild(Secret<String>);

#[tonic::async_trait]
impl Authenticator for OnlyChild {
    async fn identify(
        &self,
        _token: Option<&str>,
        node: &Node,
        _peer: Option<SocketAddr>,
        protocol: Protocol,
    ) -> Result<Identity, Status> {
        if node.text(KEY) != Some(self.0.expose().as_str()) {
            return Err(Status::permission_denied("this is for one Envoy alone"));
        }
        if protocol != Protocol::Delta {
            return Err(Status::permission_denied("it was told to ask for changes"));
        }
        Ok(Identity {
            scope: SCOPE.to_owned(),
            valid_for: None,
        })
    }
}
