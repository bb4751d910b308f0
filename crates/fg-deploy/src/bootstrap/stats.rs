//! Which figures are kept. Envoy makes more than a hundred for each cluster, so that a fleet of a few
//! thousand backends has more than a million series.

use serde_json::{Value, json};

use super::settings::{Matcher, Stats, StatsMatcher};

/// What is kept unless settings say otherwise: the process, the connection to the control plane, and
/// sockets with what HTTP and its filters did there. Nothing of clusters, virtual hosts, routes,
/// secrets and subscriptions, of which there are as many as objects; nothing by worker.
const KEPT: &[&str] = &[
    r"server\.[^.]+",
    r"(cluster_manager|listener_manager|control_plane|runtime)\.[^.]+",
    r"overload\..+",
    r"cluster\.ferrogate-control\..+",
    r"http\..+\.(downstream_\w+|rq_\w+|no_route|no_cluster)",
    r"http\..+\.(buffer|cors|csrf|ext_authz|ext_proc|fault|jwt_authn|local_rate_limit|lua|oauth2|rbac|ratelimit)\.\w+",
    // No part of the name begins as that of a worker does.
    r"listener\.([^w.][^.]*\.)+(downstream_\w+|no_filter_chain_match|ssl\.\w+)",
];

/// The buckets of histograms. Units: that of the histogram, mostly milliseconds.
const BUCKETS: &[f64] = &[
    1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0, 60_000.0,
];

pub(super) fn config(stats: &Stats) -> Value {
    let matcher = match &stats.matcher {
        Some(StatsMatcher::Only(names)) => list("inclusion_list", names),
        Some(StatsMatcher::Without(names)) => list("exclusion_list", names),
        None => {
            let kept = KEPT.iter();
            let kept: Vec<Matcher> = kept.map(|name| Matcher::Regex((*name).into())).collect();
            list("inclusion_list", &kept)
        }
    };
    json!({
        "stats_matcher": matcher,
        "histogram_bucket_settings": [{
            "match": { "safe_regex": { "regex": ".*" } },
            "buckets": BUCKETS,
        }],
    })
}

fn list(kind: &str, names: &[Matcher]) -> Value {
    let names: Vec<Value> = names.iter().map(string).collect();
    json!({ kind: { "patterns": names } })
}

/// A matcher in Envoy's words.
fn string(matcher: &Matcher) -> Value {
    match matcher {
        Matcher::Exact(text) => json!({ "exact": text }),
        Matcher::Prefix(text) => json!({ "prefix": text }),
        Matcher::Suffix(text) => json!({ "suffix": text }),
        Matcher::Contains(text) => json!({ "contains": text }),
        Matcher::Regex(text) => json!({ "safe_regex": { "regex": text } }),
        Matcher::AnyCase(matcher) => {
            let mut value = string(matcher);
            if !matches!(**matcher, Matcher::Regex(_) | Matcher::AnyCase(_)) {
                value["ignore_case"] = true.into();
            }
            value
        }
    }
}
