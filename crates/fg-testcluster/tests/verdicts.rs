//! A folder refuses what a real API server refuses, and takes what it takes.
//!
//! The corpus is every object of `verdicts/`, each of them good, and every single change of it from
//! a list: a field is gone, null, of another type, out of bounds, unknown, an item stands twice.
//! The API server is asked by a dry run with strict fields, the folder's judge is
//! [`fg_api::schema::decode`].

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use fg_testcluster::Cluster;
use futures::StreamExt as _;
use kube::{Client, Error};
use serde_json::{Map, Value, json};

/// So many differences are printed.
const PRINTED: usize = 60;

/// What only the folder refuses, on purpose: the kind, the beginning and the end of a case, and why.
const STRICTER: &[(&str, &str, &str)] = &[
    // A port that cannot be is a slip, and the API server checks only names there.
    ("EndpointSlice", "/ports/0/port", ""),
    // Go reads a null in a list as an item without any field.
    ("EndpointSlice", "/ports/0", "null"),
    // Go reads bytes from a list of numbers too.
    ("ConfigMap", "/binaryData", "[]"),
    ("Secret", "/data", "[]"),
];

/// The namespace of every object that is in one.
const NAMESPACE: &str = "verdicts";

/// An object with one change.
struct Case {
    /// `HTTPRoute full`.
    what: String,
    /// Where the change is; empty for the object as it is.
    place: String,
    /// Such as `gone`.
    change: String,
    object: Value,
}

impl Case {
    fn name(&self) -> String {
        format!("{} {}: {}", self.what, self.place, self.change)
    }

    /// Whether the folder may refuse it though the API server does not.
    fn may_be_refused(&self) -> bool {
        STRICTER.iter().any(|(kind, place, change)| {
            word(&self.object, "kind") == *kind
                && self.place.starts_with(place)
                && self.change.ends_with(change)
        })
    }
}

/// What both say about a case.
struct Verdicts {
    /// The API server's words.
    refused: Option<String>,
    difference: Option<String>,
}

#[test]
fn the_folder_and_the_api_server_agree() -> anyhow::Result<()> {
    let cluster = match std::env::var("FERROGATE_TEST_CLUSTER") {
        Ok(id) => Cluster::attach(&id)?,
        Err(_) => Cluster::up(fg_testcluster::Options::default())?,
    };
    let mut cases = Vec::new();
    for object in corpus()? {
        cases.extend(changed(&object));
    }
    let verdicts = cluster.with_client(async |client| {
        let space =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
        match send(&client, &space, "").await {
            Ok(()) | Err(Error::Api(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let asked = cases.iter().map(|case| judged(&client, case));
        let asked: Vec<_> = futures::stream::iter(asked).buffered(8).collect().await;
        asked.into_iter().collect::<anyhow::Result<Vec<_>>>()
    })?;
    let refused = verdicts
        .iter()
        .filter(|verdicts| verdicts.refused.is_some());
    let refused = refused.count();
    let differences: Vec<&String> = verdicts
        .iter()
        .filter_map(|verdicts| verdicts.difference.as_ref())
        .collect();
    eprintln!(
        "{} objects judged, {refused} refused, {} differently",
        cases.len(),
        differences.len()
    );
    for difference in differences.iter().take(PRINTED) {
        eprintln!("{difference}");
    }
    ensure!(differences.is_empty(), "the verdicts differ");
    let bad = cases.iter().zip(&verdicts).filter_map(|(case, verdicts)| {
        let words = verdicts.refused.as_ref()?;
        case.place
            .is_empty()
            .then(|| format!("{}: {words}", case.what))
    });
    let bad: Vec<String> = bad.collect();
    ensure!(bad.is_empty(), "meant to be good: {bad:#?}");
    Ok(())
}

/// The good objects.
fn corpus() -> anyhow::Result<Vec<Value>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verdicts");
    let mut objects = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let text = std::fs::read_to_string(&path)?;
        for document in text.split("\n---\n") {
            let object: Value = serde_saphyr::from_str(document)
                .with_context(|| format!("{}: {document}", path.display()))?;
            objects.push(object);
        }
    }
    Ok(objects)
}

/// The object itself, and each change of it.
fn changed(object: &Value) -> Vec<Case> {
    let what = format!(
        "{} {}",
        word(object, "kind"),
        word(&object["metadata"], "name")
    );
    let mut cases = vec![Case {
        what: what.clone(),
        place: String::new(),
        change: String::new(),
        object: object.clone(),
    }];
    let mut places = Vec::new();
    places_of(object, "", &mut places);
    for place in places {
        // Who it is cannot be judged by one who is asked for that very place.
        if matches!(&*place, "/apiVersion" | "/kind" | "/metadata/namespace") {
            continue;
        }
        for (change, value) in changes_at(object, &place) {
            cases.push(Case {
                what: what.clone(),
                place: place.clone(),
                change,
                object: value,
            });
        }
    }
    cases
}

fn word<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_default()
}

