//! An API server in this process: just enough of get, list, merge patch and server-side apply.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use fg_model::ObjectRef;
use fg_sources::kube::Sight;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use super::super::kind::Kind;

/// Changes an object between a client's read and its write.
type Meddle = Box<dyn FnOnce(&mut Value) + Send>;

#[derive(Default)]
struct World {
    objects: BTreeMap<String, Value>,
    /// What our manager applied last, by path.
    applied: BTreeMap<String, Value>,
    version: u64,
    log: Vec<String>,
    errors: VecDeque<(&'static str, u16)>,
    meddle: Option<Meddle>,
    flying: usize,
    most_flying: usize,
}

/// A handle on the server; clones are the same server.
#[derive(Clone, Default)]
pub(super) struct Server {
    world: Arc<Mutex<World>>,
}

impl Server {
    pub(super) fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.expect("a body in memory").to_bytes();
                server.fly(1);
                // Whoever else wants to send may do so meanwhile.
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                server.fly(-1);
                let target = parts.uri.path_and_query().expect("a path").to_string();
                let (status, reply) = server.serve(&parts.method, &target, &body);
                let mut response = Response::new(Full::new(reply.to_string().into_bytes().into()));
                *response.status_mut() = status;
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        Client::new(service, "default")
    }

    /// Puts an object there, of this generation and with this status.
    pub(super) fn put(&self, object: &ObjectRef, generation: i64, status: Value) {
        let mut world = self.world.lock().expect("no test panicked");
        world.version += 1;
        let mut value = json!({
            "metadata": {
                "name": &*object.name,
                "namespace": &*object.namespace,
                "generation": generation,
                "resourceVersion": world.version.to_string(),
            },
            "spec": {"untouched": true},
        });
        if !status.is_null() {
            value["status"] = status;
        }
        world.objects.insert(path(object), value);
    }

    /// The spec of an object is edited.
    pub(super) fn bump(&self, object: &ObjectRef, generation: i64) {
        let mut world = self.world.lock().expect("no test panicked");
        world.version += 1;
        let version = world.version.to_string();
        let live = world.objects.get_mut(&path(object)).expect("it is there");
        live["metadata"]["generation"] = generation.into();
        live["metadata"]["resourceVersion"] = version.into();
    }

    /// An object is deleted.
    pub(super) fn remove(&self, object: &ObjectRef) {
        let mut world = self.world.lock().expect("no test panicked");
        world.objects.remove(&path(object));
    }

    /// Shows an object as a watch would.
    pub(super) fn show(&self, object: &ObjectRef, to: impl Fn(&Sight<'_>)) {
        let world = self.world.lock().expect("no test panicked");
        let live = &world.objects[&path(object)];
        let metadata = &live["metadata"];
        let status = live.get("status").map(Value::to_string);
        to(&Sight {
            object,
            generation: metadata["generation"].as_i64().expect("a generation"),
            version: metadata["resourceVersion"].as_str().expect("a version"),
            status: status.as_deref(),
        });
    }

    pub(super) fn status(&self, object: &ObjectRef) -> Value {
        let world = self.world.lock().expect("no test panicked");
        world.objects[&path(object)]["status"].clone()
    }

    /// The requests since this was last asked: method and name, of lists the last word.
    pub(super) fn log(&self) -> Vec<String> {
        let mut world = self.world.lock().expect("no test panicked");
        std::mem::take(&mut world.log)
    }

    /// The next request with this method is answered by this status.
    pub(super) fn fail(&self, method: &'static str, status: u16) {
        let mut world = self.world.lock().expect("no test panicked");
        world.errors.push_back((method, status));
    }

    /// Before the next write somebody else changes the object.
    pub(super) fn meddle(&self, meddle: impl FnOnce(&mut Value) + Send + 'static) {
        let mut world = self.world.lock().expect("no test panicked");
        world.meddle = Some(Box::new(meddle));
    }

    pub(super) fn most_flying(&self) -> usize {
        self.world.lock().expect("no test panicked").most_flying
    }

    fn fly(&self, by: isize) {
        let mut world = self.world.lock().expect("no test panicked");
        world.flying = world.flying.saturating_add_signed(by);
        world.most_flying = world.most_flying.max(world.flying);
    }

    fn serve(&self, method: &Method, target: &str, body: &[u8]) -> (StatusCode, Value) {
        let mut world = self.world.lock().expect("no test panicked");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = path.trim_end_matches("/status").to_owned();
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        world.log.push(format!("{method} {name}"));
        let refuses = |error: &(&str, u16)| error.0 == method.as_str();
        if world.errors.front().is_some_and(refuses) {
            let (_, code) = world.errors.pop_front().expect("there is one");
            return failure(code);
        }
        if *method == Method::GET {
            return match world.objects.get(&path) {
                Some(object) => (StatusCode::OK, object.clone()),
                None if name.ends_with('s') && query.contains("limit") => world.list(&name),
                None => failure(404),
            };
        }
        let body: Value = serde_json::from_slice(body).expect("JSON");
        if let Some(meddle) = world.meddle.take() {
            world.version += 1;
            let version = world.version.to_string();
            let live = world.objects.get_mut(&path).expect("it is there");
            meddle(live);
            live["metadata"]["resourceVersion"] = version.into();
        }
        world.write(path, query, body)
    }
}

impl World {
    /// Pages of two.
    fn list(&self, plural: &str) -> (StatusCode, Value) {
        let of_kind = format!("/{plural}/");
        let items = self
            .objects
            .iter()
            .filter(|(path, _)| path.contains(&of_kind));
        let items: Vec<&Value> = items.map(|(_, object)| object).collect();
        (StatusCode::OK, json!({"metadata": {}, "items": items}))
    }

