//! The kinds that are read, and what a document says it is.

use std::sync::LazyLock;

use fg_model::kinds;
use serde::Deserialize;
use serde_json::Value;

use super::SchemaFinding;
use super::nearest::{distance, nearest};
use super::node::Node;

/// Written by `cargo xtask gen`.
const GENERATED: &str = include_str!("generated/gateway-api.json");
/// Written by hand.
const CORE: &str = include_str!("core.json");
/// Written by hand.
pub(super) const KGATEWAY: &str = include_str!("kgateway.json");

/// Kinds of known groups that exist, but are not read: no misspelling of one that is.
const OTHER_KINDS: &[(&str, &[&str])] = &[
    (kinds::GATEWAY_API, &["TCPRoute", "TLSRoute", "UDPRoute"]),
    (
        "",
        &[
            "Binding",
            "Endpoints",
            "Event",
            "LimitRange",
            "Node",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "Pod",
            "PodTemplate",
            "ReplicationController",
            "ResourceQuota",
            "ServiceAccount",
        ],
    ),
    (
        "gateway.kgateway.dev",
        &[
            "BackendConfigPolicy",
            "DirectResponse",
            "GatewayExtension",
            "HTTPListenerPolicy",
            "ListenerPolicy",
            "TrafficPolicy",
        ],
    ),
];

/// One entry of an embedded file.
#[derive(Deserialize)]
struct Entry {
    group: String,
    kind: String,
    namespaced: bool,
    versions: Vec<String>,
    /// Core kinds take `null` for "absent".
    #[serde(default)]
    lenient_null: bool,
    schema: Value,
}

#[derive(Deserialize)]
struct File {
    kinds: Vec<Entry>,
}

/// A kind that is read, in the versions that share a schema.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) group: String,
    pub(crate) kind: String,
    pub(crate) namespaced: bool,
    pub(crate) versions: Vec<String>,
    pub(crate) lenient_null: bool,
    pub(crate) schema: Node,
}

/// All kinds that are read.
#[derive(Debug)]
pub(crate) struct Catalog(Vec<Kind>);

/// The embedded schemas, read at first use.
pub(crate) fn catalog() -> &'static Catalog {
    static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
        let files = [GENERATED, CORE, KGATEWAY].map(|text| {
            serde_json::from_str::<File>(text).expect("the embedded schemas are good JSON")
        });
        let entries = files.into_iter().flat_map(|file| file.kinds);
        Catalog(entries.map(read).collect())
    });
    &CATALOG
}

fn read(entry: Entry) -> Kind {
    let schema = Node::read(&entry.schema).expect("the embedded schemas are understood");
    Kind {
        group: entry.group,
        kind: entry.kind,
        namespaced: entry.namespaced,
        versions: entry.versions,
        lenient_null: entry.lenient_null,
        schema,
    }
}

impl Catalog {
    /// The kind of an `apiVersion` and `kind`.
    pub(crate) fn find(&self, api_version: &str, kind: &str) -> Option<&Kind> {
        let (group, version) = split(api_version);
        self.0.iter().find(|known| {
            known.group == group
                && known.kind == kind
                && known.versions.iter().any(|v| v == version)
        })
    }

    #[cfg(test)]
    pub(crate) fn kinds(&self) -> &[Kind] {
        &self.0
    }

    fn of_group<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Kind> {
        self.0.iter().filter(move |kind| kind.group == group)
    }
}

/// What a document says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A kind and version that is read.
    Known,
    /// A list: its `items` are objects of their own.
    List,
    /// Something else: counted, not reported.
    Other {
        /// API group; empty for the core group.
        group: String,
        /// Kind.
        kind: String,
    },
    /// No object of Kubernetes, or one that no API server knows: probably a spelling mistake.
    Wrong(SchemaFinding),
}

