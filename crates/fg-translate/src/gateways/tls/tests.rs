//! HTTPS listeners, what they ask of clients, and the certificate for backends.

use fg_api::report::Subject;
use fg_ir::{CredentialKind, Listener, ListenerTls, Material};
use fg_testkit::certificates::{Authority, Issued, Wish, config_map, secret};

use crate::Translator;
use crate::testing::{findings, listeners, put, remove, report, translated};

/// A Gateway `g` with these listeners and this `spec.tls`.
fn gateway(listeners: &str, tls: &str) -> String {
    format!(
        "
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: g}}
spec:
  gatewayClassName: ferrogate
  listeners: [{listeners}]
  tls: {tls}
"
    )
}

/// An HTTPS listener with these certificates.
fn https(name: &str, rest: &str, certificates: &str) -> String {
    format!("{{name: {name}, {rest}, protocol: HTTPS, tls: {{certificateRefs: [{certificates}]}}}}")
}

fn served(world: &Translator, section: &str) -> Listener {
    let found = world.ir().listeners.values();
    let mut found = found.filter(|listener| &*listener.key.section == section);
    (**found.next().expect("it serves")).clone()
}

fn tls(world: &Translator, section: &str) -> ListenerTls {
    served(world, section).tls.expect("it has TLS")
}

/// `Secret cert`, for each.
fn names(keys: &[fg_ir::CredentialKey]) -> Vec<String> {
    let name = |key: &fg_ir::CredentialKey| format!("{} {}", key.object.kind, key.object.name);
    keys.iter().map(name).collect()
}

fn used(world: &Translator) -> Vec<String> {
    let keys: Vec<_> = world.ir().credentials.keys().cloned().collect();
    names(&keys)
}

fn with_key_of(a: &Issued, b: &Issued) -> Issued {
    Issued {
        certificate: a.certificate.clone(),
        key: b.key.clone(),
    }
}

#[test]
fn a_listener_serves_with_those_certificates_that_can_be_used() {
    let authority = Authority::new("test");
    let (a, b) = (
        authority.issue(&["a.example"]),
        authority.issue(&["b.example"]),
    );
    let secrets = [
        secret("a", &a),
        secret("b", &b),
        secret("mixed", &with_key_of(&a, &b)),
        secret(
            "garbled",
            &Issued {
                certificate: "no certificate".to_owned(),
                key: a.key.clone(),
            },
        ),
        "\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: empty}\nstringData: {a: b}\n"
            .to_owned(),
    ]
    .concat();
    let at = |at: usize, kind: &str| {
        format!("Error {kind} Gateway default/g spec.listeners[1].tls.certificateRefs[{at}]")
    };
    for (references, used, found) in [
        ("{name: a}", vec!["Secret a"], vec![]),
        (
            "{name: b}, {name: a}, {name: b}",
            vec!["Secret b", "Secret a"],
            vec![],
        ),
        (
            "{name: gone}, {name: a}",
            vec!["Secret a"],
            vec![at(0, "InvalidCertificateRef")],
        ),
        ("{name: gone}", vec![], vec![at(0, "InvalidCertificateRef")]),
        (
            "{name: mixed}",
            vec![],
            vec![at(0, "InvalidCertificateRef")],
        ),
        (
            "{name: garbled}",
            vec![],
            vec![at(0, "InvalidCertificateRef")],
        ),
        (
            "{name: empty}",
            vec![],
            vec![at(0, "InvalidCertificateRef")],
        ),
        (
            "{kind: ConfigMap, name: a}",
            vec![],
            vec![at(0, "InvalidCertificateRef")],
        ),
        (
            "{group: own.io, kind: Secret, name: a}",
            vec![],
            vec![at(0, "InvalidCertificateRef")],
        ),
        (
            "{name: gone, namespace: other}, {name: a}",
            vec!["Secret a"],
            vec![at(0, "RefNotPermitted")],
        ),
    ] {
        let rest = format!(
            "{{name: http, port: 80, protocol: HTTP}}, {}",
            https("s", "port: 443", references)
        );
        let world = translated(&format!("{}{secrets}", gateway(&rest, "{}")));
        assert_eq!(findings(&world), found, "{references}");
        if used.is_empty() {
            assert_eq!(listeners(&world, "g"), ["http=0", "-s=0"], "{references}");
            assert!(world.ir().credentials.is_empty());
        } else {
            assert_eq!(listeners(&world, "g"), ["http=0", "s=0"], "{references}");
            assert_eq!(names(&tls(&world, "s").certificates), used);
            assert_eq!(world.ir().credentials.len(), used.len(), "those alone");
        }
    }
}

