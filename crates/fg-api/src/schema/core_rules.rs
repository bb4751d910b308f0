//! Rules of the kinds whose schema is written by hand: what the API server checks in code there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use super::metadata::{is_dns_label, is_dns_name};
use super::rules::shared::{entries, has, repeated, word};
use super::rules::{Broken, Check};
use super::text::{one_of, quote};

/// The most that all values of a Secret or ConfigMap may hold. Units: bytes. Source: the API
/// server's own limit.
const VALUES: usize = 1024 * 1024;

/// The longest DNS name. Units: characters. Source: RFC 1123 §2.1 as Kubernetes has it.
const NAME: usize = 253;

/// The longest key of a Secret or ConfigMap. Units: characters.
const KEY: usize = 253;

/// The function for a rule of ours.
pub(super) fn find(text: &str) -> Option<Check> {
    Some(match text {
        "ours: service" => service,
        "ours: target port" => target_port,
        "ours: endpoint slice" => endpoint_slice,
        "ours: secret" => secret,
        "ours: config map" => config_map,
        "ours: backend" => backend,
        "ours: gateway parameters" => gateway_parameters,
        "ours: log format" => log_format,
        "ours: stats matcher" => stats_matcher,
        "ours: string matcher" => string_matcher,
        _ => return None,
    })
}

fn service(_: &[String], spec: &Value) -> Vec<Broken> {
    let mut found = Vec::new();
    let ports = entries(spec, "ports");
    let external = word(spec, "type") == "ExternalName";
    let name = word(spec, "externalName").trim_end_matches('.');
    if external && !(is_dns_name(name) && name.len() <= NAME) {
        let text = "must be a DNS name with `type: ExternalName`";
        found.push(Broken::new("externalName", text));
    }
    if ports.is_empty() && !external && word(spec, "clusterIP") != "None" {
        found.push(Broken::new("ports", "is required: at least one port"));
    }
    if ports.len() > 1 {
        let nameless = ports.iter().position(|port| word(port, "name").is_empty());
        found.extend(nameless.map(|index| {
            let text = "is required when a Service has several ports";
            Broken::new(format!("ports[{index}].name"), text)
        }));
    }
    let name = |port: &Value| Some(word(port, "name").to_owned()).filter(|name| !name.is_empty());
    found.extend(repeated(ports, name, |index, name| {
        let text = format!("another port has the name `{name}` already");
        Broken::new(format!("ports[{index}].name"), text)
    }));
    let number = |port: &Value| {
        let number = port.get("port").and_then(Value::as_u64)?;
        Some((number, word(port, "protocol").to_owned()))
    };
    found.extend(repeated(ports, number, |index, (number, protocol)| {
        let text = format!("another entry has port {number} and protocol {protocol} already");
        Broken::new(format!("ports[{index}].port"), text)
    }));
    found
}

fn target_port(_: &[String], value: &Value) -> Vec<Broken> {
    let good = match value {
        // 0 and the empty name count as absent.
        Value::Number(number) => number.as_u64().is_some_and(|port| port <= 65535),
        Value::String(name) => name.is_empty() || is_port_name(name),
        _ => false,
    };
    if good {
        return Vec::new();
    }
    let text =
        "must be 1 to 65535, or a port's name of up to 15 lower-case letters, digits and `-`";
    vec![Broken::new("", text)]
}

/// The name of a port of a pod. Source: RFC 6335 §5.1, in lower case.
fn is_port_name(name: &str) -> bool {
    name.len() <= 15
        && is_dns_label(name)
        && !name.contains("--")
        && name.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// What to write instead of what is no address of its type.
fn other_address(kind: &str, address: &str) -> &'static str {
    match address.parse::<IpAddr>() {
        Ok(ip) if ip.is_unspecified() => return "name one address of the endpoint",
        Ok(IpAddr::V6(_)) => return "write `addressType: IPv6`, in a slice of its own",
        Ok(IpAddr::V4(_)) => return "write `addressType: IPv4`, in a slice of its own",
        Err(_) => {}
    }
    match address.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => "the port belongs in `ports`",
        _ if kind == "FQDN" => "write a DNS name",
        _ => {
            "write an IP address; for a DNS name use a Backend of gateway.kgateway.dev with `static` hosts"
        }
    }
}

/// Addresses fit their type. Loopback addresses are allowed, unlike in a cluster: there they can
/// only be a mistake, on one machine they are the normal case.
fn endpoint_slice(_: &[String], slice: &Value) -> Vec<Broken> {
    let kind = word(slice, "addressType");
    let mut found = Vec::new();
    for (index, endpoint) in entries(slice, "endpoints").iter().enumerate() {
        for (place, address) in entries(endpoint, "addresses").iter().enumerate() {
            let address = address.as_str().unwrap_or_default();
            let good = match kind {
                "IPv4" => address
                    .parse::<Ipv4Addr>()
                    .is_ok_and(|ip| !ip.is_unspecified()),
                "IPv6" => address
                    .parse::<Ipv6Addr>()
                    .is_ok_and(|ip| !ip.is_unspecified()),
                _ => is_dns_name(address),
            };
            if !good {
                let text = format!("{} is no address of type {kind}", quote(address));
                let path = format!("endpoints[{index}].addresses[{place}]");
                let hint = other_address(kind, address);
                found.push(Broken::new(path, text).hint(hint));
            }
        }
    }
    let ports = entries(slice, "ports");
    let name = |port: &Value| Some(word(port, "name").to_owned());
    found.extend(repeated(ports, name, |index, name| {
        let text = format!("another port has the name `{name}` already");
        Broken::new(format!("ports[{index}].name"), text)
    }));
    for (index, port) in ports.iter().enumerate() {
        let name = word(port, "name");
        if !name.is_empty() && !is_dns_label(name) {
            let text = format!("{} is no DNS label", quote(name));
            found.push(Broken::new(format!("ports[{index}].name"), text));
        }
    }
    found
}

