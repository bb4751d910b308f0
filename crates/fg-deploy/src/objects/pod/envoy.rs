//! What the pod of an Envoy has.

use std::collections::BTreeMap;

use fg_api::deployment::Deployment;
use fg_api::gateway_parameters::{
    Bootstrap, LogFormatParameters, StatsMatcherParameters, StatsParameters, StringMatcher,
    is_managed_argument,
};
use fg_base::Text;
use serde_json::{Value, json};

use super::{
    AUTHORITY_FOLDER, Config, Proxy, TOKEN_FOLDER, bootstrap_settings, drain_seconds, plain,
};
use crate::bootstrap::{
    Control, Drain, FILE, LogFormat, Matcher, Node, Settings, Stats, StatsMatcher, Tls, files,
};
use crate::name::{digest, name};
use crate::objects::{AUTHORITY_KEY, Fleet, quantity};

/// Where the bootstrap is.
const FOLDER: &str = "/etc/ferrogate";

/// What no heap can have of a container's memory, at least: program, stacks, buffers of the kernel.
/// Units: bytes.
const ASIDE: u64 = 48 << 20;

/// The proxy.
pub(super) fn proxy<'a>(wish: &Deployment, fleet: &'a Fleet) -> Proxy<'a> {
    let drain = drain(wish);
    let pre_stop = drain.as_ref().map(|drain| {
        // The image has no other program that could do it; a request can, and it lasts as long as
        // the drain.
        json!({ "httpGet": { "path": drain.path, "port": super::READINESS } })
    });
    let files = files(&settings(wish, fleet, drain));
    Proxy {
        image: &fleet.envoy_image,
        args: arguments(wish),
        // Of Envoy's other images, whose entry point would change users.
        env: vec![plain("ENVOY_UID", "0")],
        pre_stop,
        requests: json!({ "cpu": "100m", "memory": "128Mi" }),
        config: Some(Config {
            // Nobody else's, and never that of the authority.
            name: format!("{}-envoy", name(&wish.gateway.name)),
            folder: FOLDER,
            files: files
                .into_iter()
                .map(|(name, text)| (name.to_owned(), text))
                .collect(),
        }),
        has_metrics: stats(wish).is_none_or(|stats| stats.enabled != Some(false)),
    }
}

fn stats(wish: &Deployment) -> Option<&StatsParameters> {
    wish.parameters.stats.as_ref()
}

fn settings(wish: &Deployment, fleet: &Fleet, drain: Option<Drain>) -> Settings {
    let gateway = &wish.gateway;
    let (host, port) = fleet
        .control
        .rsplit_once(':')
        .unwrap_or((&*fleet.control, ""));
    let control = Control::Tls(Tls {
        host: host.trim_matches(['[', ']']).to_owned(),
        port: port.parse().unwrap_or(9977),
        authorities: format!("{AUTHORITY_FOLDER}/{AUTHORITY_KEY}"),
        token: format!("{TOKEN_FOLDER}/token"),
        folder: FOLDER.to_owned(),
    });
    let node = Node {
        cluster: format!("{}.{}", gateway.name, gateway.namespace),
        metadata: BTreeMap::from([(
            "gateway".to_owned(),
            format!("{}/{}", gateway.namespace, gateway.name),
        )]),
        ..Node::default()
    };
    let mut settings = Settings::new(node, control);
    settings.drain = drain;
    settings.heap = heap(wish);
    if let Some(bootstrap) = bootstrap_settings(wish) {
        settings.log = bootstrap.log_format.as_ref().and_then(log_format);
        settings.readiness_proxy_protocol =
            bootstrap.enable_readiness_probe_proxy_protocol == Some(true);
        let dns = bootstrap.dns_resolver.as_ref();
        let queries = dns.and_then(|dns| dns.udp_max_queries);
        settings.dns_queries = queries.unwrap_or(settings.dns_queries);
    }
    if let Some(stats) = stats(wish) {
        figures(stats, &mut settings);
    }
    settings
}

fn figures(stats: &StatsParameters, settings: &mut Settings) {
    if stats.enabled == Some(false) {
        settings.metrics = None;
    }
    let default = Stats::default();
    let prometheus = stats.route_prefix_rewrite.as_deref();
    let plain = (stats.enable_stats_route != Some(false)).then(|| {
        let to = stats.stats_route_prefix_rewrite.as_deref();
        to.unwrap_or("/stats").to_owned()
    });
    settings.stats = Stats {
        prometheus: prometheus.map_or(default.prometheus, str::to_owned),
        plain,
        matcher: stats.matcher.as_ref().map(matcher),
    };
}