#[test]
fn a_grant_lets_a_secret_be_used_and_its_end_takes_it_away() {
    let issued = Authority::new("test").issue(&["a.example"]);
    let elsewhere = secret("a", &issued).replace("{name: a}", "{name: a, namespace: other}");
    let grant = "
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: g, namespace: other}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}]
  to: [{group: '', kind: Secret}]
";
    let rest = https("s", "port: 443", "{name: a, namespace: other}");
    let mut world = translated(&format!("{}{elsewhere}{grant}", gateway(&rest, "{}")));
    assert_eq!(listeners(&world, "g"), ["s=0"]);
    remove(&mut world, grant);
    assert_eq!(listeners(&world, "g"), ["-s=0"]);
    assert!(world.ir().credentials.is_empty());
}

#[test]
fn a_changed_secret_changes_that_credential_alone() {
    let authority = Authority::new("test");
    let rest = https("s", "port: 443", "{name: a}, {name: b}");
    let base = gateway(&rest, "{}");
    let a = secret("a", &authority.issue(&["a.example"]));
    let b = secret("b", &authority.issue(&["b.example"]));
    let mut world = translated(&format!("{base}{a}{b}"));
    let renewed = authority.issue(&["a.example"]);
    let outcome = put(&mut world, &secret("a", &renewed));
    assert_eq!(outcome.change.credentials.len(), 1);
    assert!(outcome.change.listeners.is_empty() && outcome.reports.is_empty());
    let (key, credential) = outcome.change.credentials.iter().next().expect("one");
    assert_eq!(names(std::slice::from_ref(key)), ["Secret a"]);
    let credential = credential.as_ref().expect("it is there");
    let Material::KeyPair { chain, .. } = &credential.material else {
        panic!("a key pair")
    };
    assert_eq!(chain.len(), 1);
    assert!(
        !format!("{credential:?}").contains("PRIVATE"),
        "keys are not printed"
    );
    let outcome = put(&mut world, &secret("unused", &renewed));
    assert!(outcome.change.is_empty());
    let outcome = remove(&mut world, &a);
    assert_eq!(
        outcome.change.listeners.len(),
        1,
        "it serves with the other one"
    );
    assert_eq!(used(&world), ["Secret b"]);
    remove(&mut world, &base);
    assert!(world.ir().credentials.is_empty());
}

#[test]
fn certificates_that_do_not_fit_are_warned_of() {
    let authority = Authority::new("test");
    let secrets = [
        secret("one", &authority.issue(&["a.example"])),
        secret("many", &authority.issue(&["*.example"])),
    ]
    .concat();
    for (hostname, name, fits) in [
        ("a.example", "one", true),
        ("A.example", "one", true),
        ("b.example", "one", false),
        ("'*.example'", "one", false),
        ("b.example", "many", true),
        ("'*.example'", "many", true),
        ("b.c.example", "many", false),
    ] {
        let listener = https(
            "s",
            &format!("port: 443, hostname: {hostname}"),
            &format!("{{name: {name}}}"),
        );
        let world = translated(&format!("{}{secrets}", gateway(&listener, "{}")));
        assert_eq!(listeners(&world, "g"), ["s=0"], "it serves all the same");
        let expected: &[&str] = match fits {
            true => &[],
            false => &[
                "Warning CertificateMismatch Gateway default/g spec.listeners[0].tls.certificateRefs",
            ],
        };
        assert_eq!(findings(&world), expected, "{hostname} {name}");
    }
}

#[test]
fn a_certificate_that_does_not_hold_now_is_warned_of() {
    const YEAR: i64 = 31_557_600;
    let in_year = |year: i64| (year - 1970) * YEAR + YEAR / 2;
    let issued = Authority::new("test").issue_as(Wish {
        names: &["a.example"],
        from: 2030,
        until: 2040,
    });
    let listener = https("s", "port: 443", "{name: a}");
    let mut world = translated(&format!(
        "{}{}",
        gateway(&listener, "{}"),
        secret("a", &issued)
    ));
    assert_eq!(findings(&world), [""; 0], "the time is not known");
    let warning =
        "Warning CertificateExpired Gateway default/g spec.listeners[0].tls.certificateRefs[0]";
    for (year, text) in [
        (2029, Some("does not hold yet")),
        (2030, None),
        (2035, None),
        (2039, None),
        (2040, Some("has expired")),
        (2035, None),
    ] {
        let outcome = world.set_time(in_year(year));
        assert!(outcome.change.is_empty(), "it serves all the same");
        match text {
            None => assert_eq!(findings(&world), [""; 0], "{year}"),
            Some(text) => {
                assert_eq!(findings(&world), [warning], "{year}");
                assert!(outcome.appeared[0].text.contains(text), "{year}");
            }
        }
        assert_eq!(
            world.set_time(in_year(year) + 60),
            crate::Outcome::default()
        );
    }
}

