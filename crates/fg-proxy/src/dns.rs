//! Resolves the names of static backends: by their TTL, bounded, and the last answer is kept when
//! there is no new one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fg_base::Text;
use hickory_resolver::TokioResolver;
use hickory_resolver::lookup_ip::LookupIp;
use hickory_resolver::net::NetError;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::proxy::Control;
use crate::shared::Shared;

/// Bounds on the time for which an answer is used.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);
/// When to ask again after a failure.
const AGAIN: Duration = Duration::from_secs(5);
/// Names that are asked for at one time: a dead one holds up nobody else.
const MOST_QUESTIONS: usize = 16;
/// Addresses of one name that are used.
const MOST_ADDRESSES: usize = 64;

/// The thread that resolves.
pub(crate) struct Resolver {
    names: watch::Sender<Vec<Text>>,
}

impl Resolver {
    /// Starts the thread.
    pub(crate) fn start(shared: Arc<Shared>, control: Arc<Mutex<Control>>) -> Self {
        let (names, receiver) = watch::channel(Vec::new());
        let started = std::thread::Builder::new()
            .name("dns".to_owned())
            .spawn(move || {
                match tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                {
                    Ok(runtime) => runtime.block_on(resolve(receiver, &shared, &control)),
                    Err(error) => tracing::error!(%error, "names of backends cannot be resolved"),
                }
            });
        if let Err(error) = started {
            tracing::error!(%error, "names of backends cannot be resolved");
        }
        Self { names }
    }

    /// Sets the names to resolve.
    pub(crate) fn follow(&self, names: Vec<Text>) {
        self.names.send_if_modified(|before| {
            let changed = *before != names;
            *before = names;
            changed
        });
    }
}

async fn resolve(names: watch::Receiver<Vec<Text>>, shared: &Shared, control: &Mutex<Control>) {
    let resolver = match TokioResolver::builder_tokio().and_then(|builder| builder.build()) {
        Ok(resolver) => resolver,
        Err(error) => {
            tracing::error!(%error, "names of backends cannot be resolved: the system's resolver settings are unusable");
            return;
        }
    };
    let ask = |name: Text| {
        let resolver = resolver.clone();
        async move { resolver.lookup_ip(&*name).await }
    };
    follow(names, ask, |name, answer| {
        take(answer, name, shared, control)
    })
    .await;
}

/// Asks for each name when it is due: at once, and then when `take` says. Ends with the sender of
/// the names.
async fn follow<A: Send + 'static, F: Future<Output = A> + Send + 'static>(
    mut names: watch::Receiver<Vec<Text>>,
    ask: impl Fn(Text) -> F,
    mut take: impl FnMut(&Text, A) -> Duration,
) {
    let mut due: BTreeMap<Text, Instant> = BTreeMap::new();
    let mut asked: BTreeSet<Text> = BTreeSet::new();
    let mut answers = JoinSet::new();
    loop {
        let wanted = names.borrow_and_update().clone();
        let now = Instant::now();
        due.retain(|name, _| wanted.contains(name));
        for name in wanted {
            due.entry(name).or_insert(now);
        }
        for (name, at) in &due {
            if *at <= now && asked.len() < MOST_QUESTIONS && asked.insert(name.clone()) {
                let (answer, name) = (ask(name.clone()), name.clone());
                answers.spawn(async move { (answer.await, name) });
            }
        }
        let waiting = due.iter().filter(|(name, _)| !asked.contains(*name));
        let next = waiting
            .map(|(_, at)| *at)
            .min()
            .filter(|_| asked.len() < MOST_QUESTIONS);
        tokio::select! {
            Some(answer) = answers.join_next(), if !answers.is_empty() => {
                if let Ok((answer, name)) = answer {
                    asked.remove(&name);
                    let again = take(&name, answer);
                    due.entry(name).and_modify(|at| *at = Instant::now() + again);
                }
            }
            () = tokio::time::sleep_until(next.unwrap_or(now + LONGEST).into()) => {}
            changed = names.changed() => if changed.is_err() { return },
        }
    }
}

/// Publishes a new answer; gives when to ask again.
fn take(
    answer: Result<LookupIp, NetError>,
    name: &Text,
    shared: &Shared,
    control: &Mutex<Control>,
) -> Duration {
    match answer {
        Ok(answer) => {
            let mut addresses: Vec<IpAddr> = answer.iter().take(MOST_ADDRESSES).collect();
            addresses.sort_unstable();
            // IPv4 where there is some, so that a host without a way to IPv6 is not half broken.
            if addresses.iter().any(IpAddr::is_ipv4) {
                addresses.retain(IpAddr::is_ipv4);
            }
            let ttl = answer
                .valid_until()
                .saturating_duration_since(Instant::now());
            let mut control = control.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(generation) = control.compiler.resolve(name, addresses) {
                shared.publish(generation);
            }
            ttl.clamp(SHORTEST, LONGEST)
        }
        Err(error) => {
            tracing::warn!(name = &**name, %error, "a backend's name could not be resolved; the last answer stays");
            AGAIN
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_slow_hold_up_no_other() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let slow = (1..MOST_QUESTIONS).map(|number| format!("a-slow-{number}.example"));
        let mut names: Vec<Text> = slow.map(Text::from).collect();
        names.push("good.example".into());
        let (sender, receiver) = watch::channel(names);
        let mut sender = Some(sender);
        let ask = |name: Text| async move {
            if &*name != "good.example" {
                std::future::pending::<()>().await;
            }
        };
        let mut answered = 0;
        let all = follow(receiver, ask, |name, ()| {
            assert_eq!(&**name, "good.example");
            answered += 1;
            // Asked for again although nobody else has an answer yet: that is enough.
            if answered == 2 {
                sender = None;
            }
            Duration::ZERO
        });
        let patience = Duration::from_secs(20);
        let ended = runtime.block_on(async { tokio::time::timeout(patience, all).await });
        assert!(ended.is_ok(), "the good name got {answered} answers");
    }
}
