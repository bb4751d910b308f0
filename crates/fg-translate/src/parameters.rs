//! `GatewayParameters`: which of them a Gateway has, and which fields have no effect.
//!
//! Source: kgateway, `GatewayParameters`.

use std::sync::Arc;

use fg_api::Object;
use fg_api::gateway::ParametersReference;
use fg_api::gateway_parameters::{
    Bootstrap, ContainerParameters, GatewayParametersSpec, Kube, ServiceParameters,
    is_managed_argument,
};
use fg_base::Text;
use fg_model::{FindingKind, Plane, kinds};

use crate::absent::absent;
use crate::lookup::Lookup;
use crate::notes::Notes;
use crate::options::Ground;

/// Settings as an object holds them.
pub(crate) type Parameters = Arc<Object<GatewayParametersSpec>>;

/// Whether a reference is to a `GatewayParameters`.
pub(crate) fn is_named(reference: &ParametersReference) -> bool {
    (&*reference.group, &*reference.kind) == kinds::GATEWAY_PARAMETERS
}

/// The settings that a Gateway or class refers to. What is wrong with the reference at `path` is
/// noted.
pub(crate) fn resolve(
    reference: &ParametersReference,
    namespace: Option<&Text>,
    path: &str,
    lookup: &dyn Lookup,
    notes: &mut Notes,
) -> Option<Parameters> {
    if !is_named(reference) {
        let (group, kind) = kinds::GATEWAY_PARAMETERS;
        notes
            .error(
                path,
                FindingKind::InvalidParameters,
                format!(
                    "parameters of kind {} of group `{}` are not supported",
                    reference.kind, reference.group
                ),
            )
            .hint(format!(
                "refer to a {kind} of group `{group}`, or remove `parametersRef`"
            ));
        return None;
    }
    let Some(namespace) = namespace else {
        notes.error(
            &format!("{path}.namespace"),
            FindingKind::InvalidParameters,
            "is required: GatewayParameters live in a namespace",
        );
        return None;
    };
    let found = lookup.parameters(namespace, &reference.name);
    if found.is_none() {
        let names = lookup.parameters_names(namespace);
        let kind = kinds::GATEWAY_PARAMETERS;
        let (text, hint) = absent(kind, namespace, &reference.name, &names, lookup);
        notes
            .error(
                &format!("{path}.name"),
                FindingKind::InvalidParameters,
                text,
            )
            .hint_if(hint);
    }
    found
}

/// Says that settings have no effect where nothing is deployed.
pub(crate) fn without_effect(path: &str, ground: Ground, notes: &mut Notes) {
    if ground == Ground::Machine {
        notes.info(
            path,
            FindingKind::UnsupportedValue,
            "these are settings of what is deployed; nothing is deployed here",
        );
    }
}

/// Says which of the settings at `path` have no effect where Envoy is not what serves.
pub(crate) fn of_another_plane(path: &str, found: &Parameters, plane: Plane, notes: &mut Notes) {
    let Some(kube) = found.spec.kube.as_ref().filter(|_| plane == Plane::Native) else {
        return;
    };
    let fields = of_envoy(kube);
    let fields = fields.iter().filter(|(_, present)| *present);
    let fields: Vec<String> = fields.map(|(field, _)| format!("`{field}`")).collect();
    if !fields.is_empty() {
        notes.warning(
            path,
            FindingKind::UnsupportedValue,
            format!(
                "{} of these settings are Envoy's and have no effect on {plane}",
                fields.join(", ")
            ),
        );
    }
}

/// Fields that have no effect are said to have none.
pub(crate) fn findings(spec: &GatewayParametersSpec, notes: &mut Notes) {
    let Some(kube) = &spec.kube else { return };
    for (field, _) in unsupported(kube).iter().filter(|(_, present)| *present) {
        notes.warning(
            &format!("spec.kube.{field}"),
            FindingKind::UnsupportedValue,
            "is not supported and has no effect",
        );
    }
    arguments(kube, notes);
    let replicas = kube
        .deployment
        .as_ref()
        .and_then(|deployment| deployment.replicas);
    if kube.horizontal_pod_autoscaler.is_some() && replicas.is_some() {
        notes
            .warning(
                "spec.kube.deployment.replicas",
                FindingKind::UnsupportedValue,
                "has no effect while there is a `horizontalPodAutoscaler`, which decides",
            )
            .hint("set `minReplicas` there");
    }
    if let Some(ServiceParameters {
        kind: Some(kind), ..
    }) = &kube.service
        && &**kind == "ExternalName"
    {
        notes
            .warning(
                "spec.kube.service.type",
                FindingKind::UnsupportedValue,
                "a Service of type ExternalName leads to no proxy; it is made a ClusterIP",
            )
            .hint("use LoadBalancer, NodePort or ClusterIP");
    }
}

/// Fields that no data plane heeds.
fn unsupported(kube: &Kube) -> [(&'static str, bool); 6] {
    [
        ("sdsContainer", kube.sds_container.is_some()),
        ("istio", kube.istio.is_some()),
        ("deploymentOverlay", kube.deployment_overlay.is_some()),
        ("serviceOverlay", kube.service_overlay.is_some()),
        (
            "serviceAccountOverlay",
            kube.service_account_overlay.is_some(),
        ),
        (
            "verticalPodAutoscaler",
            kube.vertical_pod_autoscaler.is_some(),
        ),
    ]
}

/// Fields that only Envoy heeds.
fn of_envoy(kube: &Kube) -> [(&'static str, bool); 6] {
    let none = ContainerParameters::default();
    let container = kube.envoy_container.as_ref().unwrap_or(&none);
    let none = Bootstrap::default();
    let bootstrap = container.bootstrap.as_ref().unwrap_or(&none);
    [
        (
            "envoyContainer.bootstrap.componentLogLevels",
            !bootstrap.component_log_levels.is_empty(),
        ),
        (
            "envoyContainer.bootstrap.logFormat",
            bootstrap.log_format.is_some(),
        ),
        (
            "envoyContainer.bootstrap.dnsResolver",
            bootstrap.dns_resolver.is_some(),
        ),
        (
            "envoyContainer.bootstrap.enableReadinessProbeProxyProtocol",
            bootstrap.enable_readiness_probe_proxy_protocol == Some(true),
        ),
        ("envoyContainer.extraArgs", !container.extra_args.is_empty()),
        ("stats", kube.stats.is_some()),
    ]
}

/// Arguments that Envoy is given in any case may not be given once more.
fn arguments(kube: &Kube, notes: &mut Notes) {
    let container = kube.envoy_container.as_ref();
    let arguments = container.map_or(&[][..], |container| &container.extra_args);
    let managed = arguments.iter().enumerate();
    for (index, argument) in managed.filter(|(_, argument)| is_managed_argument(argument)) {
        notes
            .error(
                &format!("spec.kube.envoyContainer.extraArgs[{index}]"),
                FindingKind::InvalidParameters,
                format!(
                    "`{argument}` is given to Envoy in any case; none of these arguments is added"
                ),
            )
            .hint("remove it; there are fields for the log and for its levels");
    }
}
