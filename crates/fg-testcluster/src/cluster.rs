//! A cluster from start to end.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::future::try_join_all;
use kube::Client;
use rustix::process::Signal;

use crate::cache::{self, Programs};
use crate::keys::Keys;
use crate::namespace::Namespace;
use crate::process::Processes;
use crate::record::{self, NODE, Record};
use crate::{api, plane};

/// How long a part may take to become ready; a loaded machine needs a few seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a cluster is to be like.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Its id: 1 to 16 lower-case letters and digits. Default: one that no other cluster has.
    pub id: Option<String>,
    /// Files or folders of YAML that are applied in this order, beside the Gateway API's CRDs.
    pub manifests: Vec<PathBuf>,
    /// Which program a container image is: what the image's name contains, and the program. `echo-basic` is known, and
    /// `envoyproxy/envoy` of the versions that are installed.
    pub images: Vec<(String, PathBuf)>,
    /// It stays when the program that starts it ends. Default: it does not, even if that program crashes.
    pub stays: bool,
    /// The program that is the node: this crate's own. Default: the running one if it is, else the one that
    /// lies in the same build folder.
    pub program: Option<PathBuf>,
}

/// A part of a cluster that a test may take away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The API server.
    Api,
    /// The controller manager.
    Manager,
    /// The node. Its pods end with it.
    Node,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Api => plane::API,
            Self::Manager => plane::MANAGER,
            Self::Node => NODE,
        }
    }
}

/// A cluster that is up. Dropped, it is ended and removed unless its options say that it stays.
#[derive(Debug)]
pub struct Cluster {
    record: Record,
    programs: Programs,
    keys: Keys,
    namespace: Namespace,
    processes: Processes,
    options: Options,
}

impl Cluster {
    /// Starts one and waits until it is ready: API server, CRDs established, node Ready. Builds programs that are
    /// missing, and ends clusters whose programs crashed.
    /// Errors: not root, a tool is missing, a part does not start; what was started is ended again.
    pub fn up(options: Options) -> anyhow::Result<Self> {
        let programs = Programs::ready()?;
        record::sweep()?;
        let id = options.id.clone().unwrap_or_else(fresh_id);
        // Owned until it is complete, so that a start that is broken off is swept away.
        let record = Record::make(&id, true)?;
        let mut cluster = Self {
            keys: Keys::at(&record.folder.join("keys")),
            namespace: record.namespace(),
            processes: record.processes(),
            options: Options {
                stays: false,
                ..options.clone()
            },
            record,
            programs,
        };
        cluster.start()?;
        if options.stays {
            cluster.record.disown()?;
            cluster.options.stays = true;
        }
        Ok(cluster)
    }

    /// A cluster that is up already; it stays when this is dropped.
    /// Errors: there is none, or a part of it has ended.
    pub fn attach(id: &str) -> anyhow::Result<Self> {
        let record = Record::find(id)?.with_context(|| format!("there is no cluster {id}"))?;
        anyhow::ensure!(record::is_up(id)?, "parts of the cluster {id} have ended");
        Ok(Self {
            keys: Keys::at(&record.folder.join("keys")),
            namespace: record.namespace(),
            processes: record.processes(),
            options: Options {
                stays: true,
                ..Options::default()
            },
            record,
            programs: Programs::ready()?,
        })
    }

    fn start(&self) -> anyhow::Result<()> {
        let mut phases = Phases::new();
        self.namespace.make()?;
        self.keys.make()?;
        phases.end("network and keys");
        let folder = &self.record.folder;
        let etcd = plane::etcd(&self.namespace, &self.programs, &folder.join("etcd"));
        self.processes.start(plane::ETCD, etcd)?;
        self.wait(plane::ETCD, plane::etcd_is_ready)?;
        phases.end(plane::ETCD);
        self.begin(Part::Api)?;
        phases.end(plane::API);
        // Side by side: neither needs the other.
        self.launch(Part::Manager)?;
        let crds = self.programs.crds();
        self.apply_files(&[crds])?;
        self.apply_files(&self.options.manifests)?;
        phases.end("manifests");
        self.launch(Part::Node)?;
        self.ready(Part::Manager)?;
        self.ready(Part::Node)?;
        phases.end("node");
        tracing::info!("up: {}", phases.said.join(", "));
        Ok(())
    }

