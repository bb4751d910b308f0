//! A folder of YAML files that a test writes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder that goes when the test does.
pub(crate) struct Folder(TempDir);

impl Folder {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Its path as an argument.
    pub(crate) fn arg(&self) -> &str {
        self.path().to_str().expect("temporary paths are UTF-8")
    }

    /// Replaces a file as editors do: a new file beside it is renamed over it.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        let beside = self.path().join(format!(".{name}.new"));
        std::fs::write(&beside, text).expect("the folder can be written to");
        std::fs::rename(&beside, &path).expect("files can be renamed");
        path
    }

    /// Overwrites a file in place.
    pub(crate) fn overwrite(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).expect("the folder can be written to");
    }

    /// Removes a file.
    pub(crate) fn remove(&self, name: &str) {
        std::fs::remove_file(self.path().join(name)).expect("the file is there");
    }

    /// A Gateway `web` on one address with a listener `http` on port 80.
    pub(crate) fn gateway(&self, ip: &str) {
        self.write("gateway.yaml", &gateway(ip));
    }

    /// A route on `web` with these rules, as YAML flow.
    pub(crate) fn route(&self, name: &str, rules: &str) {
        self.write(&format!("{name}.yaml"), &route(name, rules));
    }

    /// A Service with one endpoint.
    pub(crate) fn service(&self, name: &str, endpoint: SocketAddr) {
        self.write(&format!("{name}-service.yaml"), &service(name, endpoint));
    }
}

/// See [`Folder::gateway`].
pub(crate) fn gateway(ip: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: web}}
spec:
  gatewayClassName: ferrogate
  addresses: [{{value: {ip}}}]
  listeners:
    - {{name: http, protocol: HTTP, port: 80}}
"
    )
}

/// See [`Folder::route`].
pub(crate) fn route(name: &str, rules: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  parentRefs: [{{name: web}}]
  rules: {rules}
"
    )
}

/// See [`Folder::service`].
pub(crate) fn service(name: &str, endpoint: SocketAddr) -> String {
    let (ip, port) = (endpoint.ip(), endpoint.port());
    format!(
        "apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec:
  ports: [{{name: http, port: 80, targetPort: {port}}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: {name}
  labels: {{kubernetes.io/service-name: {name}}}
addressType: IPv4
ports: [{{name: http, port: {port}}}]
endpoints: [{{addresses: [{ip}]}}]
"
    )
}
