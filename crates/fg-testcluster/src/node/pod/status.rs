//! The status of a pod as a kubelet writes it. Pure.

use std::{collections::BTreeMap, net::Ipv4Addr};

use k8s_openapi::{
    api::core::v1::{Container, Pod},
    jiff::Timestamp,
};
use serde_json::{Value, json};

use crate::network::HOST;

/// What one container does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ContainerState {
    pub(super) now: Now,
    /// How the run before ended.
    pub(super) last: Option<Ended>,
    pub(super) restarts: u32,
    pub(super) started: bool,
    pub(super) ready: bool,
    /// Names this run; empty before the first.
    pub(super) id: String,
    /// Names the program's content; empty before the first run.
    pub(super) image_id: String,
    /// It ended and will not be started again.
    pub(super) done: bool,
}

/// What a container does at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Now {
    Waiting { reason: String, message: String },
    Running { since: Timestamp },
    Ended(Ended),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) code: i32,
    pub(super) signal: Option<i32>,
    pub(super) started: Timestamp,
    pub(super) finished: Timestamp,
    /// The last lines of a run that failed.
    pub(super) message: String,
}

impl ContainerState {
    /// Not started yet.
    pub(super) fn new() -> Self {
        Self {
            now: Now::waiting("ContainerCreating", ""),
            last: None,
            restarts: 0,
            started: false,
            ready: false,
            id: String::new(),
            image_id: String::new(),
            done: false,
        }
    }

    fn ever_ran(&self) -> bool {
        !self.id.is_empty()
    }

    /// It ended for good, with success.
    pub(super) fn succeeded(&self) -> bool {
        self.done && matches!(&self.now, Now::Ended(ended) if ended.code == 0)
    }
}

impl Now {
    pub(super) fn waiting(reason: &str, message: &str) -> Self {
        Self::Waiting {
            reason: reason.to_owned(),
            message: message.to_owned(),
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Waiting { reason, message } if message.is_empty() => {
                json!({"waiting": {"reason": reason}})
            }
            Self::Waiting { reason, message } => {
                json!({"waiting": {"reason": reason, "message": message}})
            }
            Self::Running { since } => json!({"running": {"startedAt": seconds(*since)}}),
            Self::Ended(ended) => ended.to_json(),
        }
    }
}

impl Ended {
    fn to_json(&self) -> Value {
        let mut ended = json!({
            "exitCode": self.code,
            "reason": if self.code == 0 { "Completed" } else { "Error" },
            "startedAt": seconds(self.started),
            "finishedAt": seconds(self.finished),
        });
        if let (Some(signal), Some(object)) = (self.signal, ended.as_object_mut()) {
            object.insert("signal".to_owned(), signal.into());
        }
        if let (false, Some(object)) = (self.message.is_empty(), ended.as_object_mut()) {
            object.insert("message".to_owned(), self.message.clone().into());
        }
        json!({"terminated": ended})
    }
}

/// What a pod does.
#[derive(Debug, Clone)]
pub(super) struct PodState {
    pub(super) since: Timestamp,
    /// None before it has one.
    pub(super) address: Option<Ipv4Addr>,
    pub(super) init: Vec<ContainerState>,
    pub(super) containers: Vec<ContainerState>,
    /// Status and time of the last change of each condition.
    conditions: BTreeMap<&'static str, (bool, Timestamp)>,
}

impl PodState {
    /// A pod whose containers have not started.
    pub(super) fn new(pod: &Pod) -> Self {
        let spec = pod.spec.as_ref();
        let fresh = |containers: usize| vec![ContainerState::new(); containers];
        Self {
            since: Timestamp::now(),
            address: None,
            init: fresh(spec.map_or(0, |spec| spec.init_containers.iter().flatten().count())),
            containers: fresh(spec.map_or(0, |spec| spec.containers.len())),
            conditions: BTreeMap::new(),
        }
    }

