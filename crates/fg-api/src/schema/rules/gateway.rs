//! Rules of `Gateway`.

use std::net::IpAddr;

use serde_json::Value;

use super::super::metadata::{is_dns_name, is_qualified_name};
use super::Broken;
use super::shared::{entries, has, list, repeated, word};

/// Addresses of one type are distinct. Words: type.
pub(super) fn distinct_addresses(words: &[String], value: &Value) -> Vec<Broken> {
    let kind = words.first().map_or("", String::as_str);
    let key = |address: &Value| {
        let value = address.get("value").and_then(Value::as_str);
        value
            .filter(|_| word(address, "type") == kind)
            .map(str::to_owned)
    };
    repeated(list(value), key, |index, value| {
        Broken::new(
            format!("[{index}].value"),
            format!("the address `{value}` is already in the list"),
        )
    })
}

/// An `IPAddress` is one.
pub(super) fn address_is_ip(_: &[String], value: &Value) -> Vec<Broken> {
    let written = word(value, "value");
    if word(value, "type") != "IPAddress"
        || !has(value, "value")
        || written.parse::<IpAddr>().is_ok()
    {
        return Vec::new();
    }
    let broken = Broken::new("value", format!("`{written}` is no IPv4 or IPv6 address"));
    vec![
        broken.hint(
            "write the plain address, without port or prefix length, or use `type: Hostname`",
        ),
    ]
}

/// A `Hostname` is one, or a wildcard.
pub(super) fn address_is_hostname(_: &[String], value: &Value) -> Vec<Broken> {
    let written = word(value, "value");
    let name = written.strip_prefix("*.").unwrap_or(written);
    if word(value, "type") != "Hostname" || !has(value, "value") || is_dns_name(name) {
        return Vec::new();
    }
    vec![Broken::new("value", format!("`{written}` is no DNS name"))]
}

/// `routability` is empty, `Cluster`, or a word with a foreign domain before it.
pub(super) fn routability(_: &[String], value: &Value) -> Vec<Broken> {
    let written = value.as_str().unwrap_or_default();
    let own = written.split_once('/').is_some_and(|(domain, rest)| {
        let reserved = domain == "k8s.io" || domain.ends_with(".k8s.io");
        !rest.is_empty() && is_dns_name(domain) && domain.len() <= 253 && !reserved
    });
    if written.is_empty() || written == "Cluster" || own {
        return Vec::new();
    }
    let text =
        format!("`{written}` must be `Cluster`, or a word of your own such as `example.com/edge`");
    vec![Broken::new("", text)]
}

/// Keys of labels and annotations have the form `[domain/]name`.
pub(super) fn label_keys(_: &[String], value: &Value) -> Vec<Broken> {
    let keys = value.as_object().into_iter().flat_map(|map| map.keys());
    let bad = keys.filter(|key| !is_qualified_name(key));
    bad.map(|key| {
        let text = "the key must be a name of up to 63 letters, digits and `-_.`, with an optional domain and `/` before it";
        Broken::new(format!("[\"{key}\"]"), text)
    })
    .collect()
}

/// The domain before such a key is not too long.
pub(super) fn label_key_prefixes(_: &[String], value: &Value) -> Vec<Broken> {
    let keys = value.as_object().into_iter().flat_map(|map| map.keys());
    let prefix = |key: &str| {
        key.split('/')
            .next()
            .map_or(0, |prefix| prefix.chars().count())
    };
    let bad = keys.filter(|key| prefix(key) >= 253);
    bad.map(|key| {
        Broken::new(
            format!("[\"{key}\"]"),
            "the key's domain must be shorter than 253 characters",
        )
    })
    .collect()
}

/// Broken at some listeners: those for which `bad` says what is wrong with which field.
fn at_listeners(value: &Value, bad: impl Fn(&Value) -> Option<Broken>) -> Vec<Broken> {
    let listeners = list(value).iter().enumerate();
    listeners
        .filter_map(|(index, listener)| {
            let mut broken = bad(listener)?;
            broken.at = format!("[{index}].{}", broken.at);
            Some(broken)
        })
        .collect()
}

/// Protocols without TLS have no `tls`.
pub(super) fn no_tls_without_tls(_: &[String], value: &Value) -> Vec<Broken> {
    at_listeners(value, |listener| {
        let protocol = word(listener, "protocol");
        let bad = matches!(protocol, "HTTP" | "TCP" | "UDP") && has(listener, "tls");
        bad.then(|| {
            Broken::new(
                "tls",
                format!("must not be set with `protocol: {protocol}`"),
            )
            .hint("use `protocol: HTTPS` or `TLS`, or remove `tls`")
        })
    })
}

