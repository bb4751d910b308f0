//! Keeps Envoy's resources up with the IR, at a cost in proportion to the change.
//!
//! The law, held by a property test: whatever the history, the resources equal those of a compiler
//! that sees the last IR alone.

mod output;

use std::collections::{BTreeMap, BTreeSet};

use fg_ir::{Change, Ir, RuleKey};

use crate::clusters::Clusters;
use crate::concerned::Concerned;
use crate::listeners::Listeners;
use crate::resource::{Resource, Update};
use crate::routes::Routes;
use crate::secrets::Secrets;
use crate::settings::Settings;
pub(crate) use output::Output;

/// What a policy could not write for Envoy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// The name of the policy, as in [`fg_policies::Meta`].
    pub policy: &'static str,
    /// What it is, in words for the user.
    pub words: String,
    /// Whether it is a policy of one backend: where there are several, the others serve.
    pub of_share: bool,
}

/// The resources of one Envoy fleet (of one Gateway, or of all Gateways that one Envoy serves).
#[derive(Debug)]
pub struct Compiler {
    settings: Settings,
    secrets: Secrets,
    routes: Routes,
    listeners: Listeners,
    clusters: Clusters,
    output: Output,
}

impl Compiler {
    /// Of an empty configuration.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            secrets: Secrets::default(),
            routes: Routes::default(),
            listeners: Listeners::default(),
            clusters: Clusters::default(),
            output: Output::default(),
        }
    }

    /// What a change makes different. `ir` is the configuration after it.
    pub fn update(&mut self, ir: &Ir, change: &Change) -> Update {
        let (settings, output) = (&self.settings, &mut self.output);
        // Routes say which filters listeners need and which clusters are used, and how.
        let routed = self.routes.update(settings, ir, change, output);
        let (routes, secrets) = ((&self.routes, &routed), &mut self.secrets);
        self.listeners
            .update(settings, change, routes, secrets, output);
        self.clusters
            .update(settings, ir, change, routes, secrets, output);
        self.secrets.update(ir, change, output);
        output.take()
    }

    /// What policies could not write for Envoy, and so the rule, or the share of one backend, is
    /// answered 500. Of the rules that have something of it, sorted.
    pub const fn refusals(&self) -> &BTreeMap<RuleKey, BTreeSet<Refusal>> {
        self.routes.refusals()
    }

    /// Whose status says so when a resource that was made last is not in use. `ir` is what it was made of.
    pub fn concerned(&self, resource: &Resource, ir: &Ir) -> Concerned {
        Concerned::by(resource, ir, &self.routes)
    }

    /// All resources, as an update of one who has none.
    pub fn all(&self) -> Update {
        self.output.all()
    }
}
