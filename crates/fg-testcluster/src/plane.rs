//! The control plane's processes: what each is started with, and when it is ready.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::cache::Programs;
use crate::keys::Keys;
use crate::namespace::Namespace;
use crate::network::{API_PORT, HOST, SERVICES};

/// etcd's name among the processes.
pub(crate) const ETCD: &str = "etcd";
/// The API server's name.
pub(crate) const API: &str = "kube-apiserver";
/// The controller manager's name.
pub(crate) const MANAGER: &str = "kube-controller-manager";

/// The address of etcd.
const STORE: &str = "http://127.0.0.1:2379";
/// The address at which etcd would speak to others of its kind.
const PEERS: &str = "http://127.0.0.1:2380";

/// What makes pods of Deployments, EndpointSlices of Services, and removes what has no owner. Nothing that would
/// expect a kubelet's signs of life.
const CONTROLLERS: [&str; 11] = [
    "clusterrole-aggregation-controller",
    "deployment-controller",
    "disruption-controller",
    "endpointslice-controller",
    "endpointslice-mirroring-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "pod-garbage-collector-controller",
    "replicaset-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
];

/// The command of etcd with its data in `data`.
pub(crate) fn etcd(namespace: &Namespace, programs: &Programs, data: &Path) -> Command {
    let mut command = namespace.enter(programs.program(ETCD));
    command.args(["--name", "store", "--data-dir"]).arg(data);
    command.args(["--listen-client-urls", STORE]);
    command.args(["--advertise-client-urls", STORE]);
    command.args(["--listen-peer-urls", PEERS]);
    command.args(["--initial-advertise-peer-urls", PEERS]);
    command.args(["--initial-cluster", &format!("store={PEERS}")]);
    // Its data need not outlive the machine.
    command.args(["--unsafe-no-fsync", "--log-level", "warn"]);
    command
}

/// The command of the API server.
pub(crate) fn api(namespace: &Namespace, programs: &Programs, keys: &Keys) -> Command {
    let mut command = namespace.enter(programs.program(API));
    let path = |name: &str| keys.path(name).display().to_string();
    for (flag, value) in [
        ("etcd-servers", STORE.to_owned()),
        ("bind-address", "0.0.0.0".to_owned()),
        ("secure-port", API_PORT.to_string()),
        // Without a default route it finds none by itself.
        ("advertise-address", HOST.to_string()),
        ("service-cluster-ip-range", SERVICES.to_owned()),
        ("tls-cert-file", path("api.crt")),
        ("tls-private-key-file", path("api.key")),
        ("cert-dir", path("")),
        (
            "service-account-issuer",
            "https://kubernetes.default.svc".to_owned(),
        ),
        ("service-account-signing-key-file", path("sa.key")),
        ("service-account-key-file", path("sa.pub")),
        ("token-auth-file", path("tokens.csv")),
        ("authorization-mode", "RBAC".to_owned()),
        ("allow-privileged", "true".to_owned()),
        ("kubelet-preferred-address-types", "InternalIP".to_owned()),
    ] {
        command.arg(format!("--{flag}={value}"));
    }
    command
}

/// The command of the controller manager.
pub(crate) fn manager(namespace: &Namespace, programs: &Programs, keys: &Keys) -> Command {
    let mut command = namespace.enter(programs.program(MANAGER));
    let path = |name: &str| keys.path(name).display().to_string();
    for (flag, value) in [
        ("kubeconfig", path("kubeconfig")),
        ("leader-elect", "false".to_owned()),
        ("use-service-account-credentials", "false".to_owned()),
        ("service-account-private-key-file", path("sa.key")),
        ("root-ca-file", path("ca.crt")),
        ("bind-address", "127.0.0.1".to_owned()),
        ("controllers", CONTROLLERS.join(",")),
        // The client's own limits, meant for many that share a server, would be what tests wait for.
        ("kube-api-qps", "500".to_owned()),
        ("kube-api-burst", "1000".to_owned()),
    ] {
        command.arg(format!("--{flag}={value}"));
    }
    command
}

/// Whether etcd serves. To be asked inside the namespace.
pub(crate) fn etcd_is_ready() -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, 2379))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n")?;
        let mut reply = [0; 12];
        stream.read_exact(&mut reply)?;
        Ok(reply.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

/// Whether the controller manager serves. To be asked inside the namespace.
pub(crate) fn manager_is_ready() -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, 10257)).is_ok()
}
