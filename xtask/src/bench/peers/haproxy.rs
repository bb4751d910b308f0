//! HAProxy, configured as a gateway: upstream connections reused, forwarding fields, no log, its Prometheus page on.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::bench::process::Process;
use crate::bench::site::{self, Site, Way};

/// Writes `haproxy.cfg` (with a map where there are many routes) and starts HAProxy in the foreground.
pub(crate) fn start(program: &Path, site: &Site, folder: &Path) -> anyhow::Result<Process> {
    let file = folder.join("haproxy.cfg");
    fs::write(&file, configuration(site, folder)?)?;
    let command = [program.into(), "-db".into(), "-f".into(), file.into()];
    Process::start("haproxy", site.core, &command, &folder.join("haproxy.log"))
}

fn configuration(site: &Site, folder: &Path) -> anyhow::Result<String> {
    let choice = if site.routes.len() == 1 {
        "default_backend shop".to_owned()
    } else {
        // `base` is host and path; `map_beg` looks up prefixes in a tree.
        let mut map = String::new();
        for route in &site.routes {
            writeln!(
                map,
                "{}{} shop",
                route.host.as_deref().unwrap_or_default(),
                route.prefix
            )?;
        }
        let file = folder.join("routes.map");
        fs::write(&file, map)?;
        format!("use_backend %[base,map_beg({})]", file.display())
    };
    let bind = match &site.way {
        Way::Clear => String::new(),
        Way::Tls(files) => {
            // HAProxy reads certificate and key from one file.
            let both = folder.join("both.pem");
            fs::write(
                &both,
                [fs::read(&files.certificate)?, fs::read(&files.key)?].concat(),
            )?;
            format!(
                " ssl crt {} alpn h2,http/1.1 ssl-min-ver TLSv1.3",
                both.display()
            )
        }
        Way::Http2 | Way::Grpc => " proto h2".to_owned(),
    };
    let server = if matches!(site.way, Way::Grpc) {
        " proto h2"
    } else {
        ""
    };
    // `maxconn` counts for memory; the pool ratios keep HAProxy from closing upstream connections that it could reuse
    // when more than a fifth of the descriptors that `maxconn` allows are taken.
    Ok(format!(
        "global
  nbthread {workers}
  maxconn {connections}
  no strict-limits
  tune.pool-low-fd-ratio 90
  tune.pool-high-fd-ratio 95
defaults
  mode http
  no log
  option http-keep-alive
  http-reuse always
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout http-keep-alive 1h
frontend shop
  bind {listen}{bind}
  option forwardfor
  http-request set-header X-Forwarded-Proto {scheme}
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Request-Id %[uuid()]
  {choice}
frontend metrics
  bind {metrics}
  http-request use-service prometheus-exporter if {{ path /metrics }}
backend shop
  server one {upstream}{server}
",
        scheme = if matches!(site.way, Way::Tls(_)) {
            "https"
        } else {
            "http"
        },
        workers = site.workers,
        connections = 1024 + site.connections,
        listen = site.listen,
        metrics = site::free_address(site::PROXY_IP)?,
        upstream = site.upstream,
    ))
}
