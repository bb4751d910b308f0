//! Objects that are refused at the first start and were to protect something: that is closed, until they
//! are right.

use crate::support::{Echo, Folder, Gateway, until};

/// A backend that shall be called over TLS, if the field is right.
fn policy(field: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {{name: shop}}
spec:
  targetRefs: [{{group: '', kind: Service, name: shop}}]
  validation: {{{field}: shop.test, wellKnownCACertificates: System}}
"
    )
}

/// Rules of which one asks first, if the field is right.
fn rules(field: &str) -> String {
    format!(
        "[{{matches: [{{path: {{value: /admin}}}}],
            filters: [{{type: ExternalAuth, externalAuth: {{{field}: HTTP, backendRef: {{name: nobody, port: 80}}}}}}],
            backendRefs: [{{name: plain, port: 80}}]}},
           {{matches: [{{path: {{value: /open}}}}], backendRefs: [{{name: plain, port: 80}}]}}]"
    )
}

#[test]
fn what_a_refused_object_was_to_protect_is_closed_from_the_start() {
    let ip = "127.20.12.9";
    let (plain, shop) = (
        Echo::start(ip, 9001, "plain"),
        Echo::start(ip, 9002, "shop"),
    );
    let folder = Folder::new();
    folder.gateway(ip);
    folder.service("plain", plain.address);
    folder.service("shop", shop.address);
    folder.route(
        "all",
        "[{matches: [{path: {value: /shop}}], backendRefs: [{name: shop, port: 80}]},
          {backendRefs: [{name: plain, port: 80}]}]",
    );
    folder.route("admin", &rules("protocoll"));
    folder.write("policy.yaml", &policy("hostnam"));
    let gateway = Gateway::start(ip, &folder, &[]);
    let status = |target: &str| gateway.get(target).status;
    assert_eq!(["/admin", "/admin/x", "/shop"].map(status), [500; 3]);
    // What they do not protect goes where it would go without them.
    assert_eq!(["/", "/open", "/administrators"].map(status), [200; 3]);
    let words = gateway.process.stdout().join("\n") + &gateway.process.stderr().join("\n");
    for part in [
        "unknown field `protocoll`",
        "until it is right, requests that it was to protect are answered 500",
        "unknown field `hostnam`",
        "until it is right, requests to its Services are answered 500",
    ] {
        let words = words.to_lowercase();
        assert!(words.contains(&part.to_lowercase()), "{part} in {words}");
    }

    // A version that was good keeps serving when a later one is refused.
    folder.remove("policy.yaml");
    until("the backend without a policy", || {
        (status("/shop") == 200).then_some(())
    });
    folder.route(
        "admin",
        "[{matches: [{path: {value: /admin}}], backendRefs: [{name: shop, port: 80}]}]",
    );
    gateway.wait_for_echo("/admin", "shop");
    folder.route("admin", &rules("protocoll"));
    until("its refusal", || {
        let words = gateway.process.stdout().join("\n") + &gateway.process.stderr().join("\n");
        words
            .contains("Its last good version keeps serving")
            .then_some(())
    });
    assert_eq!(gateway.get("/admin").echo().as_deref(), Some("shop"));
}
