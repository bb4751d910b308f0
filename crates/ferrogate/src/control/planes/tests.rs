//! By which serials proxies are counted that are served by another scope than their Gateway's class.

use fg_ads::Serial;

use super::*;

const WHOLE_CLIENT: ClientId = ClientId(1);
const DELTA_CLIENT: ClientId = ClientId(2);

/// The Gateway `web` of Envoy, with an Envoy of each kind.
struct Ground {
    planes: Planes,
    store: Store,
    web: GatewayKey,
}

impl Ground {
    fn new() -> Self {
        let store = Store::new();
        let mut planes = Planes::new(store.clone(), Settings::default());
        let web = GatewayKey::new("default", "web");
        planes.exists(&web, Plane::Envoy);
        let scopes = [whole_scope(&web), hosts_scope(&web)];
        for (id, scope) in [WHOLE_CLIENT, DELTA_CLIENT].into_iter().zip(&scopes) {
            let gateway = &web;
            planes.connected(Client { gateway, scope, id });
        }
        Self { planes, store, web }
    }

    /// Something changes in a scope; its serial from then on.
    fn change(&self, scope: &str) -> Serial {
        let mut transaction = fg_ads::Transaction::new();
        let version = (self.store.serial(scope) + 1).to_string();
        let body = Any {
            type_url: "a type".to_owned(),
            value: Vec::new().into(),
        };
        transaction.upsert("a type", Arc::from("it"), Arc::from(version), body);
        self.store.apply(scope, transaction)
    }
}

#[test]
fn who_is_served_by_another_scope_is_counted_by_that_of_the_class() {
    let mut ground = Ground::new();
    let (hosts, whole) = (hosts_scope(&ground.web), whole_scope(&ground.web));
    assert_eq!(ground.planes.recounted(), [], "nobody has said anything");
    // So that the two differ.
    let counted = ground.change(&hosts);
    assert_ne!(counted, ground.store.serial(&whole));

    let own = ground.store.serial(&whole);
    ground.planes.has(WHOLE_CLIENT, own);
    assert_eq!(ground.planes.recounted(), [(WHOLE_CLIENT, counted)]);
    assert_eq!(ground.planes.recounted(), [], "once");
    // One of the class's own scope is counted by what it says.
    ground.planes.has(DELTA_CLIENT, counted - 1);
    assert_eq!(ground.planes.recounted(), [(DELTA_CLIENT, counted - 1)]);

    // What changes nothing for it has nothing to be confirmed.
    let counted = ground.change(&hosts);
    assert_eq!(ground.planes.recounted(), [(WHOLE_CLIENT, counted)]);
    // What does is waited for.
    let own = ground.change(&whole);
    let counted = ground.change(&hosts);
    assert_eq!(ground.planes.recounted(), []);
    ground.planes.has(WHOLE_CLIENT, own - 1);
    assert_eq!(ground.planes.recounted(), []);
    ground.planes.has(WHOLE_CLIENT, own);
    assert_eq!(ground.planes.recounted(), [(WHOLE_CLIENT, counted)]);
}

#[test]
fn who_is_gone_is_counted_no_more() {
    let mut ground = Ground::new();
    let (hosts, whole) = (hosts_scope(&ground.web), whole_scope(&ground.web));
    ground.planes.has(WHOLE_CLIENT, ground.store.serial(&whole));
    ground.planes.recounted();
    ground.planes.disconnected(Client {
        gateway: &ground.web,
        scope: &whole,
        id: WHOLE_CLIENT,
    });
    ground.change(&hosts);
    assert_eq!(ground.planes.recounted(), []);
}