    /// Starts a part that was taken away, and waits until it is ready.
    /// Errors: it runs, or does not become ready.
    pub fn begin(&self, part: Part) -> anyhow::Result<()> {
        self.launch(part)?;
        self.ready(part)
    }

    /// Takes a part away, as a crash would. The API server's data stay.
    pub fn kill(&self, part: Part) {
        self.processes.end(part.name(), Duration::ZERO);
    }

    /// Freezes a part: its connections stay open and nothing answers.
    pub fn freeze(&self, part: Part) {
        self.signal(part, Signal::STOP);
    }

    /// Lets a frozen part go on.
    pub fn thaw(&self, part: Part) {
        self.signal(part, Signal::CONT);
    }

    fn signal(&self, part: Part, signal: Signal) {
        if let Some(process) = self.processes.get(part.name()) {
            process.signal(signal);
        }
    }

    fn launch(&self, part: Part) -> anyhow::Result<()> {
        let command = match part {
            Part::Api => plane::api(&self.namespace, &self.programs, &self.keys),
            Part::Manager => plane::manager(&self.namespace, &self.programs, &self.keys),
            Part::Node => self.node()?,
        };
        self.processes.start(part.name(), command).map(|_| ())
    }

    fn ready(&self, part: Part) -> anyhow::Result<()> {
        match part {
            Part::Api => self.wait(plane::API, || self.answers("/readyz", |_| true)),
            Part::Manager => self.wait(plane::MANAGER, plane::manager_is_ready),
            Part::Node => self.wait(NODE, || {
                self.answers("/api/v1/nodes", |text| {
                    let list: Result<serde_json::Value, _> = serde_json::from_str(text);
                    let list = list.unwrap_or_default();
                    let nodes = list.get("items").and_then(serde_json::Value::as_array);
                    nodes
                        .into_iter()
                        .flatten()
                        .any(|node| api::is_true(node, "Ready"))
                })
            }),
        }
    }

    /// Waits inside the namespace until a process is ready.
    fn wait(&self, name: &str, ready: impl Fn() -> bool + Send) -> anyhow::Result<()> {
        self.namespace
            .inside(|| self.processes.wait(name, PATIENCE, ready))
    }

    /// Whether a GET succeeds and its text is as wanted. Called inside the namespace.
    fn answers(&self, path: &str, wanted: impl Fn(&str) -> bool) -> bool {
        let ask = async {
            let client = api::client(&self.keys.kubeconfig()).await.ok()?;
            let request = http::Request::get(path).body(Vec::new()).ok()?;
            client.request_text(request).await.ok()
        };
        let ask = async { tokio::time::timeout(Duration::from_secs(5), ask).await };
        let answer = runtime().map(|runtime| runtime.block_on(ask));
        matches!(answer, Ok(Ok(Some(text))) if wanted(&text))
    }

    fn node(&self) -> anyhow::Result<Command> {
        let own = match &self.options.program {
            Some(program) => program.clone(),
            None => program()?,
        };
        let folder = self.record.folder.join(NODE);
        std::fs::create_dir_all(&folder)?;
        let mut command = self.namespace.enter(own);
        command.arg("node");
        command.arg("--kubeconfig").arg(self.kubeconfig());
        command.arg("--run").arg(folder);
        command.args(["--netns", self.namespace.name()]);
        command.arg("--serving");
        command.args([self.keys.path("node.crt"), self.keys.path("node.key")]);
        let mut known = cache::envoys()?;
        known.push(("echo-basic".to_owned(), self.programs.program("echo-basic")));
        for (part, program) in self.options.images.iter().chain(&known) {
            command.arg("--image");
            command.arg(format!("{part}={}", program.display()));
        }
        Ok(command)
    }

