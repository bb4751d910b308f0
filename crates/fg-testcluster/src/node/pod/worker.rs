//! The task of one pod.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use k8s_openapi::{
    api::core::v1::{Binding, Container as Spec, ObjectReference, Pod},
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Status},
};
use kube::{
    Api,
    api::{DeleteParams, PostParams, Preconditions},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::Instant,
};

use super::{
    Told,
    container::{Container, Restart, Which},
    place::Place,
    root,
    status::{ContainerState, PodState},
    volumes::Volumes,
    writer::Writer,
};
use crate::node::{Node, logs::Log, objects::full_name};

const RETRY: Duration = Duration::from_millis(200);
/// A start that takes longer than this says in the status what it waits for.
const PATIENCE: Duration = Duration::from_millis(300);

struct Worker {
    place: Arc<Place>,
    told: watch::Receiver<Told>,
    state: PodState,
    volumes: Volumes,
    writer: Writer,
    reports: mpsc::Receiver<(Which, ContainerState)>,
    reporter: mpsc::Sender<(Which, ContainerState)>,
    containers: Vec<Running>,
}

struct Running {
    name: String,
    stop: watch::Sender<Option<Instant>>,
    task: JoinHandle<()>,
    log: Arc<Log>,
}

/// Runs a pod from binding to removal.
pub(super) async fn run(node: Arc<Node>, told: watch::Receiver<Told>) {
    let pod = Arc::clone(&told.borrow().pod);
    let place = loop {
        if let Some(place) = Place::new(Arc::clone(&node), &pod) {
            break Arc::new(place);
        }
        tracing::warn!("pod {}: no address is free", full_name(&*pod));
        if told.borrow().ends() {
            return;
        }
        tokio::time::sleep(RETRY).await;
    };
    let (reporter, reports) = mpsc::channel(64);
    let mut worker = Worker {
        state: PodState::new(&pod),
        volumes: Volumes::new(Arc::clone(&place)),
        writer: Writer::start(&place),
        told: told.clone(),
        reports,
        reporter,
        containers: Vec::new(),
        place,
    };
    let mut ending = told;
    let ended = async {
        ending.wait_for(Told::ends).await.ok();
    };
    tokio::select! {
        () = worker.live() => {}
        () = ended => {}
    }
    worker.end().await;
}

impl Worker {
    fn pod(&self) -> Arc<Pod> {
        Arc::clone(&self.told.borrow().pod)
    }

    fn publish(&mut self) {
        let pod = self.pod();
        let patch = self.state.patch(&pod);
        self.writer.want(patch);
    }

    /// Everything until the pod has to end. May be dropped at any point.
    async fn live(&mut self) {
        let finished = |phase: Option<&str>| matches!(phase, Some("Succeeded" | "Failed"));
        if finished(
            self.pod()
                .status
                .as_ref()
                .and_then(|status| status.phase.as_deref()),
        ) {
            // It ended before the node was started.
            return std::future::pending().await;
        }
        tokio::join!(bind(&self.place, &self.told), make(&self.place));
        self.state.address = Some(self.place.address);
        self.fill_volumes().await;
        let pod = self.pod();
        let Some(spec) = &pod.spec else { return };
        let restart = match spec.restart_policy.as_deref() {
            Some("Never") => Restart::Never,
            Some("OnFailure") => Restart::OnFailure,
            _ => Restart::Always,
        };
        for (index, container) in spec.init_containers.iter().flatten().enumerate() {
            let sidecar = container.restart_policy.as_deref() == Some("Always");
            let restart = match restart {
                _ if sidecar => Restart::Always,
                Restart::Never => Restart::Never,
                _ => Restart::OnFailure,
            };
            self.start(Which::Init(index), container, restart);
            self.tend(Some((index, sidecar))).await;
        }
        for (index, container) in spec.containers.iter().enumerate() {
            self.start(Which::Main(index), container, restart);
        }
        self.tend(None).await;
    }

    async fn fill_volumes(&mut self) {
        let begun = Instant::now();
        loop {
            let mut changes = self.place.node.objects.follow();
            let pod = self.pod();
            let Err(missing) = self.volumes.write(&pod).await else {
                return;
            };
            if begun.elapsed() > PATIENCE {
                self.state.wait("ContainerCreating", &missing.0);
                self.publish();
            }
            tokio::time::timeout(RETRY, changes.changed()).await.ok();
        }
    }

    fn start(&mut self, which: Which, spec: &Spec, restart: Restart) {
        let place = &self.place;
        let log = place
            .node
            .logs
            .start(&place.namespace, &place.name, &spec.name);
        let (stop, stopped) = watch::channel(None);
        let container = Container {
            place: Arc::clone(place),
            spec: Arc::new(spec.clone()),
            which,
            restart,
            told: self.told.clone(),
            stop: stopped,
            reports: self.reporter.clone(),
            log: Arc::clone(&log),
            state: ContainerState::new(),
        };
        let task = tokio::spawn(container.run());
        self.containers.push(Running {
            name: spec.name.clone(),
            stop,
            task,
            log,
        });
    }

