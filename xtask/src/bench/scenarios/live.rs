//! Ferrogate with 10,000 routes: how soon it is ready, and how soon one edited route is live, under light load.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::Bench;
use crate::bench::http::Connection;
use crate::bench::peers::{self, EDITION, Peer};
use crate::bench::results::{Live, Results, Stamp, median, percentile};
use crate::bench::site::{self, PROXY_IP, Route, Site, UPSTREAM_IP};
use crate::bench::upstream;

/// 10,000 routes, each in a file of its own.
pub(crate) const ONE_A_FILE: &str = "10000-files";
/// 10,000 routes, a hundred in a file.
pub(crate) const HUNDRED_A_FILE: &str = "100-files-of-100";

const ROUTES: usize = 10_000;
/// Prime to the number of routes, so that edits (and the load) visit routes all over the place.
const STRIDE: usize = 7919;
/// Connections of the light load, and the pause between its requests: somewhat under a thousand a second.
const LOAD_CONNECTIONS: usize = 8;
const LOAD_PAUSE: Duration = Duration::from_millis(1);
/// The pause between two looks at an edited route.
const LOOK_PAUSE: Duration = Duration::from_micros(200);
/// How long an edit may take before it counts as never seen.
const EDIT_LIMIT: Duration = Duration::from_secs(10);

/// Measures both ways to lay the routes out in files, for Ferrogate only.
pub(crate) fn measure(bench: &Bench, results: &mut Results) -> anyhow::Result<()> {
    let Some(peer) = bench.peers.iter().find(|peer| peer.name == "ferrogate") else {
        println!("  only Ferrogate is measured here, and it is not among the proxies");
        return Ok(());
    };
    for (name, routes_in_file) in [(ONE_A_FILE, 1), (HUNDRED_A_FILE, 100)] {
        let stamp = Stamp::now()?;
        let live = match one_layout(bench, peer, name, routes_in_file) {
            Ok(live) => live,
            Err(error) => {
                println!("  {name} failed: {error:#}");
                Live {
                    failed: Some(format!("{error:#}")),
                    ..Live::default()
                }
            }
        };
        results.live.insert(name.to_owned(), Live { stamp, ..live });
    }
    Ok(())
}

fn one_layout(
    bench: &Bench,
    peer: &Peer,
    name: &str,
    routes_in_file: usize,
) -> anyhow::Result<Live> {
    let folder = bench.folder.join(format!("live-{name}"));
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let address = site::free_address(UPSTREAM_IP)?;
    let _upstream = upstream::start(address, 128, &folder)?;
    let site = Site {
        listen: site::free_address(PROXY_IP)?,
        upstream: address,
        routes: site::many_routes(ROUTES, 50),
        workers: 1,
        core: None,
        connections: 512,
        way: site::Way::Clear,
        large_buffers: false,
    };
    let objects = peers::write_base(&site, &folder)?;
    let mut files = Files {
        objects: &objects,
        routes: &site.routes,
        routes_in_file,
        editions: vec![0; ROUTES],
    };
    for file in 0..ROUTES / routes_in_file {
        fs::write(objects.join(files.name(file)), files.text(file))?;
    }
    let mut starts = Vec::new();
    for _ in 0..2 {
        let started = peers::start_ferrogate_on(&peer.program, &site, &objects, &folder)?;
        starts.push(started.ready_after.as_secs_f64());
    }
    let mut started = peers::start_ferrogate_on(&peer.program, &site, &objects, &folder)?;
    starts.push(started.ready_after.as_secs_f64());
    let (host, path) = site.probe();
    started.process.wait_until_ok(site.listen, &host, &path)?;
    println!(
        "  {name:24} ready after {:.2} s (median of three starts)",
        median(&starts)
    );
    let edits = if bench.options.quick { 20 } else { 200 };
    let mut live = edit(&mut files, site.listen, edits)?;
    live.cold_start_s = median(&starts);
    println!(
        "  {name:24} {edits} edits live after {:.1} ms in the median, {:.1} ms at the 99th percentile; {} requests, {} failed",
        live.median_ms, live.p99_ms, live.requests, live.failed_requests
    );
    Ok(live)
}

/// The folder's route files.
struct Files<'a> {
    objects: &'a Path,
    routes: &'a [Route],
    routes_in_file: usize,
    /// The edition of each route as it is in the files.
    editions: Vec<u64>,
}

