//! `ferrogate get`: Gateways or routes of a cluster, with what their status says.
//!
//! It reads what was written into the API, not what a control plane thinks: this is what everybody
//! else sees, too.

use std::process::ExitCode;

use anyhow::Context as _;
use fg_api::classes::OURS;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};
use serde_json::Value;

use crate::cli::{GetArgs, GetWhat};
use crate::exit;
use crate::loaded::client;

/// A table: its heads, then its lines.
type Table = Vec<Vec<String>>;

/// Lists them.
pub(crate) fn get(args: &GetArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let table = runtime
        .block_on(table(args))
        .context("cannot read the cluster")?;
    exit::print(&aligned(&table));
    Ok(ExitCode::SUCCESS)
}

async fn table(args: &GetArgs) -> anyhow::Result<Table> {
    let client = client(args.context.as_deref()).await?;
    let list = async |kind: &str| -> anyhow::Result<Vec<DynamicObject>> {
        let kind = GroupVersionKind::gvk(fg_model::kinds::GATEWAY_API, "v1", kind);
        let resource = ApiResource::from_gvk(&kind);
        let api: Api<DynamicObject> = match &args.namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        };
        Ok(api.list(&ListParams::default()).await?.items)
    };
    Ok(match args.what {
        GetWhat::Gateways => {
            let class = ApiResource::from_gvk(&GroupVersionKind::gvk(
                fg_model::kinds::GATEWAY_API,
                "v1",
                "GatewayClass",
            ));
            let classes: Api<DynamicObject> = Api::all_with(client.clone(), &class);
            let classes = classes.list(&ListParams::default()).await?.items;
            gateways(&list("Gateway").await?, &classes)
        }
        GetWhat::Routes => {
            let mut all = list("HTTPRoute").await?;
            all.extend(list("GRPCRoute").await?);
            routes(&all)
        }
    })
}

fn gateways(gateways: &[DynamicObject], classes: &[DynamicObject]) -> Table {
    let ours = |name: &str| {
        classes.iter().any(|class| {
            let controller = class.data.pointer("/spec/controllerName");
            class.metadata.name.as_deref() == Some(name)
                && controller
                    .and_then(Value::as_str)
                    .is_some_and(|controller| controller.starts_with(OURS))
        })
    };
    let mut table = vec![words(&[
        "NAMESPACE",
        "NAME",
        "CLASS",
        "ADDRESS",
        "ACCEPTED",
        "PROGRAMMED",
        "ROUTES",
        "MESSAGE",
    ])];
    for gateway in gateways {
        let class = text(&gateway.data, "/spec/gatewayClassName");
        if !ours(&class) {
            continue;
        }
        let addresses = items(&gateway.data, "/status/addresses");
        let addresses = addresses.iter().map(|one| text(one, "/value"));
        let addresses: Vec<String> = addresses.collect();
        let routes = items(&gateway.data, "/status/listeners").iter();
        let routes = routes.filter_map(|listener| listener.get("attachedRoutes")?.as_u64());
        let conditions = items(&gateway.data, "/status/conditions");
        let generation = gateway.metadata.generation;
        let (accepted, programmed) = (
            Condition::of(conditions, "Accepted", generation),
            Condition::of(conditions, "Programmed", generation),
        );
        table.push(vec![
            gateway.metadata.namespace.clone().unwrap_or_default(),
            gateway.metadata.name.clone().unwrap_or_default(),
            class,
            if addresses.is_empty() {
                "-".to_owned()
            } else {
                addresses.join(",")
            },
            accepted.short.clone(),
            programmed.short.clone(),
            routes.sum::<u64>().to_string(),
            worst(&[accepted, programmed]),
        ]);
    }
    table
}

