//! What translation costs at 10,000 routes: the figures of `docs/adr/0002-incremental.md`.
//!
//! `cargo run --release -p fg-translate --example scale`

use std::hint::black_box;
use std::time::{Duration, Instant};

use fg_api::Resource;
use fg_testkit::objects::objects;
use fg_translate::{Options, Translator};

const ROUTES: usize = 10_000;
const SERVICES: usize = 200;
const ENDPOINTS: usize = 500;

fn main() {
    let mut all = objects(&gateway(""));
    for service in 0..SERVICES {
        all.extend(objects(&backend(service, 0)));
    }
    for route in 0..ROUTES {
        all.extend(objects(&nth(route, 0)));
    }
    let before = resident();
    let mut world = Translator::new(Options::default());
    let (cold, outcome) = timed(|| world.apply(&all, &[]));
    println!(
        "{ROUTES} routes, {SERVICES} Services with {ENDPOINTS} endpoints each, one Gateway, one core"
    );
    println!(
        "cold:                          {:>9.3} ms, {} rules",
        ms(cold),
        outcome.change.rules.len()
    );
    drop(outcome);
    println!(
        "memory of all that:            {:>9.1} MiB",
        (resident() - before) as f64 / 1_048_576.0
    );

    let narrow: Vec<Vec<Resource>> = ["hostname: '*.com', ", ""]
        .iter()
        .map(|text| objects(&gateway(text)))
        .collect();
    median(
        "all routes of one listener",
        |round| (narrow[round % 2].clone(), 2),
        &mut world,
    );
    median(
        "one route edited",
        |round| (objects(&nth(round * 37 % ROUTES, round + 1)), 1),
        &mut world,
    );
    median(
        "one EndpointSlice edited",
        |round| (slices(round), 1),
        &mut world,
    );
    median(
        "one Service edited",
        |round| (services(round), 1),
        &mut world,
    );

    let (scratch, _) = timed(|| {
        let mut scratch = Translator::new(Options::default());
        black_box(scratch.apply(&all, &[]));
    });
    println!("from scratch, dropped again:   {:>9.3} ms", ms(scratch));
}

/// Runs steps and prints the median time of one, and what it translated.
fn median(name: &str, step: impl Fn(usize) -> (Vec<Resource>, usize), world: &mut Translator) {
    let mut times = Vec::new();
    let mut routes = 0;
    for round in 0..101 {
        let (upserts, _) = step(round);
        let (time, outcome) = timed(|| world.apply(&upserts, &[]));
        routes = outcome.translated_routes;
        times.push(time);
    }
    times.sort();
    println!(
        "{:<30} {:>9.3} ms (worst {:.3} ms), {routes} routes translated",
        format!("{name}:"),
        ms(times[times.len() / 2]),
        ms(times[times.len() - 1]),
    );
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let done = work();
    (start.elapsed(), done)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn gateway(hostname: &str) -> String {
    format!(
        "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: gw}}
spec:
  gatewayClassName: ferrogate
  listeners: [{{name: http, {hostname}port: 80, protocol: HTTP}}]
"
    )
}

fn nth(route: usize, edit: usize) -> String {
    format!(
        "
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: route-{route:05}, generation: {}}}
spec:
  parentRefs: [{{name: gw}}]
  hostnames: [host-{}.example.com]
  rules:
  - matches: [{{path: {{value: /p/{route}/{edit}}}}}]
    filters: [{{type: RequestHeaderModifier, requestHeaderModifier: {{set: [{{name: x-route, value: '{route}'}}]}}}}]
    backendRefs: [{{name: service-{}, port: 80}}]
",
        edit + 1,
        route % 50,
        route % SERVICES,
    )
}

fn backend(service: usize, edit: usize) -> String {
    let endpoints: Vec<String> = (0..ENDPOINTS)
        .map(|at| {
            format!(
                "{{addresses: [10.{service}.{}.{}]}}",
                at / 250,
                at % 250 + edit
            )
        })
        .collect();
    format!(
        "
apiVersion: v1
kind: Service
metadata: {{name: service-{service}}}
spec: {{ports: [{{port: 80}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: service-{service}-1, labels: {{kubernetes.io/service-name: service-{service}}}}}
addressType: IPv4
ports: [{{port: 8080}}]
endpoints: [{}]
",
        endpoints.join(", ")
    )
}

/// The slice of one Service, changed.
fn slices(round: usize) -> Vec<Resource> {
    objects(&backend(round % SERVICES, 1 + round % 2)).split_off(1)
}

/// One Service, changed.
fn services(round: usize) -> Vec<Resource> {
    objects(&format!(
        "
apiVersion: v1
kind: Service
metadata: {{name: service-{}}}
spec: {{ports: [{{port: 80}}, {{name: edit-{round}, port: 81}}]}}
",
        round % SERVICES
    ))
}

/// Resident memory of this process. Units: bytes; 0 where `/proc` is missing.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .unwrap_or(0);
    pages * 4096
}
