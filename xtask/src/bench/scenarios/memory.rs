//! Memory of each proxy with two workers: idle, with 5,000 routes, and for each idle kept-alive connection.

use std::path::Path;

use anyhow::{Context as _, ensure};

use super::Bench;
use crate::bench::h2load::Idle;
use crate::bench::http::Connection;
use crate::bench::peers::{Peer, Running};
use crate::bench::process::{self, Process};
use crate::bench::results::{Memory, Results, Stamp};
use crate::bench::site::{self, PROXY_IP, Route, Site, UPSTREAM_IP, Way};
use crate::bench::upstream;
use crate::certificates::Certificates;

/// PSS with one route and no load.
pub(crate) const IDLE: &str = "idle";
/// PSS with 5,000 routes, settled.
pub(crate) const ROUTES: &str = "5000-routes";
/// PSS of one of 10,000 idle connections, after a request each.
pub(crate) const CONNECTION: &str = "idle-connection";

/// PSS of one of 10,000 idle connections after five requests each: HTTP/1.1 over TLS.
pub(crate) const IDLE_TLS: &str = "idle-tls";
/// The same over HTTP/2 in clear.
pub(crate) const IDLE_H2C: &str = "idle-h2c";
/// The same over HTTP/2 and TLS.
pub(crate) const IDLE_H2_TLS: &str = "idle-h2-tls";

/// Worker threads (or processes) of every proxy here.
const WORKERS: u32 = 2;

/// Measures all three for all proxies. What one proxy cannot do is kept as its failure.
pub(crate) fn measure(bench: &Bench, results: &mut Results) -> anyhow::Result<()> {
    let connections: u32 = if bench.options.quick { 1000 } else { 10_000 };
    process::raise_own_descriptor_limit(connections + 100)?;
    let folder = bench.folder.join("memory");
    std::fs::create_dir_all(&folder)?;
    let address = site::free_address(UPSTREAM_IP)?;
    let upstream = upstream::start(address, 128, &folder)?;
    let stamp = Stamp::now()?;
    let tls = Way::Tls(Certificates::make(&folder.join("certificates"))?);
    let names = [IDLE, ROUTES, CONNECTION, IDLE_TLS, IDLE_H2C, IDLE_H2_TLS];
    let mut figures = names.map(|name| {
        (
            name,
            Memory {
                stamp: stamp.clone(),
                ..Memory::default()
            },
        )
    });
    for peer in &bench.peers {
        let start_way = |routes: Vec<Route>, connections: u32, name: &str, way: Way| {
            let site = Site {
                listen: site::free_address(PROXY_IP)?,
                upstream: address,
                routes,
                workers: WORKERS,
                core: None,
                connections,
                way,
                large_buffers: false,
            };
            peer.start(&site, &folder.join(format!("{name}-{}", peer.name)))
        };
        let start =
            |routes, connections, name: &str| start_way(routes, connections, name, Way::Clear);
        let idle = |name: &str, way: &Way, http1: bool| {
            let proxy = start_way(site::one_route(), connections, name, way.clone())?;
            after_five(
                &proxy,
                way,
                http1,
                connections,
                &folder.join(format!("{name}-{}", peer.name)),
            )
        };
        let values = [
            start(site::one_route(), 512, IDLE).and_then(|proxy| settled(&proxy.process)),
            start(site::many_routes(5000, 1), 512, ROUTES)
                .and_then(|proxy| settled(&proxy.process)),
            start(site::one_route(), connections, CONNECTION)
                .and_then(|proxy| for_connection(&proxy, connections)),
            idle(IDLE_TLS, &tls, true),
            idle(IDLE_H2C, &Way::Http2, false),
            idle(IDLE_H2_TLS, &tls, false),
        ];
        for ((name, memory), value) in figures.iter_mut().zip(values) {
            keep(memory, name, peer, value);
        }
    }
    drop(upstream);
    for (name, memory) in figures {
        results.memory.insert(name.to_owned(), memory);
    }
    Ok(())
}

fn settled(process: &Process) -> anyhow::Result<f64> {
    Ok(process.settled_pss()? as f64)
}

fn keep(memory: &mut Memory, name: &str, peer: &Peer, value: anyhow::Result<f64>) {
    match value {
        Ok(kib) => {
            println!("  {name:24} {:10} {kib:10.1} KiB", peer.name);
            memory
                .kib
                .insert(peer.name.to_owned(), (kib * 10.0).round() / 10.0);
        }
        Err(error) => {
            println!("  {name:24} {:10} failed: {error:#}", peer.name);
            memory
                .failed
                .insert(peer.name.to_owned(), format!("{error:#}"));
        }
    }
}

/// KiB for each of the connections: opened, used for five requests, and left alone.
fn after_five(
    proxy: &Running,
    way: &Way,
    http1: bool,
    connections: u32,
    folder: &Path,
) -> anyhow::Result<f64> {
    let before = proxy.process.settled_pss()?;
    let idle = Idle::open(proxy.listen, way, http1, (connections, 5), folder)?;
    idle.settle()?;
    let after = proxy.process.settled_pss()?;
    let open = process::established(proxy.listen)?;
    ensure!(
        open >= connections as usize,
        "only {open} of {connections} connections are still open"
    );
    Ok(after.saturating_sub(before) as f64 / f64::from(connections))
}

/// KiB for each of the connections: opened, used for one request, and left alone.
fn for_connection(proxy: &Running, connections: u32) -> anyhow::Result<f64> {
    let before = proxy.process.settled_pss()?;
    let (host, path) = site::target(&site::one_route()[0]);
    let mut open = Vec::new();
    for number in 0..connections {
        let context = || format!("connection {number} of {connections}");
        let mut connection = Connection::open(proxy.listen).with_context(context)?;
        let reply = connection.get(&host, &path).with_context(context)?;
        ensure!(
            reply.status == 200,
            "status {} on connection {number}",
            reply.status
        );
        open.push(connection);
    }
    let after = proxy.process.settled_pss()?;
    // Each must still be usable: a proxy that closed idle ones would look frugal.
    for (number, connection) in open.iter_mut().enumerate().step_by(97) {
        let reply = connection
            .get(&host, &path)
            .with_context(|| format!("connection {number}, after the wait"))?;
        ensure!(
            reply.status == 200,
            "status {} on connection {number}, after the wait",
            reply.status
        );
    }
    Ok(after.saturating_sub(before) as f64 / f64::from(connections))
}
