//! nginx, configured as a gateway: upstream keep-alive, forwarding fields, no access log, its counters on.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::bench::process::Process;
use crate::bench::site::{self, Site, Way};

/// Writes `nginx.conf` and starts nginx in the foreground.
pub(crate) fn start(program: &Path, site: &Site, folder: &Path) -> anyhow::Result<Process> {
    let file = folder.join("nginx.conf");
    fs::write(&file, configuration(site, folder)?)?;
    let command = [
        program.into(),
        "-p".into(),
        folder.into(),
        "-e".into(),
        "error.log".into(),
        "-c".into(),
        file.into(),
    ];
    Process::start("nginx", site.core, &command, &folder.join("nginx.log"))
}

fn configuration(site: &Site, folder: &Path) -> anyhow::Result<String> {
    let folder = folder.display();
    // The array of connections is allocated at start: as many as there will be, or idle memory would look too large.
    let connections = 1024 + 2 * site.connections;
    let counters = site::free_address(site::PROXY_IP)?;
    let buffers = if site.large_buffers {
        "proxy_buffer_size 32k;\n  proxy_buffers 8 32k;\n  proxy_busy_buffers_size 64k;"
    } else {
        ""
    };
    let tls = match &site.way {
        Way::Tls(files) => format!(
            "ssl_protocols TLSv1.3;\n  ssl_certificate {};\n  ssl_certificate_key {};",
            files.certificate.display(),
            files.key.display()
        ),
        Way::Http2 | Way::Grpc => "grpc_set_header X-Forwarded-For $remote_addr;
  grpc_set_header X-Forwarded-Proto $scheme;
  grpc_set_header X-Forwarded-Host $host;
  grpc_set_header X-Request-Id $request_id;"
            .to_owned(),
        Way::Clear => String::new(),
    };
    // A reply larger than the buffers waits for the client; the default would be to spill it to a file.
    let mut text = format!(
        "daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log error;
worker_processes {workers};
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  server_tokens off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  tcp_nodelay on;
  keepalive_timeout 3600s;
  keepalive_requests 1000000000;
  server_names_hash_max_size 4096;
  proxy_http_version 1.1;
  {buffers}
  {tls}
  proxy_max_temp_file_size 0;
  proxy_set_header Host $host;
  proxy_set_header Connection \"\";
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Forwarded-Host $host;
  proxy_set_header X-Request-Id $request_id;
  upstream shop {{
    server {upstream};
    keepalive 1024;
    keepalive_requests 1000000000;
    keepalive_timeout 3600s;
  }}
  server {{ listen {counters}; location / {{ stub_status; }} }}
",
        workers = site.workers,
        upstream = site.upstream,
    );
    for (index, (host, prefixes)) in site.prefixes_by_host().into_iter().enumerate() {
        let protocol = match site.way {
            Way::Clear => "",
            Way::Tls(_) => " ssl http2",
            Way::Http2 | Way::Grpc => " http2",
        };
        let default = if index == 0 { " reuseport" } else { "" };
        writeln!(
            text,
            "  server {{\n    listen {}{protocol}{default};\n    server_name {};",
            site.listen,
            host.unwrap_or("_")
        )?;
        for prefix in prefixes {
            let pass = match site.way {
                Way::Grpc => "grpc_pass grpc://shop",
                _ => "proxy_pass http://shop",
            };
            writeln!(text, "    location {prefix} {{ {pass}; }}")?;
        }
        writeln!(text, "  }}")?;
    }
    text.push_str("}\n");
    Ok(text)
}
