//! What the pod of our own proxy has.

use fg_api::deployment::Deployment;
use serde_json::json;

use super::{
    AUTHORITY_FOLDER, NOTICE, Proxy, TOKEN_FOLDER, bootstrap_settings, drain_seconds, plain,
};
use crate::objects::{AUTHORITY_KEY, Fleet};

/// The proxy.
pub(super) fn proxy<'a>(wish: &Deployment, fleet: &'a Fleet) -> Proxy<'a> {
    let mut env = vec![
        plain("FERROGATE_GATEWAY", &wish.gateway.name),
        plain("FERROGATE_CONTROL", &fleet.control),
        plain(
            "FERROGATE_CA_FILE",
            &format!("{AUTHORITY_FOLDER}/{AUTHORITY_KEY}"),
        ),
        plain("FERROGATE_TOKEN_FILE", &format!("{TOKEN_FOLDER}/token")),
    ];
    let level = bootstrap_settings(wish).and_then(|bootstrap| bootstrap.log_level.as_deref());
    env.extend(level.map(|level| plain("FERROGATE_LOG", log_level(level))));
    let pre_stop = drain_seconds(wish).map(|most| {
        let least = most.min(NOTICE);
        json!({ "exec": { "command": [
            "ferrogate",
            "drain",
            format!("--at-least={least}s"),
            format!("--at-most={most}s"),
        ] } })
    });
    Proxy {
        image: &fleet.image,
        args: vec!["proxy".to_owned()],
        env,
        pre_stop,
        requests: json!({ "cpu": "100m", "memory": "64Mi" }),
        config: None,
        has_metrics: true,
    }
}

/// Our word for a level of kgateway's.
fn log_level(level: &str) -> &str {
    match level {
        "warning" => "warn",
        "critical" => "error",
        other => other,
    }
}
