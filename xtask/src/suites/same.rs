//! Whether an answer that came through the gateway is the one that comes without it.

use serde_json::Value;

/// Fields that belong to one connection or to one moment (RFC 9110 §7.6.1, §6.6.1).
const OF_THE_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "date",
    "te",
    // curl asks for it where it speaks HTTP/1.1 only.
    "expect",
];

/// Fields that the gateway tells the backend.
const OF_THE_GATEWAY: [&str; 6] = [
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-request-id",
    "forwarded",
];

/// The first difference that matters, in words; `None` if there is none. `combined` is for a client that makes one
/// field of several of a name, as anyone may (RFC 9110 §5.3).
pub(crate) fn difference(direct: &Value, through: &Value, combined: bool) -> Option<String> {
    let (direct, through) = (settled(direct, combined), settled(through, combined));
    let keys = [
        "error", "status", "headers", "length", "sha256", "text", "seen",
    ];
    keys.into_iter().find_map(|key| {
        let (one, other) = (&direct[key], &through[key]);
        (one != other).then(|| match (one.as_object(), other.as_object()) {
            (Some(one), Some(other)) => {
                let part = one
                    .iter()
                    .find(|(name, value)| other.get(*name) != Some(value));
                let name = part.map(|(name, _)| name.as_str()).unwrap_or_default();
                format!(
                    "the backend saw another {name}: direct {}, through {}",
                    short(&one[name]),
                    short(&other[name])
                )
            }
            _ => format!("{key}: direct {}, through {}", short(one), short(other)),
        })
    })
}

/// An answer without what may differ.
fn settled(answer: &Value, combined: bool) -> Value {
    let mut answer = answer.clone();
    let seen = answer["text"]
        .as_str()
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    let mut dropped = OF_THE_HOP.to_vec();
    if let Some(mut seen) = seen.filter(Value::is_object) {
        seen["headers"] = fields(
            &seen["headers"],
            &[&OF_THE_HOP[..], &OF_THE_GATEWAY].concat(),
            combined,
        );
        answer["seen"] = seen;
        // The backend's report has the gateway's fields in it, so it is compared as what it says.
        for key in ["length", "sha256", "text"] {
            answer[key] = Value::Null;
        }
        dropped.push("content-length");
    }
    answer["headers"] = fields(&answer["headers"], &dropped, combined);
    answer
}

/// Fields by name, with the values of each name in their order.
fn fields(list: &Value, dropped: &[&str], combined: bool) -> Value {
    let mut kept: Vec<(String, String)> = list
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|pair| {
            Some((
                pair[0].as_str()?.to_ascii_lowercase(),
                pair[1].as_str()?.to_owned(),
            ))
        })
        .filter(|(name, _)| !dropped.contains(&name.as_str()))
        .map(|(name, value)| {
            // The port is that of the gateway or of the backend.
            let value = if name == "host" {
                value.split(':').next().unwrap_or_default().to_owned()
            } else {
                value
            };
            (name, value)
        })
        .collect();
    kept.sort_by(|a, b| a.0.cmp(&b.0));
    if combined {
        kept.dedup_by(|next, first| {
            let same = next.0 == first.0 && next.0 != "set-cookie";
            if same {
                first.1 = format!("{}, {}", first.1, next.1);
            }
            same
        });
    }
    kept.into_iter()
        .map(|(name, value)| Value::from(vec![name, value]))
        .collect()
}

/// At most so many characters of a value.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(600) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
