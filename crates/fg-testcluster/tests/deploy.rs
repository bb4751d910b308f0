//! The deployer against a real API server: what becomes of a Gateway's wish, whoever meddles.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use fg_api::deployment::{Deployment, Wish};
use fg_control::cluster::deploy::Deployer;
use fg_deploy::{Fleet, install, name};
use fg_model::{ObjectRef, Plane, kinds};
use fg_testcluster::{Cluster, Options};
use kube::Client;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio::time::timeout;

/// How long anything may take before the test fails: far longer than anything does.
const PATIENCE: Duration = Duration::from_secs(60);

/// The namespace of the test.
const SPACE: &str = "shop";

/// What the deployer tells of Gateways.
type Told = UnboundedReceiver<(Arc<ObjectRef>, Option<String>)>;

#[test]
fn the_deployer_on_a_real_api_server() -> anyhow::Result<()> {
    let cluster = match std::env::var("FERROGATE_TEST_CLUSTER") {
        Ok(id) => Cluster::attach(&id)?,
        Err(_) => Cluster::up(Options::default())?,
    };
    // What installs us is good for an API server.
    let installation = install::Installation {
        namespace: "elsewhere".to_owned(),
        image: "ferrogate:test".to_owned(),
        replicas: 0,
    };
    let all = install::definitions().into_iter();
    for object in all.chain(install::manifests(&installation)) {
        cluster.apply(&object.to_string())?;
    }
    cluster.with_client(async |client| {
        let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}});
        let spaces = Api::all_with(client.clone(), &resource("v1", "Namespace"));
        create(&spaces, space).await?;
        let (lead, leads) = watch::channel(false);
        let (bundle, bundles) = watch::channel(Arc::from("ONE"));
        let (teller, told) = unbounded_channel();
        let fleet = Fleet {
            image: "none:1".to_owned(),
            envoy_image: "none:1".to_owned(),
            control: "control:9977".to_owned(),
            version: "1".to_owned(),
        };
        let deployer = Deployer::start(client.clone(), fleet, bundles, leads, move |id, words| {
            let _ = teller.send((id.clone(), words));
        });
        let mut ground = Ground {
            client,
            deployer,
            told,
        };
        let long = "long-name-".repeat(26);
        let web = ground.gateway(&long[..253]).await?;
        ground.made(&web, &lead).await?;
        ground.kept(&web).await?;
        ground.scaled(&web).await?;
        Box::pin(ground.unsaid(&web)).await?;
        ground.refused(&web).await?;
        bundle.send(Arc::from("TWO"))?;
        ground
            .until("ConfigMap", "ferrogate-ca", |map| {
                map["data"]["ca.crt"] == "TWO"
            })
            .await?;
        ground.somebody_elses().await?;
        ground.gone(&web).await
    })
}

/// What the steps share.
struct Ground {
    client: Client,
    deployer: Deployer,
    told: Told,
}

