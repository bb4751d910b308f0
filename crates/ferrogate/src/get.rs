//! `ferrogate get`: Gateways or routes of a cluster, with what their status says.
//!
//! It reads what was written into the API, not what a control plane thinks: this is what everybody
//! else sees, too.

use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
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
        all(&api).await
    };
    let everywhere = async |kind: &str| -> anyhow::Result<Vec<DynamicObject>> {
        let kind = GroupVersionKind::gvk(fg_model::kinds::GATEWAY_API, "v1", kind);
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &ApiResource::from_gvk(&kind));
        all(&api).await
    };
    Ok(match args.what {
        GetWhat::Gateways => {
            let classes = Classes(everywhere("GatewayClass").await?);
            gateways(&list("Gateway").await?, &classes)
        }
        GetWhat::Routes => {
            let mut all = list("HTTPRoute").await?;
            all.extend(list("GRPCRoute").await?);
            // Who may not read these is told less.
            let parents = match (
                everywhere("Gateway").await,
                everywhere("GatewayClass").await,
            ) {
                (Ok(gateways), Ok(classes)) => Some((gateways, Classes(classes))),
                _ => None,
            };
            let parents = parents.as_ref();
            routes(
                &all,
                parents.map(|(gateways, classes)| (&**gateways, classes)),
            )
        }
    })
}

/// All objects of a kind of the Gateway API.
async fn all(api: &Api<DynamicObject>) -> anyhow::Result<Vec<DynamicObject>> {
    match api.list(&ListParams::default()).await {
        Ok(list) => Ok(list.items),
        Err(kube::Error::Api(status)) if status.code == 404 => Err(anyhow!(
            "the definitions of the Gateway API are not there; install its CRDs"
        )),
        Err(error) => Err(error.into()),
    }
}

/// The GatewayClasses of the cluster.
struct Classes(Vec<DynamicObject>);

impl Classes {
    /// Whether a class is ours; `None` when there is none of that name.
    fn is_ours(&self, name: &str) -> Option<bool> {
        let mut all = self.0.iter();
        let class = all.find(|class| class.metadata.name.as_deref() == Some(name))?;
        Some(text(&class.data, "/spec/controllerName").starts_with(OURS))
    }
}

fn gateways(gateways: &[DynamicObject], classes: &Classes) -> Table {
    let mut table = vec![words(&[
        "NAMESPACE",
        "NAME",
        "CLASS",
        "ADDRESS",
        "ACCEPTED",
        "PROGRAMMED",
        "PROXIES",
        "ROUTES",
        "MESSAGE",
    ])];
    for gateway in gateways {
        let class = text(&gateway.data, "/spec/gatewayClassName");
        let missing = match classes.is_ours(&class) {
            Some(false) => continue,
            Some(true) => None,
            None => Some(format!("there is no GatewayClass `{class}`")),
        };
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
            programmed.proxies.clone(),
            routes.sum::<u64>().to_string(),
            missing.unwrap_or_else(|| worst(&[accepted, programmed])),
        ]);
    }
    table
}

/// Routes; with the Gateways of the cluster also parents that nobody has said anything of.
fn routes(routes: &[DynamicObject], known: Option<(&[DynamicObject], &Classes)>) -> Table {
    let mut table = vec![words(&[
        "NAMESPACE",
        "KIND",
        "NAME",
        "PARENT",
        "HOSTNAMES",
        "ACCEPTED",
        "RESOLVED",
        "PROGRAMMED",
        "PROXIES",
        "MESSAGE",
    ])];
    for route in routes {
        let hostnames = items(&route.data, "/spec/hostnames").iter();
        let hostnames: Vec<&str> = hostnames.filter_map(Value::as_str).collect();
        let kind = route.types.as_ref().map(|types| types.kind.clone());
        let head = |parent: &Value| {
            vec![
                route.metadata.namespace.clone().unwrap_or_default(),
                kind.clone().unwrap_or_else(|| "HTTPRoute".to_owned()),
                route.metadata.name.clone().unwrap_or_default(),
                name_of_parent(parent),
                if hostnames.is_empty() {
                    "*".to_owned()
                } else {
                    hostnames.join(",")
                },
            ]
        };
        let parents = items(&route.data, "/status/parents").iter();
        let parents = parents.filter(|parent| text(parent, "/controllerName").starts_with(OURS));
        for parent in parents {
            let conditions = items(parent, "/conditions");
            let generation = route.metadata.generation;
            let all = ["Accepted", "ResolvedRefs", fg_status::ROUTE_PROGRAMMED]
                .map(|kind| Condition::of(conditions, kind, generation));
            let reference = parent.get("parentRef").unwrap_or(&Value::Null);
            let mut line = head(reference);
            line.extend(all.iter().map(|condition| condition.short.clone()));
            line.push(all[2].proxies.clone());
            line.push(worst(&all));
            table.push(line);
        }
        let Some((gateways, classes)) = known else {
            continue;
        };
        for (parent, why) in silent(route, gateways, classes) {
            let mut line = head(parent);
            line.extend(words(&["Unknown", "Unknown", "Unknown", "-"]));
            line.push(why);
            table.push(line);
        }
    }
    table
}

