//! Virtual hosts: what is closed, and what the last good version denies.

use envoy_types::pb::envoy::config::route::v3::VirtualHost;
use envoy_types::pb::google::protobuf::Any;
use prost::Message as _;

use super::{HOST, NOTHING, ONE, fences, known, naming, resource, update};
use crate::fences::{Instead, Settings, closed};
use crate::resource::{Kind, Resource, Update};
use crate::routes;

#[test]
fn a_host_that_never_was_good_answers_500_on_its_domains() {
    let mut fences = fences();
    fences.sent(&Update::default(), 1);
    fences.sent(&update(resource((Kind::Cluster, "c"), "1")), 2);
    assert_eq!(fences.refuse(ONE, (Kind::Cluster, "c"), "1", "no"), None);
    for version in ["1", "2"] {
        fences.sent(&update(resource(HOST, version)), 3);
        let instead = known(fences.refuse(ONE, HOST, version, "no")).expect("closed");
        assert_eq!(instead.removed, []);
        let host = VirtualHost::decode(&*instead.upserts[0].body).expect("a host");
        assert_eq!(&*instead.upserts[0].name, HOST.1);
        assert_eq!(host.name, HOST.1);
        assert_eq!(host.domains, ["a.com", "b.com"]);
        assert_eq!(host.routes, [routes::closed(&Settings::default())]);
        let fields = &host.routes[0].response_headers_to_add;
        let mut fields = fields.iter().filter_map(|field| field.header.as_ref());
        assert!(fields.any(|one| one.key == "x-ferrogate-reason" && one.value == "invalid_rule"));
    }
    let all = fences.all();
    assert!(all.iter().all(|one| one.instead == Instead::Nothing));
    assert_eq!(all.len(), 2);
}

/// A virtual host that is asked about by this name, if by any.
fn guarded(version: &str, guard: &str) -> Resource {
    let mut host = VirtualHost {
        name: HOST.1.to_owned(),
        ..VirtualHost::default()
    };
    if !guard.is_empty() {
        let name = format!("external_auth/asked/{guard}");
        host.typed_per_filter_config = [(name, Any::default())].into();
    }
    Resource {
        body: host.encode_to_vec().into(),
        ..resource(HOST, version)
    }
}

#[test]
fn a_host_whose_guard_is_refused_is_closed() {
    let mut fences = fences();
    fences.sent(&update(guarded("1", "")), 1);
    fences.confirmed(ONE, 1, &NOTHING);
    for (serial, guard) in [(2, "a"), (3, "b")] {
        let version = serial.to_string();
        let refused = guarded(&version, guard);
        fences.sent(&update(refused.clone()), serial);
        let instead = known(fences.refuse(ONE, HOST, &version, "no")).expect("something");
        let shut = closed(&Settings::default(), &refused);
        assert_eq!(instead, update(shut));
        let fenced = fences.all().into_iter().map(|fence| fence.instead);
        assert_eq!(fenced.collect::<Vec<_>>(), [Instead::Nothing]);
    }
    // One that asks nobody may serve on.
    fences.sent(&update(guarded("4", "")), 4);
    let instead = known(fences.refuse(ONE, HOST, "4", "no"));
    assert_eq!(instead, Some(update(guarded("1", ""))));
}

#[test]
fn that_the_last_good_version_denies_is_said() {
    const LISTENER: (Kind, &str) = (Kind::Listener, "http/80");
    let mut fences = fences();
    let listener = naming(LISTENER, "1", "external_auth/asked/a");
    fences.sent(&update(listener), 1);
    fences.sent(&update(guarded("1", "a")), 2);
    fences.confirmed(ONE, 2, &NOTHING);
    fences.sent(&update(guarded("2", "")), 3);
    let instead = known(fences.refuse(ONE, HOST, "2", "no"));
    assert_eq!(instead, Some(update(guarded("1", "a"))));
    assert_eq!(fences.all()[0].instead, Instead::LastGood, "others use it");
    fences.sent(&update(naming(LISTENER, "2", "other")), 4);
    fences.confirmed(ONE, 4, &NOTHING);
    assert_eq!(fences.all()[0].instead, Instead::LastGoodDenying);
}
