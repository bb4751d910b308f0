//! Scenes: what both planes are configured with, and what they are asked.
//!
//! A scene is a file of `tests/parity/scenes/`, or an example of a policy's README. It has a
//! Gateway and a namespace of its own, so that all scenes stand in one folder.

use std::collections::BTreeMap;
use std::path::Path;

use regex::{Captures, Regex};
use serde::Deserialize;
use serde_json::Value;

/// One configuration and its exchanges.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scene {
    /// What it is called: the file's name. Its namespace, too.
    #[serde(skip)]
    pub(crate) name: String,
    /// What it shows, for readers.
    #[serde(rename = "about")]
    pub(crate) _about: String,
    /// Listeners of its Gateway `web`; default one of HTTP on port 80.
    #[serde(default)]
    pub(crate) listeners: Vec<Value>,
    /// Whether it has two planes of its own: where what Gateways share must not be shared.
    #[serde(default)]
    pub(crate) alone: bool,
    /// More fields of the Gateway's spec, such as `tls`.
    #[serde(default)]
    pub(crate) gateway: BTreeMap<String, Value>,
    /// Other objects. Left out of them may be: apiVersion, namespace, and of routes the parentRefs.
    #[serde(default)]
    pub(crate) objects: Vec<Value>,
    /// Services of its namespace and what stands behind them.
    #[serde(default)]
    pub(crate) backends: BTreeMap<String, Backend>,
    /// Certificates, as Secrets of these names.
    #[serde(default)]
    pub(crate) certificates: BTreeMap<String, Certificate>,
    /// What is asked, in order.
    pub(crate) exchanges: Vec<Exchange>,
}

/// What stands behind a Service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Backend {
    /// What it does with requests.
    pub(crate) does: Does,
    /// How many endpoints; default one.
    pub(crate) endpoints: Option<usize>,
    /// The port of the Service; default 80.
    pub(crate) port: Option<u16>,
    /// The namespace of the Service; default that of the scene.
    pub(crate) namespace: Option<String>,
    /// The `appProtocol` of the port.
    pub(crate) protocol: Option<String>,
    /// The certificate that it shows; without one it speaks clear text.
    pub(crate) tls: Option<String>,
    /// The authority whose certificate it demands.
    pub(crate) demands: Option<String>,
}

/// What a backend does with requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Does {
    /// Answers as the exchange says.
    #[default]
    Answer,
    /// Says yes or no as the exchange says in `said`.
    Decide,
    /// Reads the request and closes.
    Close,
    /// Reads the request and resets.
    Reset,
    /// Reads the request and nothing more.
    Stall,
    /// Switches protocols, with the `appProtocol` of HTTP/2 by its CONNECT, and then sends back what it
    /// gets.
    Upgrade,
    /// Speaks HTTP/2: answers as the exchange says.
    Http2,
    /// Speaks HTTP/2: answers each call of gRPC with its own message and `grpc-status: 0`.
    Grpc,
    /// Speaks HTTP/2: answers Envoy's authorization calls with a yes.
    Permit,
    /// Speaks HTTP/2: answers them with a no that says why the gateway would.
    Forbid,
    /// Speaks HTTP/2: answers them with a yes that says the same to the client.
    Boast,
    /// Does not listen.
    Refuse,
    /// Has no endpoints.
    Nothing,
}

/// What stands in a certificate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Certificate {
    pub(crate) names: Vec<String>,
    /// The authority, which is a ConfigMap of this name.
    pub(crate) by: String,
}

/// One request and what backends say to it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Exchange {
    /// `METHOD host target`, or the whole head in lines with, behind an empty line, the body.
    pub(crate) send: String,
    /// More header lines for the short form.
    pub(crate) with: Vec<String>,
    /// The body, which is sent with its length unless the head says how it is sent.
    pub(crate) body: Option<String>,
    /// The bytes, instead.
    pub(crate) raw: Option<String>,
    /// The listener's port; default 80, with `tls` 443.
    pub(crate) port: Option<u16>,
    /// By TLS.
    pub(crate) tls: Option<Tls>,
    /// By HTTP/2.
    pub(crate) http2: bool,
    /// What backends answer: the first request the first, and so on; then the last again.
    /// Default 200 with a few words.
    pub(crate) answer: Vec<String>,
    /// What those answer that are asked for permission.
    pub(crate) said: Option<String>,
    /// Sent after 101; as many bytes are read back.
    pub(crate) then: Option<String>,
    /// How many requests backends get, copies included, when some may come after the reply.
    pub(crate) arrivals: Option<usize>,
    /// Reads what stands at a place (up to `;`) and puts it where later requests say `<NAME>`.
    pub(crate) keep: BTreeMap<String, String>,
    /// Calls endpoints by the order in which they came up in this scene, since which is first is chance.
    pub(crate) any_endpoint: bool,
    /// What must stand at places on the native plane.
    pub(crate) expect: BTreeMap<String, Value>,
}

/// How a client shakes hands.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tls {
    /// The name asked for; none is sent when empty.
    pub(crate) name: String,
    /// The certificate shown.
    pub(crate) shows: Option<String>,
}

impl Exchange {
    /// The port of the listener.
    pub(crate) fn listener_port(&self) -> u16 {
        let default = if self.tls.is_some() { 443 } else { 80 };
        self.port.unwrap_or(default)
    }
}

/// All scenes of the folder, by name.
pub(crate) fn all() -> Vec<Scene> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/parity/scenes");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the scenes are there")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).expect("a scene");
        let mut scene: Scene = serde_saphyr::from_str(&expanded(&text))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.file_stem().and_then(|name| name.to_str());
        name.expect("a name").clone_into(&mut scene.name);
        scene
    };
    paths.iter().map(read).collect()
}

/// Writes `<60000 times x>` out.
fn expanded(text: &str) -> String {
    let pattern = Regex::new("<([0-9]+) times x>").expect("a good pattern");
    let times = |found: &Captures<'_>| "x".repeat(found[1].parse().expect("a number"));
    pattern.replace_all(text, times).into_owned()
}
