//! What is read of each kind.

use fg_model::kinds;
use fg_sources::kube::Discovery;

use super::*;

async fn first(objects: &[Value], options: Options) -> Vec<Resource> {
    let server = Server::start().await;
    for object in objects {
        server.put(object.clone());
    }
    Watched::new(server, options).first().await.upserts
}

#[tokio::test]
async fn services_have_their_addresses() {
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": "shop", "name": "web", "labels": {"a": "b"}},
        "spec": {
            "type": "LoadBalancer", "clusterIP": "10.0.0.7", "clusterIPs": ["10.0.0.7"],
            "ports": [{"port": 80, "targetPort": "http", "nodePort": 30000}],
            "someNewField": {},
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}, {"hostname": "lb.test"}]}},
    });
    let objects = first(&[service], options()).await;
    let [Resource::Service(service)] = &objects[..] else {
        panic!("{objects:?}");
    };
    let texts = |texts: &[fg_base::Text]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(texts(&service.spec.cluster_ips), ["10.0.0.7"]);
    assert_eq!(texts(&service.spec.ingress), ["192.0.2.1", "lb.test"]);
    assert_eq!(service.spec.ports[0].port, 80);
    assert_eq!(service.meta.created, Some(1_769_860_800));
    assert_eq!(service.meta.labels.len(), 1);
}

#[tokio::test]
async fn slices_without_endpoints_are_read() {
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"namespace": "shop", "name": "web-1",
            "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": "now"}},
        "addressType": "IPv4", "endpoints": null, "ports": null,
    });
    let full = json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"namespace": "shop", "name": "web-2"},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.1.0.1"], "conditions": {"ready": true}, "nodeName": "n"}],
        "ports": [{"name": "", "port": 8080, "protocol": "TCP"}],
    });
    let objects = first(&[slice, full], options()).await;
    let [
        Resource::EndpointSlice(empty),
        Resource::EndpointSlice(full),
    ] = &objects[..]
    else {
        panic!("{objects:?}");
    };
    assert!(empty.spec.endpoints.is_empty() && empty.meta.annotations.is_empty());
    assert_eq!(&*full.spec.endpoints[0].addresses[0], "10.1.0.1");
}

#[tokio::test]
async fn secrets_and_config_maps_hold_only_what_can_matter() {
    let secret = |name: &str, kind: &str| {
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"namespace": "shop", "name": name},
            "type": kind,
            "data": {"tls.crt": "YWJj", "empty": null},
        })
    };
    let map = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"namespace": "shop", "name": "ca"},
        "data": {"ca.crt": "PEM", "huge.json": "{}"},
    });
    let release = secret("release", "helm.sh/release.v1");
    let tls = secret("tls", "kubernetes.io/tls");
    let objects = first(&[release, tls, map.clone()], options()).await;
    let [Resource::ConfigMap(authorities), Resource::Secret(tls)] = &objects[..] else {
        panic!("{objects:?}");
    };
    assert_eq!(tls.spec.data["tls.crt"].expose(), b"abc");
    assert_eq!(tls.spec.data["empty"].expose(), b"");
    assert_eq!(&*tls.spec.kind, "kubernetes.io/tls");
    assert_eq!(authorities.spec.data.len(), 1);
    assert_eq!(authorities.spec.data["ca.crt"], b"PEM");

    let server = Server::start().await;
    server.put(map.clone());
    let mut source = Watched::new(server, options());
    source.first().await;
    let mut other = map;
    other["data"]["huge.json"] = "{\"a\": 1}".into();
    source.server.put(other.clone());
    other["data"]["ca.crt"] = "other".into();
    source.server.put(other);
    let batch = source.next().await;
    assert_eq!(batch.upserts.len(), 1);
    assert!(batch.upserts[0].id().is(kinds::CONFIG_MAP));
    assert_eq!(source.counter("ConfigMap").events(), 3);
}

/// Whoever holds a key of the one before must be able to tell.
#[tokio::test]
async fn secrets_and_config_maps_made_anew_are_told_apart() {
    let object = |kind: &str| {
        json!({
            "apiVersion": "v1",
            "kind": kind,
            "metadata": {"namespace": "shop", "name": "ca"},
            "data": {"ca.crt": ""},
        })
    };
    for kind in ["Secret", "ConfigMap"] {
        let server = Server::start().await;
        server.put(object(kind));
        let mut source = Watched::new(server, options());
        let uid = |batch: &Batch| {
            assert_eq!(batch.upserts.len(), 1, "{batch:?}");
            batch.upserts[0].meta().uid.clone().expect("it has one")
        };
        let before = uid(&source.first().await);
        let mut changed = object(kind);
        changed["data"]["ca.crt"] = "YWJj".into();
        source.server.put(changed);
        assert_eq!(uid(&source.next().await), before);
        source.server.change_in_the_dark(|server| {
            server.delete(kind, "shop", "ca");
            server.put(object(kind));
        });
        let batch = source.next().await;
        assert_ne!(uid(&batch), before);
        assert!(batch.removed.is_empty(), "{batch:?}");
    }
}

#[tokio::test]
async fn labelled_objects_only() {
    let service = |name: &str, labels: Value| {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"namespace": "shop", "name": name, "labels": labels},
            "spec": {"ports": [{"port": 80}]},
        })
    };
    let objects = [
        service("a", json!({})),
        service("b", json!({"kgateway.dev/watch": "true"})),
        namespace("shop", json!({})),
    ];
    let options = Options {
        services: Discovery::Labeled,
        ..options()
    };
    let objects = first(&objects, options).await;
    let ids: Vec<String> = objects
        .iter()
        .map(|object| object.id().to_string())
        .collect();
    assert_eq!(ids, ["Namespace shop", "Service shop/b"]);
}