fn matcher(settings: &StatsMatcherParameters) -> StatsMatcher {
    let all = |list: &[StringMatcher]| list.iter().filter_map(string).collect();
    if settings.inclusion_list.is_empty() {
        StatsMatcher::Without(all(&settings.exclusion_list))
    } else {
        StatsMatcher::Only(all(&settings.inclusion_list))
    }
}

fn string(matcher: &StringMatcher) -> Option<Matcher> {
    let text = |text: &Option<Text>| text.as_deref().map(str::to_owned);
    let found = text(&matcher.exact)
        .map(Matcher::Exact)
        .or_else(|| text(&matcher.prefix).map(Matcher::Prefix))
        .or_else(|| text(&matcher.suffix).map(Matcher::Suffix))
        .or_else(|| text(&matcher.contains).map(Matcher::Contains))
        .or_else(|| text(&matcher.safe_regex).map(Matcher::Regex))?;
    Some(match matcher.ignore_case {
        Some(true) => Matcher::AnyCase(Box::new(found)),
        _ => found,
    })
}

fn log_format(settings: &LogFormatParameters) -> Option<LogFormat> {
    let json = settings.json.clone().map(LogFormat::Json);
    let text = settings.text.as_deref();
    json.or_else(|| text.map(|text| LogFormat::Text(text.to_owned())))
}

/// The drain. Its path is not to be guessed by whoever reaches the pod: it is made of the Gateway's
/// uid, which those know who may read the pod's specification anyway.
fn drain(wish: &Deployment) -> Option<Drain> {
    let seconds = drain_seconds(wish)?;
    let secret = digest(&[
        "drain",
        &wish.uid,
        &wish.gateway.namespace,
        &wish.gateway.name,
    ]);
    Some(Drain {
        path: format!("/drain/{secret}"),
        seconds,
    })
}

/// What is left of the container's limit, if it has one.
fn heap(wish: &Deployment) -> Option<u64> {
    let limit = quantity::bytes(limit(wish, "memory")?)?;
    Some(limit - (limit / 10).max(ASIDE).min(limit / 2))
}

fn limit<'a>(wish: &'a Deployment, of: &str) -> Option<&'a Value> {
    let container = wish.parameters.envoy_container.as_ref()?;
    container.resources.as_ref()?.get("limits")?.get(of)
}

/// Envoy's command line. Kubernetes fills in what only the pod knows.
fn arguments(wish: &Deployment) -> Vec<String> {
    let node = json!({ "node": {
        "id": "$(POD_NAME)",
        "metadata": {
            "pod": "$(POD_NAME)",
            "address": "$(POD_IP)",
            "node": "$(NODE_NAME)",
        },
        "locality": { "zone": "$(FERROGATE_ZONE)" },
    } });
    let none = Bootstrap::default();
    let bootstrap = bootstrap_settings(wish).unwrap_or(&none);
    let mut arguments = vec![
        "--config-path".to_owned(),
        format!("{FOLDER}/{FILE}"),
        "--config-yaml".to_owned(),
        node.to_string(),
        "--disable-hot-restart".to_owned(),
        // Nothing that is sent has fields unknown to it; to look for them takes longer than to build the rest.
        "--ignore-unknown-dynamic-fields".to_owned(),
        "--log-level".to_owned(),
        bootstrap.log_level.as_deref().unwrap_or("info").to_owned(),
    ];
    let levels = bootstrap.component_log_levels.iter();
    let levels: Vec<String> = levels
        .map(|(name, level)| format!("{name}:{level}"))
        .collect();
    if !levels.is_empty() {
        arguments.extend(["--component-log-level".to_owned(), levels.join(",")]);
    }
    let container = wish.parameters.envoy_container.as_ref();
    let more = container.map_or(&[][..], |container| &container.extra_args);
    // One of ours would count for nothing or twice; they are left out, as the settings' status says.
    let more = if more.iter().any(|argument| is_managed_argument(argument)) {
        &[]
    } else {
        more
    };
    let is_said = |name: &str| more.iter().any(|argument| argument.starts_with(name));
    if let Some(workers) = limit(wish, "cpu").and_then(quantity::whole)
        && !is_said("--concurrency")
    {
        arguments.extend(["--concurrency".to_owned(), workers.max(1).to_string()]);
    }
    if !is_said("--drain-strategy") {
        // A connection of what is replaced or stops is asked to end with its next reply, not at some
        // time within minutes: until then it has filters of before.
        arguments.extend(["--drain-strategy".to_owned(), "immediate".to_owned()]);
    }
    arguments.extend(more.iter().map(ToString::to_string));
    arguments
}
