//! What became of a request, place by place, with everything that chance decides called by a name.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::backends::Arrival;
use crate::client::Reply;

/// Values by place, such as `reply.status`, `upstream.0.header.host` or `log.reason`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen(pub(crate) BTreeMap<String, String>);

/// Log fields that chance decides.
const CHANCE: &[&str] = &["time", "request_id", "user_agent"];

impl Seen {
    fn put(&mut self, place: impl Into<String>, value: impl ToString) {
        self.0.insert(place.into(), value.to_string());
    }

    /// The value at a place.
    pub(crate) fn at(&self, place: &str) -> Option<&str> {
        self.0.get(place).map(String::as_str)
    }

    /// Takes no notice of a place.
    pub(crate) fn forget(&mut self, place: &str) {
        self.0.remove(place);
    }

    fn fields(&mut self, place: &str, fields: &[(String, String)]) {
        for (name, value) in fields {
            let place = format!("{place}.{name}");
            let values = self.0.entry(place).or_default();
            if !values.is_empty() {
                values.push_str(" | ");
            }
            // An empty value is there, too.
            values.push_str(if value.is_empty() { "(empty)" } else { value });
        }
    }

    pub(crate) fn reply(&mut self, reply: &Reply) {
        if !reply.interim.is_empty() {
            let statuses = reply.interim.iter().map(|head| head.status);
            let statuses: Vec<u16> = statuses.collect();
            self.put("reply.interim", format!("{statuses:?}"));
            for head in &reply.interim {
                self.fields("reply.interim.header", &head.fields);
            }
        }
        let Some(message) = &reply.message else {
            self.put("reply", &reply.failure);
            return;
        };
        self.put("reply.status", message.status);
        self.fields("reply.header", &message.fields);
        if let Some(to) = self.at("reply.header.location").map(canonical) {
            self.put("reply.location", to);
        }
        self.put(
            "reply.body",
            String::from_utf8_lossy(&message.body).escape_debug(),
        );
        self.fields("reply.trailer", &message.trailers);
        if let Some(tunnel) = &reply.tunnel {
            self.put("tunnel", tunnel);
        }
    }

    pub(crate) fn arrivals(&mut self, arrivals: &[Arrival], names: &mut Option<Vec<usize>>) {
        self.put("upstream.count", arrivals.len());
        for (number, arrival) in arrivals.iter().enumerate() {
            let at = format!("upstream.{number}");
            let endpoint = match names {
                None => arrival.endpoint,
                Some(known) => known
                    .iter()
                    .position(|known| *known == arrival.endpoint)
                    .unwrap_or_else(|| {
                        known.push(arrival.endpoint);
                        known.len() - 1
                    }),
            };
            let request = &arrival.request;
            self.put(format!("{at}.backend"), &arrival.backend);
            self.put(format!("{at}.endpoint"), endpoint);
            self.put(format!("{at}.version"), arrival.version);
            self.put(
                format!("{at}.line"),
                format!("{} {}", request.method, request.target),
            );
            self.put(format!("{at}.header.host"), &request.host);
            self.fields(&format!("{at}.header"), &request.fields);
            let body = String::from_utf8_lossy(&request.body);
            self.put(format!("{at}.body"), body.escape_debug());
            self.fields(&format!("{at}.trailer"), &request.trailers);
        }
    }

    pub(crate) fn log(&mut self, lines: &[Value]) {
        self.put("log.lines", lines.len());
        let fields = lines.last().and_then(Value::as_object);
        for (name, value) in fields.into_iter().flatten() {
            if CHANCE.contains(&name.as_str()) {
                continue;
            }
            if value.is_null() {
                continue;
            }
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            if name.ends_with("_us") || name.ends_with("_ms") {
                self.put(format!("log.{name}"), "<time>");
            } else if name == "route" && text.contains("Route/") {
                self.route(&text);
            } else {
                self.put(format!("log.{name}"), text);
            }
        }
    }

    /// `KIND/NAMESPACE/NAME/RULE/MATCH`, taken apart so that route and rule are compared.
    fn route(&mut self, text: &str) {
        let parts: Vec<&str> = text.split('/').collect();
        let [kind, namespace, name, rule, at, ..] = parts[..] else {
            return self.put("log.route", text);
        };
        self.put("log.route", format!("{namespace}/{name}"));
        self.put("log.rule", rule);
        self.put("log.match", format!("{kind} {at}"));
    }

    /// Calls by a name what chance decides: the plane's address, ids, dates, and `kept` values.
    pub(crate) fn name_chance(&mut self, gateway: IpAddr, kept: &BTreeMap<String, String>) {
        static ID: LazyLock<Regex> = LazyLock::new(|| {
            let text = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}";
            Regex::new(text).expect("a good pattern")
        });
        static DATE: LazyLock<Regex> = LazyLock::new(|| {
            let text = "[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT";
            Regex::new(text).expect("a good pattern")
        });
        let gateway = gateway.to_string();
        for value in self.0.values_mut() {
            let mut text = value.replace(&gateway, "<gateway>");
            for (name, value) in kept {
                if !value.is_empty() {
                    text = text.replace(value, &format!("<{name}>"));
                }
            }
            let text = DATE.replace_all(&text, "<date>");
            *value = ID.replace_all(&text, "<id>").into_owned();
        }
    }
}

/// An address as everybody understands it, however it is written: its host in lower case, its port only
/// where it is not the scheme's own.
fn canonical(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        return address.to_owned();
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let own = if scheme == "https" { ":443" } else { ":80" };
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix(own).unwrap_or(&host);
    format!("{scheme}://{host}{path}")
}

/// A place where two planes differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) place: String,
    pub(crate) native: Option<String>,
    pub(crate) envoy: Option<String>,
}

/// Every place where they differ.
pub(crate) fn differences(native: &Seen, envoy: &Seen) -> Vec<Difference> {
    let mut places: Vec<&String> = native.0.keys().chain(envoy.0.keys()).collect();
    places.sort();
    places.dedup();
    let at = |place: &String| Difference {
        place: place.clone(),
        native: native.0.get(place).cloned(),
        envoy: envoy.0.get(place).cloned(),
    };
    let all = places.into_iter().map(at);
    all.filter(|one| one.native != one.envoy).collect()
}