/// The pointers of all values in a value.
fn places_of(value: &Value, at: &str, places: &mut Vec<String>) {
    let mut inside = |key: &str, value: &Value| {
        let key = key.replace('~', "~0").replace('/', "~1");
        let place = format!("{at}/{key}");
        places.push(place.clone());
        places_of(value, &place, places);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| inside(key, value)),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, item)| inside(&index.to_string(), item));
        }
        _ => {}
    }
}

/// Each change at one place.
fn changes_at(object: &Value, place: &str) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    let before = object.pointer(place).cloned().unwrap_or_default();
    let mut set = |name: &str, value: Value| {
        let mut object = object.clone();
        if let Some(spot) = object.pointer_mut(place) {
            *spot = value;
            all.push((name.to_owned(), object));
        }
    };
    let others = [
        json!(null),
        json!(""),
        json!("no such Thing!"),
        json!("a".repeat(300)),
        json!(-1),
        json!(0),
        json!(70_000),
        json!(5_000_000_000_i64),
        json!(1.5),
        json!(true),
        json!([]),
        json!({}),
    ];
    for other in others {
        let mut name = other.to_string();
        name.truncate(20);
        set(&name, other);
    }
    match &before {
        Value::Array(items) if !items.is_empty() => {
            let mut twice = items.clone();
            twice.push(items[0].clone());
            set("first item twice", twice.into());
            let many: Vec<_> = items.iter().cycle().take(130).cloned().collect();
            set("130 items", many.into());
        }
        Value::Object(map) => {
            let mut more: Map<String, Value> = map.clone();
            more.insert("unknownThing".to_owned(), json!("a"));
            set("an unknown field", more.into());
        }
        _ => {}
    }
    all.extend(without(object, place).map(|object| ("gone".to_owned(), object)));
    all
}

/// The object without a field or item.
fn without(object: &Value, place: &str) -> Option<Value> {
    let mut object = object.clone();
    let (parent, key) = place.rsplit_once('/')?;
    match object.pointer_mut(parent)? {
        Value::Object(map) => drop(map.remove(&key.replace("~1", "/").replace("~0", "~"))),
        Value::Array(items) => drop(items.remove(key.parse().ok()?)),
        _ => return None,
    }
    Some(object)
}

/// What the folder and the API server say.
async fn judged(client: &Client, case: &Case) -> anyhow::Result<Verdicts> {
    let folder = match fg_api::schema::decode(case.object.clone()) {
        Ok(_) => None,
        Err(refusal) => Some(refusal.findings),
    };
    let server = match send(client, &case.object, "dryRun=All&").await {
        Ok(()) => None,
        Err(Error::Api(status)) if matches!(status.code, 400 | 422) => Some(status.message.clone()),
        Err(error) => return Err(error).with_context(|| case.name()),
    };
    let difference = match (&folder, &server) {
        (None, Some(words)) => {
            let words: String = words.chars().take(300).collect();
            Some(format!("only the server refuses {}: {words}", case.name()))
        }
        (Some(findings), None) if !case.may_be_refused() => {
            let finding = &findings[0];
            let words = format!("{} {}", finding.path, finding.text);
            Some(format!("only the folder refuses {}: {words}", case.name()))
        }
        _ => None,
    };
    Ok(Verdicts {
        refused: server,
        difference,
    })
}

/// Creates an object, with strict fields.
async fn send(client: &Client, object: &Value, query: &str) -> Result<(), Error> {
    let plurals = BTreeMap::from([
        ("GatewayClass", "gatewayclasses"),
        ("BackendTLSPolicy", "backendtlspolicies"),
    ]);
    let kind = word(object, "kind");
    let plural = plurals.get(kind).map_or_else(
        || format!("{}s", kind.to_lowercase()),
        |plural| (*plural).to_owned(),
    );
    let version = word(object, "apiVersion");
    let root = if version.contains('/') { "apis" } else { "api" };
    let space = match kind {
        "GatewayClass" | "Namespace" => String::new(),
        _ => format!("namespaces/{NAMESPACE}/"),
    };
    let path = format!("/{root}/{version}/{space}{plural}?{query}fieldValidation=Strict");
    let request = http::Request::post(path)
        .header("content-type", "application/json")
        .body(object.to_string().into_bytes())
        .map_err(Error::HttpError)?;
    client.request_text(request).await.map(drop)
}
