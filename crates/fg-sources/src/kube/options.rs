//! What is watched, and how patiently.

use std::collections::BTreeMap;

use fg_api::gateway::LabelSelector;
use fg_base::Text;

use super::Backoff;

/// The label of objects that are read in [`Discovery::Labeled`] mode.
/// Source: kgateway, `KGW_SECRET_DISCOVERY_MODE` and its sisters.
pub(super) const WATCHED: &str = "kgateway.dev/watch=true";

/// Which objects of a kind are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discovery {
    /// All.
    #[default]
    All,
    /// Those with the label `kgateway.dev/watch=true`.
    Labeled,
}

/// What is watched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Objects are read in namespaces whose labels fit one of these; none means all namespaces.
    /// Namespaces themselves are always read.
    /// Source: kgateway, `KGW_DISCOVERY_NAMESPACE_SELECTORS`.
    pub namespaces: Vec<LabelSelector>,
    /// Which Secrets.
    pub secrets: Discovery,
    /// Which ConfigMaps.
    pub config_maps: Discovery,
    /// Which Services. Their EndpointSlices are read all the same.
    pub services: Discovery,
    /// How long to wait before the API server is asked again.
    pub backoff: Backoff,
}

impl Options {
    /// Whether objects of a namespace with these labels are read.
    pub(super) fn selects(&self, labels: &BTreeMap<Text, Text>) -> bool {
        let mut selectors = self.namespaces.iter();
        self.namespaces.is_empty() || selectors.any(|selector| selector.fits(labels))
    }
}
