//! Startup, readiness and liveness probes, truly run.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use k8s_openapi::{
    api::core::v1::{Container, ExecAction, HTTPGetAction, Probe, TCPSocketAction},
    apimachinery::pkg::util::intstr::IntOrString,
};
use tokio::{net::TcpStream, sync::mpsc, task::JoinSet, time::Instant};

use super::{http::get, place::Place};
use crate::node::enter::Entry;

/// Until the first success a probe is tried this often, so that nobody waits for a whole period to see a pod become
/// Ready; failures are counted once a period all the same.
const EAGER: Duration = Duration::from_millis(50);

/// What probes find out about a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Health {
    /// It has started: its startup probe succeeded, or it has none.
    Started,
    /// Whether it is ready.
    Ready(bool),
    /// It has to be restarted, and why.
    Dead(String),
    /// A probe failed; for the log.
    Failed(String),
}

/// A running container, as probes see it.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) place: Arc<Place>,
    pub(super) container: Arc<Container>,
    /// How to run a command in it.
    pub(super) entry: Arc<Entry>,
    pub(super) process: Option<u32>,
}

/// Runs the probes of a container until the set is dropped.
pub(super) fn start(target: Target, health: mpsc::Sender<Health>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        if let Some(probe) = target.container.startup_probe.clone() {
            let mut schedule = Schedule::new(&probe);
            loop {
                match schedule.next(&target, &probe).await {
                    Outcome::Healthy => break,
                    Outcome::Unhealthy(why) => {
                        health
                            .send(Health::Dead(format!("startup probe failed: {why}")))
                            .await
                            .ok();
                        return;
                    }
                    Outcome::Failed(why) => {
                        _ = health
                            .send(Health::Failed(format!("startup probe: {why}")))
                            .await
                    }
                    Outcome::Same => {}
                }
            }
        }
        health.send(Health::Started).await.ok();
        tokio::join!(readiness(&target, &health), liveness(&target, &health));
    });
    tasks
}

async fn readiness(target: &Target, health: &mpsc::Sender<Health>) {
    let Some(probe) = target.container.readiness_probe.clone() else {
        super::listening::wait(target).await;
        health.send(Health::Ready(true)).await.ok();
        return;
    };
    let mut schedule = Schedule::new(&probe);
    loop {
        let told = match schedule.next(target, &probe).await {
            Outcome::Healthy => Health::Ready(true),
            Outcome::Unhealthy(why) => {
                health
                    .send(Health::Failed(format!("readiness probe: {why}")))
                    .await
                    .ok();
                Health::Ready(false)
            }
            Outcome::Failed(why) => Health::Failed(format!("readiness probe: {why}")),
            Outcome::Same => continue,
        };
        if health.send(told).await.is_err() {
            return;
        }
    }
}

async fn liveness(target: &Target, health: &mpsc::Sender<Health>) {
    let Some(probe) = target.container.liveness_probe.clone() else {
        return;
    };
    let mut schedule = Schedule::new(&probe);
    loop {
        match schedule.next(target, &probe).await {
            Outcome::Unhealthy(why) => {
                health
                    .send(Health::Dead(format!("liveness probe failed: {why}")))
                    .await
                    .ok();
                return;
            }
            Outcome::Failed(why) => {
                _ = health
                    .send(Health::Failed(format!("liveness probe: {why}")))
                    .await
            }
            Outcome::Healthy | Outcome::Same => {}
        }
    }
}

/// What one try of a probe means.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The success threshold is reached by this try.
    Healthy,
    /// The failure threshold is reached by this try.
    Unhealthy(String),
    /// A failure that counts and decides nothing.
    Failed(String),
    /// Nothing new.
    Same,
}

/// When to try next, and what the thresholds say.
#[derive(Debug)]
struct Schedule {
    delay: Duration,
    period: Duration,
    timeout: Duration,
    success_threshold: u32,
    failure_threshold: u32,
    successes: u32,
    failures: u32,
    /// There was no success yet.
    fresh: bool,
    /// When the next failure counts.
    counts_from: Option<Instant>,
}

impl Schedule {
    fn new(probe: &Probe) -> Self {
        let seconds = |value: Option<i32>, default: u64| {
            Duration::from_secs(
                value
                    .and_then(|value| u64::try_from(value).ok())
                    .unwrap_or(default),
            )
        };
        let count = |value: Option<i32>, default: u32| {
            value
                .and_then(|value| u32::try_from(value).ok())
                .filter(|value| *value > 0)
                .unwrap_or(default)
        };
        Self {
            delay: seconds(probe.initial_delay_seconds, 0),
            period: seconds(probe.period_seconds.filter(|period| *period > 0), 10),
            timeout: seconds(probe.timeout_seconds.filter(|timeout| *timeout > 0), 1),
            success_threshold: count(probe.success_threshold, 1),
            failure_threshold: count(probe.failure_threshold, 3),
            successes: 0,
            failures: 0,
            fresh: true,
            counts_from: None,
        }
    }

    /// Waits until the next try is due, and tries.
    async fn next(&mut self, target: &Target, probe: &Probe) -> Outcome {
        let wait = match self.counts_from {
            None => self.delay,
            Some(_) if self.fresh => EAGER.min(self.period),
            Some(_) => self.period,
        };
        tokio::time::sleep(wait).await;
        let tried = tokio::time::timeout(self.timeout, check(target, probe, self.timeout)).await;
        let tried =
            tried.unwrap_or_else(|_| Err(format!("no answer within {} s", self.timeout.as_secs())));
        self.judge(tried, Instant::now())
    }

