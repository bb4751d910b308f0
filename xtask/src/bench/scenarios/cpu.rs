//! CPU time of a proxy for each completed request: proxy on one core, load and upstream on the other.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use super::Bench;
use crate::bench::h2load::{self, Load};
use crate::bench::load::{self, Script};
use crate::bench::peers::{PROXY_CORE, Running};
use crate::bench::process::CoreTime;
use crate::bench::results::{Cpu, CpuFigure, Results, Stamp, median};
use crate::bench::site::{self, PROXY_IP, Route, Site, UPSTREAM_IP, Way};
use crate::bench::upstream;
use crate::certificates::Certificates;

/// Bytes of a small reply and of a large one.
const SMALL: usize = 128;
const LARGE: usize = 64 * 1024;

/// Large replies, nginx with buffers that suit them.
pub(crate) const LARGE_BUFFERS: &str = "large-64k-large-buffers";
/// The results with one route, the base of those with many.
pub(crate) const ONE_ROUTE: &str = "routes-1";
/// 5,000 routes on one host.
pub(crate) const ONE_HOST: &str = "routes-5000-on-1-host";
/// 5,000 routes spread over 50 hosts.
pub(crate) const MANY_HOSTS: &str = "routes-5000-on-50-hosts";

/// TLS 1.3 on kept connections.
pub(crate) const TLS: &str = "tls-keep-alive";
/// One request on each TLS 1.3 connection, no session resumed.
pub(crate) const TLS_NEW: &str = "tls-new";
/// HTTP/2 in, HTTP/1.1 out.
pub(crate) const HTTP2: &str = "http2";
/// HTTP/2 on both sides.
pub(crate) const GRPC: &str = "grpc";
/// A limited load on one worker and on two.
pub(crate) const ONE_WORKER: &str = "workers-1";
/// See [`ONE_WORKER`].
pub(crate) const TWO_WORKERS: &str = "workers-2";

/// Streams at once of the HTTP/2 scenarios.
const STREAMS: u32 = 100;

/// Requests a second and connections for each worker of the scenario with limited load: well below
/// what half a core of the slowest proxy serves. A worker of two is to have as much to do as one
/// alone: with less, it would be woken more often for a request, and that would be measured.
const LIMITED: (u32, u32) = (4000, 32);

/// One measurement that is interleaved with others.
struct Case {
    /// The name of its results.
    name: &'static str,
    /// What the proxies are configured with.
    routes: Vec<Route>,
    /// What is asked for.
    requests: Vec<Route>,
    connections: u32,
    large_buffers: bool,
    /// What is spoken.
    way: Way,
    /// What is sent; `None` is `wrk` with its script, on kept connections.
    load: Option<Load>,
    /// The workers of a proxy, and whether it has a core for itself.
    workers: u32,
    pinned: bool,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            name: "",
            routes: site::one_route(),
            requests: site::one_route(),
            connections: 128,
            large_buffers: false,
            way: Way::Clear,
            load: None,
            workers: 1,
            pinned: true,
        }
    }
}

/// HTTP/1.1 keep-alive, small replies, three numbers of connections.
pub(crate) fn keep_alive(bench: &Bench, results: &mut Results) -> anyhow::Result<()> {
    for (name, connections) in [
        ("keep-alive-16", 16),
        ("keep-alive-128", 128),
        ("keep-alive-512", 512),
    ] {
        let case = Case {
            name,
            connections,
            ..Case::default()
        };
        measure(bench, results, SMALL, &[case])?;
    }
    Ok(())
}

/// Replies of 64 KiB, with nginx's own buffers and with larger ones.
pub(crate) fn large(bench: &Bench, results: &mut Results) -> anyhow::Result<()> {
    let case = |name, large_buffers| Case {
        name,
        large_buffers,
        ..Case::default()
    };
    let cases = [case("large-64k", false), case(LARGE_BUFFERS, true)];
    measure(bench, results, LARGE, &cases)
}

/// TLS 1.3: kept connections, and new ones.
pub(crate) fn tls(bench: &Bench, results: &mut Results) -> anyhow::Result<()> {
    let way = Way::Tls(Certificates::make(&bench.folder.join("certificates"))?);
    let kept = Case {
        name: TLS,
        way: way.clone(),
        ..Case::default()
    };
    measure(bench, results, SMALL, &[kept])?;
    let new = Case {
        name: TLS_NEW,
        way,
        load: Some(Load::New),
        ..Case::default()
    };
    measure(bench, results, SMALL, &[new])
}

/// HTTP/2 from one client connection: to HTTP/1.1, and gRPC to HTTP/2.
pub(crate) fn http2(bench: &Bench, results: &mut Results) -> anyhow::Result<()> {
    let streams = STREAMS;
    let one = Case {
        name: HTTP2,
        way: Way::Http2,
        load: Some(Load::Http2 { streams }),
        ..Case::default()
    };
    measure(bench, results, SMALL, &[one])?;
    let both = Case {
        name: GRPC,
        way: Way::Grpc,
        load: Some(Load::Grpc { streams }),
        ..Case::default()
    };
    measure(bench, results, SMALL, &[both])
}

/// One worker and two, not pinned, with a load that leaves both cores idle for a part of the time.
pub(crate) fn workers(bench: &Bench, results: &mut Results) -> anyhow::Result<()> {
    let case = |name, workers| Case {
        name,
        workers,
        pinned: false,
        load: Some(Load::Rate {
            per_second: LIMITED.0 * workers,
            connections: LIMITED.1 * workers,
        }),
        ..Case::default()
    };
    measure(
        bench,
        results,
        SMALL,
        &[case(ONE_WORKER, 1), case(TWO_WORKERS, 2)],
    )
}