/// The Gateways that a route names and that say nothing of it although somebody expects it, with
/// what may be the matter. Those of other gateways are left out.
fn silent<'a>(
    route: &'a DynamicObject,
    gateways: &[DynamicObject],
    classes: &Classes,
) -> Vec<(&'a Value, String)> {
    let home = route.metadata.namespace.clone().unwrap_or_default();
    // What makes two references the same.
    let key = |reference: &Value| {
        let namespace = Some(text(reference, "/namespace")).filter(|found| !found.is_empty());
        (
            namespace.unwrap_or_else(|| home.clone()),
            text(reference, "/name"),
            text(reference, "/sectionName"),
            reference.get("port").and_then(Value::as_i64),
        )
    };
    let told: Vec<_> = items(&route.data, "/status/parents")
        .iter()
        .filter_map(|parent| parent.get("parentRef"))
        .map(key)
        .collect();
    let mut silent = Vec::new();
    for reference in items(&route.data, "/spec/parentRefs") {
        let kind = text(reference, "/kind");
        if told.contains(&key(reference)) || !(kind.is_empty() || kind == "Gateway") {
            continue;
        }
        let (namespace, name, ..) = key(reference);
        let gateway = gateways.iter().find(|gateway| {
            gateway.metadata.namespace.as_deref() == Some(&namespace)
                && gateway.metadata.name.as_deref() == Some(&name)
        });
        let Some(gateway) = gateway else {
            silent.push((
                reference,
                format!("there is no Gateway `{name}` in namespace `{namespace}`"),
            ));
            continue;
        };
        let class = text(&gateway.data, "/spec/gatewayClassName");
        let words = match classes.is_ours(&class) {
            Some(false) => continue,
            Some(true) => {
                "no control plane has said anything yet: does it run, and read this namespace?"
                    .to_owned()
            }
            None => format!("its Gateway names the GatewayClass `{class}`, which is not there"),
        };
        silent.push((reference, words));
    }
    silent
}

fn name_of_parent(parent: &Value) -> String {
    let part = |pointer: &str| text(parent, pointer);
    let mut name = part("/name");
    let namespace = part("/namespace");
    if !namespace.is_empty() {
        name = format!("{namespace}/{name}");
    }
    let section = part("/sectionName");
    if !section.is_empty() {
        name = format!("{name}:{section}");
    }
    name
}

/// One condition in short, and what it says if it is not well.
struct Condition {
    short: String,
    /// How many proxies serve it, out of how many, if it says so.
    proxies: String,
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
                proxies: "-".to_owned(),
                words: None,
            };
        };
        let observed = found.get("observedGeneration").and_then(Value::as_i64);
        let status = text(found, "/status");
        let is_well =
            status == "True" && text(found, "/reason") == kind.rsplit('/').next().unwrap_or(kind);
        // Without one it is a default of the definition, which nobody has replaced yet.
        let short = if observed.is_some() && observed < generation {
            "Stale".to_owned()
        } else {
            status
        };
        let message = text(found, "/message");
        let proxies = message.split_once(" proxies").map(|(before, _)| before);
        let proxies = proxies.and_then(|before| before.rsplit(' ').next());
        Self {
            short,
            proxies: proxies
                .filter(|found| found.contains('/'))
                .unwrap_or("-")
                .to_owned(),
            words: (!is_well).then(|| format!("{}: {message}", text(found, "/reason"))),
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
        let theirs = object(json!({
            "metadata": { "name": "other" },
            "spec": { "controllerName": "example.com/other" },
        }));
        let condition = |kind: &str, status: &str, reason: &str| {
            json!({ "type": kind, "status": status, "reason": reason, "observedGeneration": 2,
                    "message": "the Gateway: 1/2 proxies; waiting for web-1" })
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
            gateway("ferogate", 2),
            gateway("ferrogate", 3),
        ];
        let table = gateways(&all, &Classes(vec![class, theirs]));
        let lines: Vec<String> = table.iter().map(|line| line.join(" ")).collect();
        assert_eq!(
            lines[1..],
            [
                "shop web ferrogate 10.0.0.1 True False 1/2 3 Pending: the Gateway: 1/2 proxies; waiting for web-1",
                "shop web ferogate 10.0.0.1 True False 1/2 3 there is no GatewayClass `ferogate`",
                "shop web ferrogate 10.0.0.1 Stale Stale 1/2 3 Pending: the Gateway: 1/2 proxies; waiting for web-1",
            ]
        );
    }

    #[test]
    fn a_parent_that_says_nothing_shows_with_what_may_be_the_matter() {
        let class = |name: &str, controller: &str| {
            object(
                json!({ "metadata": { "name": name }, "spec": { "controllerName": controller } }),
            )
        };
        let classes = Classes(vec![
            class("ferrogate", "ferrogate.dev/gateway"),
            class("other", "example.com/other"),
        ]);
        let gateway = |name: &str, class: &str| {
            object(json!({
                "metadata": { "name": name, "namespace": "shop" },
                "spec": { "gatewayClassName": class },
            }))
        };
        let known = [gateway("web", "ferrogate"), gateway("theirs", "other")];
        let route = object(json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GRPCRoute",
            "metadata": { "name": "carts", "namespace": "shop", "generation": 1 },
            "spec": { "parentRefs": [
                { "name": "web" }, { "name": "web", "sectionName": "b" }, { "name": "theirs" },
                { "name": "wep" }, { "name": "set", "kind": "ListenerSet" },
            ] },
            "status": { "parents": [{
                "controllerName": "ferrogate.dev/gateway",
                "parentRef": { "name": "web", "namespace": "shop" },
                "conditions": [],
            }] },
        }));
        let lines = |known| {
            let table = routes(std::slice::from_ref(&route), known);
            let lines = table.iter().skip(1).map(|line| line[3..].join(" "));
            lines.collect::<Vec<_>>()
        };
        let told = "shop/web * Unknown Unknown Unknown - ".to_owned();
        assert_eq!(
            lines(Some((&known, &classes))),
            [
                told.clone(),
                "web:b * Unknown Unknown Unknown - no control plane has said anything yet: does it run, and read this namespace?".to_owned(),
                "wep * Unknown Unknown Unknown - there is no Gateway `wep` in namespace `shop`".to_owned(),
            ]
        );
        assert_eq!(lines(None), [told]);
    }
}
