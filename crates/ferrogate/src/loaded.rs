//! Objects that were read and translated once, for commands that do not serve: those of a folder,
//! or those of a cluster as the user's kubeconfig knows it.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use fg_api::Resource;
use fg_control::explain::Asking;
use fg_control::{Control, Objects};
use fg_model::{Finding, Origin, Place};
use fg_sources::kube::{self as source, Counters};
use fg_translate::{Ground, Options};
use kube::config::{KubeConfigOptions, Kubeconfig};

use crate::cli::Where;
use crate::folder::{Source, asking, now};

/// The control plane with everything in it, and where that came from.
pub(crate) struct Loaded {
    /// The control plane.
    pub(crate) control: Control,
    from: From,
}

/// Where objects came from.
enum From {
    Folder(Box<Source>),
    Cluster {
        routes: Vec<Resource>,
        objects: usize,
    },
}

impl Loaded {
    /// Reads what the command line says.
    ///
    /// # Errors
    /// When it cannot be read, in the user's words.
    pub(crate) fn read(place: Where<'_>, options: Options) -> Result<Self, String> {
        match place {
            Where::Folder(folder) => Self::folder(folder, options),
            Where::Cluster(context) => Self::cluster(context, options)
                .map_err(|error| format!("cannot read the cluster: {error:#}")),
        }
    }

    fn folder(path: &Path, options: Options) -> Result<Self, String> {
        let mut folder = Source::open(path)?;
        let mut control = Control::new(options);
        control.set_time(now());
        control.apply(folder.load());
        Ok(Self {
            control,
            from: From::Folder(Box::new(folder)),
        })
    }

    fn cluster(context: Option<&str>, mut options: Options) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let batch = runtime.block_on(first_batch(context))?;
        options.ground = Ground::Cluster;
        let mut control = Control::new(options);
        control.set_time(now());
        let objects = batch.upserts.len();
        let is_route =
            |one: &&Resource| matches!(one, Resource::HttpRoute(_) | Resource::GrpcRoute(_));
        let routes = batch.upserts.iter().filter(is_route).cloned().collect();
        control.apply(Objects {
            upserts: batch.upserts,
            removed: batch.removed,
            findings: batch.findings,
        });
        Ok(Self {
            control,
            from: From::Cluster { routes, objects },
        })
    }

    /// Everything that is wrong; of a folder by file and line.
    pub(crate) fn findings(&self) -> Vec<Arc<Finding>> {
        match &self.from {
            From::Folder(folder) => {
                let mut findings = self.control.placed_findings(&folder.places());
                folder.add_places_behind(&mut findings);
                findings
            }
            From::Cluster { .. } => self.control.placed_findings(&|_| None),
        }
    }

    /// How many objects there are.
    pub(crate) fn objects(&self) -> usize {
        match &self.from {
            From::Folder(folder) => folder.objects(),
            From::Cluster { objects, .. } => *objects,
        }
    }

    /// How many objects of kinds are there that are not read; of a cluster nobody counts them.
    pub(crate) fn others(&self) -> usize {
        match &self.from {
            From::Folder(folder) => folder.others(),
            From::Cluster { .. } => 0,
        }
    }

    /// What routes ask of a host (lower-case, without port), served or not.
    pub(crate) fn asking(&self, host: &str) -> Asking {
        match &self.from {
            From::Folder(folder) => folder.asking(host),
            From::Cluster { routes, .. } => asking(routes, host),
        }
    }

    /// File and line of a field; nothing of a cluster.
    pub(crate) fn place(&self, origin: &Origin) -> Option<Place> {
        match &self.from {
            From::Folder(folder) => folder.place(origin),
            From::Cluster { .. } => None,
        }
    }
}

/// A client by the user's kubeconfig, or by that of the pod.
///
/// # Errors
/// When there is neither, or the context is not in it.
pub(crate) async fn client(context: Option<&str>) -> anyhow::Result<kube::Client> {
    let config = match context {
        None => kube::Config::infer().await.map_err(no_config)?,
        Some(context) => {
            let options = KubeConfigOptions {
                context: Some(context.to_owned()),
                ..KubeConfigOptions::default()
            };
            kube::Config::from_custom_kubeconfig(Kubeconfig::read()?, &options).await?
        }
    };
    Ok(kube::Client::try_from(config)?)
}

/// Where to look for a cluster was not said. That this is no pod goes without saying on somebody's
/// own machine, so it stands last.
fn no_config(error: impl std::error::Error) -> anyhow::Error {
    let why = error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string);
    anyhow!("{why}; set KUBECONFIG, or run this in a pod")
}

async fn first_batch(context: Option<&str>) -> anyhow::Result<source::Batch> {
    let client = client(context).await?;
    // Asked first, so that a cluster that is not there is an error and not a long wait.
    client
        .apiserver_version()
        .await
        .context("the API server does not answer")?;
    let (sender, mut batches) = tokio::sync::mpsc::channel(1);
    let counters = Arc::new(Counters::default());
    let watching = tokio::spawn(source::watch(
        client,
        source::Options::default(),
        counters,
        None,
        sender,
    ));
    let batch = batches.recv().await.context("nothing could be read");
    watching.abort();
    batch
}
