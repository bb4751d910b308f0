//! Values with everything that they can hold, for tests.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use fg_base::Secret;
use fg_ir::{
    Action, Attachment, Backend, BackendKey, BackendKind, BackendProtocol, BackendTls,
    ClientValidation, Credential, CredentialKey, CredentialKind, Endpoints, Listener, ListenerKey,
    ListenerTls, Material, Protocol, Refusal, RefusalKind, RouteKind, Rule, RuleBackend, RuleKey,
    StaticHost, SubjectAltName, Target, TlsOrigination, Trust,
};
use fg_model::{
    Age, FindingKind, GrpcMatch, HeaderMatch, HostPattern, Match, ObjectRef, Origin, PathMatch,
    Pattern, QueryMatch, ValueMatch, kinds,
};
use fg_policies::path_modifier::PathChange;
use fg_policies::{
    cors, external_auth, header_modifier, request_mirror, request_redirect, retry,
    session_persistence, timeouts, traffic, url_rewrite,
};

pub(crate) fn object(kind: (&str, &str), namespace: &str, name: &str) -> Arc<ObjectRef> {
    Arc::new(ObjectRef::new(kind.0, kind.1, namespace, name))
}

pub(crate) fn service(name: &str, port: u16) -> BackendKey {
    BackendKey {
        object: object(kinds::SERVICE, "shop", name),
        port,
    }
}

pub(crate) fn key_pair(name: &str) -> CredentialKey {
    CredentialKey {
        object: object(kinds::SECRET, "web", name),
        kind: CredentialKind::KeyPair,
    }
}

pub(crate) fn authorities(name: &str) -> CredentialKey {
    CredentialKey {
        object: object(kinds::CONFIG_MAP, "web", name),
        kind: CredentialKind::Authorities,
    }
}

pub(crate) fn listener_key(gateway: &str, section: &str) -> ListenerKey {
    ListenerKey {
        namespace: "web".into(),
        gateway: gateway.into(),
        section: section.into(),
    }
}

pub(crate) fn listener() -> Listener {
    let gateway = object(kinds::GATEWAY, "web", "edge");
    Listener {
        key: listener_key("edge", "team/set/https"),
        origin: Origin::of(gateway, 3).at("spec.listeners[1]"),
        addresses: vec![
            IpAddr::from([10, 1, 2, 3]),
            IpAddr::from(Ipv6Addr::LOCALHOST),
        ],
        port: 443,
        protocol: Protocol::Https,
        hostname: HostPattern::Wildcard(".shop.example".into()),
        tls: Some(ListenerTls {
            certificates: vec![key_pair("shop")],
            client: Some(ClientValidation {
                authorities: vec![authorities("clients")],
                insecure_fallback: false,
            }),
        }),
        backend_certificate: Some(key_pair("outbound")),
    }
}

/// A listener in clear text, of some Gateway.
pub(crate) fn plain_listener(gateway: &str, section: &str) -> Listener {
    Listener {
        key: listener_key(gateway, section),
        protocol: Protocol::Http,
        port: 80,
        tls: None,
        backend_certificate: None,
        ..listener()
    }
}

fn matches() -> Vec<(u32, Match)> {
    let pattern = |text| Pattern::new(text).expect("an expression");
    let every_part = Match {
        path: PathMatch::Regex(pattern("/v[0-9]+/.*")),
        method: Some("POST".into()),
        headers: vec![
            HeaderMatch {
                name: "authorization".into(),
                value: ValueMatch::Exact("Bearer the-wire-keeps-this".into()),
            },
            HeaderMatch {
                name: "x-team".into(),
                value: ValueMatch::Regex(pattern("a|b")),
            },
        ],
        query: vec![QueryMatch {
            name: "token".into(),
            value: ValueMatch::Exact("the-wire-keeps-this-too".into()),
        }],
    };
    let path = |path| Match {
        path,
        method: None,
        headers: Vec::new(),
        query: Vec::new(),
    };
    vec![
        (0, every_part),
        (2, path(PathMatch::Exact("/exact".into()))),
        (3, path(PathMatch::Prefix("/cart".into()))),
        (
            4,
            path(PathMatch::Grpc(GrpcMatch {
                service: Some(ValueMatch::Exact("shop.Cart".into())),
                method: None,
            })),
        ),
    ]
}