impl Ground {
    /// Makes a Gateway; the wish of it for port 80.
    async fn gateway(&self, name: &str) -> anyhow::Result<Deployment> {
        let gateway = json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"name": name},
            "spec": {"gatewayClassName": "none", "listeners": [{"name": "a", "port": 80, "protocol": "HTTP"}]},
        });
        let made = create(&self.api("Gateway"), gateway).await?;
        let (group, kind) = kinds::GATEWAY;
        Ok(Deployment {
            gateway: Arc::new(ObjectRef::new(group, kind, SPACE, name)),
            uid: made.metadata.uid.context("a uid")?.into(),
            class: "ferrogate".into(),
            plane: Plane::Native,
            labels: [("team".into(), "a".into())].into(),
            annotations: [("note".into(), "b".into())].into(),
            ports: [80].into(),
            address: None,
            parameters: Default::default(),
        })
    }

    fn wish(&self, wish: &Deployment) {
        let deploy = Wish::Deploy(Arc::new(wish.clone()));
        self.deployer.wish(&wish.gateway, Some(deploy));
    }

    /// What is told next.
    async fn word(&mut self) -> anyhow::Result<Option<String>> {
        let (_, words) = timeout(PATIENCE, self.told.recv())
            .await?
            .context("a word")?;
        Ok(words)
    }

    /// Nothing happens until this replica leads; then all is there, and belongs to the Gateway.
    async fn made(&mut self, wish: &Deployment, lead: &watch::Sender<bool>) -> anyhow::Result<()> {
        self.wish(wish);
        lead.send(true)?;
        ensure!(self.word().await?.is_none(), "nothing was refused");
        let name = name(&wish.gateway.name);
        for kind in ["ServiceAccount", "Service", "Deployment"] {
            let object = self.api(kind).get(&name).await?;
            let owner = &object.metadata.owner_references.context("an owner")?[0];
            ensure!(*owner.uid == *wish.uid, "{kind} belongs to the Gateway");
            let labels = object.metadata.labels.context("labels")?;
            ensure!(labels.get("team").map(String::as_str) == Some("a"));
        }
        let map = self.api("ConfigMap").get("ferrogate-ca").await?;
        ensure!(map.data["data"]["ca.crt"] == "ONE");
        Ok(())
    }

    /// Others' changes are undone where they are about what is ours, and stay where they are not;
    /// a change of listeners is none of the Deployment.
    async fn kept(&mut self, wish: &Deployment) -> anyhow::Result<()> {
        let name = name(&wish.gateway.name);
        self.api("Service")
            .delete(&name, &DeleteParams::default())
            .await?;
        let mut wider = wish.clone();
        wider.ports.insert(8080);
        self.wish(&wider);
        self.until("Service", &name, |service| {
            service["spec"]["ports"].as_array().map(Vec::len) == Some(2)
        })
        .await?;
        let deployment = self.api("Deployment").get(&name).await?;
        ensure!(
            deployment.metadata.generation == Some(1),
            "no listener is in the pods"
        );
        let template = "/spec/template/spec/containers/0/args";
        let meddled = json!([
            {"op": "replace", "path": template, "value": ["other"]},
            {"op": "replace", "path": "/spec/replicas", "value": 2},
        ]);
        let meddled: Patch<Value> = Patch::Json(serde_json::from_value(meddled)?);
        self.api("Deployment")
            .patch(&name, &PatchParams::default(), &meddled)
            .await?;
        let back = self
            .until("Deployment", &name, |deployment| {
                deployment.pointer(template) == Some(&json!(["proxy"]))
            })
            .await?;
        ensure!(back["spec"]["replicas"] == 2, "whoever scales decides");
        self.wish(wish);
        Ok(())
    }

    /// What settings ask for comes and goes with them.
    async fn scaled(&mut self, wish: &Deployment) -> anyhow::Result<()> {
        let name = name(&wish.gateway.name);
        let mut scaled = wish.clone();
        scaled.parameters = serde_json::from_value(json!({
            "podDisruptionBudget": {"spec": {"minAvailable": 1}},
            "horizontalPodAutoscaler": {"spec": {"maxReplicas": 3}},
        }))?;
        self.wish(&scaled);
        for kind in ["PodDisruptionBudget", "HorizontalPodAutoscaler"] {
            self.until(kind, &name, |_| true).await?;
        }
        self.wish(wish);
        for kind in ["PodDisruptionBudget", "HorizontalPodAutoscaler"] {
            self.until_gone(kind, &name).await?;
        }
        Ok(())
    }

    /// A number of pods that is not said any more stays, for whoever scales.
    async fn unsaid(&mut self, wish: &Deployment) -> anyhow::Result<()> {
        let name = name(&wish.gateway.name);
        let replicas = |number: u32| {
            move |deployment: &Value| deployment["spec"]["replicas"].as_u64() == Some(number.into())
        };
        for number in [3, 4] {
            let mut scaled = wish.clone();
            scaled.parameters =
                serde_json::from_value(json!({"deployment": {"replicas": number}}))?;
            self.wish(&scaled);
            self.until("Deployment", &name, replicas(number)).await?;
        }
        let mut elastic = wish.clone();
        elastic.parameters = serde_json::from_value(json!({
            "horizontalPodAutoscaler": {"spec": {"maxReplicas": 9}},
        }))?;
        self.wish(&elastic);
        // It is applied after the Deployment.
        self.until("HorizontalPodAutoscaler", &name, |_| true)
            .await?;
        let deployment = self.api("Deployment").get(&name).await?;
        ensure!(
            replicas(4)(&deployment.data),
            "nobody asked for another number: {}",
            deployment.data["spec"]["replicas"]
        );
        self.wish(wish);
        self.until_gone("HorizontalPodAutoscaler", &name).await?;
        Ok(())
    }

    /// A wish that the API server refuses is told, and what runs is left alone.
    async fn refused(&mut self, wish: &Deployment) -> anyhow::Result<()> {
        let name = name(&wish.gateway.name);
        let before = self.api("Deployment").get(&name).await?.metadata.generation;
        let mut broken = wish.clone();
        broken.parameters =
            serde_json::from_value(json!({"podTemplate": {"affinity": {"nodeAffinity": "x"}}}))?;
        self.wish(&broken);
        let words = self.word().await?.context("it is refused")?;
        ensure!(
            words.contains("Deployment") && words.contains("nodeAffinity"),
            "{words}"
        );
        let after = self.api("Deployment").get(&name).await?.metadata.generation;
        ensure!(before == after);
        self.wish(wish);
        ensure!(self.word().await?.is_none(), "all is well again");
        Ok(())
    }

    /// An object of the same name that belongs to somebody else stays as it is.
    async fn somebody_elses(&mut self) -> anyhow::Result<()> {
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "theirs"},
            "spec": {"ports": [{"port": 7}]},
        });
        create(&self.api("Service"), service).await?;
        let theirs = self.gateway("theirs").await?;
        self.wish(&theirs);
        let words = self.word().await?.context("it is told")?;
        ensure!(words.starts_with("Service theirs: "), "{words}");
        let service = self.api("Service").get("theirs").await?;
        ensure!(service.metadata.owner_references.is_none());
        ensure!(service.data["spec"]["ports"][0]["port"] == 7);
        // The way is free as soon as they go.
        self.api("Service")
            .delete("theirs", &DeleteParams::default())
            .await?;
        ensure!(self.word().await?.is_none());
        Ok(())
    }

    /// With the Gateway goes all that was made for it.
    async fn gone(&mut self, wish: &Deployment) -> anyhow::Result<()> {
        let gateways = self.api("Gateway");
        gateways
            .delete(&wish.gateway.name, &DeleteParams::default())
            .await?;
        self.deployer.wish(&wish.gateway, None);
        let name = name(&wish.gateway.name);
        for kind in ["ServiceAccount", "Service", "Deployment"] {
            self.until_gone(kind, &name).await?;
        }
        let map = self.api("ConfigMap").get("ferrogate-ca").await?;
        let owners = map.metadata.owner_references.context("owners")?;
        ensure!(
            owners.iter().any(|owner| owner.name == "theirs"),
            "the other Gateway needs it"
        );
        Ok(())
    }

    fn api(&self, kind: &str) -> Api<DynamicObject> {
        let group = match kind {
            "Gateway" => "gateway.networking.k8s.io/v1",
            "Deployment" => "apps/v1",
            "PodDisruptionBudget" => "policy/v1",
            "HorizontalPodAutoscaler" => "autoscaling/v2",
            _ => "v1",
        };
        Api::namespaced_with(self.client.clone(), SPACE, &resource(group, kind))
    }

    /// The object as soon as it is so.
    async fn until(
        &self,
        kind: &str,
        name: &str,
        is_so: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let condition =
            |object: Option<&DynamicObject>| object.is_some_and(|found| is_so(&found.data));
        let found = await_condition(self.api(kind), name, condition);
        let found = timeout(PATIENCE, found)
            .await
            .context(format!("{kind} {name}"))??;
        Ok(found.context("it is there")?.data)
    }

    async fn until_gone(&self, kind: &str, name: &str) -> anyhow::Result<()> {
        let gone = await_condition(self.api(kind), name, |found: Option<&DynamicObject>| {
            found.is_none_or(|found| found.metadata.deletion_timestamp.is_some())
        });
        timeout(PATIENCE, gone)
            .await
            .context(format!("{kind} {name} stays"))??;
        Ok(())
    }
}

fn resource(api_version: &str, kind: &str) -> ApiResource {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        plural: format!("{}s", kind.to_lowercase()),
    }
}

async fn create(api: &Api<DynamicObject>, object: Value) -> anyhow::Result<DynamicObject> {
    let object: DynamicObject = serde_json::from_value(object)?;
    Ok(api.create(&PostParams::default(), &object).await?)
}
