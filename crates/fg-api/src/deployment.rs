//! What a Gateway wants to be deployed in a cluster.
//!
//! `fg-translate` says it, `fg-deploy` makes objects of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use fg_base::Text;
use fg_model::{ObjectRef, Plane};

use crate::gateway_parameters::Kube;

/// What is to be there for a Gateway of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A proxy and what goes with it.
    Deploy(Arc<Deployment>),
    /// What is deployed stays as it is: the Gateway says something that cannot be used.
    Keep,
    /// Nothing, since its proxies are somebody else's; they are served. With `metadata.uid` of the
    /// Gateway.
    Elsewhere(Text),
}

/// The proxy that a Gateway wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// The Gateway.
    pub gateway: Arc<ObjectRef>,
    /// `metadata.uid` of the Gateway.
    pub uid: Text,
    /// The name of its class.
    pub class: Text,
    /// Which proxy it is.
    pub plane: Plane,
    /// `spec.infrastructure.labels`.
    pub labels: BTreeMap<Text, Text>,
    /// `spec.infrastructure.annotations`.
    pub annotations: BTreeMap<Text, Text>,
    /// The ports of its listeners, without those that every proxy keeps for itself; may be empty.
    pub ports: BTreeSet<u16>,
    /// The address that it asks for, when that is exactly one.
    pub address: Option<IpAddr>,
    /// Its settings over those of its class.
    pub parameters: Kube,
}
