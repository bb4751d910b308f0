//! The kinds that are applied.

use std::collections::BTreeMap;

use fg_base::Text;
use fg_deploy::AUTHORITY;
use kube::api::ApiResource;
use serde_json::Value;

/// A kind that is applied, in the order of the first use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    ConfigMap,
    ServiceAccount,
    Service,
    Deployment,
    PodDisruptionBudget,
    HorizontalPodAutoscaler,
}

/// All of them.
pub(super) const KINDS: [Kind; 6] = [
    Kind::ConfigMap,
    Kind::ServiceAccount,
    Kind::Service,
    Kind::Deployment,
    Kind::PodDisruptionBudget,
    Kind::HorizontalPodAutoscaler,
];

impl Kind {
    /// Group, version, kind and the name in paths.
    fn words(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::ConfigMap => ("", "v1", "ConfigMap", "configmaps"),
            Self::ServiceAccount => ("", "v1", "ServiceAccount", "serviceaccounts"),
            Self::Service => ("", "v1", "Service", "services"),
            Self::Deployment => ("apps", "v1", "Deployment", "deployments"),
            Self::PodDisruptionBudget => (
                "policy",
                "v1",
                "PodDisruptionBudget",
                "poddisruptionbudgets",
            ),
            Self::HorizontalPodAutoscaler => (
                "autoscaling",
                "v2",
                "HorizontalPodAutoscaler",
                "horizontalpodautoscalers",
            ),
        }
    }

    pub(super) fn name(self) -> &'static str {
        self.words().2
    }

    pub(super) fn resource(self) -> ApiResource {
        let (group, version, kind, plural) = self.words();
        let api_version = if group.is_empty() {
            version.to_owned()
        } else {
            format!("{group}/{version}")
        };
        ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version,
            kind: kind.to_owned(),
            plural: plural.to_owned(),
        }
    }

    /// Whether the API server counts generations of it, so that a change of its status can be told
    /// from one of its spec.
    pub(super) fn has_generations(self) -> bool {
        matches!(self, Self::Deployment | Self::PodDisruptionBudget)
    }

    /// Whether it changes by itself, so that a new version alone means nothing.
    pub(super) fn is_restless(self) -> bool {
        self == Self::HorizontalPodAutoscaler
    }
}

/// One object, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Child {
    pub(super) namespace: Text,
    pub(super) kind: Kind,
    pub(super) name: Text,
}

impl Child {
    /// The ConfigMap of a namespace that [`Self::is_shared`].
    pub(super) fn authority(namespace: &Text) -> Self {
        Self {
            namespace: namespace.clone(),
            kind: Kind::ConfigMap,
            name: AUTHORITY.into(),
        }
    }

    /// Whether it belongs to all Gateways of its namespace, one after the other: the ConfigMap that
    /// proxies know the control plane by.
    pub(super) fn is_shared(&self) -> bool {
        self.kind == Kind::ConfigMap && &*self.name == AUTHORITY
    }

    /// The name of an object that is to be applied; `None` for one of another kind.
    pub(super) fn of(object: &Value) -> Option<Self> {
        let kind = object.get("kind")?.as_str()?;
        let metadata = object.get("metadata")?;
        Some(Self {
            namespace: metadata.get("namespace")?.as_str()?.into(),
            kind: KINDS.into_iter().find(|known| known.name() == kind)?,
            name: metadata.get("name")?.as_str()?.into(),
        })
    }
}

/// What is kept of the objects of a namespace.
///
/// Cost: only those are looked at, since objects are ordered by their namespace first.
pub(super) fn within<'a, T>(
    all: &'a BTreeMap<Child, T>,
    namespace: &'a Text,
) -> impl Iterator<Item = (&'a Child, &'a T)> {
    let first = Child {
        namespace: namespace.clone(),
        kind: Kind::ConfigMap,
        name: "".into(),
    };
    let from = all.range(first..);
    from.take_while(move |(child, _)| child.namespace == *namespace)
}