#[test]
fn clients_are_checked_by_port() {
    let authority = Authority::new("test");
    let cert = secret("cert", &authority.issue(&["a.example"]));
    let maps = [
        config_map("a", &authority.pem),
        config_map("b", &Authority::new("other").pem),
    ]
    .concat();
    let ca =
        |name: &str| format!("caCertificateRefs: [{{group: '', kind: ConfigMap, name: {name}}}]");
    let frontend = format!(
        "{{frontend: {{default: {{validation: {{{}}}}}, perPort: [{{port: 8443, tls: {{validation: {{{}, mode: AllowInsecureFallback}}}}}}, {{port: 9443, tls: {{}}}}]}}}}",
        ca("a"),
        ca("b")
    );
    let rest = [
        https("all", "port: 443", "{name: cert}"),
        https("own", "port: 8443", "{name: cert}"),
        https("none", "port: 9443", "{name: cert}"),
        "{name: http, port: 80, protocol: HTTP}".to_owned(),
    ]
    .join(", ");
    let world = translated(&format!("{}{cert}{maps}", gateway(&rest, &frontend)));
    assert_eq!(
        findings(&world),
        [
            "Warning InsecureFallback Gateway default/g spec.tls.frontend.perPort[0].tls.validation.mode"
        ]
    );
    let client = |section: &str| tls(&world, section).client;
    let all = client("all").expect("clients are asked");
    assert_eq!(names(&all.authorities), ["ConfigMap a"]);
    assert_eq!(all.authorities[0].kind, CredentialKind::Authorities);
    assert!(!all.insecure_fallback);
    let own = client("own").expect("clients are asked");
    assert_eq!(names(&own.authorities), ["ConfigMap b"]);
    assert!(own.insecure_fallback);
    assert_eq!(
        client("none"),
        None,
        "an entry replaces the default, it adds nothing"
    );
    assert_eq!(served(&world, "http").tls, None);
    let Subject::Gateway(gateway) = &report(&world, "Gateway", "g").subject.clone() else {
        panic!("a Gateway")
    };
    assert!(gateway.insecure_fallback);
    assert_eq!(used(&world), ["ConfigMap a", "ConfigMap b", "Secret cert"]);
}

#[test]
fn a_listener_that_cannot_check_its_clients_does_not_serve() {
    let authority = Authority::new("test");
    let rest = format!(
        "{{name: http, port: 80, protocol: HTTP}}, {}, {}",
        https("bad", "port: 443", "{name: cert}"),
        https("good", "port: 8443", "{name: cert}"),
    );
    let held = [
        secret("cert", &authority.issue(&["a.example"])),
        config_map("ca", &authority.pem),
        config_map("garbled", "no certificate"),
    ]
    .concat();
    for (reference, kind) in [
        (
            "{group: '', kind: ConfigMap, name: gone}",
            "InvalidCaCertificateRef",
        ),
        (
            "{group: '', kind: ConfigMap, name: garbled}",
            "InvalidCaCertificateRef",
        ),
        (
            "{group: '', kind: Service, name: ca}",
            "InvalidCaCertificateKind",
        ),
        (
            "{group: certificates.k8s.io, kind: ClusterTrustBundle, name: ca}",
            "InvalidCaCertificateKind",
        ),
        (
            "{group: '', kind: ConfigMap, name: gone, namespace: other}",
            "RefNotPermitted",
        ),
    ] {
        let tls = format!(
            "{{frontend: {{default: {{}}, perPort: [{{port: 443, tls: {{validation: {{caCertificateRefs: [{reference}]}}}}}}]}}}}"
        );
        let world = translated(&format!("{}{held}", gateway(&rest, &tls)));
        let path =
            "Gateway default/g spec.tls.frontend.perPort[0].tls.validation.caCertificateRefs";
        assert_eq!(
            findings(&world),
            [
                format!("Error NoValidCaCertificate {path}"),
                format!("Error {kind} {path}[0]")
            ],
            "{reference}"
        );
        assert_eq!(listeners(&world, "g"), ["http=0", "-bad=0", "good=0"]);

        let tls = tls.replace("[{group", "[{group: '', kind: ConfigMap, name: ca}, {group");
        let world = translated(&format!("{}{held}", gateway(&rest, &tls)));
        assert_eq!(findings(&world), [format!("Error {kind} {path}[1]")]);
        assert_eq!(listeners(&world, "g"), ["http=0", "bad=0", "good=0"]);
    }
}

