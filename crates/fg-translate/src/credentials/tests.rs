//! What is read is read once, what was good serves on, and names of other namespaces are not told.

use std::sync::Arc;

use fg_api::Resource;
use fg_ir::Material;
use fg_testkit::certificates::{Authority, Issued, config_map, secret};
use fg_testkit::objects::objects;

use super::Holder;
use crate::testing::{BASE, findings, line, listeners, only, remove, route, translated};
use crate::{Outcome, Translator};

fn secret_holder(object: Resource) -> Arc<Holder> {
    match object {
        Resource::Secret(object) => Holder::secret(object),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_object_is_read_once() {
    let issued = Authority::new("test").issue(&["a.example"]);
    let holder = secret_holder(objects(&secret("a", &issued)).remove(0));
    let [first, second] = [(); 2].map(|()| holder.key_pair().usable.clone().expect("it is good"));
    assert!(Arc::ptr_eq(&first, &second));
    let flaw = holder.authorities().flaw.as_ref().expect("there are none");
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

/// A Gateway with one HTTPS listener of this Secret, whose clients must show a certificate.
fn gateway(name: &str) -> String {
    format!(
        "
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: g}}
spec:
  gatewayClassName: ferrogate
  listeners: [{{name: s, port: 443, protocol: HTTPS, tls: {{certificateRefs: [{{name: {name}, namespace: other}}]}}}}]
  tls: {{frontend: {{default: {{validation: {{caCertificateRefs: [{{group: '', kind: ConfigMap, name: ca}}]}}}}}}}}
"
    )
}

const GRANT: &str = "
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: g, namespace: other}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}]
  to: [{group: '', kind: Secret}]
";

/// The Secret `cert` of the other namespace.
fn cert(certificate: &str, key: &str) -> String {
    let issued = Issued {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
    };
    secret("cert", &issued).replace("{name: cert}", "{name: cert, namespace: other}")
}

/// Applies next versions, as a control plane does.
fn update(world: &mut Translator, yaml: &str) -> Outcome {
    let next = objects(yaml).into_iter();
    let next: Vec<Resource> = next.map(|one| world.with_last_good(one)).collect();
    world.apply(&next, &[])
}

/// The bytes of all credentials that serve.
fn materials(world: &Translator) -> Vec<Material> {
    let all = world.ir().credentials.values();
    all.map(|credential| credential.material.clone()).collect()
}

#[test]
fn a_pair_that_cannot_be_used_leaves_the_last_good_one_in_place() {
    let authority = Authority::new("test");
    let [a, b] = [["a.example"], ["b.example"]].map(|names| authority.issue(&names));
    let base = format!(
        "{}{GRANT}{}",
        gateway("cert"),
        config_map("ca", &authority.pem)
    );
    let mut world = translated(&format!("{base}{}", cert(&a.certificate, &a.key)));
    let first = materials(&world);
    assert_eq!(
        (listeners(&world, "g"), first.len()),
        (vec!["s=0".to_owned()], 2)
    );

    let no_key = cert(&b.certificate, "").replace("tls.key", "other");
    let cut = &b.certificate[..b.certificate.len() / 2];
    for (bad, flaw) in [
        (
            cert(&b.certificate, &a.key),
            "does not belong to the first certificate",
        ),
        (cert(cut, &b.key), "is cut off"),
        (no_key, "it has no `tls.key`"),
    ] {
        let outcome = update(&mut world, &bad);
        assert!(outcome.change.listeners.is_empty(), "{flaw}");
        assert_eq!(
            (listeners(&world, "g"), materials(&world)),
            (vec!["s=0".to_owned()], first.clone())
        );
        let finding = only(&world);
        assert_eq!(
            line(&finding),
            "Error InvalidCertificateRef Gateway default/g spec.listeners[0].tls.certificateRefs[0]"
        );
        assert!(finding.text.contains(flaw), "{}", finding.text);
        let (before, serial) = finding
            .text
            .split_once("; its last good certificate (serial number ")
            .expect("it says so");
        assert!(
            before.starts_with("the Secret `cert`: ") && serial.ends_with(") serves on"),
            "{}",
            finding.text
        );
        // What is said again changes nothing.
        assert!(update(&mut world, &bad).change.is_empty());
    }
    update(&mut world, &cert(&b.certificate, &b.key));
    assert_eq!(findings(&world), [""; 0]);
    let second = materials(&world);
    assert_ne!(second, first);
    update(&mut world, &cert(&a.certificate, &b.key));
    assert_eq!(materials(&world), second, "the last one, not the first");

    // Who takes the right or the object away takes the certificate away.
    remove(&mut world, GRANT);
    assert_eq!(listeners(&world, "g"), ["-s=0"]);
    update(&mut world, GRANT);
    assert_eq!(listeners(&world, "g"), ["s=0"]);
    let bad = cert(&a.certificate, &b.key);
    remove(&mut world, &bad);
    assert_eq!(listeners(&world, "g"), ["-s=0"]);
    update(&mut world, &bad);
    assert_eq!(listeners(&world, "g"), ["-s=0"], "it never was good");
    assert!(!only(&world).text.contains("last good"));
    update(&mut world, &cert(&a.certificate, &a.key));
    assert_eq!(listeners(&world, "g"), ["s=0"]);
    assert_eq!(materials(&world), first);
}

#[test]
fn authorities_that_cannot_be_used_leave_the_last_good_ones_in_place() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let a = old.issue(&["a.example"]);
    let policy = "
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: p}
spec:
  targetRefs: [{group: '', kind: Service, name: web}]
  validation: {hostname: a.example, caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]}