    /// Its processes.
    pub(crate) fn processes(&self) -> &Processes {
        &self.processes
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// Its folder, which is removed with it: logs are in `logs`.
    pub fn folder(&self) -> &Path {
        &self.record.folder
    }

    /// The file of a part's log.
    pub fn log(&self, part: Part) -> PathBuf {
        self.processes.log(part.name())
    }

    /// The programs it was made from.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// The kubeconfig of an administrator. Its address answers inside the outer namespace only.
    pub fn kubeconfig(&self) -> PathBuf {
        self.keys.kubeconfig()
    }

    /// The name of the outer network namespace, as `ip netns` lists it.
    pub fn namespace(&self) -> &str {
        self.namespace.name()
    }

    /// A command that runs inside the outer namespace, with `KUBECONFIG` set. From there Services, load balancers' and
    /// pods' addresses answer.
    pub fn enter(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.namespace.enter(program);
        command.env("KUBECONFIG", self.kubeconfig());
        command
    }

    /// Runs `work` on a thread of its own inside the outer namespace: sockets made there reach Services,
    /// load balancers and pods.
    /// Errors: those of `work`.
    pub fn inside<T: Send>(
        &self,
        work: impl FnOnce() -> anyhow::Result<T> + Send,
    ) -> anyhow::Result<T> {
        self.namespace.inside(work)
    }

    /// Runs `work` with an administrator's client, as [`Cluster::inside`] does, on an async runtime of one thread.
    /// Errors: those of `work`.
    pub fn with_client<T: Send>(
        &self,
        work: impl AsyncFnOnce(Client) -> anyhow::Result<T> + Send,
    ) -> anyhow::Result<T> {
        let kubeconfig = self.kubeconfig();
        self.inside(move || {
            runtime()?.block_on(async {
                let client = api::client(&kubeconfig).await?;
                work(client).await
            })
        })
    }

    /// Applies YAML documents by server-side apply: definitions and namespaces first, then, when they can be used,
    /// the rest.
    /// Errors: the API server refuses one; the text names it.
    pub fn apply(&self, text: &str) -> anyhow::Result<()> {
        self.with_client(async |client| api::apply(&client, text).await)
    }

    /// Applies YAML files and all YAML files of folders, one after the other, each as [`Cluster::apply`] does.
    /// Errors: a file cannot be read; those of [`Cluster::apply`].
    pub fn apply_files(&self, paths: &[PathBuf]) -> anyhow::Result<()> {
        self.with_client(async |client| {
            for path in paths {
                api::apply_files(&client, path).await?;
            }
            Ok(())
        })
    }

    /// Waits until each object at `paths` has the condition `kind` with status True.
    /// Errors: the time is over; the text tells its conditions.
    pub fn wait_for(&self, paths: &[&str], kind: &str, patience: Duration) -> anyhow::Result<()> {
        self.with_client(async |client| {
            let all = paths
                .iter()
                .map(|path| api::wait_for(&client, path, kind, patience));
            try_join_all(all).await.map(|_| ())
        })
    }

    /// Ends it and removes all of it. Errors: something could not be removed.
    pub fn down(mut self) -> anyhow::Result<()> {
        // So that the drop does not do it once more.
        self.options.stays = true;
        record::down(&self.record.id).map(|_| ())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !self.options.stays
            && let Err(error) = record::down(&self.record.id)
        {
            eprintln!("the cluster {} is not gone: {error:#}", self.record.id);
        }
    }
}

/// A runtime that stays on the thread that made it, and so in its network namespace.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")
}

/// An id that no other cluster has: this process and a count.
fn fresh_id() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("t{}x{count}", std::process::id())
}

/// The program of this crate. Tests lie in a folder below it.
fn program() -> anyhow::Result<PathBuf> {
    const NAME: &str = "fg-testcluster";
    let own = std::env::current_exe()?;
    own.ancestors()
        .map(|folder| folder.with_file_name(NAME))
        .take(3)
        .find(|file| file.is_file())
        .with_context(|| {
            format!(
                "no {NAME} beside {}: build it first (cargo build -p {NAME})",
                own.display()
            )
        })
}

/// How long each phase of a start took.
struct Phases {
    begin: Instant,
    said: Vec<String>,
}

impl Phases {
    fn new() -> Self {
        Self {
            begin: Instant::now(),
            said: Vec::new(),
        }
    }

    fn end(&mut self, name: &str) {
        let took = self.begin.elapsed().as_secs_f64();
        self.said.push(format!("{name} {took:.1} s"));
        self.begin = Instant::now();
    }
}
