//! Calls of the API server from inside of the outer namespace: a client, and server-side apply of YAML texts.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use futures::future::try_join_all;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde::Deserialize;
use serde_json::Value;

use crate::process::GLANCE;

/// Who the API server's records say wrote what this writes.
const MANAGER: &str = "testcluster";

/// A client with the credentials of a kubeconfig. Errors: the file is wrong.
pub(crate) async fn client(kubeconfig: &Path) -> anyhow::Result<Client> {
    // A process may hold more than one library of this kind; which one is used must not depend on it.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
    let file = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// Applies all YAML files of a folder, or one file. Errors: as [`apply`].
pub(crate) async fn apply_files(client: &Client, path: &Path) -> anyhow::Result<()> {
    let mut files = vec![path.to_path_buf()];
    if path.is_dir() {
        files = fs::read_dir(path)?
            .map(|entry| Ok(entry?.path()))
            .collect::<anyhow::Result<_>>()?;
        files.retain(|file| {
            file.extension()
                .is_some_and(|end| end == "yaml" || end == "yml")
        });
        files.sort();
    }
    let mut text = String::new();
    for file in files {
        let content = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        text.push_str("\n---\n");
        text.push_str(&content);
    }
    apply(client, &text).await
}

/// Applies YAML documents: definitions and namespaces first, the rest when those can be used, each as it is written
/// and over other writers.
/// Errors: a document is no object, its kind is unknown, or the API server refuses it; the text names the object.
pub(crate) async fn apply(client: &Client, text: &str) -> anyhow::Result<()> {
    let mut objects = Vec::new();
    for document in documents(text) {
        let head: Option<Head> = serde_saphyr::from_str(document).with_context(|| {
            format!(
                "no object: {}",
                document.chars().take(80).collect::<String>()
            )
        })?;
        if let Some(head) = head {
            objects.push((head, document));
        }
    }
    let (first, rest): (Vec<_>, Vec<_>) = objects
        .iter()
        .partition(|(head, _)| head.is_definition() || head.kind == "Namespace");
    apply_all(client, &first).await?;
    let definitions = first.iter().filter(|(head, _)| head.is_definition());
    let all = definitions.map(|(head, _)| established(client, &head.metadata.name));
    try_join_all(all).await?;
    apply_all(client, &rest).await
}

/// The documents of a YAML text. A line of three dashes begins one.
fn documents(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let all = rest?;
        let Some(at) = all.find("\n---") else {
            rest = None;
            return Some(all);
        };
        let (document, after) = all.split_at(at);
        // The rest of the line with the dashes is a comment or nothing.
        rest = after.get(4..).map(|after| {
            after
                .find('\n')
                .and_then(|end| after.get(end..))
                .unwrap_or_default()
        });
        Some(document)
    })
    .filter(|document| {
        let lines = document.lines().map(str::trim);
        lines
            .filter(|line| !line.starts_with('#') && *line != "---")
            .any(|line| !line.is_empty())
    })
}

/// The part of an object that says where it lives.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    api_version: String,
    kind: String,
    metadata: Metadata,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    name: String,
    namespace: Option<String>,
}

impl Head {
    fn is_definition(&self) -> bool {
        self.kind == "CustomResourceDefinition"
    }

    /// The folder of its API in URLs.
    fn group(&self) -> String {
        let top = if self.api_version.contains('/') {
            "apis"
        } else {
            "api"
        };
        format!("/{top}/{}", self.api_version)
    }
}

async fn apply_all(client: &Client, objects: &[&(Head, &str)]) -> anyhow::Result<()> {
    let mut groups = BTreeMap::new();
    for (head, _) in objects {
        if !groups.contains_key(&head.api_version) {
            groups.insert(head.api_version.clone(), kinds(client, head).await?);
        }
    }
    let calls = objects.iter().map(|(head, document)| {
        let kinds = groups.get(&head.api_version);
        async move {
            let name = format!("{} {}", head.kind, head.metadata.name);
            let kind = kinds.and_then(|kinds| kinds.get(&head.kind));
            let (plural, namespaced) =
                kind.with_context(|| format!("{name}: no such kind in {}", head.api_version))?;
            let group = head.group();
            let namespace = head.metadata.namespace.as_deref().unwrap_or("default");
            let place = if *namespaced {
                format!("{group}/namespaces/{namespace}/{plural}")
            } else {
                format!("{group}/{plural}")
            };
            let request = http::Request::patch(format!(
                "{place}/{}?fieldManager={MANAGER}&force=true",
                head.metadata.name
            ))
            .header("content-type", "application/apply-patch+yaml")
            .body(document.as_bytes().to_vec())?;
            let applied = client.request_text(request).await;
            applied
                .map(|_| ())
                .with_context(|| format!("applying {name}"))
        }
    });
    try_join_all(calls).await?;
    Ok(())
}