/// Reads `apiVersion` and `kind` of a document.
pub fn identify(document: &Value) -> Identity {
    let Some(map) = document.as_object() else {
        return Identity::Wrong(
            SchemaFinding::violation("", "a document must be an object with fields")
                .hint("start with `apiVersion:` and `kind:`"),
        );
    };
    let word = |field: &str| match map.get(field) {
        Some(Value::String(word)) if !word.is_empty() => Ok(word.as_str()),
        Some(Value::String(_)) | None | Some(Value::Null) => {
            let found = SchemaFinding::violation(field, "is required");
            let near = nearest(field, map.keys().map(String::as_str));
            Err(match near {
                Some(near) if near != field => {
                    found.hint(format!("is `{near}` meant as `{field}`?"))
                }
                _ => found,
            })
        }
        Some(_) => Err(SchemaFinding::violation(field, "must be a string")),
    };
    match (word("apiVersion"), word("kind")) {
        (Ok(api_version), Ok(kind)) => judge(api_version, kind, document),
        (Err(wrong), _) | (_, Err(wrong)) => Identity::Wrong(wrong),
    }
}

fn judge(api_version: &str, kind: &str, document: &Value) -> Identity {
    let catalog = catalog();
    let (group, version) = split(api_version);
    if catalog.find(api_version, kind).is_some() {
        return Identity::Known;
    }
    let is_list = |kind: &str| {
        let item = kind.strip_suffix("List").unwrap_or(kind);
        (group.is_empty() && kind == "List")
            || (item != kind && catalog.find(api_version, item).is_some())
    };
    if is_list(kind) && document.get("items").is_some_and(Value::is_array) {
        return Identity::List;
    }
    let known: Vec<&Kind> = catalog.of_group(group).collect();
    if let Some(known) = known.iter().find(|known| known.kind == kind) {
        let right = spelled(group, &known.versions[0]);
        return Identity::Wrong(
            SchemaFinding::violation(
                "apiVersion",
                format!("{kind} has no version `{version}` that is served"),
            )
            .hint(format!("write `apiVersion: {right}`")),
        );
    }
    let others = OTHER_KINDS.iter().find(|(of, _)| *of == group);
    let others = others.map_or(&[][..], |(_, kinds)| kinds);
    if !others.contains(&kind) {
        let names = known.iter().map(|known| known.kind.as_str());
        if let Some(near) = near_kind(kind, names.chain(others.iter().copied())) {
            return Identity::Wrong(
                SchemaFinding::violation("kind", format!("{api_version} has no kind `{kind}`"))
                    .hint(format!("did you mean `{near}`?")),
            );
        }
        if let Some(meant) = wrong_group(group, kind) {
            return Identity::Wrong(
                SchemaFinding::violation(
                    "apiVersion",
                    format!("`{api_version}` has no kind `{kind}`"),
                )
                .hint(format!("write `apiVersion: {meant}`")),
            );
        }
    }
    Identity::Other {
        group: group.to_owned(),
        kind: kind.to_owned(),
    }
}

/// A kind of the same group that a misspelt one is meant as. Stricter than for fields: kinds of
/// one group may be near each other.
fn near_kind<'a>(kind: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = kind.to_lowercase();
    let mut near: Vec<(usize, &str)> = names
        .map(|name| (distance(&lower, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= 2)
        .collect();
    near.sort_unstable();
    near.first().map(|(_, name)| *name)
}

/// The `apiVersion` of a kind that is read, if the group is that one misspelt or left out.
fn wrong_group(group: &str, kind: &str) -> Option<String> {
    let known = catalog().0.iter().find(|known| known.kind == kind)?;
    // A part of the name, or words that stand for the core group elsewhere.
    let near = match known.group.is_empty() {
        true => matches!(group, "core" | "k8s.io" | "kubernetes.io"),
        false => {
            let rest = known.group.strip_suffix(group);
            group.is_empty()
                || rest.is_some_and(|rest| rest.ends_with('.'))
                || distance(group, &known.group) <= known.group.len() / 4
        }
    };
    near.then(|| spelled(&known.group, &known.versions[0]))
}

fn split(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

fn spelled(group: &str, version: &str) -> String {
    if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    }
}
