//! Envoy's own validation accepts what scenes, examples and random routes are translated to.
//!
//! What a control plane would send piece by piece stands in one static bootstrap: routes inside of
//! their listeners, everything else as it is.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;

use envoy_types::pb::envoy::config::bootstrap::v3::Bootstrap;
use envoy_types::pb::envoy::config::bootstrap::v3::bootstrap::StaticResources;
use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::listener::v3::{FilterChain, Listener, filter::ConfigType};
use envoy_types::pb::envoy::config::route::v3::RouteConfiguration;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, http_connection_manager::RouteSpecifier,
};
use fg_control::Objects;
use fg_deploy::bootstrap::{Address, Control};
use fg_envoy::{Compiler, Kind, RouteShape, Settings, Update};
use fg_model::Plane;
use fg_sources::Limits;
use fg_sources::files::Folder;
use fg_translate::Options;
use prost::{Message as _, Name as _};

use crate::generate::{self, Chance};
use crate::manifests::{self, Papers};
use crate::scene::{Does, Scene};
use crate::{readme, scene};

/// Everything in one configuration, each scene with an address of its own.
fn everything() -> Vec<(String, String)> {
    let mut scenes = scene::all();
    scenes.extend(readme::all());
    let mut chance = Chance(11);
    for at in 0..24 {
        let mut scene = generate::empty(&format!("case-{at}"), &mut chance);
        scene.objects = generate::routes(&scene, 0, &mut chance);
        scenes.push(scene);
    }
    let numbered = (1_u8..).zip(&scenes);
    numbered
        .map(|(number, scene)| (format!("{}.yaml", scene.name), text(scene, number)))
        .collect()
}

fn text(scene: &Scene, number: u8) -> String {
    let endpoints = scene.backends.iter().map(|(name, backend)| {
        let port = 9000 + u16::from(number);
        let at = SocketAddr::new(IpAddr::from([127, 9, 9, 9]), port);
        let some = (backend.does != Does::Nothing).then_some(at);
        (name.clone(), some.into_iter().collect())
    });
    let endpoints: BTreeMap<_, _> = endpoints.collect();
    let ip = IpAddr::from([127, 9, 8, number]);
    manifests::text(scene, ip, &endpoints, &Papers::of(scene))
}

/// All resources that Envoy is sent for it.
fn resources() -> Update {
    let texts = everything();
    let mut folder = Folder::in_memory(Limits::default());
    let delta = folder.replace(texts.iter().map(|(name, text)| (&**name, &**text)));
    let mut control = fg_control::Control::new(Options {
        plane: Some(Plane::Envoy),
        ..Options::default()
    });
    let classes = fg_model::kinds::GATEWAY_CLASS;
    let upserts = delta.upserts.into_iter();
    let change = control.apply(Objects {
        upserts: upserts.filter(|one| !one.id().is(classes)).collect(),
        ..Objects::default()
    });
    let mut compiler = Compiler::new(Settings {
        routes: RouteShape::Whole,
        access_log: true,
        ..Settings::default()
    });
    compiler.update(control.ir(), &change)
}

/// Puts routes where the listener would ask for them.
fn with_routes(chain: &mut FilterChain, routes: &BTreeMap<String, RouteConfiguration>) -> usize {
    let mut put = 0;
    for filter in &mut chain.filters {
        let Some(ConfigType::TypedConfig(any)) = &mut filter.config_type else {
            continue;
        };
        if any.type_url != HttpConnectionManager::type_url() {
            continue;
        }
        let mut manager = HttpConnectionManager::decode(&*any.value).expect("a manager");
        if let Some(RouteSpecifier::Rds(rds)) = &manager.route_specifier {
            let routes = routes.get(&rds.route_config_name).expect("its routes");
            manager.route_specifier = Some(RouteSpecifier::RouteConfig(routes.clone()));
            put += 1;
        }
        any.value = manager.encode_to_vec();
    }
    put
}

fn bootstrap(update: &Update) -> Bootstrap {
    let of = |kind| update.upserts.iter().filter(move |one| one.kind == kind);
    let routes: BTreeMap<String, RouteConfiguration> = of(Kind::RouteConfiguration)
        .map(|one| {
            let routes = RouteConfiguration::decode(&*one.body).expect("routes");
            (one.name.to_string(), routes)
        })
        .collect();
    let mut put = 0;
    let listener = |one: &fg_envoy::Resource| {
        let mut listener = Listener::decode(&*one.body).expect("a listener");
        let chains = listener.filter_chains.iter_mut();
        for chain in chains.chain(&mut listener.default_filter_chain) {
            put += with_routes(chain, &routes);
        }
        listener
    };
    let listeners: Vec<Listener> = of(Kind::Listener).map(listener).collect();
    assert!(put > 50, "only {put} filter chains have routes");
    let clusters = of(Kind::Cluster).map(|one| Cluster::decode(&*one.body).expect("a cluster"));
    Bootstrap {
        static_resources: Some(StaticResources {
            listeners,
            clusters: clusters.collect(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// The bootstrap of every Envoy of ours, as YAML: Envoy merges the two.
fn ours() -> String {
    let control = Control::Plain(Address::Socket(SocketAddr::from(([127, 0, 0, 1], 9))));
    let node = fg_deploy::bootstrap::Node::new("test", "test");
    fg_deploy::bootstrap::bootstrap(&fg_deploy::bootstrap::Settings::new(node, control))
}

#[test]
fn every_version_accepts_what_scenes_become() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bootstrap.pb");
    let bootstrap = bootstrap(&resources());
    std::fs::write(&path, bootstrap.encode_to_vec()).expect("it can be written");
    for version in fg_testkit::envoy::VERSIONS {
        let output = Command::new(fg_testkit::envoy::program(version))
            .args(["--mode", "validate", "--config-path"])
            .arg(&path)
            .args(["--config-yaml", &ours()])
            // What discovery sends may hold fields that an older Envoy does not know.
            .arg("--allow-unknown-static-fields")
            .output()
            .expect("Envoy starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "Envoy {version}:\n{said}");
    }
}
