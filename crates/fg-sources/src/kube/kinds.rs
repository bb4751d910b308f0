//! The kinds that are watched: one entry each.

use fg_model::kinds;
use kube::core::Request;

use super::decode::{self, Decode};
use super::options::{Discovery, Options, WATCHED};

/// Secrets of these types are for somebody else, and those of Helm are large.
const FOREIGN_SECRETS: &str = "type!=helm.sh/release.v1,\
    type!=kubernetes.io/service-account-token,\
    type!=kubernetes.io/dockercfg,\
    type!=kubernetes.io/dockerconfigjson,\
    type!=bootstrap.kubernetes.io/token";

/// A kind.
#[derive(Debug)]
pub(super) struct Kind {
    /// Group and kind.
    pub(super) name: (&'static str, &'static str),
    /// The versions that can be read, best first: the first that is served is watched.
    pub(super) versions: &'static [&'static str],
    /// Its name in paths.
    pub(super) plural: &'static str,
    /// Whether its objects are in namespaces.
    pub(super) namespaced: bool,
    /// Whether `metadata` is all that is asked for.
    pub(super) metadata_only: bool,
    /// Whether its objects have a status of ours, see [`super::Sight`].
    pub(super) status: bool,
    /// Whether annotations are read.
    pub(super) annotations: bool,
    /// The keys of `data` that are read, if not all.
    pub(super) keys: Option<&'static [&'static str]>,
    /// Objects that the API server need not send.
    pub(super) fields: Option<&'static str>,
    /// Which objects are read, by the user's choice.
    pub(super) discovery: fn(&Options) -> Discovery,
    /// Reads one.
    pub(super) decode: Decode,
}

/// What most kinds are like.
const NAMESPACED: Kind = Kind {
    name: ("", ""),
    versions: &["v1"],
    plural: "",
    namespaced: true,
    metadata_only: false,
    status: false,
    annotations: true,
    keys: None,
    fields: None,
    discovery: |_| Discovery::All,
    decode: decode::namespace,
};

/// All of them. A kind that is defined by a CustomResourceDefinition may be missing.
#[rustfmt::skip] // one entry a line
pub(super) const KINDS: &[Kind] = &[
    Kind { name: kinds::NAMESPACE, plural: "namespaces", namespaced: false, metadata_only: true, annotations: false, ..NAMESPACED },
    Kind { name: kinds::GATEWAY_CLASS, plural: "gatewayclasses", namespaced: false, status: true, decode: decode::gateway_class, ..NAMESPACED },
    Kind { name: kinds::GATEWAY, plural: "gateways", status: true, decode: decode::gateway, ..NAMESPACED },
    Kind { name: kinds::LISTENER_SET, plural: "listenersets", status: true, decode: decode::listener_set, ..NAMESPACED },
    Kind { name: kinds::HTTP_ROUTE, plural: "httproutes", status: true, decode: decode::http_route, ..NAMESPACED },
    Kind { name: kinds::GRPC_ROUTE, plural: "grpcroutes", status: true, decode: decode::grpc_route, ..NAMESPACED },
    Kind { name: kinds::REFERENCE_GRANT, plural: "referencegrants", versions: &["v1", "v1beta1"], decode: decode::reference_grant, ..NAMESPACED },
    Kind { name: kinds::BACKEND_TLS_POLICY, plural: "backendtlspolicies", status: true, versions: &["v1", "v1alpha3"], decode: decode::backend_tls_policy, ..NAMESPACED },
    Kind { name: kinds::BACKEND, plural: "backends", status: true, versions: &["v1alpha1"], decode: decode::backend, ..NAMESPACED },
    Kind { name: kinds::GATEWAY_PARAMETERS, plural: "gatewayparameters", versions: &["v1alpha1"], decode: decode::gateway_parameters, ..NAMESPACED },
    Kind { name: kinds::SERVICE, plural: "services", discovery: |options| options.services, decode: decode::service, ..NAMESPACED },
    Kind { name: kinds::ENDPOINT_SLICE, plural: "endpointslices", annotations: false, decode: decode::endpoint_slice, ..NAMESPACED },
    Kind { name: kinds::SECRET, plural: "secrets", annotations: false, fields: Some(FOREIGN_SECRETS), discovery: |options| options.secrets, decode: decode::secret, ..NAMESPACED },
    Kind { name: kinds::CONFIG_MAP, plural: "configmaps", annotations: false, keys: Some(&["ca.crt"]), discovery: |options| options.config_maps, decode: decode::config_map, ..NAMESPACED },
];

/// The position of [`kinds::NAMESPACE`] in [`KINDS`].
pub(super) const NAMESPACES: usize = 0;

/// Not a kind whose objects are handed on: it tells which of the others exist.
pub(super) const DEFINITIONS: Kind = Kind {
    name: ("apiextensions.k8s.io", "CustomResourceDefinition"),
    plural: "customresourcedefinitions",
    namespaced: false,
    metadata_only: true,
    annotations: false,
    ..NAMESPACED
};

impl Kind {
    /// Where its objects of a version are.
    pub(super) fn path(&self, version: &str) -> Request {
        let Self { plural, name, .. } = self;
        Request::new(match name.0 {
            "" => format!("/api/{version}/{plural}"),
            group => format!("/apis/{group}/{version}/{plural}"),
        })
    }

    /// The labels that objects must have to be read.
    pub(super) fn labels(&self, options: &Options) -> Option<String> {
        match (self.discovery)(options) {
            Discovery::All => None,
            Discovery::Labeled => Some(WATCHED.to_owned()),
        }
    }

    /// `httproutes.gateway.networking.k8s.io`, as its definition is called.
    pub(super) fn resource(&self) -> String {
        match self.name.0 {
            "" => self.plural.to_owned(),
            group => format!("{}.{group}", self.plural),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_decoder_and_place() {
        assert_eq!(KINDS[NAMESPACES].name, kinds::NAMESPACE);
        for kind in KINDS {
            let same = KINDS.iter().filter(|other| other.plural == kind.plural);
            assert_eq!(same.count(), 1, "{}", kind.plural);
        }
    }
}