/// HTTPS is terminated here.
pub(super) fn https_terminates(_: &[String], value: &Value) -> Vec<Broken> {
    at_listeners(value, |listener| {
        let tls = listener
            .get("tls")
            .filter(|_| word(listener, "protocol") == "HTTPS")?;
        let bad = !matches!(word(tls, "mode"), "" | "Terminate");
        bad.then(|| {
            Broken::new("tls.mode", "must be `Terminate` with `protocol: HTTPS`")
                .hint("use `protocol: TLS` to pass the connection through")
        })
    })
}

/// TLS listeners say what they do with it.
pub(super) fn tls_has_mode(_: &[String], value: &Value) -> Vec<Broken> {
    at_listeners(value, |listener| {
        let mode = listener.get("tls").map_or("", |tls| word(tls, "mode"));
        let bad = word(listener, "protocol") == "TLS" && mode.is_empty();
        bad.then(|| {
            Broken::new("tls", "is required with `protocol: TLS`")
                .hint("set `tls.mode` to `Terminate` or `Passthrough`")
        })
    })
}

/// Protocols without hosts have no hostname.
pub(super) fn no_hostname_without_hosts(_: &[String], value: &Value) -> Vec<Broken> {
    at_listeners(value, |listener| {
        let protocol = word(listener, "protocol");
        let bad = matches!(protocol, "TCP" | "UDP") && !word(listener, "hostname").is_empty();
        bad.then(|| {
            Broken::new(
                "hostname",
                format!("must not be set with `protocol: {protocol}`"),
            )
        })
    })
}

/// Listener names are distinct.
pub(super) fn distinct_names(_: &[String], value: &Value) -> Vec<Broken> {
    let name = |listener: &Value| Some(word(listener, "name").to_owned());
    repeated(list(value), name, |index, name| {
        Broken::new(
            format!("[{index}].name"),
            format!("another listener has the name `{name}` already"),
        )
    })
}

/// Port, protocol and hostname together are distinct.
pub(super) fn distinct_listeners(_: &[String], value: &Value) -> Vec<Broken> {
    let key = |listener: &Value| {
        let hostname = listener.get("hostname").map(Value::to_string);
        let port = listener
            .get("port")
            .map(Value::to_string)
            .unwrap_or_default();
        Some((port, word(listener, "protocol").to_owned(), hostname))
    };
    repeated(list(value), key, |index, (port, protocol, _)| {
        let text = format!(
            "another listener has the same port {port}, protocol {protocol} and hostname already"
        );
        Broken::new(format!("[{index}]"), text).hint("give each its own hostname or port")
    })
}

/// Filters of a listener need HTTP.
pub(super) fn filters_need_http(_: &[String], value: &Value) -> Vec<Broken> {
    let protocol = word(value, "protocol");
    if !has(value, "filters") || matches!(protocol, "HTTP" | "HTTPS") {
        return Vec::new();
    }
    vec![Broken::new(
        "filters",
        format!("must not be set with `protocol: {protocol}`, only with HTTP or HTTPS"),
    )]
}

/// Who terminates TLS needs a certificate.
pub(super) fn terminate_needs_certificate(_: &[String], value: &Value) -> Vec<Broken> {
    let options = value.get("options").and_then(Value::as_object);
    let empty =
        entries(value, "certificateRefs").is_empty() && options.is_none_or(|map| map.is_empty());
    if word(value, "mode") != "Terminate" || !empty {
        return Vec::new();
    }
    vec![Broken::new(
        "certificateRefs",
        "must name a Secret with a certificate when TLS is terminated here",
    )]
}

/// A ClusterTrustBundle is in no namespace.
pub(super) fn trust_bundle_has_no_namespace(_: &[String], value: &Value) -> Vec<Broken> {
    let references = list(value).iter().enumerate();
    let bad = references.filter(|(_, reference)| {
        word(reference, "group") == "certificates.k8s.io"
            && word(reference, "kind") == "ClusterTrustBundle"
            && has(reference, "namespace")
    });
    bad.map(|(index, _)| {
        Broken::new(
            format!("[{index}].namespace"),
            "must not be set: a ClusterTrustBundle is in no namespace",
        )
    })
    .collect()
}

/// Ports of a list are distinct.
pub(super) fn distinct_ports(_: &[String], value: &Value) -> Vec<Broken> {
    let port = |entry: &Value| entry.get("port").map(Value::to_string);
    repeated(list(value), port, |index, port| {
        Broken::new(
            format!("[{index}].port"),
            format!("another entry has port {port} already"),
        )
    })
}