/// One route against 5,000, with the same requests.
pub(crate) fn routes(bench: &Bench, results: &mut Results) -> anyhow::Result<()> {
    let one_host = site::many_routes(5000, 1);
    let many_hosts = site::many_routes(5000, 50);
    let case = |name, routes, requests| Case {
        name,
        routes,
        requests,
        ..Case::default()
    };
    let cases = [
        case(ONE_ROUTE, site::one_route(), one_host.clone()),
        case(ONE_HOST, one_host.clone(), one_host),
        case(MANY_HOSTS, many_hosts.clone(), many_hosts),
    ];
    measure(bench, results, SMALL, &cases)
}

/// Starts every proxy for every case, then goes round them. What goes wrong is kept in the results.
fn measure(
    bench: &Bench,
    results: &mut Results,
    reply: usize,
    cases: &[Case],
) -> anyhow::Result<()> {
    let stamp = Stamp::now()?;
    let outcome = go_round(bench, reply, cases);
    for case in cases {
        let entry = match &outcome {
            Ok(figures) => Cpu {
                stamp: stamp.clone(),
                seconds: bench.options.seconds,
                failed: None,
                peers: figures
                    .get(case.name)
                    .into_iter()
                    .flatten()
                    .map(|(peer, rounds)| (peer.clone(), figure(rounds)))
                    .collect(),
            },
            Err(error) => {
                println!("  {} failed: {error:#}", case.name);
                Cpu {
                    stamp: stamp.clone(),
                    failed: Some(format!("{error:#}")),
                    ..Cpu::default()
                }
            }
        };
        results.cpu.insert(case.name.to_owned(), entry);
    }
    Ok(())
}

/// One round of one proxy.
struct Round {
    microseconds: f64,
    requests_per_second: f64,
    p99_us: f64,
    /// Percent of the core's time that others had.
    others: f64,
}

/// Rounds by case and proxy.
type Figures = BTreeMap<&'static str, BTreeMap<String, Vec<Round>>>;

fn go_round(bench: &Bench, reply: usize, cases: &[Case]) -> anyhow::Result<Figures> {
    let folder = bench.folder.join("cpu");
    std::fs::create_dir_all(&folder)?;
    let address = site::free_address(UPSTREAM_IP)?;
    let _upstream = match cases.first().map(|case| &case.way) {
        Some(Way::Grpc) => upstream::start_grpc(address, &folder)?,
        _ => upstream::start(address, reply, &folder)?,
    };
    let mut running: Vec<(&Case, Script, Running)> = Vec::new();
    for case in cases {
        let script = Script::write(&case.requests, &folder.join(format!("{}.lua", case.name)))?;
        for peer in &bench.peers {
            let site = Site {
                listen: site::free_address(PROXY_IP)?,
                upstream: address,
                routes: case.routes.clone(),
                workers: case.workers,
                core: case.pinned.then_some(PROXY_CORE),
                connections: case.connections,
                way: case.way.clone(),
                large_buffers: case.large_buffers,
            };
            let proxy = peer.start(&site, &folder.join(format!("{}-{}", case.name, peer.name)))?;
            running.push((case, script.clone(), proxy));
        }
    }
    let mut figures = Figures::new();
    for round in 0..=bench.options.rounds {
        for (case, script, proxy) in &running {
            let warm_up = round == 0;
            let seconds = if warm_up { 1 } else { bench.options.seconds };
            let one = self::round(proxy, case, script, seconds, &folder)
                .map_err(|error| error.context(format!("{} in {}", proxy.name, case.name)))?;
            let label = if warm_up {
                "warm-up".to_owned()
            } else {
                format!("{round}/{}", bench.options.rounds)
            };
            println!(
                "  {:26} {:8} {:10} {:8.2} µs a request, {:7.0} requests a second; others had {:.0} % of the core",
                case.name, label, proxy.name, one.microseconds, one.requests_per_second, one.others
            );
            if !warm_up {
                figures
                    .entry(case.name)
                    .or_default()
                    .entry(proxy.name.to_owned())
                    .or_default()
                    .push(one);
            }
        }
    }
    Ok(figures)
}

fn round(
    proxy: &Running,
    case: &Case,
    script: &Script,
    seconds: u64,
    folder: &Path,
) -> anyhow::Result<Round> {
    let core_before = CoreTime::read(PROXY_CORE)?;
    let cpu_before = proxy.process.cpu_time()?;
    let begin = Instant::now();
    let count = match case.load {
        None => load::run(proxy.listen, script, case.connections, seconds, &case.way)?,
        Some(load) => h2load::run(proxy.listen, &case.way, load, seconds, folder)?,
    };
    let elapsed = begin.elapsed();
    let cpu = proxy.process.cpu_time()?.saturating_sub(cpu_before);
    let others = core_before.taken_by_others(PROXY_CORE, cpu)?;
    let requests = count.requests as f64;
    Ok(Round {
        microseconds: cpu.as_secs_f64() * 1e6 / requests,
        requests_per_second: requests / elapsed.as_secs_f64(),
        p99_us: count.p99_us as f64,
        others,
    })
}

fn figure(rounds: &[Round]) -> CpuFigure {
    let of = |get: fn(&Round) -> f64| rounds.iter().map(get).map(hundredths).collect::<Vec<f64>>();
    let microseconds = of(|round| round.microseconds);
    CpuFigure {
        median: hundredths(median(&microseconds)),
        rounds: microseconds,
        requests_per_second: median(&of(|round| round.requests_per_second)).round(),
        p99_us: median(&of(|round| round.p99_us)),
        others_percent: hundredths(median(&of(|round| round.others))),
    }
}

/// Two digits after the point are more than the measurement is worth.
fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
