//! The order in which a client must get the types: make before break.

/// One type among several that a client must get in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ordered {
    /// The type.
    pub type_url: String,
    /// Its new and changed resources are sent when the client has confirmed those of these types; what
    /// is removed of these types, when it has confirmed all of this one. Default: it waits for none.
    pub after: Vec<String>,
    /// When a client gets a resource of this type, it needs that of the same name of these types, too,
    /// even if it has that already: it is sent at once, or awaited to be asked for. Default: none.
    pub renews: Vec<String>,
    /// A client may learn from a resource of this type that it needs some of these types, and asks for
    /// them then. While it refuses one of this type, nobody waits for it to ask. Default: none.
    pub leads_to: Vec<String>,
    /// Whether its names are `COLLECTION/NAME`, clients subscribe to collections, and want to be told of
    /// one that is empty. Default: no.
    pub collections: bool,
}

impl Ordered {
    /// Envoy's types, by URL: secrets, clusters, endpoints, listeners, route configurations, virtual
    /// hosts.
    ///
    /// What a request needs is there before the route that sends it there: each type waits for those
    /// before it, but for endpoints and clusters: endpoints wait for nobody, clusters for secrets.
    /// Envoy warms a new or changed cluster until it gets its endpoints, even if it has them: those that
    /// have the name of the cluster are sent once more. It throws virtual hosts away whose route configuration it does not
    /// have, so they follow it; they are named `ROUTE_CONFIGURATION/NAME`.
    pub fn for_envoy(types: [&str; 6]) -> Vec<Self> {
        let [secrets, clusters, endpoints, listeners, routes, hosts] = types;
        let type_of = |type_url: &str, after: &[&str], renews: &[&str]| Self {
            type_url: type_url.to_owned(),
            after: after.iter().map(ToString::to_string).collect(),
            renews: renews.iter().map(ToString::to_string).collect(),
            leads_to: Vec::new(),
            collections: type_url == hosts,
        };
        let before_routes = [secrets, clusters, endpoints, listeners];
        let leads_to = |of: Self, types: &[&str]| Self {
            leads_to: types.iter().map(ToString::to_string).collect(),
            ..of
        };
        let services = type_of(clusters, &[secrets], &[endpoints]);
        let sockets = type_of(listeners, &[secrets, clusters, endpoints], &[]);
        let configurations = type_of(routes, &before_routes, &[hosts]);
        vec![
            type_of(secrets, &[], &[]),
            leads_to(services, &[secrets, endpoints]),
            type_of(endpoints, &[], &[]),
            leads_to(sockets, &[secrets, routes, hosts]),
            leads_to(configurations, &[hosts]),
            type_of(hosts, &before_routes, &[]),
        ]
    }
}
