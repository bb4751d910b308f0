//! kgateway's `GatewayParameters`, `gateway.kgateway.dev/v1alpha1`: how what a Gateway needs in a
//! cluster is deployed.
//!
//! Parts that are Kubernetes's own (affinity, tolerations, resources, …) are kept as they are
//! written; the API server judges them when they are applied.

mod over;

use std::collections::BTreeMap;

use fg_base::Text;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Settings of what is deployed for a Gateway. `kube` or `selfManaged`, not both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayParametersSpec {
    /// How it is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kube: Option<Kube>,
    /// Nothing is deployed: the proxies are somebody else's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_managed: Option<Value>,
}

/// `spec.kube`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Kube {
    /// Of the Deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentParameters>,
    /// Of the proxy's container. The name is kgateway's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub envoy_container: Option<ContainerParameters>,
    /// Of the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_template: Option<PodParameters>,
    /// Of the Service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceParameters>,
    /// Of the ServiceAccount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account: Option<Extras>,
    /// Leaves out the security contexts that are set by default, the sysctl too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub omit_default_security_context: Option<bool>,
    /// A `PodDisruptionBudget`, while this is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_disruption_budget: Option<Overlay>,
    /// A `HorizontalPodAutoscaler`, while this is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizontal_pod_autoscaler: Option<Overlay>,
    /// Not supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vertical_pod_autoscaler: Option<Value>,
    /// Not supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sds_container: Option<Value>,
    /// Not supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub istio: Option<Value>,
    /// Of the figures that Envoy keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats: Option<StatsParameters>,
    /// Not supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_overlay: Option<Value>,
    /// Not supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_overlay: Option<Value>,
    /// Not supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_overlay: Option<Value>,
}

/// `spec.kube.deployment`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeploymentParameters {
    /// How many pods; default whatever the Deployment has, at first 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// How pods are replaced, as in a Deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Value>,
}

/// `spec.kube.envoyContainer`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerParameters {
    /// The image, in parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// How the proxy starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootstrap: Option<Bootstrap>,
    /// As in a container; replaces the default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_context: Option<Value>,
    /// As in a container; replaces the default ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Value>,
    /// More environment, as in a container.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<Value>,
    /// More mounts, as in a container.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra_volume_mounts: Vec<Value>,
    /// More of Envoy's command line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra_args: Vec<Text>,
}

/// An image in parts: `registry/repository:tag@digest`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Image {
    /// Host and perhaps path, such as `ghcr.io/ferrogate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<Text>,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<Text>,
    /// Version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<Text>,
    /// Digest, such as `sha256:…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Text>,
    /// `Always`, `IfNotPresent` (default) or `Never`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_policy: Option<Text>,
}

/// `spec.kube.envoyContainer.bootstrap`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Bootstrap {
    /// How much the proxy logs: `trace`, `debug`, `info` (default), `warn`, `error`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_level: Option<Text>,
    /// How much components of Envoy log, by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub component_log_levels: BTreeMap<Text, Text>,
    /// How Envoy's own log is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_format: Option<LogFormatParameters>,
    /// How Envoy asks DNS servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_resolver: Option<DnsResolverParameters>,
    /// Whether Envoy's readiness site takes the PROXY protocol; default no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_readiness_probe_proxy_protocol: Option<bool>,
}

/// `spec.kube.envoyContainer.bootstrap.logFormat`. One of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogFormatParameters {
    /// Fields of an object, with Envoy's placeholders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// A line, with Envoy's placeholders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
}

/// `spec.kube.envoyContainer.bootstrap.dnsResolver`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DnsResolverParameters {
    /// How many questions a socket is used for; 0: any number. Default: 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub udp_max_queries: Option<u32>,
}

/// `spec.kube.stats`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatsParameters {
    /// Whether there are any to be read; default yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// What `/metrics` is of Envoy's admin pages; default `/stats/prometheus?usedonly`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route_prefix_rewrite: Option<Text>,
    /// Whether there is `/stats` too; default yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_stats_route: Option<bool>,
    /// What `/stats` is of Envoy's admin pages; default `/stats`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats_route_prefix_rewrite: Option<Text>,
    /// Which are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matcher: Option<StatsMatcherParameters>,
}