    /// The words of all containers that wait: nothing when none does.
    pub(super) fn wait(&mut self, reason: &str, message: &str) {
        for state in self
            .init
            .iter_mut()
            .chain(&mut self.containers)
            .filter(|state| !state.ever_ran())
        {
            state.now = Now::waiting(reason, message);
        }
    }

    fn initialized(&self) -> bool {
        self.init
            .iter()
            .all(|state| state.succeeded() || (state.started && !state.done))
    }

    /// The phase in the words of the API.
    pub(super) fn phase(&self) -> &'static str {
        let all_done =
            !self.containers.is_empty() && self.containers.iter().all(|state| state.done);
        let init_failed = self
            .init
            .iter()
            .any(|state| state.done && !state.succeeded());
        if init_failed {
            "Failed"
        } else if all_done {
            if self.containers.iter().all(ContainerState::succeeded) {
                "Succeeded"
            } else {
                "Failed"
            }
        } else if !self.initialized() || self.containers.iter().any(|state| !state.ever_ran()) {
            "Pending"
        } else {
            "Running"
        }
    }

    /// The patch of the status subresource, strategic merge.
    pub(super) fn patch(&mut self, pod: &Pod) -> Value {
        let phase = self.phase();
        let running = phase == "Running" || phase == "Pending";
        let ready =
            running && self.initialized() && self.containers.iter().all(|state| state.ready);
        let gates_open = pod
            .spec
            .iter()
            .flat_map(|spec| spec.readiness_gates.iter().flatten())
            .all(|gate| {
                let conditions = pod
                    .status
                    .iter()
                    .flat_map(|status| status.conditions.iter().flatten());
                conditions
                    .into_iter()
                    .any(|c| c.type_ == gate.condition_type && c.status == "True")
            });
        let networked = self.address.is_some();
        let why = |ready: bool| {
            if ready {
                None
            } else {
                Some("ContainersNotReady")
            }
        };
        let conditions = json!([
            self.condition("PodScheduled", true, None),
            self.condition("PodReadyToStartContainers", networked, None),
            self.condition(
                "Initialized",
                self.initialized(),
                Some("ContainersNotInitialized")
            ),
            self.condition("ContainersReady", ready, why(ready)),
            self.condition(
                "Ready",
                ready && gates_open,
                why(ready).or(Some("ReadinessGatesNotReady"))
            ),
        ]);
        let mut status = json!({
            "phase": phase,
            "hostIP": HOST,
            "hostIPs": [{"ip": HOST}],
            "startTime": seconds(self.since),
            "conditions": conditions,
            "containerStatuses": statuses(pod.spec.iter().flat_map(|spec| &spec.containers), &self.containers),
        });
        if let Some(object) = status.as_object_mut() {
            if let Some(address) = self.address {
                object.insert("podIP".to_owned(), json!(address));
                // Merged by address otherwise: a node started again gives its pods others.
                object.insert(
                    "podIPs".to_owned(),
                    json!([{"$patch": "replace"}, {"ip": address}]),
                );
            }
            if !self.init.is_empty() {
                let containers = pod
                    .spec
                    .iter()
                    .flat_map(|spec| spec.init_containers.iter().flatten());
                object.insert(
                    "initContainerStatuses".to_owned(),
                    statuses(containers, &self.init),
                );
            }
            if let Some(generation) = pod.metadata.generation {
                object.insert("observedGeneration".to_owned(), generation.into());
            }
        }
        json!({"metadata": {"uid": pod.metadata.uid}, "status": status})
    }

    fn condition(&mut self, kind: &'static str, holds: bool, reason: Option<&str>) -> Value {
        let known = self
            .conditions
            .entry(kind)
            .or_insert_with(|| (holds, Timestamp::now()));
        if known.0 != holds {
            *known = (holds, Timestamp::now());
        }
        let status = if holds { "True" } else { "False" };
        // Null takes the reason of an earlier state away.
        let reason = reason.filter(|_| !holds);
        json!({"type": kind, "status": status, "reason": reason, "lastTransitionTime": seconds(known.1)})
    }
}

