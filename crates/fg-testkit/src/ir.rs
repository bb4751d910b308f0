//! Small values of the IR, as translation would make them.

use std::net::SocketAddr;
use std::sync::Arc;

use fg_ir::{
    Action, Attachment, Backend, BackendKey, BackendKind, BackendProtocol, BackendTls, Change,
    Credential, CredentialKey, CredentialKind, Endpoints, Listener, ListenerKey, ListenerTls,
    Material, Protocol, Rule, RuleBackend, RuleKey, Target, TlsOrigination,
};
use fg_model::{Age, HostPattern, Match, ObjectRef, Origin, PathMatch, kinds};

const NAMESPACE: &str = "test";

fn object(kind: (&str, &str), name: &str) -> Arc<ObjectRef> {
    Arc::new(ObjectRef::new(kind.0, kind.1, NAMESPACE, name))
}

/// The key of a listener of the Gateway `gateway`.
pub fn listener_key(section: &str) -> ListenerKey {
    ListenerKey {
        namespace: NAMESPACE.into(),
        gateway: "gateway".into(),
        section: section.into(),
    }
}

/// A listener on one address, for one host or, with `None`, for all.
///
/// # Panics
/// When the host is no hostname.
pub fn listener(section: &str, at: SocketAddr, host: Option<&str>) -> Listener {
    Listener {
        key: listener_key(section),
        origin: Origin::of(object(kinds::GATEWAY, "gateway"), 1),
        addresses: vec![at.ip()],
        port: at.port(),
        protocol: Protocol::Http,
        hostname: HostPattern::parse(host).expect("a hostname"),
        tls: None,
        backend_certificate: None,
    }
}

/// The key of a backend.
pub fn backend_key(name: &str) -> BackendKey {
    BackendKey {
        object: object(kinds::SERVICE, name),
        port: 80,
    }
}

/// A backend whose endpoints are known by [`endpoints`].
pub fn backend(name: &str) -> Backend {
    Backend {
        key: backend_key(name),
        origin: Origin::of(object(kinds::SERVICE, name), 1),
        protocol: BackendProtocol::Auto,
        tls: BackendTls::Off,
        kind: BackendKind::Endpoints,
    }
}

/// The endpoints of a backend.
pub fn endpoints(name: &str, addresses: &[SocketAddr]) -> Endpoints {
    let mut addresses = addresses.to_vec();
    addresses.sort_unstable();
    Endpoints {
        key: backend_key(name),
        addresses,
    }
}

/// A rule of a route of its own, attached to one listener for all hosts, for one path prefix (`/`
/// is all), that sends everything to one backend.
pub fn rule(name: &str, section: &str, prefix: &str, backend: &str) -> Rule {
    let route = object(kinds::HTTP_ROUTE, name);
    let origin = Origin::of(route.clone(), 1);
    let path = PathMatch::Prefix(prefix.trim_end_matches('/').into());
    let everything = Match {
        path,
        method: None,
        headers: Vec::new(),
        query: Vec::new(),
    };
    Rule {
        key: RuleKey { route, rule: 0 },
        origin: origin.clone(),
        kind: fg_ir::RouteKind::Http,
        name: None,
        attachments: Arc::new([Attachment {
            listener: listener_key(section),
            hostnames: vec![HostPattern::Any],
        }]),
        age: Arc::new(Age {
            created: 0,
            namespace: NAMESPACE.into(),
            name: name.into(),
        }),
        matches: vec![(0, everything)],
        policies: Default::default(),
        action: Action::Forward(vec![RuleBackend {
            origin,
            weight: 1,
            target: Target::Backend(backend_key(backend)),
            policies: Default::default(),
        }]),
    }
}

/// The key of a credential: a Secret for key pairs, a ConfigMap for authorities.
pub fn credential_key(name: &str, kind: CredentialKind) -> CredentialKey {
    let of = match kind {
        CredentialKind::KeyPair => kinds::SECRET,
        CredentialKind::Authorities => kinds::CONFIG_MAP,
    };
    CredentialKey {
        object: object(of, name),
        kind,
    }
}

/// A credential.
pub fn credential(name: &str, material: Material) -> Credential {
    let kind = match material {
        Material::KeyPair { .. } => CredentialKind::KeyPair,
        Material::Authorities(_) => CredentialKind::Authorities,
    };
    let key = credential_key(name, kind);
    Credential {
        origin: Origin::of(key.object.clone(), 1),
        key,
        material,
    }
}

/// A listener with TLS that shows these key pairs.
pub fn secure_listener(
    section: &str,
    at: SocketAddr,
    host: Option<&str>,
    key_pairs: &[&str],
) -> Listener {
    let key = |name: &&str| credential_key(name, CredentialKind::KeyPair);
    Listener {
        protocol: Protocol::Https,
        tls: Some(ListenerTls {
            certificates: key_pairs.iter().map(key).collect(),
            client: None,
        }),
        ..listener(section, at, host)
    }
}

/// Collects values into a change.
#[derive(Default)]
pub struct Changes(Change);

impl Changes {
    /// No change yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a listener.
    #[must_use]
    pub fn listener(mut self, listener: Listener) -> Self {
        let key = listener.key.clone();
        self.0.listeners.insert(key, Some(Arc::new(listener)));
        self
    }

    /// Adds or replaces a credential.
    #[must_use]
    pub fn credential(mut self, name: &str, material: Material) -> Self {
        let credential = credential(name, material);
        let key = credential.key.clone();
        self.0.credentials.insert(key, Some(Arc::new(credential)));
        self
    }

    /// Adds or replaces a backend that is called over TLS.
    #[must_use]
    pub fn secure_backend(
        mut self,
        name: &str,
        addresses: &[SocketAddr],
        tls: TlsOrigination,
    ) -> Self {
        self = self.backend(name, addresses);
        let value = Backend {
            tls: BackendTls::Verify(tls),
            ..backend(name)
        };
        self.0
            .backends
            .insert(value.key.clone(), Some(Arc::new(value)));
        self
    }

    /// Adds or replaces a rule.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.0.rules.insert(rule.key.clone(), Some(Arc::new(rule)));
        self
    }

    /// Adds or replaces a backend with its endpoints.
    #[must_use]
    pub fn backend(mut self, name: &str, addresses: &[SocketAddr]) -> Self {
        let key = backend_key(name);
        let value = Arc::new(backend(name));
        self.0.backends.insert(key.clone(), Some(value));
        let endpoints = Arc::new(endpoints(name, addresses));
        self.0.endpoints.insert(key, Some(endpoints));
        self
    }

    /// Removes a listener.
    #[must_use]
    pub fn without_listener(mut self, section: &str) -> Self {
        self.0.listeners.insert(listener_key(section), None);
        self
    }

    /// The change.
    pub fn build(self) -> Change {
        self.0
    }
}

/// One listener, one rule for everything, one backend with these endpoints.
pub fn everything_to(at: SocketAddr, addresses: &[SocketAddr]) -> Change {
    Changes::new()
        .listener(listener("http", at, None))
        .rule(rule("all", "http", "/", "backend"))
        .backend("backend", addresses)
        .build()
}
