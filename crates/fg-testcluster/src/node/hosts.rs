//! `/etc/hosts` of pods: names of Services stand there, since nothing answers DNS.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

/// Addresses of each Service by namespace and name.
pub(super) type Names = BTreeMap<(String, String), Vec<Ipv4Addr>>;

/// The names of all Services, for every pod to write into its file.
#[derive(Debug)]
pub(super) struct Hosts {
    names: watch::Sender<Arc<Names>>,
    /// The part that is the same for all pods of a namespace, for the names it was made from.
    texts: Mutex<Texts>,
}

/// Made from these names, by namespace.
type Texts = (Arc<Names>, BTreeMap<String, Arc<str>>);

impl Hosts {
    /// No Service yet.
    pub(super) fn new() -> Self {
        let names: Arc<Names> = Arc::default();
        Self {
            names: watch::Sender::new(Arc::clone(&names)),
            texts: Mutex::new((names, BTreeMap::new())),
        }
    }

    /// Takes the names of all Services; pods are woken if they differ from the last ones.
    pub(super) fn set(&self, names: Names) {
        self.names.send_if_modified(|known| {
            let differs = **known != names;
            if differs {
                *known = Arc::new(names);
            }
            differs
        });
    }

    /// Wakes up when names change.
    pub(super) fn follow(&self) -> watch::Receiver<Arc<Names>> {
        self.names.subscribe()
    }

    /// Lines of all Services as seen from a namespace.
    pub(super) fn services(&self, namespace: &str) -> Arc<str> {
        let names = Arc::clone(&self.names.borrow());
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&texts.0, &names) {
            *texts = (Arc::clone(&names), BTreeMap::new());
        }
        Arc::clone(
            texts
                .1
                .entry(namespace.to_owned())
                .or_insert_with(|| service_lines(&names, namespace).into()),
        )
    }
}

fn service_lines(names: &Names, seen_from: &str) -> String {
    let mut text = String::new();
    for ((namespace, name), addresses) in names {
        for address in addresses {
            let long = format!("{name}.{namespace}.svc.cluster.local");
            write!(
                text,
                "{address}\t{long} {long}. {name}.{namespace}.svc {name}.{namespace}"
            )
            .ok();
            text.push_str(if namespace == seen_from { " " } else { "\n" });
            if namespace == seen_from {
                text.push_str(name);
                text.push('\n');
            }
        }
    }
    text
}

/// The lines of a pod itself: loopback, its own name, and `hostAliases` as address and names.
pub(super) fn pod_lines(
    hostname: &str,
    address: Ipv4Addr,
    aliases: &[(String, Vec<String>)],
) -> String {
    let mut text =
        format!("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n{address}\t{hostname}\n");
    for (address, names) in aliases {
        writeln!(text, "{address}\t{}", names.join(" ")).ok();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_all_the_names_that_dns_would_answer() {
        let hosts = Hosts::new();
        let key = ("shop".to_owned(), "cart".to_owned());
        hosts.set(Names::from([(
            key.clone(),
            vec![Ipv4Addr::new(10, 96, 0, 7)],
        )]));
        let line = "10.96.0.7\tcart.shop.svc.cluster.local cart.shop.svc.cluster.local. cart.shop.svc cart.shop";
        assert_eq!(&*hosts.services("other"), format!("{line}\n"));
        assert_eq!(&*hosts.services("shop"), format!("{line} cart\n"));
        hosts.set(Names::from([(key, vec![Ipv4Addr::new(10, 96, 0, 8)])]));
        assert!(hosts.services("shop").starts_with("10.96.0.8\t"));
    }

    #[test]
    fn the_same_names_wake_nobody() {
        let hosts = Hosts::new();
        let mut follower = hosts.follow();
        follower.mark_unchanged();
        hosts.set(Names::new());
        assert!(!follower.has_changed().unwrap());
    }
}
