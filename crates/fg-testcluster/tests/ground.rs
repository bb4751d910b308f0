//! Two clusters side by side: used, hurt, and ended without a trace. Needs root; builds programs that are missing.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fg_testcluster::{Cluster, Options, Part, down};
use serde_json::Value;

/// Two pods of the echo server behind a load balancer.
const ECHO: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: echo}
spec:
  replicas: 2
  selector: {matchLabels: {app: echo}}
  template:
    metadata: {labels: {app: echo}}
    spec:
      containers:
      - name: echo
        image: gateway-api/conformance/echo-basic:v0.1.0
---
apiVersion: v1
kind: Service
metadata: {name: echo}
spec:
  type: LoadBalancer
  selector: {app: echo}
  ports: [{port: 80, targetPort: 3000}]
";

/// Envoy as a control plane would run it: something before it, something beside it, its whole configuration in its words.
const ENVOY: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: echo}
spec:
  replicas: 1
  selector: {matchLabels: {app: echo}}
  template:
    metadata: {labels: {app: echo}}
    spec:
      terminationGracePeriodSeconds: 5
      securityContext: {runAsNonRoot: true, runAsUser: 65532}
      initContainers:
      - name: version
        image: docker.io/envoyproxy/envoy:distroless-v1.VERSION
        command: [envoy, --version]
      containers:
      - name: envoy
        image: docker.io/envoyproxy/envoy:distroless-v1.VERSION
        command: [envoy]
        args:
        - --config-yaml
        - 'admin: {address: {socket_address: {address: 0.0.0.0, port_value: $(PORT)}}}'
        - --service-node
        - $(NAME)
        env:
        - {name: PORT, value: '19000'}
        - {name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        startupProbe: {httpGet: {path: /ready, port: 19000}, periodSeconds: 1, failureThreshold: 30}
        readinessProbe: {httpGet: {path: /ready, port: 19000}, periodSeconds: 1}
        lifecycle: {preStop: {httpGet: {path: /, port: 3000}}}
        ports: [{containerPort: 19000}]
      - name: beside
        image: gateway-api/conformance/echo-basic:v0.1.0
---
apiVersion: v1
kind: Service
metadata: {name: echo}
spec:
  type: LoadBalancer
  selector: {app: echo}
  ports: [{port: 80, targetPort: 19000}]
";

/// Held by a test: more than two clusters at once is more than a small machine starts in time.
static TURN: Mutex<()> = Mutex::new(());

/// Longer than anything takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn cluster() -> anyhow::Result<Cluster> {
    Cluster::up(Options {
        program: Some(env!("CARGO_BIN_EXE_fg-testcluster").into()),
        ..Options::default()
    })
}

/// The object at `path`; `None` if there is none.
fn get(cluster: &Cluster, path: &str) -> Option<Value> {
    let object = cluster.with_client(async |client| {
        Ok(client
            .request(http::Request::get(path).body(Vec::new())?)
            .await?)
    });
    object.ok()
}

/// Asks the load balancer until it answers 200; gives the answer.
fn serves(cluster: &Cluster, path: &str) -> String {
    let until = Instant::now() + PATIENCE;
    let ask = |address: &str| -> std::io::Result<String> {
        let mut stream = TcpStream::connect((address, 80))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: echo\r\nconnection: close\r\n\r\n"
        )?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        Ok(reply)
    };
    loop {
        let service = get(cluster, "/api/v1/namespaces/default/services/echo").unwrap_or_default();
        let address = service.pointer("/status/loadBalancer/ingress/0/ip");
        let reply = address.and_then(Value::as_str).and_then(|address| {
            let reply = cluster.inside(|| Ok(ask(address)?));
            reply.ok()
        });
        if let Some(reply) = reply.filter(|reply| reply.starts_with("HTTP/1.1 200")) {
            return reply;
        }
        assert!(Instant::now() < until, "{} serves nothing", cluster.id());
        std::thread::yield_now();
    }
}

#[test]
fn clusters_side_by_side_serve_survive_and_leave_nothing() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let [one, other] = std::thread::scope(|scope| {
        let starts = [scope.spawn(cluster), scope.spawn(cluster)];
        starts.map(|start| start.join().unwrap().unwrap())
    });
    let deployment = "/apis/apps/v1/namespaces/default/deployments/echo";
    one.apply(ECHO).unwrap();
    one.wait_for(&[deployment], "Available", PATIENCE).unwrap();
    serves(&one, "/");
    assert!(get(&other, deployment).is_none(), "clusters share a store");

    // Objects and traffic outlive the API server.
    one.kill(Part::Api);
    one.begin(Part::Api).unwrap();
    assert!(get(&one, deployment).is_some());
    serves(&one, "/");

    // A new node runs the pods of the one that crashed.
    one.kill(Part::Node);
    one.begin(Part::Node).unwrap();
    serves(&one, "/");

    // What ends without its node leaves nothing either.
    let (id, folder, namespace) = (
        one.id().to_owned(),
        one.folder().to_path_buf(),
        one.namespace().to_owned(),
    );
    one.kill(Part::Node);
    drop(one);
    assert!(!folder.exists());
    let left: Vec<_> = std::fs::read_dir("/run/netns")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(&namespace))
        .collect();
    assert_eq!(left, Vec::<String>::new());
    assert!(!down(&id).unwrap(), "there was something left to end");

    other.apply(ECHO).unwrap();
    serves(&other, "/");
    let folder = other.folder().to_path_buf();
    other.down().unwrap();
    assert!(!Path::new(&folder).exists());
}

#[test]
fn pods_are_the_envoy_that_their_image_names() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    fg_testcluster::ensure_envoys().unwrap();
    let cluster = cluster().unwrap();
    for version in ["36.4", "40.0"] {
        cluster.apply(&ENVOY.replace("VERSION", version)).unwrap();
        let deployment = "/apis/apps/v1/namespaces/default/deployments/echo";
        let until = Instant::now() + PATIENCE;
        let wanted = format!("/1.{version}/");
        while !serves(&cluster, "/server_info").contains(&wanted) {
            let pods = get(&cluster, "/api/v1/namespaces/default/pods");
            assert!(Instant::now() < until, "no Envoy {wanted}: {pods:?}");
        }
        let wait = cluster.wait_for(&[deployment], "Available", PATIENCE);
        wait.unwrap();
    }
}