";
    let route = route("r", "  rules: [{backendRefs: [{name: web, port: 80}]}]\n");
    let mut world = translated(&format!(
        "{BASE}{route}{policy}{}{GRANT}{}{}",
        gateway("cert"),
        cert(&a.certificate, &a.key),
        config_map("ca", &old.pem)
    ));
    assert_eq!(findings(&world), [""; 0]);
    let before = world.ir().clone();
    for bad in [
        config_map("ca", "no certificate"),
        config_map("ca", &new.pem).replace("ca.crt", "ca.pem"),
    ] {
        let outcome = update(&mut world, &bad);
        assert!(outcome.change.is_empty());
        assert_eq!(world.ir(), &before);
        assert_eq!(
            findings(&world),
            [
                "Error NoValidCaCertificate BackendTLSPolicy default/p spec.validation.caCertificateRefs",
                "Error InvalidCaCertificateRef BackendTLSPolicy default/p spec.validation.caCertificateRefs[0]",
                "Error InvalidCaCertificateRef Gateway default/g spec.tls.frontend.default.validation.caCertificateRefs[0]",
            ]
        );
        for finding in world.findings() {
            let is_told = finding.text.contains("last good");
            assert!(is_told, "{}", finding.text);
        }
    }
    update(&mut world, &config_map("ca", &new.pem));
    assert_eq!(findings(&world), [""; 0]);
    assert_ne!(world.ir(), &before);
    remove(&mut world, &config_map("ca", ""));
    assert_eq!(
        listeners(&world, "g"),
        ["-s=0"],
        "nobody is let in unchecked"
    );
}

/// A Secret or ConfigMap with this `uid`.
fn made(uid: &str, yaml: &str) -> String {
    yaml.replace("metadata: {", &format!("metadata: {{uid: {uid}, "))
}

/// Deletion and creation may come as one change.
#[test]
fn what_is_made_anew_takes_nothing_over() {
    let authority = Authority::new("test");
    let [a, b] = [["a.example"], ["b.example"]].map(|names| authority.issue(&names));
    let good = cert(&a.certificate, &a.key);
    let bad = cert(&b.certificate, &a.key);
    let ca = config_map("ca", &authority.pem);
    let no_ca = config_map("ca", "no certificate");
    let base = format!("{}{GRANT}", gateway("cert"));
    let start = || {
        let world = translated(&format!("{base}{}{}", made("one", &good), made("one", &ca)));
        assert_eq!(listeners(&world, "g"), ["s=0"]);
        world
    };

    for (bad, kept) in [(&bad, &good), (&no_ca, &ca)] {
        // The same object, or one of which nobody knows whether it is.
        for next in [made("one", bad), bad.clone()] {
            let mut world = start();
            let before = materials(&world);
            assert!(update(&mut world, &next).change.is_empty());
            assert_eq!(materials(&world), before);
            assert!(only(&world).text.contains("last good"));
        }
        let mut world = start();
        update(&mut world, &made("two", bad));
        assert_eq!(listeners(&world, "g"), ["-s=0"]);
        let told = world.findings().all(|one| !one.text.contains("last good"));
        assert!(told, "{:?}", findings(&world));
        // Nor what the object before had taken over.
        let mut world = start();
        update(&mut world, &made("one", bad));
        update(&mut world, &made("two", bad));
        assert_eq!(listeners(&world, "g"), ["-s=0"]);
        // A new one that says the same is no change for the data plane, and counts from then on.
        let mut world = start();
        assert!(update(&mut world, &made("two", kept)).change.is_empty());
        assert!(update(&mut world, &made("two", bad)).change.is_empty());
        assert_eq!(listeners(&world, "g"), ["s=0"]);
    }
}

#[test]
fn what_nobody_asked_for_leaves_nothing_behind() {
    let authority = Authority::new("test");
    let [a, b] = [["a.example"], ["b.example"]].map(|names| authority.issue(&names));
    let read = |yaml: &str| objects(yaml).remove(0);
    let good = secret_holder(read(&cert(&a.certificate, &a.key)));
    let bad = read(&cert(&b.certificate, &a.key));
    assert_eq!(good.next(bad.clone()), bad);
    assert!(good.key_pair().flaw.is_none());
    let bears = good.next(bad.clone());
    assert_ne!(bears, bad);
    // What has served is not forgotten because nobody asks for a while.
    assert_eq!(secret_holder(bears.clone()).next(bad), bears);
}

/// A Secret may hold both; what is wrong with the one does not hold the other back.
#[test]
fn a_pair_and_authorities_of_one_object_are_kept_apart() {
    let [old, new] = ["old", "new"].map(Authority::new);
    let (a, b) = (old.issue(&["a.example"]), new.issue(&["b.example"]));
    let both = |certificate: &str, key: &str, authorities: &str| {
        let end = format!("tls.key: {key:?}}}");
        cert(certificate, key).replace(
            &end,
            &format!("tls.key: {key:?}, ca.crt: {authorities:?}}}"),
        )
    };
    let holder = |object: Resource| {
        let holder = secret_holder(object);
        let _ = (holder.key_pair(), holder.authorities());
        holder
    };
    let read = |yaml: &str| objects(yaml).remove(0);
    let good = holder(read(&both(&a.certificate, &a.key, &old.pem)));
    let half = holder(good.next(read(&both(&a.certificate, &b.key, &new.pem))));
    let none = holder(half.next(read(&both(&a.certificate, &b.key, "no certificate"))));
    for holder in [&half, &none] {
        assert_eq!(holder.key_pair().usable, good.key_pair().usable);
        assert!(holder.key_pair().flaw.is_some());
    }
    let newest = holder(read(&both(&b.certificate, &b.key, &new.pem)));
    assert_eq!(half.authorities().usable, newest.authorities().usable);
    assert_eq!(
        none.authorities().usable,
        newest.authorities().usable,
        "not the first ones"
    );
}
