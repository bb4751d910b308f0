//! What clusters say, and what a change costs.

use std::sync::Arc;

use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use fg_ir::{Backend, BackendKind, BackendProtocol, BackendTls, Change, Ir, RouteKind, StaticHost};
use fg_testkit::ir::{Changes, backend, listener, rule};
use prost::Message as _;

use crate::{Compiler, Kind, Settings, Update};

fn at() -> std::net::SocketAddr {
    ([127, 0, 0, 1], 80).into()
}

/// A compiler of one rule for one backend, and its configuration.
fn compiled(backend: Backend, change: Changes) -> (Compiler, Ir) {
    let mut change = change
        .listener(listener("http", at(), None))
        .rule(rule("all", "http", "/", "b"))
        .build();
    change
        .backends
        .insert(backend.key.clone(), Some(Arc::new(backend)));
    let mut ir = Ir::default();
    let mut compiler = Compiler::new(Settings::default());
    step(&mut compiler, &mut ir, &change);
    (compiler, ir)
}

fn step(compiler: &mut Compiler, ir: &mut Ir, change: &Change) -> Update {
    ir.apply(change);
    compiler.update(ir, change)
}

fn clusters(compiler: &Compiler) -> Vec<Cluster> {
    let all = compiler.all().upserts.into_iter();
    all.filter(|one| one.kind == Kind::Cluster)
        .map(|one| Cluster::decode(one.body).unwrap())
        .collect()
}

/// The ports of the endpoints of the one backend.
fn ports(compiler: &Compiler) -> Vec<u16> {
    let mut assignments: Vec<ClusterLoadAssignment> = clusters(compiler)
        .into_iter()
        .filter_map(|cluster| cluster.load_assignment)
        .collect();
    for one in compiler.all().upserts {
        if one.kind == Kind::Endpoints {
            assignments.push(ClusterLoadAssignment::decode(one.body).unwrap());
        }
    }
    let text = format!("{assignments:?}");
    let ports = text.split("PortValue(").skip(1);
    ports
        .map(|rest| rest.split(')').next().unwrap().parse().unwrap())
        .collect()
}

#[test]
fn endpoints_alone_are_sent_when_endpoints_alone_change() {
    let one = ([10, 0, 0, 1], 80).into();
    let (mut compiler, mut ir) = compiled(backend("b"), Changes::new().backend("b", &[one]));
    let two = ([10, 0, 0, 2], 80).into();
    let mut change = Changes::new().backend("b", &[one, two]).build();
    change.backends.clear();
    let update = step(&mut compiler, &mut ir, &change);
    let kinds: Vec<_> = update.upserts.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [Kind::Endpoints]);
    assert_eq!(update.removed, []);
}

#[test]
fn a_cluster_that_changes_asks_for_its_endpoints_anew() {
    let one = ([10, 0, 0, 1], 80).into();
    let (mut compiler, mut ir) = compiled(backend("b"), Changes::new().backend("b", &[one]));
    let service = |compiler: &Compiler| {
        let cluster = clusters(compiler).pop().unwrap();
        cluster.eds_cluster_config.unwrap().service_name
    };
    let before = service(&compiler);
    let change = Changes::new().secure_backend(
        "b",
        &[one],
        fg_ir::TlsOrigination {
            origin: backend("b").origin,
            hostname: "b.example".into(),
            names: Vec::new(),
            trust: fg_ir::Trust::System,
        },
    );
    let update = step(&mut compiler, &mut ir, &change.build());
    let after = service(&compiler);
    assert_ne!(before, after);
    let gone = (Kind::Endpoints, before.into());
    assert_eq!(update.removed, [gone]);
    assert!(
        update
            .upserts
            .iter()
            .any(|one| one.kind == Kind::Endpoints && *one.name == *after)
    );
}

#[test]
fn envoy_never_calls_its_own_sockets() {
    let addresses = [
        "127.0.0.1:19000",
        "[::1]:9091",
        "[::ffff:127.0.0.1]:8082",
        "0.0.0.0:19000",
        "127.0.0.1:80",
        "10.0.0.1:19000",
    ];
    let addresses = addresses.map(|one| one.parse().unwrap());
    let (compiler, _) = compiled(backend("b"), Changes::new().backend("b", &addresses));
    let mut all = ports(&compiler);
    all.sort_unstable();
    assert_eq!(all, [80, 19000]);
    let hosts = [("localhost", 19000), ("127.0.0.1", 9091), ("a.example", 81)];
    let value = Backend {
        kind: BackendKind::Static(
            hosts
                .map(|(host, port)| StaticHost {
                    host: host.into(),
                    port,
                })
                .into(),
        ),
        ..backend("b")
    };
    let (compiler, _) = compiled(value, Changes::new());
    assert_eq!(ports(&compiler), [81]);
}

#[test]
fn a_backend_that_must_not_be_called_has_no_cluster() {
    let value = Backend {
        tls: BackendTls::Broken(fg_ir::Refusal {
            kind: fg_ir::RefusalKind::InvalidBackend,
            finding: None,
            text: "broken".into(),
        }),
        ..backend("b")
    };
    let (compiler, _) = compiled(value, Changes::new());
    assert_eq!(clusters(&compiler), []);
}

#[test]
fn each_way_of_speaking_has_its_cluster() {
    let mut grpc = rule("grpc", "http", "/grpc", "b");
    grpc.kind = RouteKind::Grpc;
    let (compiler, _) = compiled(backend("b"), Changes::new().rule(grpc.clone()));
    let names = |compiler: &Compiler| -> Vec<String> {
        let all = clusters(compiler).into_iter();
        all.map(|cluster| cluster.name).collect()
    };
    assert_eq!(
        names(&compiler),
        ["Service/test/b/80/http1", "Service/test/b/80/http2"]
    );
    let value = Backend {
        protocol: BackendProtocol::Http2,
        ..backend("b")
    };
    let (compiler, _) = compiled(value, Changes::new().rule(grpc));
    assert_eq!(names(&compiler), ["Service/test/b/80/http2"]);
}