fn secret(_: &[String], secret: &Value) -> Vec<Broken> {
    let mut found = keys(secret, &["data", "stringData"]);
    if word(secret, "type") == "kubernetes.io/tls" {
        for key in ["tls.crt", "tls.key"] {
            let set = |field: &str| secret.get(field).is_some_and(|map| has(map, key));
            if !set("data") && !set("stringData") {
                let text = "is required in a Secret of type kubernetes.io/tls";
                found.push(Broken::new(format!("data[\"{key}\"]"), text));
            }
        }
    }
    found
}

fn config_map(_: &[String], config: &Value) -> Vec<Broken> {
    let mut found = keys(config, &["data", "binaryData"]);
    let text = config.get("data").and_then(Value::as_object);
    for key in text.into_iter().flat_map(|map| map.keys()) {
        if config.get("binaryData").is_some_and(|map| has(map, key)) {
            let text = "the key stands in `data` already";
            found.push(Broken::new(format!("binaryData[\"{key}\"]"), text));
        }
    }
    found
}

/// Keys have their form, and all values together are not too long. `fields` hold text or base64.
fn keys(object: &Value, fields: &[&str]) -> Vec<Broken> {
    let mut found = Vec::new();
    let mut total = 0;
    for field in fields {
        let map = object.get(*field).and_then(Value::as_object);
        let coded =
            matches!(*field, "binaryData") || (*field == "data" && fields.contains(&"stringData"));
        for (key, value) in map.into_iter().flatten() {
            let written = value.as_str().map_or(0, str::len);
            total += if coded { written / 4 * 3 } else { written };
            let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            if key.is_empty()
                || key.len() > KEY
                || !key.bytes().all(good)
                || matches!(&**key, "." | "..")
            {
                let text = "the key must be up to 253 letters, digits and `-._`";
                found.push(Broken::new(format!("{field}[\"{key}\"]"), text));
            }
        }
    }
    if total > VALUES {
        found.push(Broken::new(
            "data",
            format!("all values together must not be longer than {VALUES} bytes"),
        ));
    }
    found
}

/// A Backend has exactly one destination, and `type` fits it when it is written.
fn backend(_: &[String], spec: &Value) -> Vec<Broken> {
    const DESTINATIONS: [(&str, &str); 5] = [
        ("static", "Static"),
        ("aws", "AWS"),
        ("dynamicForwardProxy", "DynamicForwardProxy"),
        ("gcp", "GCP"),
        ("priorityGroups", "PriorityGroups"),
    ];
    let set: Vec<_> = DESTINATIONS
        .iter()
        .filter(|(field, _)| has(spec, field))
        .collect();
    let [(field, kind)] = set[..] else {
        let all = one_of(DESTINATIONS.iter().map(|(field, _)| *field));
        return vec![Broken::new(
            "",
            format!("exactly one of {all} must be set, not {}", set.len()),
        )];
    };
    let written = word(spec, "type");
    if has(spec, "type") && written != *kind {
        let text = format!("must be `{kind}` with `{field}`, not `{written}`");
        return vec![Broken::new("type", text).hint("`type` may be left out")];
    }
    Vec::new()
}

/// What is deployed has settings, or is somebody else's.
fn gateway_parameters(_: &[String], spec: &Value) -> Vec<Broken> {
    if has(spec, "kube") && has(spec, "selfManaged") {
        let text = "only one of `kube` and `selfManaged` may be set";
        return vec![Broken::new("", text)];
    }
    Vec::new()
}

fn log_format(_: &[String], value: &Value) -> Vec<Broken> {
    exactly_one(value, &["json", "text"])
}

fn stats_matcher(_: &[String], value: &Value) -> Vec<Broken> {
    exactly_one(value, &["inclusionList", "exclusionList"])
}

fn string_matcher(_: &[String], value: &Value) -> Vec<Broken> {
    exactly_one(
        value,
        &["exact", "prefix", "suffix", "contains", "safeRegex"],
    )
}

fn exactly_one(value: &Value, fields: &[&str]) -> Vec<Broken> {
    let set = fields.iter().filter(|field| has(value, field)).count();
    if set == 1 {
        return Vec::new();
    }
    let fields: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
    let text = format!("exactly one of {} must be set", fields.join(", "));
    vec![Broken::new("", text)]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::find;

    #[test]
    fn settings_of_envoy_say_one_thing_at_a_time() {
        for (rule, value, good) in [
            ("ours: log format", json!({"text": "%v"}), true),
            ("ours: log format", json!({"text": "%v", "json": {}}), false),
            ("ours: stats matcher", json!({"inclusionList": []}), true),
            ("ours: stats matcher", json!({}), false),
            (
                "ours: string matcher",
                json!({"prefix": "a", "ignoreCase": true}),
                true,
            ),
            (
                "ours: string matcher",
                json!({"prefix": "a", "exact": "a"}),
                false,
            ),
            ("ours: string matcher", json!({"ignoreCase": true}), false),
        ] {
            let check = find(rule).expect("there is the rule");
            assert_eq!(check(&[], &value).is_empty(), good, "{rule} {value}");
        }
    }
}
