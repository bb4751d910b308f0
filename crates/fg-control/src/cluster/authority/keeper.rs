//! The authority's Secret: made by whoever is first, followed by all, renewed by whoever is first.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fg_ads::tls::{self, ServerConfig};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, PostParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use tokio::sync::watch;
use tokio::time::sleep;

use super::SECRET;
use super::keys::{Flaw, Keys};

/// The first pause after a try that failed; doubled up to the other.
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Between two looks at the clock of the wall, which may jump.
const LOOK: Duration = Duration::from_secs(600);

/// Why nobody could read or write the Secret.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// Permissions, or no API server.
    #[error("the Secret {SECRET} cannot be read or written")]
    Api(#[source] Box<kube::Error>),
    /// What is in it, or what should be.
    #[error("the keys of {SECRET} cannot be used")]
    Keys(#[source] Flaw),
    /// A certificate that TLS does not take.
    #[error("the certificate cannot be used")]
    Tls(#[source] tls::Flaw),
}

impl From<kube::Error> for Trouble {
    fn from(error: kube::Error) -> Self {
        Self::Api(Box::new(error))
    }
}

impl From<Flaw> for Trouble {
    fn from(flaw: Flaw) -> Self {
        Self::Keys(flaw)
    }
}

/// What is shown to clients, and what it was made of.
pub(super) struct Shown {
    pub(super) keys: Keys,
    pub(super) config: Arc<ServerConfig>,
    renew_at: SystemTime,
}

/// Keeps the Secret and the certificate.
pub(super) struct Keeper {
    secrets: Api<Secret>,
    names: Vec<String>,
}

impl Keeper {
    pub(super) fn new(client: kube::Client, namespace: &str, names: Vec<String>) -> Self {
        Self {
            secrets: Api::namespaced(client, namespace),
            names,
        }
    }

    /// Tries until there is something to show.
    pub(super) async fn first(&mut self) -> Shown {
        let mut pause = PAUSE;
        loop {
            let shown = match self.settle(None).await {
                Ok(keys) => self.show(keys),
                Err(trouble) => Err(trouble),
            };
            match shown {
                Ok(shown) => return shown,
                Err(trouble) => complain(&trouble),
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    /// Follows the Secret and the clock for ever.
    pub(super) async fn keep(
        self,
        mut shown: Shown,
        config: watch::Sender<Arc<ServerConfig>>,
        bundle: watch::Sender<Arc<str>>,
    ) {
        let only = watcher::Config::default().fields(&format!("metadata.name={SECRET}"));
        let changes = watcher(self.secrets.clone(), only).default_backoff();
        let mut changes = pin!(changes);
        let mut patience = LOOK;
        loop {
            tokio::select! {
                change = changes.next() => match change {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => {
                        tracing::warn!(%error, "the Secret {SECRET} cannot be watched");
                        continue;
                    }
                    None => sleep(LONGEST_PAUSE).await,
                },
                () = sleep(patience) => {}
            }
            if let Err(trouble) = self.renew(&mut shown).await {
                complain(&trouble);
                patience = LONGEST_PAUSE;
                continue;
            }
            patience = LOOK;
            config.send_if_modified(|known| {
                let is_new = !Arc::ptr_eq(known, &shown.config);
                *known = shown.config.clone();
                is_new
            });
            bundle.send_if_modified(|known| {
                let now = shown.keys.bundle();
                let is_new = **known != *now;
                *known = now.into();
                is_new
            });
        }
    }

    /// Brings the Secret, and what is shown, to where they should be by now.
    async fn renew(&self, shown: &mut Shown) -> Result<(), Trouble> {
        let keys = self.settle(Some(&shown.keys)).await?;
        let is_due = shown.renew_at <= SystemTime::now();
        if is_due || !keys.signs_as(&shown.keys) {
            *shown = self.show(keys)?;
        } else {
            shown.keys = keys;
        }
        Ok(())
    }

    fn show(&self, keys: Keys) -> Result<Shown, Trouble> {
        let leaf = keys.issue(&self.names, SystemTime::now())?;
        let config = tls::server_config(&leaf.chain, &leaf.key).map_err(Trouble::Tls)?;
        Ok(Shown {
            keys,
            config,
            renew_at: leaf.renew_at,
        })
    }

    /// What the Secret holds, once it holds what it should by now. `known` is put back if it is gone.
    async fn settle(&self, known: Option<&Keys>) -> Result<Keys, Trouble> {
        /// Others renew at the same time; one of them wins, and then there is nothing to do.
        const TRIES: usize = 5;
        let mut last = None;
        for _ in 0..TRIES {
            match self.settle_once(known).await {
                Err(Trouble::Api(error)) if is_lost_race(&error) => {
                    last = Some(Trouble::Api(error))
                }
                result => return result,
            }
        }
        match last {
            Some(trouble) => Err(trouble),
            None => self.settle_once(known).await,
        }
    }

    async fn settle_once(&self, known: Option<&Keys>) -> Result<Keys, Trouble> {
        let now = SystemTime::now();
        let Some(mut secret) = self.secrets.get_opt(SECRET).await? else {
            let keys = match known {
                Some(known) => known.clone(),
                None => Keys::make(now)?,
            };
            self.secrets
                .create(&PostParams::default(), &new(&keys))
                .await?;
            tracing::info!("the Secret {SECRET} was made");
            return Ok(keys);
        };
        let data = secret.data.take().unwrap_or_default();
        let keys = match Keys::read(&data) {
            Ok(keys) => match keys.renewed(now)? {
                None => return Ok(keys),
                Some(renewed) => renewed,
            },
            Err(flaw) => {
                tracing::error!(%flaw, "the Secret {SECRET} is broken and is made anew");
                match known {
                    Some(known) => known.clone(),
                    None => Keys::make(now)?,
                }
            }
        };
        // With the resourceVersion that was read: whoever else wrote meanwhile is not overwritten.
        secret.data = Some(keys.data());
        self.secrets
            .replace(SECRET, &PostParams::default(), &secret)
            .await?;
        tracing::info!("the Secret {SECRET} was renewed");
        Ok(keys)
    }
}

/// A Secret that does not exist yet.
fn new(keys: &Keys) -> Secret {
    Secret {
        metadata: ObjectMeta {
            name: Some(SECRET.to_owned()),
            labels: Some(BTreeMap::from([(
                "app.kubernetes.io/managed-by".to_owned(),
                "ferrogate".to_owned(),
            )])),
            ..ObjectMeta::default()
        },
        data: Some(keys.data()),
        ..Secret::default()
    }
}

/// Whether somebody else was faster.
fn is_lost_race(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => {
            status.is_conflict() || status.is_already_exists() || status.is_not_found()
        }
        _ => false,
    }
}

fn complain(trouble: &Trouble) {
    let cause = std::error::Error::source(trouble).map(ToString::to_string);
    tracing::error!(cause, "{trouble}; trying again");
}