    fn judge(&mut self, tried: Result<(), String>, now: Instant) -> Outcome {
        // The first try starts the clock: eager tries before the period is over do not count as failures.
        let counts_from = *self.counts_from.get_or_insert(now + self.period);
        match tried {
            Ok(()) => {
                self.fresh = false;
                self.failures = 0;
                self.successes += 1;
                if self.successes == self.success_threshold {
                    Outcome::Healthy
                } else {
                    Outcome::Same
                }
            }
            Err(_) if self.fresh && now < counts_from => Outcome::Same,
            Err(why) => {
                self.counts_from = Some(now + self.period);
                self.successes = 0;
                self.failures += 1;
                if self.failures == self.failure_threshold {
                    Outcome::Unhealthy(why)
                } else {
                    Outcome::Failed(why)
                }
            }
        }
    }
}

async fn check(target: &Target, probe: &Probe, limit: Duration) -> Result<(), String> {
    if let Some(action) = &probe.http_get {
        http_get(target, action, "kube-probe/1.37").await
    } else if let Some(action) = &probe.tcp_socket {
        tcp_connect(target, action).await
    } else if let Some(action) = &probe.exec {
        exec(target, action, limit).await
    } else {
        Err("this node has no gRPC probes".to_owned())
    }
}

/// Asks a container by HTTP or HTTPS (unverified); a status of 200 to 399 is a success.
///
/// # Errors
/// Words about what came instead.
pub(super) async fn http_get(
    target: &Target,
    action: &HTTPGetAction,
    agent: &str,
) -> Result<(), String> {
    let address = address(target, action.host.as_deref(), &action.port).await?;
    let tls = action.scheme.as_deref() == Some("HTTPS");
    let mut headers: Vec<(String, String)> = action
        .http_headers
        .iter()
        .flatten()
        .map(|header| (header.name.clone(), header.value.clone()))
        .collect();
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("host"))
    {
        headers.push(("Host".to_owned(), address.to_string()));
    }
    headers.push(("User-Agent".to_owned(), agent.to_owned()));
    let status = get(
        address,
        tls,
        action.path.as_deref().unwrap_or("/"),
        &headers,
    )
    .await?;
    if (200..400).contains(&status) {
        Ok(())
    } else {
        Err(format!("HTTP status {status}"))
    }
}

async fn tcp_connect(target: &Target, action: &TCPSocketAction) -> Result<(), String> {
    let address = address(target, action.host.as_deref(), &action.port).await?;
    TcpStream::connect(address)
        .await
        .map(drop)
        .map_err(|why| format!("connecting to {address}: {why}"))
}

/// Runs a command inside a container.
///
/// # Errors
/// Words about why it did not succeed in time.
pub(super) async fn exec(
    target: &Target,
    action: &ExecAction,
    limit: Duration,
) -> Result<(), String> {
    let words = action.command.clone().unwrap_or_default();
    let words = match target.entry.command.first() {
        // The image's program is at the root, whatever folder the command names.
        Some(own)
            if words.first().and_then(|word| word.rsplit('/').next()) == own.strip_prefix('/') =>
        {
            std::iter::once(own.clone())
                .chain(words.into_iter().skip(1))
                .collect()
        }
        _ => words,
    };
    target.place.exec(&target.entry, &words, limit).await
}

async fn address(
    target: &Target,
    host: Option<&str>,
    port: &IntOrString,
) -> Result<SocketAddr, String> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => {
            let ports = target.container.ports.iter().flatten();
            let found = ports
                .clone()
                .find(|port| port.name.as_deref() == Some(name))
                .map(|port| port.container_port);
            found
                .or_else(|| name.parse().ok())
                .ok_or_else(|| format!("the container has no port named {name}"))?
        }
    };
    let number = u16::try_from(number).map_err(|_| format!("{number} is no port"))?;
    match host.filter(|host| !host.is_empty()) {
        None => Ok(SocketAddr::from((target.place.address, number))),
        Some(host) => {
            let mut found = tokio::net::lookup_host((host, number))
                .await
                .map_err(|why| why.to_string())?;
            found.next().ok_or_else(|| format!("{host} has no address"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(failures: i32) -> Schedule {
        let probe = Probe {
            period_seconds: Some(2),
            failure_threshold: Some(failures),
            ..Probe::default()
        };
        Schedule::new(&probe)
    }

    fn failed() -> Result<(), String> {
        Err("no".to_owned())
    }

    #[test]
    fn tries_before_the_first_success_count_once_a_period() {
        let mut schedule = schedule(2);
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        assert_eq!(schedule.judge(failed(), at(0)), Outcome::Same);
        assert_eq!(schedule.judge(failed(), at(50)), Outcome::Same);
        assert_eq!(
            schedule.judge(failed(), at(2000)),
            Outcome::Failed("no".to_owned())
        );
        assert_eq!(schedule.judge(failed(), at(2050)), Outcome::Same);
        assert_eq!(
            schedule.judge(failed(), at(4000)),
            Outcome::Unhealthy("no".to_owned())
        );
        assert_eq!(schedule.judge(Ok(()), at(4050)), Outcome::Healthy);
    }

    #[test]
    fn after_a_success_every_failure_counts() {
        let mut schedule = schedule(2);
        let start = Instant::now();
        assert_eq!(schedule.judge(Ok(()), start), Outcome::Healthy);
        assert_eq!(schedule.judge(Ok(()), start), Outcome::Same);
        assert_eq!(
            schedule.judge(failed(), start),
            Outcome::Failed("no".to_owned())
        );
        assert_eq!(
            schedule.judge(failed(), start),
            Outcome::Unhealthy("no".to_owned())
        );
        assert_eq!(schedule.judge(Ok(()), start), Outcome::Healthy);
    }
}