#[test]
fn backends_are_shown_the_gateways_certificate() {
    let authority = Authority::new("test");
    let held = [
        secret("cert", &authority.issue(&["a.example"])),
        config_map("map", &authority.pem),
    ]
    .concat();
    for (reference, kind) in [
        ("{name: cert}", None),
        ("{name: gone}", Some("InvalidClientCertificateRef")),
        (
            "{kind: ConfigMap, name: map}",
            Some("InvalidClientCertificateRef"),
        ),
        ("{name: gone, namespace: other}", Some("RefNotPermitted")),
    ] {
        let tls = format!("{{backend: {{clientCertificateRef: {reference}}}}}");
        let listener = "{name: http, port: 80, protocol: HTTP}";
        let world = translated(&format!("{}{held}", gateway(listener, &tls)));
        let expected = kind.map(|kind| {
            format!("Error {kind} Gateway default/g spec.tls.backend.clientCertificateRef")
        });
        assert_eq!(findings(&world), Vec::from_iter(expected));
        let shown = served(&world, "http").backend_certificate;
        assert_eq!(shown.is_some(), kind.is_none(), "{reference}");
        assert_eq!(used(&world).len(), usize::from(kind.is_none()));
    }
}

#[test]
fn listeners_whose_tls_overlaps_are_marked() {
    let authority = Authority::new("test");
    let held = [
        secret("a", &authority.issue(&["a.example"])),
        secret("b", &authority.issue(&["b.example"])),
        secret("all", &authority.issue(&["*.example"])),
    ]
    .concat();
    for (one, other, expected) in [
        (("a.example", "a", 443), ("b.example", "b", 443), None),
        (
            ("a.example", "a", 443),
            ("'*.example'", "b", 443),
            Some(false),
        ),
        (
            ("a.example", "all", 443),
            ("b.example", "b", 443),
            Some(true),
        ),
        (
            ("a.example", "all", 443),
            ("b.example", "all", 443),
            Some(true),
        ),
        (("a.example", "all", 443), ("b.example", "all", 8443), None),
    ] {
        let listener = |name: &str, (hostname, secret, port): (&str, &str, u16)| {
            https(
                name,
                &format!("port: {port}, hostname: {hostname}"),
                &format!("{{name: {secret}}}"),
            )
        };
        let rest = format!("{}, {}", listener("one", one), listener("other", other));
        let world = translated(&format!("{}{held}", gateway(&rest, "{}")));
        let Subject::Gateway(gateway) = &report(&world, "Gateway", "g").subject.clone() else {
            panic!("a Gateway")
        };
        for (at, with) in [(0, "other"), (1, "one")] {
            let overlap = gateway.listeners[at].overlap.as_ref();
            assert_eq!(
                overlap.map(|overlap| overlap.certificates),
                expected,
                "{rest}"
            );
            if let Some(overlap) = overlap {
                assert_eq!(overlap.with, [with.into()]);
            }
        }
        assert_eq!(listeners(&world, "g"), ["one=0", "other=0"]);
    }
}

#[test]
fn https_and_http_of_two_gateways_do_not_share_a_port() {
    let issued = Authority::new("test").issue(&["a.example"]);
    let old = gateway(
        "{name: http, port: 443, protocol: HTTP, hostname: a.example}",
        "{}",
    )
    .replace("{name: g}", "{name: old, creationTimestamp: 1}");
    let new = gateway(&https("s", "port: 443", "{name: a}"), "{}");
    let mut world = translated(&format!("{old}{new}{}", secret("a", &issued)));
    assert_eq!(listeners(&world, "g"), ["-s=0"]);
    assert_eq!(
        findings(&world),
        ["Error PortUnavailable Gateway default/g spec.listeners[0]"]
    );
    remove(&mut world, &old);
    assert_eq!(listeners(&world, "g"), ["s=0"]);
}