fn routes(routes: &[DynamicObject]) -> Table {
    let mut table = vec![words(&[
        "NAMESPACE",
        "KIND",
        "NAME",
        "PARENT",
        "HOSTNAMES",
        "ACCEPTED",
        "RESOLVED",
        "PROGRAMMED",
        "MESSAGE",
    ])];
    for route in routes {
        let parents = items(&route.data, "/status/parents").iter();
        let parents = parents.filter(|parent| text(parent, "/controllerName").starts_with(OURS));
        for parent in parents {
            let conditions = items(parent, "/conditions");
            let generation = route.metadata.generation;
            let all = ["Accepted", "ResolvedRefs", fg_status::ROUTE_PROGRAMMED]
                .map(|kind| Condition::of(conditions, kind, generation));
            let hostnames = items(&route.data, "/spec/hostnames").iter();
            let hostnames: Vec<&str> = hostnames.filter_map(Value::as_str).collect();
            let kind = route.types.as_ref().map(|types| types.kind.clone());
            let [accepted, resolved, programmed] = &all;
            table.push(vec![
                route.metadata.namespace.clone().unwrap_or_default(),
                kind.unwrap_or_else(|| "HTTPRoute".to_owned()),
                route.metadata.name.clone().unwrap_or_default(),
                name_of_parent(parent),
                if hostnames.is_empty() {
                    "*".to_owned()
                } else {
                    hostnames.join(",")
                },
                accepted.short.clone(),
                resolved.short.clone(),
                programmed.short.clone(),
                worst(&all),
            ]);
        }
    }
    table
}

fn name_of_parent(parent: &Value) -> String {
    let part = |pointer: &str| text(parent, pointer);
    let mut name = part("/parentRef/name");
    let namespace = part("/parentRef/namespace");
    if !namespace.is_empty() {
        name = format!("{namespace}/{name}");
    }
    let section = part("/parentRef/sectionName");
    if !section.is_empty() {
        name = format!("{name}:{section}");
    }
    name
}

/// One condition in short, and what it says if it is not well.
struct Condition {
    short: String,
    words: Option<String>,
}

impl Condition {
    /// The condition of a type; `Stale` when it is about an older generation.
    fn of(conditions: &[Value], kind: &str, generation: Option<i64>) -> Self {
        let found = conditions
            .iter()
            .find(|condition| text(condition, "/type") == kind);
        let Some(found) = found else {
            return Self {
                short: "Unknown".to_owned(),
                words: None,
            };
        };
        let observed = found.get("observedGeneration").and_then(Value::as_i64);
        let status = text(found, "/status");
        let is_well =
            status == "True" && text(found, "/reason") == kind.rsplit('/').next().unwrap_or(kind);
        let short = if observed < generation {
            "Stale".to_owned()
        } else {
            status
        };
        Self {
            short,
            words: (!is_well)
                .then(|| format!("{}: {}", text(found, "/reason"), text(found, "/message"))),
        }
    }
}

fn worst(conditions: &[Condition]) -> String {
    let words = conditions.iter().find_map(|one| one.words.clone());
    words.unwrap_or_default()
}

fn text(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default().to_owned()
}

fn items<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    let found = value.pointer(pointer).and_then(Value::as_array);
    found.map(Vec::as_slice).unwrap_or_default()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

/// Columns of one width, two blanks between them; the last one as it is.
fn aligned(table: &Table) -> String {
    let columns = table.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|at| {
            let cells = table.iter().filter_map(|line| line.get(at));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for line in table {
        let cells = line.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> DynamicObject {
        serde_json::from_value(value).expect("an object")
    }

    #[test]
    fn a_gateway_shows_its_address_and_what_is_wrong_with_it() {
        let class = object(json!({
            "metadata": { "name": "ferrogate" },
            "spec": { "controllerName": "ferrogate.dev/gateway" },
        }));
        let condition = |kind: &str, status: &str, reason: &str| {
            json!({ "type": kind, "status": status, "reason": reason, "observedGeneration": 2,
                    "message": "no ready proxy" })
        };
        let gateway = |class: &str, generation: i64| {
            object(json!({
                "metadata": { "name": "web", "namespace": "shop", "generation": generation },
                "spec": { "gatewayClassName": class },
                "status": {
                    "addresses": [{ "value": "10.0.0.1" }],
                    "listeners": [{ "attachedRoutes": 2 }, { "attachedRoutes": 1 }],
                    "conditions": [
                        condition("Accepted", "True", "Accepted"),
                        condition("Programmed", "False", "Pending"),
                    ],
                },
            }))
        };
        let all = [
            gateway("ferrogate", 2),
            gateway("other", 2),
            gateway("ferrogate", 3),
        ];
        let table = gateways(&all, &[class]);
        let lines: Vec<String> = table.iter().map(|line| line.join(" ")).collect();
        assert_eq!(
            lines[1..],
            [
                "shop web ferrogate 10.0.0.1 True False 3 Pending: no ready proxy",
                "shop web ferrogate 10.0.0.1 Stale Stale 3 Pending: no ready proxy",
            ]
        );
    }
}
