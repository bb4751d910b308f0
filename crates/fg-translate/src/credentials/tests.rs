//! What is read is read once, and names of other namespaces are not told.

use std::sync::Arc;

use fg_api::Resource;
use fg_testkit::certificates::{Authority, secret};
use fg_testkit::objects::objects;

use super::Holder;
use crate::testing::{only, translated};

#[test]
fn an_object_is_read_once() {
    let issued = Authority::new("test").issue(&["a.example"]);
    let object = objects(&secret("a", &issued)).remove(0);
    let Resource::Secret(object) = object else {
        panic!("a Secret")
    };
    let holder = Holder::secret(object);
    let first = holder.key_pair().as_ref().expect("it is good").clone();
    let second = holder.key_pair().as_ref().expect("it is good").clone();
    assert!(Arc::ptr_eq(&first, &second));
    let flaw = holder.authorities().as_ref().expect_err("there are none");
    assert_eq!(flaw.to_string(), "it has no `ca.crt`");
}

#[test]
fn a_misspelt_name_is_guessed_in_the_own_namespace_only() {
    let issued = Authority::new("test").issue(&["a.example"]);
    let gateway = |namespace: &str| {
        format!(
            "
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: g}}
spec:
  gatewayClassName: ferrogate
  listeners: [{{name: s, port: 443, protocol: HTTPS, tls: {{certificateRefs: [{{name: shop-crt, namespace: {namespace}}}]}}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {{name: g, namespace: other}}
spec:
  from: [{{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}}]
  to: [{{group: '', kind: Secret}}]
{}{}",
            secret("shop-cert", &issued),
            secret("shop-cert", &issued).replace("{name:", "{namespace: other, name:")
        )
    };
    let own = only(&translated(&gateway("default")));
    assert_eq!(own.hint.as_deref(), Some("did you mean `shop-cert`?"));
    let other = only(&translated(&gateway("other")));
    assert_eq!(other.hint, None);
}