impl Files<'_> {
    fn name(&self, file: usize) -> String {
        format!("routes-{file:05}.yaml")
    }

    fn text(&self, file: usize) -> String {
        let first = file * self.routes_in_file;
        let routes = &self.routes[first..first + self.routes_in_file];
        peers::route_file(routes, first, |route| self.editions.get(route).copied())
    }

    /// Gives a route a new edition, and puts the new file in the old one's place in one step. Gives that moment.
    fn edit(&mut self, route: usize, edition: u64) -> anyhow::Result<Instant> {
        self.editions[route] = edition;
        let file = route / self.routes_in_file;
        let draft = self.objects.join(".draft");
        fs::write(&draft, self.text(file))?;
        fs::rename(&draft, self.objects.join(self.name(file)))?;
        Ok(Instant::now())
    }
}

fn edit(files: &mut Files<'_>, proxy: SocketAddr, edits: usize) -> anyhow::Result<Live> {
    let routes = files.routes;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let load = scope.spawn(|| light_load(proxy, routes, &stop));
        let outcome = edit_one_by_one(files, proxy, edits);
        stop.store(true, Ordering::Relaxed);
        let Ok((requests, failed_requests, first_failure)) = load.join() else {
            bail!("the load broke off");
        };
        let milliseconds = outcome?;
        Ok(Live {
            failed: first_failure
                .map(|failure| format!("{failed_requests} failed requests; the first: {failure}")),
            edits,
            median_ms: median(&milliseconds),
            p99_ms: percentile(&milliseconds, 0.99),
            longest_ms: percentile(&milliseconds, 1.0),
            requests,
            failed_requests,
            ..Live::default()
        })
    })
}

/// Edits routes all over the place; gives the milliseconds until each was seen.
fn edit_one_by_one(
    files: &mut Files<'_>,
    proxy: SocketAddr,
    edits: usize,
) -> anyhow::Result<Vec<f64>> {
    let mut connection = Connection::open(proxy)?;
    let mut milliseconds = Vec::new();
    for number in 1..=edits {
        let route = number * STRIDE % ROUTES;
        let (host, path) = site::target(&files.routes[route]);
        let edition = number.to_string();
        let begin = files.edit(route, number as u64)?;
        loop {
            let reply = connection
                .get(&host, &path)
                .context("while looking for an edit")?;
            if reply.status != 200 {
                bail!("status {} while looking for edit {number}", reply.status);
            }
            if reply.field(EDITION) == Some(&edition) {
                break;
            }
            if begin.elapsed() > EDIT_LIMIT {
                bail!(
                    "edit {number} was not live after {} s",
                    EDIT_LIMIT.as_secs()
                );
            }
            std::thread::sleep(LOOK_PAUSE);
        }
        milliseconds.push(begin.elapsed().as_secs_f64() * 1e3);
        // Editors and syncs do not write without a pause either; and a debounce must not hide behind the next edit.
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(milliseconds)
}

/// Asks for routes all over the place until told to stop; gives how many requests, how many failed, and how the first.
fn light_load(
    proxy: SocketAddr,
    routes: &[Route],
    stop: &AtomicBool,
) -> (u64, u64, Option<String>) {
    let mut connections: Vec<Option<Connection>> = (0..LOAD_CONNECTIONS).map(|_| None).collect();
    let (mut requests, mut failed, mut first_failure) = (0_u64, 0, None);
    while !stop.load(Ordering::Relaxed) {
        let number = requests as usize;
        let (host, path) = site::target(&routes[number * STRIDE % routes.len()]);
        let connection = &mut connections[number % LOAD_CONNECTIONS];
        if let Err(error) = request(connection, proxy, &host, &path) {
            *connection = None;
            failed += 1;
            first_failure.get_or_insert(format!("{host}{path}: {error:#}"));
        }
        requests += 1;
        std::thread::sleep(LOAD_PAUSE);
    }
    (requests, failed, first_failure)
}

fn request(
    connection: &mut Option<Connection>,
    proxy: SocketAddr,
    host: &str,
    path: &str,
) -> anyhow::Result<()> {
    let mut open = match connection.take() {
        Some(open) => open,
        None => Connection::open(proxy)?,
    };
    let reply = open.get(host, path)?;
    *connection = Some(open);
    if reply.status != 200 {
        bail!("status {}", reply.status);
    }
    Ok(())
}