    /// Follows the containers and what they use. With an init container it returns when the next one may start; an
    /// init container that fails for good keeps the pod here until it is deleted.
    async fn tend(&mut self, init: Option<(usize, bool)>) {
        let mut objects = self.place.node.objects.follow();
        let mut names = self.place.node.hosts.follow();
        let mut told = self.told.clone();
        // Names may have changed since the roots were made.
        names.mark_changed();
        objects.mark_changed();
        loop {
            let renew = self.volumes.renew();
            let at = renew.unwrap_or_else(Instant::now);
            tokio::select! {
                Some((which, state)) = self.reports.recv() => {
                    self.note(which, state);
                    if let Some((index, sidecar)) = init {
                        let passed = |state: &ContainerState| state.succeeded() || (sidecar && state.started);
                        if self.state.init.get(index).is_some_and(passed) {
                            return;
                        }
                    }
                }
                Ok(()) = names.changed() => {
                    names.borrow_and_update();
                    self.write_hosts();
                }
                Ok(()) = objects.changed() => self.refresh().await,
                Ok(()) = told.changed() => {
                    self.refresh().await;
                    self.publish();
                }
                () = tokio::time::sleep_until(at), if renew.is_some() => self.refresh().await,
            }
        }
    }

    fn note(&mut self, which: Which, state: ContainerState) {
        let known = match which {
            Which::Init(index) => self.state.init.get_mut(index),
            Which::Main(index) => self.state.containers.get_mut(index),
        };
        if let Some(known) = known {
            *known = state;
        }
        self.publish();
    }

    async fn refresh(&mut self) {
        let pod = self.pod();
        // What has vanished stays as it is.
        self.volumes.write(&pod).await.ok();
    }

    fn write_hosts(&self) {
        let pod = self.pod();
        for running in &self.containers {
            root::write_hosts(&self.place, &pod, &running.name).ok();
        }
    }

    /// Ends all containers, removes everything and lets the object go.
    async fn end(mut self) {
        self.stop_containers().await;
        if !self.told.borrow().gone {
            self.publish();
            self.writer.settle(Duration::from_secs(1)).await;
        }
        for running in &self.containers {
            let place = &self.place;
            place
                .node
                .logs
                .end(&place.namespace, &place.name, &running.name, &running.log);
        }
        tokio::join!(self.place.remove(), delete(&self.place, &self.told));
    }

    async fn stop_containers(&mut self) {
        let begun = Instant::now();
        let mut told = self.told.clone();
        let mut left: BTreeMap<usize, JoinHandle<()>> = BTreeMap::new();
        for (index, running) in self.containers.iter_mut().enumerate() {
            let task = std::mem::replace(&mut running.task, tokio::spawn(async {}));
            left.insert(index, task);
        }
        let all = async move {
            for (_, task) in left {
                task.await.ok();
            }
        };
        tokio::pin!(all);
        loop {
            let deadline = begun + told.borrow_and_update().grace();
            for running in &self.containers {
                running.stop.send_replace(Some(deadline));
            }
            loop {
                tokio::select! {
                    biased;
                    Some((which, state)) = self.reports.recv() => self.note(which, state),
                    () = &mut all => {
                        while let Ok((which, state)) = self.reports.try_recv() {
                            self.note(which, state);
                        }
                        return;
                    }
                    Ok(()) = told.changed() => break,
                }
            }
        }
    }
}

/// Makes the pod's folder and network, whatever it takes.
async fn make(place: &Place) {
    while let Err(why) = place.make().await {
        tracing::warn!("pod {}/{}: {why:#}", place.namespace, place.name);
        if let Some(link) = &place.link {
            link.remove().await;
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Binds a pod that has no node yet.
async fn bind(place: &Place, told: &watch::Receiver<Told>) {
    let pod = Arc::clone(&told.borrow().pod);
    if pod
        .spec
        .as_ref()
        .is_some_and(|spec| spec.node_name.is_some())
    {
        return;
    }
    let api: Api<Pod> = Api::namespaced(place.node.client.clone(), &place.namespace);
    let binding = Binding {
        metadata: ObjectMeta {
            name: Some(place.name.clone()),
            namespace: Some(place.namespace.clone()),
            uid: Some(place.uid.clone()),
            ..ObjectMeta::default()
        },
        target: ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Node".to_owned()),
            name: Some(place.node.args.name.clone()),
            ..ObjectReference::default()
        },
    };
    loop {
        let bound: kube::Result<Status> = api
            .create_subresource("binding", &place.name, &PostParams::default(), &binding)
            .await;
        match bound {
            Ok(_) => return,
            // Bound already, or gone: the watch tells.
            Err(kube::Error::Api(why)) if matches!(why.code, 404 | 409) => return,
            Err(why) => tracing::warn!("binding pod {}/{}: {why}", place.namespace, place.name),
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Removes the object, for good.
async fn delete(place: &Place, told: &watch::Receiver<Told>) {
    let api: Api<Pod> = Api::namespaced(place.node.client.clone(), &place.namespace);
    let preconditions = Preconditions {
        uid: Some(place.uid.clone()),
        resource_version: None,
    };
    let how = DeleteParams {
        preconditions: Some(preconditions),
        ..DeleteParams::default().grace_period(0)
    };
    while !told.borrow().gone {
        match api.delete(&place.name, &how).await {
            Ok(_) => return,
            Err(kube::Error::Api(why)) if matches!(why.code, 404 | 409) => return,
            Err(why) => tracing::warn!("deleting pod {}/{}: {why}", place.namespace, place.name),
        }
        tokio::time::sleep(RETRY).await;
    }
}