    fn write(&mut self, path: String, query: &str, body: Value) -> (StatusCode, Value) {
        let Some(mut live) = self.objects.get(&path).cloned() else {
            return failure(404);
        };
        let version = &body["metadata"]["resourceVersion"];
        assert!(
            version.is_string(),
            "a write without a version loses others' words"
        );
        if *version != live["metadata"]["resourceVersion"] {
            return failure(409);
        }
        assert!(query.contains("fieldManager=ferrogate"), "{query}");
        let before = live["status"].clone();
        let is_apply = query.contains("force=true");
        if is_apply {
            let old = self.applied.get(&path).cloned().unwrap_or_default();
            let status = &body["status"];
            apply(&mut live["status"], status, &old);
            live["metadata"]["managedFields"] =
                json!([{"manager": "ferrogate", "operation": "Apply", "subresource": "status"}]);
        } else {
            patch(&mut live["status"], &body["status"]);
        }
        let listeners = live["status"]["listeners"].as_array();
        let invalid = |listener: &Value| listener["attachedRoutes"].is_null();
        if listeners.into_iter().flatten().any(invalid) {
            return failure(422);
        }
        if is_apply {
            self.applied.insert(path.clone(), body["status"].clone());
        }
        if live["status"] != before {
            self.version += 1;
            live["metadata"]["resourceVersion"] = self.version.to_string().into();
        }
        self.objects.insert(path, live.clone());
        (StatusCode::OK, live)
    }
}

fn failure(code: u16) -> (StatusCode, Value) {
    let status = StatusCode::from_u16(code).expect("a status code");
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": format!("as told: {code}"), "reason": "Told", "code": code,
    });
    (status, body)
}

fn path(object: &ObjectRef) -> String {
    Kind::of(object)
        .expect("a kind with a status")
        .path_of(object)
}

/// A merge patch (RFC 7396).
fn patch(live: &mut Value, patch_of: &Value) {
    let Value::Object(fields) = patch_of else {
        *live = patch_of.clone();
        return;
    };
    if !live.is_object() {
        *live = json!({});
    }
    for (field, value) in fields {
        if value.is_null() {
            live.as_object_mut().expect("it is one").shift_remove(field);
        } else {
            patch(&mut live[field.as_str()], value);
        }
    }
}

/// The key of a list that is a map.
fn key_of(list: &str) -> Option<&'static str> {
    match list {
        "conditions" => Some("type"),
        "listeners" | "supportedFeatures" => Some("name"),
        _ => None,
    }
}

/// What is in `new` is set; what was in `old` and is not in `new` goes; the rest is others'.
fn apply(live: &mut Value, new: &Value, old: &Value) {
    let Value::Object(fields) = new else {
        *live = new.clone();
        return;
    };
    if !live.is_object() {
        *live = json!({});
    }
    let gone = old.as_object().into_iter().flatten();
    for (field, old) in gone.filter(|(field, _)| !fields.contains_key(*field)) {
        match key_of(field) {
            Some(key) => apply_list(&mut live[field.as_str()], &json!([]), old, key),
            None => {
                live.as_object_mut().expect("it is one").shift_remove(field);
            }
        }
    }
    for (field, value) in fields {
        let live = &mut live[field.as_str()];
        match key_of(field) {
            Some(key) => apply_list(live, value, &old[field.as_str()], key),
            None if value.is_object() => apply(live, value, &old[field.as_str()]),
            None => *live = value.clone(),
        }
    }
}

fn apply_list(live: &mut Value, new: &Value, old: &Value, key: &str) {
    let items = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let mut list = items(live);
    let nothing = Value::Null;
    for old in items(old) {
        if !items(new).iter().any(|new| new[key] == old[key]) {
            // An item stays while somebody else has a word in it.
            list.retain_mut(|live| {
                if live[key] != old[key] {
                    return true;
                }
                apply(live, &json!({}), &old);
                live[key] = old[key].clone();
                let mut fields = live.as_object().expect("an item").values();
                fields.any(|value| value.as_array().is_some_and(|list| !list.is_empty()))
            });
        }
    }
    for new in items(new) {
        let old = items(old);
        let old = old
            .iter()
            .find(|old| old[key] == new[key])
            .unwrap_or(&nothing);
        match list.iter_mut().find(|live| live[key] == new[key]) {
            Some(live) => apply(live, &new, old),
            None => list.push(new),
        }
    }
    *live = Value::Array(list);
}
