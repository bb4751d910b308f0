//! Which Gateway gets what: its listeners, the rules attached to them, what these send to, and the
//! credentials of both. Nothing of another Gateway, above all no credential.
//!
//! The law, held by a property test: whatever the history, a view equals what a filter makes of the
//! whole configuration.

mod share;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fg_base::Uses;
use fg_ir::{BackendKey, Change, CredentialKey, GatewayKey, Ir, Rule, RuleKey};

use share::part_of;
pub use share::share;

/// The configuration of each Gateway, kept up with the whole.
#[derive(Clone, Debug, Default)]
pub struct Views {
    views: BTreeMap<GatewayKey, View>,
    /// The Gateways that have a rule.
    rules: BTreeMap<RuleKey, Vec<GatewayKey>>,
    /// The Gateways whose rules use a backend.
    backends: BTreeMap<BackendKey, BTreeSet<GatewayKey>>,
    /// The Gateways whose listeners or backends use a credential.
    credentials: BTreeMap<CredentialKey, BTreeSet<GatewayKey>>,
}

/// What one Gateway has, and how often its parts use backends and credentials.
#[derive(Clone, Debug, Default)]
struct View {
    ir: Ir,
    backends: Uses<BackendKey>,
    credentials: Uses<CredentialKey>,
}

/// One Gateway in one step.
#[derive(Default)]
struct Step {
    change: Change,
    /// Backends that may have changed, and those that are used since this step, or no more.
    backends: BTreeSet<BackendKey>,
    /// Backends whose endpoints may have changed, likewise.
    endpoints: BTreeSet<BackendKey>,
    /// Credentials, likewise.
    credentials: BTreeSet<CredentialKey>,
}

/// The Gateways that a step concerns.
type Steps = BTreeMap<GatewayKey, Step>;

impl Views {
    /// Views of an empty configuration.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a change and gives that of each Gateway that it concerns; none of these is empty. `ir` is
    /// the whole configuration after the change.
    ///
    /// Cost: in proportion to the change and the number of Gateways that it concerns.
    pub fn update(&mut self, ir: &Ir, change: &Change) -> BTreeMap<GatewayKey, Change> {
        let mut steps = Steps::new();
        self.update_listeners(change, &mut steps);
        self.update_rules(change, &mut steps);
        for key in change.backends.keys() {
            for gateway in self.backends.get(key).into_iter().flatten() {
                step(&mut steps, gateway).backends.insert(key.clone());
            }
        }
        for key in change.endpoints.keys() {
            for gateway in self.backends.get(key).into_iter().flatten() {
                step(&mut steps, gateway).endpoints.insert(key.clone());
            }
        }
        self.update_backends(ir, &mut steps);
        for key in change.credentials.keys() {
            for gateway in self.credentials.get(key).into_iter().flatten() {
                step(&mut steps, gateway).credentials.insert(key.clone());
            }
        }
        let mut changes = BTreeMap::new();
        for (gateway, step) in steps {
            let Some(view) = self.views.get_mut(&gateway) else {
                continue;
            };
            let change = view.finish(ir, step);
            if view.ir == Ir::default() {
                self.views.remove(&gateway);
            }
            if !change.is_empty() {
                changes.insert(gateway, change);
            }
        }
        changes
    }

    /// The whole configuration of a Gateway; `None` when it has nothing.
    pub fn of(&self, gateway: &GatewayKey) -> Option<&Ir> {
        self.views.get(gateway).map(|view| &view.ir)
    }

    fn update_listeners(&mut self, change: &Change, steps: &mut Steps) {
        for (key, new) in &change.listeners {
            let gateway = GatewayKey::from(key);
            let step = step(steps, &gateway);
            let view = self.views.entry(gateway.clone()).or_default();
            let before = view.ir.listeners.get(key);
            if before == new.as_ref() {
                continue;
            }
            let touched = view.credentials.replace(
                before.into_iter().flat_map(|before| before.credentials()),
                new.iter().flat_map(|new| new.credentials()),
            );
            index(&mut self.credentials, &gateway, &view.credentials, &touched);
            step.credentials.extend(touched);
            step.change.listeners.insert(key.clone(), new.clone());
        }
    }