fn statuses<'a>(
    containers: impl Iterator<Item = &'a Container>,
    states: &[ContainerState],
) -> Value {
    let one = |(container, state): (&Container, &ContainerState)| {
        let mut status = json!({
            "name": container.name,
            "image": container.image.as_deref().unwrap_or_default(),
            "imageID": state.image_id,
            "containerID": state.id,
            "ready": state.ready,
            "started": state.started,
            "restartCount": state.restarts,
            "state": state.now.to_json(),
        });
        if let (Some(last), Some(object)) = (&state.last, status.as_object_mut()) {
            object.insert("lastState".to_owned(), last.to_json());
        }
        status
    };
    containers.zip(states).map(one).collect()
}

/// Times in an API object have no fractions.
fn seconds(at: Timestamp) -> String {
    format!("{at:.0}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod() -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "p", "namespace": "n", "uid": "u", "generation": 1},
            "spec": {"containers": [{"name": "a", "image": "img"}, {"name": "b"}],
                "readinessGates": [{"conditionType": "x/gate"}]},
        }))
        .unwrap()
    }

    fn running() -> ContainerState {
        ContainerState {
            now: Now::Running {
                since: "2026-11-21T08:00:00.5Z".parse().unwrap(),
            },
            started: true,
            ready: true,
            id: "process://1".to_owned(),
            ..ContainerState::new()
        }
    }

    fn condition<'a>(patch: &'a Value, kind: &str) -> &'a Value {
        let conditions = patch["status"]["conditions"].as_array().unwrap();
        conditions
            .iter()
            .find(|condition| condition["type"] == kind)
            .unwrap()
    }

    #[test]
    fn a_pod_is_ready_when_all_containers_and_gates_are() {
        let mut state = PodState::new(&pod());
        let patch = state.patch(&pod());
        assert_eq!(patch["status"]["phase"], "Pending");
        assert_eq!(condition(&patch, "Ready")["status"], "False");
        assert!(patch["status"].get("podIP").is_none());
        state.address = Some(Ipv4Addr::new(10, 244, 0, 2));
        state.containers = vec![running(), running()];
        let patch = state.patch(&pod());
        assert_eq!(
            (&patch["status"]["phase"], &patch["status"]["podIP"]),
            (&json!("Running"), &json!("10.244.0.2"))
        );
        assert_eq!(condition(&patch, "ContainersReady")["status"], "True");
        assert_eq!(
            condition(&patch, "Ready")["reason"],
            "ReadinessGatesNotReady"
        );
        assert_eq!(
            patch["status"]["containerStatuses"][0]["state"]["running"]["startedAt"],
            "2026-11-21T08:00:00Z"
        );
        let mut open = pod();
        let gate = json!({"conditions": [{"type": "x/gate", "status": "True"}]});
        open.status = Some(serde_json::from_value(gate).unwrap());
        assert_eq!(condition(&state.patch(&open), "Ready")["status"], "True");
    }

    #[test]
    fn a_container_that_waits_keeps_the_pod_pending_and_says_why() {
        let mut state = PodState::new(&pod());
        state.containers[0] = running();
        state.containers[1].now = Now::waiting("ErrImageNeverPull", "no program");
        let patch = state.patch(&pod());
        assert_eq!(patch["status"]["phase"], "Pending");
        let waiting = &patch["status"]["containerStatuses"][1]["state"]["waiting"];
        assert_eq!(
            waiting,
            &json!({"reason": "ErrImageNeverPull", "message": "no program"})
        );
    }

    #[test]
    fn containers_that_ended_for_good_end_the_pod() {
        let mut state = PodState::new(&pod());
        let now = Timestamp::now();
        let ended = |code| ContainerState {
            now: Now::Ended(Ended {
                code,
                signal: None,
                started: now,
                finished: now,
                message: String::new(),
            }),
            done: true,
            ready: false,
            ..running()
        };
        state.containers = vec![ended(0), ended(0)];
        assert_eq!(state.phase(), "Succeeded");
        state.containers = vec![ended(0), ended(1)];
        assert_eq!(state.phase(), "Failed");
    }
}
