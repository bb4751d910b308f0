//! The sockets of the process itself, and the thread that serves them.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::Context as _;
use fg_admin::{AdminSite, AdminSource, Readiness, ReadinessSite, Site};

use crate::cli::SocketArgs;
use crate::signals::{Asked, Signals};

/// Binds a socket of the process itself.
///
/// # Errors
/// When it is taken, with a word on the flag that moves it.
pub(crate) fn bind(address: SocketAddr, what: &str, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).with_context(|| {
        format!("cannot listen on {address} for {what}; `{flag}` takes another address")
    })
}

/// The sockets, bound.
pub(crate) struct Sockets {
    admin: TcpListener,
    readiness: TcpListener,
    metrics: TcpListener,
}

impl Sockets {
    /// Binds them.
    ///
    /// # Errors
    /// When one is taken, with a word on the flag that moves it.
    pub(crate) fn bind(args: &SocketArgs) -> anyhow::Result<Self> {
        Ok(Self {
            admin: bind(args.admin.admin_address, "admin pages", "--admin-address")?,
            readiness: bind(args.readiness_address, "readiness", "--readiness-address")?,
            metrics: bind(args.metrics_address, "metrics", "--metrics-address")?,
        })
    }

    /// Serves them on a thread of their own, with the signals, which are told to `told` (it says
    /// whether anybody listens still), and with whatever else wants a runtime.
    ///
    /// # Errors
    /// When there is no thread or runtime to be had.
    pub(crate) fn serve(
        self,
        pages: Arc<dyn AdminSource>,
        readiness: Readiness,
        metrics: Arc<dyn Site>,
        told: impl Fn(Asked) -> bool + Send + 'static,
        others: impl Future<Output = ()> + Send + 'static,
    ) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        // From here on a signal is an event, also while the first configuration is read.
        let signals = {
            let _runtime = runtime.enter();
            Signals::listen()?
        };
        let sites: [(TcpListener, Arc<dyn Site>); 3] = [
            (self.admin, Arc::new(AdminSite(pages))),
            (self.readiness, Arc::new(ReadinessSite(readiness))),
            (self.metrics, metrics),
        ];
        let served = async move {
            for (socket, site) in sites {
                tokio::spawn(fg_admin::serve(socket, site));
            }
            tokio::spawn(others);
            pass_on(signals, told).await;
        };
        std::thread::Builder::new()
            .name("admin".to_owned())
            .spawn(move || runtime.block_on(served))?;
        Ok(())
    }
}

/// Tells signals. Whoever asks for the end twice gets it at once.
async fn pass_on(mut signals: Signals, told: impl Fn(Asked) -> bool) {
    let mut ending = false;
    loop {
        let asked = signals.next().await;
        if asked == Asked::End {
            if ending {
                tracing::warn!("ended without draining, as asked by a second signal");
                std::process::exit(1);
            }
            ending = true;
        }
        if !told(asked) {
            tracing::debug!("a signal came when everything was over");
        }
    }
}