fn policies(origin: &Origin) -> traffic::Set {
    let changes = header_modifier::Changes {
        set: vec![("authorization".into(), "Basic the-wire-keeps-it".into())],
        add: vec![("x-via".into(), "edge".into())],
        remove: vec!["x-debug".into()],
    };
    traffic::Set {
        cors: Some(Arc::new(cors::Ir {
            origins: cors::Origins::Some(vec![
                cors::OriginPattern::parse("https://*.shop.example").expect("an origin"),
            ]),
            credentials: true,
            methods: cors::Names::Any,
            headers: cors::Names::Some(vec!["x-team".into()]),
            expose: cors::Names::Some(Vec::new()),
            max_age: 5,
        })),
        external_auth: Some(Arc::new(external_auth::Ir {
            backend: service("guard", 9000),
            protocol: external_auth::Protocol::Http {
                path: "/check".into(),
                headers: vec!["x-team".into()],
                reply_headers: Vec::new(),
            },
            body: 1024,
        })),
        header_modifier: Some(Arc::new(header_modifier::Ir {
            request: changes,
            response: header_modifier::Changes::default(),
        })),
        request_mirror: Some(Arc::new(request_mirror::Ir {
            mirrors: vec![request_mirror::Mirror {
                backend: service("shadow", 80),
                numerator: 1,
                denominator: 2,
            }],
        })),
        request_redirect: Some(Arc::new(request_redirect::Ir {
            scheme: Some("https".into()),
            hostname: None,
            path: Some(PathChange::Prefix("/new".into())),
            port: Some(8443),
            status: 302,
        })),
        retry: Some(Arc::new(retry::Ir {
            codes: vec![502, 503],
            attempts: 3,
            backoff: Some(Duration::from_millis(25)),
        })),
        session_persistence: Some(Arc::new(session_persistence::Ir {
            carrier: session_persistence::Carrier::Cookie {
                name: Some("session".into()),
                path: "/".into(),
                permanent: true,
            },
            lifetime: Some(Duration::from_secs(3600)),
        })),
        timeouts: Some(Arc::new(timeouts::Ir {
            request: Some(Duration::from_secs(10)),
            backend_request: None,
        })),
        url_rewrite: Some(Arc::new(url_rewrite::Ir {
            hostname: Some("inside.example".into()),
            path: Some(PathChange::Full("/".into())),
        })),
        origins: vec![
            ("cors", origin.at("spec.rules[1].filters[0]")),
            ("external_auth", origin.at("spec.rules[1].filters[1]")),
        ],
    }
}

pub(crate) fn rule() -> Rule {
    let route = object(kinds::HTTP_ROUTE, "shop", "checkout");
    let origin = Origin::of(route.clone(), 7);
    let forward = |index: u32, weight, target, policies| RuleBackend {
        origin: origin.at(format!("spec.rules[1].backendRefs[{index}]")),
        weight,
        target,
        policies,
    };
    let broken = Target::Broken(Refusal {
        kind: RefusalKind::InvalidBackend,
        finding: Some(FindingKind::BackendNotFound),
        text: "there is no Service `gone`".into(),
    });
    let timeouts = traffic::Set {
        external_auth: policies(&origin).external_auth,
        ..traffic::Set::default()
    };
    Rule {
        key: RuleKey { route, rule: 1 },
        origin: origin.at("spec.rules[1]"),
        kind: RouteKind::Http,
        name: Some("checkout".into()),
        attachments: Arc::from([Attachment {
            listener: listener_key("edge", "https"),
            hostnames: vec![HostPattern::Any, HostPattern::Exact("a.example".into())],
        }]),
        age: Arc::new(Age {
            created: 1_700_000_000,
            namespace: "shop".into(),
            name: "checkout".into(),
        }),
        matches: matches(),
        policies: policies(&origin),
        action: Action::Forward(vec![
            forward(0, 9, Target::Backend(service("cart", 8080)), timeouts),
            forward(1, 1, broken, traffic::Set::default()),
        ]),
    }
}

/// A rule as most are: one prefix, one backend.
pub(crate) fn plain_rule(name: &str, index: u32, backend: &str) -> Rule {
    let mut rule = rule();
    let route = object(kinds::HTTP_ROUTE, "shop", name);
    let origin = Origin::of(route.clone(), 1);
    rule.key = RuleKey { route, rule: index };
    rule.origin = origin.at(format!("spec.rules[{index}]"));
    rule.name = None;
    rule.matches.drain(..2);
    rule.matches.truncate(1);
    rule.policies = traffic::Set::default();
    rule.action = Action::Forward(vec![RuleBackend {
        origin: origin.at(format!("spec.rules[{index}].backendRefs[0]")),
        weight: 1,
        target: Target::Backend(service(backend, 80)),
        policies: traffic::Set::default(),
    }]);
    rule
}

pub(crate) fn backend() -> Backend {
    let key = service("cart", 8080);
    Backend {
        origin: Origin::of(key.object.clone(), 0),
        key,
        protocol: BackendProtocol::Http2,
        tls: BackendTls::Verify(TlsOrigination {
            origin: Origin::of(object(kinds::BACKEND_TLS_POLICY, "shop", "cart"), 2),
            hostname: "cart.shop.example".into(),
            names: vec![
                SubjectAltName::Dns("*.shop.example".into()),
                SubjectAltName::Uri("spiffe://shop/cart".into()),
            ],
            trust: Trust::Authorities(vec![authorities("inside")]),
        }),
        kind: BackendKind::Endpoints,
    }
}

pub(crate) fn plain_backend(name: &str) -> Backend {
    let key = service(name, 80);
    Backend {
        origin: Origin::of(key.object.clone(), 0),
        key,
        protocol: BackendProtocol::Auto,
        tls: BackendTls::Off,
        kind: BackendKind::Static(vec![StaticHost {
            host: "db.example".into(),
            port: 5432,
        }]),
    }
}

pub(crate) fn endpoints() -> Endpoints {
    Endpoints {
        key: service("cart", 8080),
        addresses: vec![
            SocketAddr::from(([10, 0, 0, 1], 8080)),
            SocketAddr::from(([10, 0, 255, 254], 8080)),
            SocketAddr::from((Ipv6Addr::LOCALHOST, 8080)),
        ],
    }
}

pub(crate) fn credential(key: CredentialKey, byte: u8) -> Credential {
    let material = match key.kind {
        CredentialKind::KeyPair => Material::KeyPair {
            chain: vec![vec![byte; 40], vec![byte; 30]],
            key: Secret::new(vec![byte; 20]),
        },
        CredentialKind::Authorities => Material::Authorities(vec![vec![byte; 50]]),
    };
    Credential {
        origin: Origin::of(key.object.clone(), 0),
        key,
        material,
    }
}
