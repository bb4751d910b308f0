//! Who may talk to whom: the certificate authority that proxies trust, the certificate that the
//! control plane shows them, and the tokens that they show it.

mod keeper;
mod keys;
mod review;
mod tokens;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use fg_ads::Security;
use fg_ads::tls::ServerConfig;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use self::keys::{Flaw, OVERLAP};
pub use self::review::{AUDIENCE, Account, GATEWAY, HOSTS, TokenReviewer, WHOLE, scope};

use self::keeper::Keeper;

/// The Secret in the control plane's namespace that holds the authority.
pub const SECRET: &str = "ferrogate-ca";
/// The ConfigMap in each Gateway's namespace that holds the authorities to trust.
pub const CONFIG_MAP: &str = "ferrogate-ca";

/// For whom the certificate is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The control plane's namespace.
    pub namespace: String,
    /// Its Service. Default: `ferrogate`.
    pub service: String,
    /// The domain of the cluster's Services. Default: `cluster.local`.
    pub cluster_domain: String,
    /// The address of its pod, if it is in one.
    pub pod_ip: Option<IpAddr>,
    /// More names or addresses by which proxies reach it. Default: none.
    pub more: Vec<String>,
}

impl Settings {
    /// With the usual names.
    pub fn new(namespace: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            service: "ferrogate".to_owned(),
            cluster_domain: "cluster.local".to_owned(),
            pod_ip: None,
            more: Vec::new(),
        }
    }

    /// All names and addresses that the certificate is for.
    fn names(&self) -> Vec<String> {
        let Self {
            namespace,
            service,
            cluster_domain,
            ..
        } = self;
        let mut names = vec![
            service.clone(),
            format!("{service}.{namespace}"),
            format!("{service}.{namespace}.svc"),
            format!("{service}.{namespace}.svc.{cluster_domain}"),
            "localhost".to_owned(),
            "127.0.0.1".to_owned(),
            "::1".to_owned(),
        ];
        names.extend(self.pod_ip.map(|address| address.to_string()));
        names.extend(self.more.iter().cloned());
        names.sort();
        names.dedup();
        names
    }
}

/// The authority, kept in a Secret that all replicas share: whoever is first makes it, all others read
/// it. It follows the Secret, renews what ends soon, and puts back what was deleted.
///
/// The authority is good for a year. After two thirds of it the next one is made and handed out, and
/// [`OVERLAP`] later certificates are signed by it; the old one stays trusted until it ends. The
/// certificate of this process is good for a week, is made anew after two thirds of that, and its key
/// never leaves the process.
///
/// Permissions: `get`, `list`, `watch`, `create`, `update` of Secrets in the control plane's namespace.
#[derive(Debug)]
pub struct Authority {
    config: watch::Receiver<Arc<ServerConfig>>,
    bundle: watch::Receiver<Arc<str>>,
    task: JoinHandle<()>,
}

impl Authority {
    /// Reads or makes the authority, trying until the API server lets it, and keeps it from then on,
    /// on the present tokio runtime, until it is dropped.
    ///
    /// Cancel: safe.
    pub async fn start(client: kube::Client, settings: &Settings) -> Self {
        let mut keeper = Keeper::new(client, &settings.namespace, settings.names());
        let shown = keeper.first().await;
        let (config_sender, config) = watch::channel(shown.config.clone());
        let (bundle_sender, bundle) = watch::channel(Arc::from(shown.keys.bundle()));
        let task = tokio::spawn(keeper.keep(shown, config_sender, bundle_sender));
        Self {
            config,
            bundle,
            task,
        }
    }

    /// For the server of discovery: each handshake takes the newest certificate.
    pub fn security(&self) -> Security {
        Security::Tls(self.config.clone())
    }

    /// The authorities to trust, PEM: what the ConfigMap [`CONFIG_MAP`] shall have.
    pub fn watch_bundle(&self) -> watch::Receiver<Arc<str>> {
        self.bundle.clone()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Seconds since the epoch; 0 before it.
fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
