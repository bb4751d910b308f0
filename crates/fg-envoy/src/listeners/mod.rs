//! Listeners to sockets, filter chains and connection managers.
//!
//! One Envoy listener serves each socket. Everything but its filter chains stays the same as long as
//! it is there, and their names are stable, so that Envoy replaces what changed and drains no other
//! connection.

mod access_log;
mod answers;
mod chain;
mod edge;
mod manager;
mod tls;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use envoy_types::pb::envoy::config::core::v3::{
    Address, SocketAddress, address, socket_address::PortSpecifier,
};
use envoy_types::pb::envoy::config::listener::v3 as envoy;
use fg_ir::{Change, Listener, ListenerKey, Protocol, Socket};
use fg_model::ObjectRef;

pub(crate) use self::tls::secrets;
use crate::compiler::Output;
use crate::resource::Kind;
use crate::routes::{Routed, Routes};
use crate::secrets::{SecretKey, Secrets};
use crate::settings::Settings;
use crate::values::number;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;
/// Room for what one side sends and the other has not taken. Units: bytes.
const BUFFER: u32 = 1024 * 1024;

/// The listeners by socket.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    listeners: BTreeMap<ListenerKey, Arc<Listener>>,
    /// The sockets that there are, by port.
    sockets: BTreeMap<u16, BTreeSet<Socket>>,
}

impl Listeners {
    /// Follows a change.
    pub(crate) fn update(
        &mut self,
        settings: &Settings,
        change: &Change,
        routes: (&Routes, &Routed),
        secrets: &mut Secrets,
        output: &mut Output,
    ) {
        let (routes, routed) = routes;
        let mut ports = BTreeSet::new();
        for (key, listener) in &change.listeners {
            let before = match listener {
                Some(listener) => self.listeners.insert(key.clone(), listener.clone()),
                None => self.listeners.remove(key),
            };
            ports.extend(before.map(|before| before.port));
            ports.extend(listener.as_ref().map(|listener| listener.port));
        }
        if routed.filters_changed {
            ports.extend(self.listeners.values().map(|listener| listener.port));
        }
        for port in ports {
            let owners: Vec<_> = self
                .listeners
                .values()
                .filter(|listener| listener.port == port)
                .collect();
            let sockets: BTreeSet<Socket> = owners
                .iter()
                .flat_map(|listener| listener.sockets())
                .collect();
            for &socket in &sockets {
                put(settings, socket, &owners, routes, secrets, output);
            }
            let before = self.sockets.remove(&port).unwrap_or_default();
            for &gone in before.difference(&sockets) {
                let name = name(gone);
                output.remove(Kind::Listener, &name);
                secrets.refer((Kind::Listener, name.into()), Vec::new(), &[]);
            }
            if !sockets.is_empty() {
                self.sockets.insert(port, sockets);
            }
        }
    }
}

/// Makes the listener of a socket.
fn put(
    settings: &Settings,
    socket: Socket,
    on_port: &[&Arc<Listener>],
    routes: &Routes,
    secrets: &mut Secrets,
    output: &mut Output,
) {
    let serving = serving(socket, on_port);
    let is_secure = serving
        .iter()
        .any(|listener| listener.protocol == Protocol::Https);
    // TLS is spoken on a socket as soon as one of its listeners has it.
    let filter_chains = if is_secure {
        let secure = serving.iter().filter_map(|listener| {
            let tls = listener.tls.as_ref()?;
            Some(chain::secure(
                settings,
                socket,
                listener,
                tls,
                &routes.filters,
            ))
        });
        secure.collect()
    } else {
        let first = serving.first();
        first
            .map(|listener| chain::clear(settings, socket, listener, &routes.filters))
            .into_iter()
            .collect()
    };
    let name = name(socket);
    let about: Vec<Arc<ObjectRef>> = serving
        .iter()
        .map(|listener| listener.origin.object.clone())
        .collect();
    let referred: BTreeSet<SecretKey> = serving
        .iter()
        .filter_map(|listener| listener.tls.as_ref())
        .flat_map(tls::secrets)
        .collect();
    secrets.refer(
        (Kind::Listener, name.as_str().into()),
        referred.into_iter().collect(),
        &about,
    );
    let listener = envoy::Listener {
        name: name.clone(),
        address: Some(address(settings, socket)),
        filter_chains,
        listener_filters: is_secure.then(tls::inspector).into_iter().collect(),
        listener_filters_timeout: is_secure.then_some(tls::HANDSHAKE),
        tcp_backlog_size: number(BACKLOG),
        per_connection_buffer_limit_bytes: number(BUFFER),
        ..Default::default()
    };
    output.put(Kind::Listener, &name, &listener, about);
}

/// The listeners that serve a socket: those that bind it, and of those with one hostname the
/// closest. Sorted by their hostnames and names.
fn serving<'a>(socket: Socket, on_port: &[&'a Arc<Listener>]) -> Vec<&'a Arc<Listener>> {
    let mut owners = BTreeMap::new();
    for &listener in on_port {
        let Some(closeness) = listener.closeness(socket) else {
            continue;
        };
        let owner = owners
            .entry(&listener.hostname)
            .or_insert((closeness, listener));
        if closeness < owner.0 {
            *owner = (closeness, listener);
        }
    }
    owners.into_values().map(|(_, listener)| listener).collect()
}

/// The name of a socket's listener: `<port>`, or `<address>:<port>`.
pub fn name((address, port): Socket) -> String {
    match address {
        None => port.to_string(),
        Some(address) => std::net::SocketAddr::new(address, port).to_string(),
    }
}

fn address(settings: &Settings, (address, port): Socket) -> Address {
    let bound = settings.port_map.get(&port).copied().unwrap_or(port);
    let (text, ipv4_compat) = match address {
        Some(IpAddr::V6(address)) if address.is_unspecified() => ("::".to_owned(), true),
        Some(address) => (address.to_string(), false),
        None if settings.ipv6 => ("::".to_owned(), true),
        None => ("0.0.0.0".to_owned(), false),
    };
    Address {
        address: Some(address::Address::SocketAddress(SocketAddress {
            address: text,
            ipv4_compat,
            port_specifier: Some(PortSpecifier::PortValue(bound.into())),
            ..Default::default()
        })),
    }
}

#[cfg(test)]
mod tests;