    fn update_rules(&mut self, change: &Change, steps: &mut Steps) {
        for (key, new) in &change.rules {
            let after = new
                .as_ref()
                .map(|rule| gateways_of(rule))
                .unwrap_or_default();
            let before = if after.is_empty() {
                self.rules.remove(key)
            } else {
                self.rules.insert(key.clone(), after.clone())
            };
            let all: BTreeSet<GatewayKey> = before.into_iter().flatten().chain(after).collect();
            for gateway in all {
                let new = new
                    .as_ref()
                    .and_then(|rule| part_of(rule, |one| gateway.has(&one.listener)));
                self.update_rule(key, &gateway, new, step(steps, &gateway));
            }
        }
    }

    fn update_rule(
        &mut self,
        key: &RuleKey,
        gateway: &GatewayKey,
        new: Option<Arc<Rule>>,
        step: &mut Step,
    ) {
        let view = self.views.entry(gateway.clone()).or_default();
        let before = view.ir.rules.get(key);
        if before == new.as_ref() {
            return;
        }
        let touched = view.backends.replace(
            before.into_iter().flat_map(|before| before.backends()),
            new.iter().flat_map(|new| new.backends()),
        );
        index(&mut self.backends, gateway, &view.backends, &touched);
        step.backends.extend(touched.iter().cloned());
        step.endpoints.extend(touched);
        step.change.rules.insert(key.clone(), new);
    }

    /// Must come after the steps that change what uses backends, and before that of credentials.
    fn update_backends(&mut self, ir: &Ir, steps: &mut Steps) {
        for (gateway, step) in steps {
            let Some(view) = self.views.get_mut(gateway) else {
                continue;
            };
            for key in std::mem::take(&mut step.backends) {
                let used = view.backends.contains(&key);
                let new = ir.backends.get(&key).filter(|_| used).cloned();
                let before = view.ir.backends.get(&key);
                if before == new.as_ref() {
                    continue;
                }
                let touched = view.credentials.replace(
                    before.into_iter().flat_map(|before| before.credentials()),
                    new.iter().flat_map(|new| new.credentials()),
                );
                index(&mut self.credentials, gateway, &view.credentials, &touched);
                step.credentials.extend(touched);
                step.change.backends.insert(key, new);
            }
        }
    }
}

impl View {
    /// Adds endpoints and credentials to what changes, and changes it.
    fn finish(&mut self, ir: &Ir, step: Step) -> Change {
        let mut change = step.change;
        for key in step.endpoints {
            let used = self.backends.contains(&key);
            let new = ir.endpoints.get(&key).filter(|_| used).cloned();
            if self.ir.endpoints.get(&key) != new.as_ref() {
                change.endpoints.insert(key, new);
            }
        }
        for key in step.credentials {
            let used = self.credentials.contains(&key);
            let new = ir.credentials.get(&key).filter(|_| used).cloned();
            if self.ir.credentials.get(&key) != new.as_ref() {
                change.credentials.insert(key, new);
            }
        }
        self.ir.apply(&change);
        change
    }
}

fn step<'a>(steps: &'a mut Steps, gateway: &GatewayKey) -> &'a mut Step {
    steps.entry(gateway.clone()).or_default()
}

/// Notes whether a Gateway uses these things.
fn index<K: Ord + Clone>(
    users: &mut BTreeMap<K, BTreeSet<GatewayKey>>,
    gateway: &GatewayKey,
    uses: &Uses<K>,
    touched: &[K],
) {
    for key in touched {
        if uses.contains(key) {
            users
                .entry(key.clone())
                .or_default()
                .insert(gateway.clone());
        } else if let Some(gateways) = users.get_mut(key) {
            gateways.remove(gateway);
            if gateways.is_empty() {
                users.remove(key);
            }
        }
    }
}

/// The Gateways to whose listeners a rule is attached, each once.
fn gateways_of(rule: &Rule) -> Vec<GatewayKey> {
    let attachments = rule.attachments.iter();
    let mut gateways: Vec<_> = attachments
        .map(|attachment| GatewayKey::from(&attachment.listener))
        .collect();
    gateways.sort_unstable();
    gateways.dedup();
    gateways
}
