//! A configuration and what Envoy is told of it.

use std::collections::BTreeMap;

use envoy_types::pb::envoy::config::route::v3::{RouteConfiguration, VirtualHost};
use fg_ir::{Change, Ir, Listener, Rule};
use fg_testkit::routing::build::change;
use prost::Message as _;

use crate::routes::list;
use crate::{Compiler, Kind, RouteShape, Settings, Update};

/// A configuration and its compiler.
pub(super) struct World {
    pub(super) ir: Ir,
    pub(super) compiler: Compiler,
}

impl World {
    pub(super) fn new(routes: RouteShape) -> Self {
        let settings = Settings {
            routes,
            ..Settings::default()
        };
        Self {
            ir: Ir::default(),
            compiler: Compiler::new(settings),
        }
    }

    /// With virtual hosts of their own.
    pub(super) fn of(listeners: Vec<Listener>, rules: Vec<Rule>) -> Self {
        let mut world = Self::new(RouteShape::PerHost);
        world.apply(&change(listeners, rules));
        world
    }

    pub(super) fn apply(&mut self, change: &Change) -> Update {
        self.ir.apply(change);
        self.compiler.update(&self.ir, change)
    }

    /// Every virtual host by its name, with its routes, wherever they stood.
    pub(super) fn hosts(&self) -> BTreeMap<String, VirtualHost> {
        let mut hosts = BTreeMap::new();
        for resource in self.compiler.all().upserts {
            let body = resource.body.clone();
            let all = match resource.kind {
                Kind::VirtualHost => vec![VirtualHost::decode(body).expect("a virtual host")],
                Kind::RouteConfiguration => {
                    let whole = RouteConfiguration::decode(body).expect("a route configuration");
                    whole.virtual_hosts
                }
                _ => continue,
            };
            for mut host in all {
                host.routes = list::tests::routes(&host);
                host.matcher = None;
                assert!(hosts.insert(host.name.clone(), host).is_none(), "once");
            }
        }
        hosts
    }

    /// The names of the routes of a virtual host.
    pub(super) fn routes(&self, host: &str) -> Vec<String> {
        let hosts = self.hosts();
        let names: Vec<_> = hosts.keys().collect();
        let Some(host) = hosts.get(host) else {
            panic!("no {host} among {names:?}");
        };
        host.routes.iter().map(|route| route.name.clone()).collect()
    }
}