/// The kinds of an API version: plural, and whether they live in namespaces.
async fn kinds(client: &Client, head: &Head) -> anyhow::Result<BTreeMap<String, (String, bool)>> {
    let list = get(client, &head.group()).await?;
    let resources = list.get("resources").and_then(Value::as_array);
    let resources = resources.context("a list of kinds")?;
    let of = |entry: &Value| {
        let plural = entry.get("name")?.as_str()?;
        let namespaced = entry.get("namespaced")?.as_bool()?;
        let kind = entry.get("kind")?.as_str()?;
        // The others are parts of objects, like `pods/log`.
        (!plural.contains('/')).then(|| (kind.to_owned(), (plural.to_owned(), namespaced)))
    };
    Ok(resources.iter().filter_map(of).collect())
}

/// One object, or whatever is at this path. Errors: there is none, or no answer.
pub(crate) async fn get(client: &Client, path: &str) -> anyhow::Result<Value> {
    let request = http::Request::get(path).body(Vec::new())?;
    client
        .request(request)
        .await
        .with_context(|| path.to_owned())
}

/// Waits until a definition is established and its API is listed.
async fn established(client: &Client, name: &str) -> anyhow::Result<()> {
    let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}");
    wait_for(client, &path, "Established", Duration::from_secs(30)).await
}

/// Waits until the condition `kind` of the object at `path` is True.
/// Errors: the time is over; the text tells the object's conditions.
pub(crate) async fn wait_for(
    client: &Client,
    path: &str,
    kind: &str,
    patience: Duration,
) -> anyhow::Result<()> {
    let look = async {
        loop {
            if let Ok(object) = get(client, path).await
                && is_true(&object, kind)
            {
                return;
            }
            tokio::time::sleep(GLANCE).await;
        }
    };
    if tokio::time::timeout(patience, look).await.is_ok() {
        return Ok(());
    }
    match get(client, path).await {
        Ok(object) => bail!(
            "{path}: {kind} is not True after {} s; its conditions: {}",
            patience.as_secs(),
            object.pointer("/status/conditions").unwrap_or(&Value::Null)
        ),
        Err(error) => Err(error.context(format!("{kind} of it was waited for"))),
    }
}

/// Whether an object has a condition that is True.
pub(crate) fn is_true(object: &Value, kind: &str) -> bool {
    let conditions = object
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| {
        let field = |name| condition.get(name).and_then(Value::as_str);
        field("type") == Some(kind) && field("status") == Some("True")
    })
}

/// The objects of a list at `path`. Errors: no answer, or no list.
pub(crate) async fn list(client: &Client, path: &str) -> anyhow::Result<Vec<Value>> {
    let mut all = get(client, path).await?;
    let items = all.get_mut("items").map(Value::take);
    ensure!(items.is_some(), "{path} is no list");
    match items {
        Some(Value::Array(items)) => Ok(items),
        _ => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_its_dashes() {
        let text = "# about\n---\nkind: A\n--- # more\nkind: B\ntext: a---b\n---\n\n";
        let found: Vec<&str> = documents(text).map(str::trim).collect();
        assert_eq!(found, ["kind: A", "kind: B\ntext: a---b"]);
    }

    #[test]
    fn a_condition_counts_only_when_true() {
        let of = |status: &str| {
            serde_json::json!({"status": {"conditions": [
                {"type": "Other", "status": "True"},
                {"type": "Ready", "status": status},
            ]}})
        };
        assert!(is_true(&of("True"), "Ready"));
        assert!(!is_true(&of("False"), "Ready"));
        assert!(!is_true(&Value::Null, "Ready"));
    }
}
