//! Answer times at a rate that is the same for all proxies: 60 % of what the slowest serves on one core.

use std::collections::BTreeMap;

use super::Bench;
use crate::bench::h2load;
use crate::bench::load::{self, Script};
use crate::bench::peers::{PROXY_CORE, Running};
use crate::bench::results::{Latency, Results, Stamp, median, percentile};
use crate::bench::site::{self, PROXY_IP, Site, UPSTREAM_IP, Way};
use crate::bench::upstream;

const CONNECTIONS: u32 = 64;

/// Measures all proxies, in interleaved rounds.
pub(crate) fn measure(bench: &Bench, results: &mut Results) -> anyhow::Result<()> {
    let stamp = Stamp::now()?;
    let latency = match go_round(bench) {
        Ok(latency) => latency,
        Err(error) => {
            println!("  latency failed: {error:#}");
            Latency {
                failed: Some(format!("{error:#}")),
                ..Latency::default()
            }
        }
    };
    results.latency = Some(Latency { stamp, ..latency });
    Ok(())
}

fn go_round(bench: &Bench) -> anyhow::Result<Latency> {
    let folder = bench.folder.join("latency");
    std::fs::create_dir_all(&folder)?;
    let address = site::free_address(UPSTREAM_IP)?;
    let _upstream = upstream::start(address, 128, &folder)?;
    let script = Script::write(&site::one_route(), &folder.join("requests.lua"))?;
    let mut running: Vec<Running> = Vec::new();
    for peer in &bench.peers {
        let site = Site {
            listen: site::free_address(PROXY_IP)?,
            upstream: address,
            routes: site::one_route(),
            workers: 1,
            core: Some(PROXY_CORE),
            connections: CONNECTIONS,
            way: Way::Clear,
            large_buffers: false,
        };
        running.push(peer.start(&site, &folder.join(peer.name))?);
    }
    // What each can do also warms it up.
    let seconds = bench.options.seconds.min(2);
    let mut slowest = f64::INFINITY;
    for proxy in &running {
        let count = load::run(proxy.listen, &script, CONNECTIONS, seconds, &Way::Clear)?;
        slowest = slowest.min(count.requests as f64 / seconds as f64);
    }
    let per_second = (slowest * 0.6) as u32;
    let mut rounds: BTreeMap<&str, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for round in 1..=bench.options.rounds {
        for proxy in &running {
            let rate = (per_second, CONNECTIONS);
            let times = h2load::latencies(proxy.listen, rate, bench.options.seconds, &folder)?;
            let (p50, p99) = (median(&times), percentile(&times, 0.99));
            println!(
                "  {:26} {round}/{:6} {:10} median {p50:6.0} µs, 99th percentile {p99:6.0} µs",
                format!("{per_second} a second"),
                bench.options.rounds,
                proxy.name
            );
            let (p50s, p99s) = rounds.entry(proxy.name).or_default();
            p50s.push(p50);
            p99s.push(p99);
        }
    }
    let peers = rounds.into_iter().map(|(peer, (p50s, p99s))| {
        (
            peer.to_owned(),
            (median(&p50s).round(), median(&p99s).round()),
        )
    });
    Ok(Latency {
        per_second,
        peers: peers.collect(),
        ..Latency::default()
    })
}
