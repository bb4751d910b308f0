//! Measures how long a folder takes: `cargo run --release -p fg-sources --example load [ROUTES [FILES]]`.
//!
//! It writes a folder of routes into a temporary place, loads it cold, looks again, and edits one
//! route; each edit is timed from the write to the delta, with the watch in between.

use std::path::Path;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use fg_sources::Limits;
use fg_sources::files::Folder;
use fg_sources::watch::{Changes, Watch};

const EDITS: usize = 50;

fn route(number: usize, edit: usize) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: route-{number}
  namespace: shop
  labels:
    app: shop
spec:
  parentRefs:
  - name: main
    namespace: infra
  hostnames:
  - host-{}.example.com
  rules:
  - matches:
    - path:
        type: PathPrefix
        value: /path-{number}-{edit}
      headers:
      - name: x-tenant
        value: red
    filters:
    - type: RequestHeaderModifier
      requestHeaderModifier:
        set:
        - name: x-route
          value: route-{number}
    backendRefs:
    - name: backend
      port: 8080
      weight: 1
",
        number % 50
    )
}

fn write(folder: &Path, file: usize, each: usize, edit: usize) -> std::io::Result<()> {
    let texts: Vec<String> = (0..each)
        .map(|n| route(file * each + n, if n == 0 { edit } else { 0 }))
        .collect();
    std::fs::write(
        folder.join(format!("routes-{file}.yaml")),
        texts.join("---\n"),
    )
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let routes: usize = words.next().map_or(Ok(10_000), |word| word.parse())?;
    let files: usize = words.next().map_or(Ok(routes), |word| word.parse())?;
    let dir = tempfile::tempdir()?;
    for file in 0..files {
        write(dir.path(), file, routes / files, 0)?;
    }
    let start = Instant::now();
    let mut folder = Folder::open(dir.path(), Limits::default())?;
    let delta = folder.load();
    let (objects, read) = (delta.upserts.len(), delta.files_read);
    println!(
        "cold load:  {:8.2?}  {objects} objects, {read} files",
        start.elapsed()
    );
    assert!(folder.findings().is_empty(), "{}", folder.findings()[0]);
    let (sender, changes) = channel();
    let start = Instant::now();
    let watch = Watch::start(dir.path(), move |changes: Changes| {
        sender.send(changes).is_ok()
    })?;
    println!("watch:      {:8.2?}", start.elapsed());
    let start = Instant::now();
    let delta = folder.load();
    println!(
        "look again: {:8.2?}  {} files read",
        start.elapsed(),
        delta.files_read
    );
    let mut took = Vec::new();
    let mut applying = Duration::ZERO;
    for edit in 1..=EDITS {
        // Only what the edit causes, not what is left of what came before.
        while changes.recv_timeout(Duration::from_millis(60)).is_ok() {}
        let start = Instant::now();
        write(dir.path(), edit * files / (EDITS + 1), routes / files, edit)?;
        let heard = changes.recv()?;
        let apply = Instant::now();
        let delta = folder.apply(&heard);
        took.push(start.elapsed());
        applying += apply.elapsed();
        assert_eq!((delta.upserts.len(), delta.files_read), (1, 1), "{heard:?}");
    }
    took.sort();
    println!(
        "one edit:   {:8.2?}  in the median, {:.2?} at most, {:.2?} of it to apply",
        took[EDITS / 2],
        took[EDITS - 1],
        applying / u32::try_from(EDITS)?
    );
    drop(watch);
    Ok(())
}