/// `spec.kube.stats.matcher`. One of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatsMatcherParameters {
    /// Only those.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inclusion_list: Vec<StringMatcher>,
    /// All but those.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclusion_list: Vec<StringMatcher>,
}

/// What a text is held to. One of all but the last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StringMatcher {
    /// All of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact: Option<Text>,
    /// How it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<Text>,
    /// How it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suffix: Option<Text>,
    /// What is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains: Option<Text>,
    /// An expression that matches all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safe_regex: Option<Text>,
    /// Whatever the case of letters; not for expressions. Default: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_case: Option<bool>,
}

/// `spec.kube.podTemplate`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodParameters {
    /// More labels; those of `spec.infrastructure` win.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra_labels: BTreeMap<Text, Text>,
    /// More annotations; those of `spec.infrastructure` win.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra_annotations: BTreeMap<Text, Text>,
    /// As in a pod; replaces the default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_context: Option<Value>,
    /// As in a pod.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<Value>,
    /// As in a pod.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<Text, Text>,
    /// As in a pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Value>,
    /// As in a pod.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Value>,
    /// As in a pod.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub topology_spread_constraints: Vec<Value>,
    /// As in a pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority_class_name: Option<Text>,
    /// More volumes, as in a pod.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra_volumes: Vec<Value>,
    /// How a pod leaves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graceful_shutdown: Option<GracefulShutdown>,
    /// Units: seconds; default 60.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub termination_grace_period_seconds: Option<u32>,
    /// As in a container; replaces the default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup_probe: Option<Value>,
    /// As in a container; replaces the default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readiness_probe: Option<Value>,
    /// As in a container; default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness_probe: Option<Value>,
}

/// `spec.kube.podTemplate.gracefulShutdown`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GracefulShutdown {
    /// Whether a pod is taken out of service before it is stopped; default yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// How long connections may stay open before. Units: seconds; default 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sleep_time_seconds: Option<u32>,
}

/// `spec.kube.service`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceParameters {
    /// `LoadBalancer` (default), `ClusterIP`, `NodePort` or `ExternalName`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<Text>,
    /// As in a Service.
    #[serde(rename = "clusterIP", skip_serializing_if = "Option::is_none")]
    pub cluster_ip: Option<Text>,
    /// As in a Service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_traffic_policy: Option<Text>,
    /// As in a Service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer_class: Option<Text>,
    /// As in a Service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub load_balancer_source_ranges: Vec<Text>,
    /// More labels; those of `spec.infrastructure` win.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra_labels: BTreeMap<Text, Text>,
    /// More annotations; those of `spec.infrastructure` win.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra_annotations: BTreeMap<Text, Text>,
    /// Node ports of some ports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<ServicePortParameters>,
}

/// The node port of one port of the Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePortParameters {
    /// The port of a listener.
    pub port: u16,
    /// Its port on every node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_port: Option<u16>,
}

/// More labels and annotations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Extras {
    /// More labels; those of `spec.infrastructure` win.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra_labels: BTreeMap<Text, Text>,
    /// More annotations; those of `spec.infrastructure` win.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra_annotations: BTreeMap<Text, Text>,
}

/// An object of which the target is filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Overlay {
    /// Labels and annotations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<OverlayMetadata>,
    /// The spec, without its target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<Value>,
}

/// `metadata` of an [`Overlay`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OverlayMetadata {
    /// More labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<Text, Text>,
    /// More annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<Text, Text>,
}

/// Whether an argument for Envoy is one that it is started with in any case, or contradicts one, so that
/// `extraArgs` may not have it. `argument` may be followed by `=` and a value.
///
/// Source: kgateway, `envoyContainer.extraArgs`; and what a bootstrap file and a supervisor need.
pub fn is_managed_argument(argument: &str) -> bool {
    const MANAGED: &[&str] = &[
        "--base-id",
        "--component-log-level",
        "--config-path",
        "--config-yaml",
        "--disable-hot-restart",
        "--hot-restart-version",
        "--ignore-unknown-dynamic-fields",
        "--log-level",
        "--mode",
        "--reject-unknown-dynamic-fields",
        "--restart-epoch",
        "--service-cluster",
        "--service-node",
        "--service-zone",
        "--version",
        "-c",
        "-l",
    ];
    let name = argument.split('=').next().unwrap_or_default();
    MANAGED.contains(&name)
}
