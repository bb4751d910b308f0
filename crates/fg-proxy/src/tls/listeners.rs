//! TLS of listeners.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fg_ir::{
    Change, ClientValidation, Credential, CredentialKey, Listener, ListenerKey, ListenerTls,
    Protocol,
};
use fg_tls::{ClientRules, Tickets};
use rustls::ServerConfig;

use super::Keys;
use crate::shared::SocketKey;

/// What a handshake at one listener is told.
pub(crate) struct ServerTls {
    /// The listener as of when this was built; its name does not change.
    pub(crate) listener: Arc<Listener>,
    pub(crate) config: Arc<ServerConfig>,
    /// What is asked of clients' certificates, as written.
    client_rules: Option<ClientValidation>,
    /// The same, to check them by.
    pub(crate) clients: Option<ClientRules>,
    /// Stands for who may be a client: another one as soon as the rules or the authorities'
    /// certificates change.
    pub(crate) admission: Arc<()>,
    /// The URI of our own certificate.
    pub(crate) by: Option<String>,
}

/// All listeners with TLS, as a generation has them.
#[derive(Default)]
pub(crate) struct Servers {
    /// Those that could be built.
    pub(crate) listeners: BTreeMap<ListenerKey, Arc<ServerTls>>,
    /// Sockets on which TLS is spoken.
    sockets: BTreeSet<SocketKey>,
}

impl Servers {
    /// Whether TLS is spoken on a socket.
    #[inline]
    pub(crate) fn speaks_tls(&self, socket: SocketKey) -> bool {
        !self.sockets.is_empty() && self.sockets.contains(&socket)
    }
}

/// Builds [`Servers`], and keeps what that takes.
pub(crate) struct Listeners {
    h2: bool,
    listeners: BTreeMap<ListenerKey, Arc<Listener>>,
    built: BTreeMap<ListenerKey, Built>,
    servers: Arc<Servers>,
}

struct Built {
    tls: ListenerTls,
    credentials: Vec<Arc<Credential>>,
    identity: Identity,
    server: Option<Arc<ServerTls>>,
}

/// What sessions are bound to: who may be a client. Certificates of our own are no part of it.
struct Identity {
    client: Option<ClientValidation>,
    authorities: Vec<Arc<Credential>>,
    tickets: Tickets,
    admission: Arc<()>,
}

impl Listeners {
    /// With `h2`, HTTP/2 is offered to clients.
    pub(crate) fn new(h2: bool) -> Self {
        Self {
            h2,
            listeners: BTreeMap::new(),
            built: BTreeMap::new(),
            servers: Arc::default(),
        }
    }

    /// Takes what is new; [`Keys::apply`] comes first.
    pub(crate) fn apply(&mut self, change: &Change, keys: &Keys) -> Arc<Servers> {
        for (key, listener) in &change.listeners {
            match listener {
                Some(listener) => drop(self.listeners.insert(key.clone(), listener.clone())),
                None => drop(self.listeners.remove(key)),
            }
        }
        if !change.listeners.is_empty() || !change.credentials.is_empty() {
            self.update(change, keys);
        }
        self.servers.clone()
    }

    fn update(&mut self, change: &Change, keys: &Keys) {
        let secure = |key: &ListenerKey| self.listeners.get(key).is_some_and(|l| l.tls.is_some());
        self.built.retain(|key, _| secure(key));
        for (key, listener) in &self.listeners {
            let Some(tls) = &listener.tls else {
                continue;
            };
            let touched = change.listeners.contains_key(key)
                || used(tls).any(|used| change.credentials.contains_key(used));
            if !touched {
                continue;
            }
            let credentials = keys.inputs(used(tls));
            let before = self.built.remove(key);
            let same = before.as_ref().is_some_and(|before| {
                before.tls == *tls && before.credentials == credentials && before.server.is_some()
            });
            let built = match before {
                Some(before) if same => Some(before),
                before => self.build(listener, tls, credentials, before, keys),
            };
            self.built.extend(built.map(|built| (key.clone(), built)));
        }
        let secure = self
            .listeners
            .values()
            .filter(|listener| listener.protocol == Protocol::Https);
        self.servers = Arc::new(Servers {
            listeners: self
                .built
                .iter()
                .filter_map(|(key, built)| Some((key.clone(), built.server.clone()?)))
                .collect(),
            sockets: secure.flat_map(|listener| sockets(listener)).collect(),
        });
    }

    fn build(
        &self,
        listener: &Arc<Listener>,
        tls: &ListenerTls,
        credentials: Vec<Arc<Credential>>,
        before: Option<Built>,
        keys: &Keys,
    ) -> Option<Built> {
        let (before, identity) = match before {
            Some(before) => (before.server, Some(before.identity)),
            None => (None, None),
        };
        let authorities = keys.inputs(tls.client.iter().flat_map(|client| &client.authorities));
        let same = identity.filter(|identity| {
            identity.client == tls.client && identity.authorities == authorities
        });
        let identity = match same {
            Some(identity) => identity,
            None => Identity {
                client: tls.client.clone(),
                authorities,
                tickets: Tickets::new()
                    .inspect_err(|error| tracing::error!(listener = %listener.key, %error, "a listener cannot have TLS"))
                    .ok()?,
                admission: Arc::default(),
            },
        };
        let server = match server(listener, tls, &identity, self.h2, keys) {
            Ok(server) => Some(Arc::new(server)),
            Err(error) => {
                tracing::error!(listener = %listener.key, %error, "TLS of a listener cannot be set up");
                // Stays with what it had, unless other clients may come now.
                before.filter(|before| before.client_rules == tls.client)
            }
        };
        Some(Built {
            tls: tls.clone(),
            credentials,
            identity,
            server,
        })
    }
}

fn server(
    listener: &Arc<Listener>,
    tls: &ListenerTls,
    identity: &Identity,
    h2: bool,
    keys: &Keys,
) -> Result<ServerTls, String> {
    let certificates = tls
        .certificates
        .iter()
        .map(|key| keys.certificate(key))
        .collect::<Result<Vec<_>, _>>()?;
    let by = certificates
        .iter()
        .find_map(|certificate| certificate.first_uri());
    let clients = match &tls.client {
        Some(client) => Some(ClientRules::new(
            &keys.provider,
            keys.roots(&client.authorities)?,
            client.insecure_fallback,
        )?),
        None => None,
    };
    let config = fg_tls::server_config(
        &keys.provider,
        certificates,
        clients.as_ref(),
        &identity.tickets,
        h2,
    )?;
    Ok(ServerTls {
        listener: listener.clone(),
        config,
        client_rules: tls.client.clone(),
        clients,
        admission: identity.admission.clone(),
        by,
    })
}

/// The credentials of a listener.
fn used(tls: &ListenerTls) -> impl Iterator<Item = &CredentialKey> {
    let authorities = tls.client.iter().flat_map(|client| &client.authorities);
    tls.certificates.iter().chain(authorities)
}

/// The sockets of a listener, as the router names them.
fn sockets(listener: &Listener) -> Vec<SocketKey> {
    if listener.addresses.is_empty() {
        return vec![(None, listener.port)];
    }
    let addresses = listener.addresses.iter();
    addresses
        .map(|address| (Some(address.to_canonical()), listener.port))
        .collect()
}
