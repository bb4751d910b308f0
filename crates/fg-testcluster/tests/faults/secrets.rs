//! What is one Gateway's is no other's: its proxies' tokens, configuration and secrets.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use fg_ads::client::{Client, Options};
use fg_ads::message::Node;
use serde_json::{Value, json};

use crate::ground::{Ground, ip, until};
use crate::objects::Place;

/// What proxies subscribe to.
const CONFIGURATION: &str = "type.ferrogate.dev/ferrogate.Configuration";

/// Two Gateways of one namespace, each with a certificate and a route.
pub(crate) async fn stay_apart(ground: &Ground<'_>) -> anyhow::Result<()> {
    let one = ground.place("apart", 1).await?;
    let other = Place {
        gateway: "other".to_owned(),
        ..one.clone()
    };
    for place in [&one, &other] {
        equip(ground, place).await?;
    }
    for (own, foreign) in [(&one, &other), (&other, &one)] {
        let proxy = ground.proxy(own).await?;
        until("it has its own, and nothing of the other", async || {
            let text = ground.configuration(proxy)?.to_string();
            ensure!(text.contains(&secret_host(own)) && text.contains(&certificate(own)));
            ensure!(!text.contains(&secret_host(foreign)), "{text}");
            ensure!(!text.contains(&certificate(foreign)), "{text}");
            Ok(())
        })
        .await?;
    }

    let files = Files::take(ground, &one).await?;
    let control = ip(&ground.control_pod().await?)?;
    let (client, mut sent) = Client::start(files.options(&format!("{control}:9977"), &one));
    let batch = until("its own token is good", async || {
        let sent = sent.try_recv();
        let delivery = sent.with_context(|| format!("{:?}", client.watch().borrow().last_error))?;
        Ok(delivery.batch)
    })
    .await?;
    let names: Vec<&str> = batch.upserts.iter().map(|one| &*one.name).collect();
    ensure!(
        names.iter().any(|name| name.contains("apart/edge/")),
        "{names:?}"
    );
    ensure!(
        !names.iter().any(|name| name.contains("other")),
        "{names:?}"
    );

    let (thief, mut stolen) = Client::start(files.options(&format!("{control}:9977"), &other));
    let state = thief.watch();
    let error = until("it is refused", async || {
        let error = state.borrow().last_error.clone();
        error.context("no error")
    })
    .await?;
    ensure!(stolen.try_recv().is_err(), "it was sent something");
    ensure!(error.contains("ermission"), "{error}");
    Ok(())
}

/// Gives a Gateway a listener with a certificate, and a route of its own.
async fn equip(ground: &Ground<'_>, place: &Place) -> anyhow::Result<()> {
    let made = rcgen::generate_simple_self_signed(vec![secret_host(place)])?;
    let secret = certificate(place);
    ground
        .apply(&json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {"name": secret, "namespace": place.namespace},
            "stringData": {"tls.crt": made.cert.pem(), "tls.key": made.signing_key.serialize_pem()},
        }))
        .await?;
    let tls = json!({"certificateRefs": [{"name": secret}]});
    ground
        .apply(&place.gateway(json!([
            {"name": "http", "port": 80, "protocol": "HTTP"},
            {"name": "https", "port": 443, "protocol": "HTTPS", "tls": tls},
        ])))
        .await?;
    let route: Value = json!({
        "parentRefs": [{"name": place.gateway}],
        "hostnames": [secret_host(place)],
        "rules": [{"backendRefs": [{"name": "echo", "port": 80}]}],
    });
    let name = format!("of-{}", place.gateway);
    ground.apply(&place.http_route(&name, route)).await?;
    ground.programmed(place, "True", "1/1 proxies").await?;
    Ok(())
}

fn secret_host(place: &Place) -> String {
    format!("only-{}.apart.example", place.gateway)
}

fn certificate(place: &Place) -> String {
    format!("certificate-of-{}", place.gateway)
}

/// Copies of what a proxy shows the control plane; removed when dropped.
struct Files {
    folder: PathBuf,
    /// The pod that the token is of.
    pod: String,
}

impl Files {
    async fn take(ground: &Ground<'_>, place: &Place) -> anyhow::Result<Self> {
        let proxy = ground.proxy(place).await?;
        let files = Self {
            folder: std::env::temp_dir().join(format!("faults-{}", std::process::id())),
            pod: proxy.variable("POD_NAME")?,
        };
        std::fs::create_dir_all(&files.folder)?;
        for (name, variable) in [
            ("token", "FERROGATE_TOKEN_FILE"),
            ("ca", "FERROGATE_CA_FILE"),
        ] {
            let text = proxy.file(&proxy.variable(variable)?)?;
            std::fs::write(files.folder.join(name), text)?;
        }
        Ok(files)
    }

    /// Of a client that claims to be of this Gateway.
    fn options(&self, server: &str, place: &Place) -> Options {
        let node = Node {
            id: self.pod.clone(),
            ..Node::default()
        };
        let gateway = format!("{}/{}", place.namespace, place.gateway);
        Options {
            ca_file: Some(self.folder.join("ca")),
            token_file: Some(self.folder.join("token")),
            ..Options::new(server, node.with_text("gateway", &gateway), CONFIGURATION)
        }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}
