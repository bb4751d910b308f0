//! Real Envoys, of the oldest and of the newest version that is served, started with a bootstrap.

use std::fs;
use std::io::{BufReader, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fg_deploy::bootstrap::{
    Address, Control, Drain, FILE, LogFormat, Matcher, Node, Protocol, Settings, StatsMatcher, Tls,
    files,
};
use fg_testkit::Message;
use fg_testkit::address::{own_address, own_ip};
use fg_testkit::certificates::Authority;
use fg_testkit::envoy::{NEWEST, OLDEST, VERSIONS, program};
use serde_json::{Value, json};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);

/// An Envoy in a folder of its own, on addresses of its own.
struct Envoy {
    child: Child,
    folder: TempDir,
}

impl Envoy {
    fn start(version: &str, settings: &Settings, change: impl FnOnce(&mut Value)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        write(settings, folder.path());
        let path = folder.path().join(FILE);
        let text = fs::read_to_string(&path).expect("it is written");
        let mut bootstrap: Value = serde_json::from_str(&text).expect("it is JSON");
        change(&mut bootstrap);
        fs::write(&path, bootstrap.to_string()).expect("a file");
        let log = fs::File::create(folder.path().join("log")).expect("a file");
        let child = Command::new(program(version))
            .arg("--config-path")
            .arg(&path)
            .args(["--disable-hot-restart", "--concurrency", "1"])
            .args(["--file-flush-interval-msec", "20"])
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .expect("it starts");
        Self { child, folder }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Waits until something is so.
    fn wait(&self, what: &str, so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !so() {
            assert!(begun.elapsed() < PATIENCE, "{what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes all files of settings.
fn write(settings: &Settings, folder: &Path) {
    for (name, text) in files(settings) {
        fs::write(folder.join(name), text).expect("a file");
    }
}

/// Status and body of a page; none while nobody answers.
fn ask(method: &str, to: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut socket = TcpStream::connect(to).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    write!(
        socket,
        "{method} {path} HTTP/1.1\r\nhost: site\r\ncontent-length: 0\r\n\r\n"
    )
    .ok()?;
    let reply = Message::read(&mut BufReader::new(socket), false).ok()?;
    Some((reply.status, reply.text().to_owned()))
}

fn get(to: SocketAddr, path: &str) -> Option<(u16, String)> {
    ask("GET", to, path)
}

/// Settings of an Envoy that shares no address with another; admin, readiness and metrics.
fn settings(control: Control) -> (Settings, [SocketAddr; 3]) {
    let sites = [own_address(), own_address(), own_address()];
    let [admin, readiness, metrics] = sites;
    let settings = Settings {
        admin: Address::Socket(admin),
        readiness: Some(readiness),
        metrics: Some(metrics),
        drain: Some(Drain {
            path: "/drain/secret".to_owned(),
            seconds: 10,
        }),
        ..Settings::new(Node::new("one", "some"), control)
    };
    (settings, sites)
}

fn nobody() -> Control {
    Control::Plain(Address::Socket(own_address()))
}

/// Without a control plane, and content with that.
fn alone(bootstrap: &mut Value) {
    let all = bootstrap.as_object_mut().expect("an object");
    all.remove("dynamic_resources");
}

fn remote(folder: &Path, host: &str, port: u16) -> Control {
    let path = |name: &str| folder.join(name).display().to_string();
    Control::Tls(Tls {
        host: host.to_owned(),
        port,
        authorities: path("ca/ca.crt"),
        token: path("token/token"),
        folder: folder.display().to_string(),
    })
}

/// Puts a file into a folder as a kubelet does: the names stay, what they lead to is switched at once.
fn put(folder: &Path, name: &str, text: &str) {
    let number = fs::read_dir(folder).map_or(0, Iterator::count);
    let version = folder.join(format!("..{number}"));
    fs::create_dir_all(&version).expect("a folder");
    fs::write(version.join(name), text).expect("a file");
    let next = folder.join("..data_tmp");
    symlink(version.file_name().expect("a name"), &next).expect("a link");
    fs::rename(&next, folder.join("..data")).expect("it can be switched");
    // There from the second time on.
    let _ = symlink(Path::new("..data").join(name), folder.join(name));
}

#[test]
fn every_version_takes_every_bootstrap_without_a_word_of_complaint() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new("any");
    put(&folder.path().join("ca"), "ca.crt", &authority.pem);
    put(&folder.path().join("token"), "token", "any");
    let (plain, _) = settings(Control::Plain(Address::Path("/nowhere.sock".to_owned())));
    let (full, _) = settings(remote(folder.path(), "control.example", 9977));
    let full = Settings {
        protocol: Protocol::StateOfTheWorld,
        readiness_proxy_protocol: true,
        heap: Some(300 << 20),
        log: Some(LogFormat::Json(json!({ "at": "%Y", "words": "%j" }))),
        dns_queries: 0,
        ..full
    };
    let (mut numbered, _) = settings(remote(folder.path(), "10.0.0.7", 9977));
    numbered.log = Some(LogFormat::Text("%l %v".to_owned()));
    numbered.stats.matcher = Some(StatsMatcher::Only(vec![
        Matcher::AnyCase(Box::new(Matcher::Suffix("total".to_owned()))),
        Matcher::Regex(".*_active".to_owned()),
    ]));
    for version in VERSIONS {
        for settings in [&plain, &full, &numbered] {
            write(settings, folder.path());
            let output = Command::new(program(version))
                .args([
                    "--mode",
                    "validate",
                    "--log-level",
                    "warning",
                    "--config-path",
                ])
                .arg(folder.path().join(FILE))
                // What a pod adds.
                .args([
                    "--config-yaml",
                    r#"{"node":{"id":"pod","metadata":{"pod":"pod"},"locality":{"zone":""}}}"#,
                ])
                .output()
                .expect("it runs");
            let words = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{version}: {words}");
            assert_eq!(words, "", "{version}");
        }
    }
}

#[test]
fn an_envoy_that_was_never_told_what_to_do_is_not_ready() {
    for version in VERSIONS {
        let (settings, [admin, readiness, metrics]) = settings(nobody());
        let envoy = Envoy::start(version, &settings, |_| {});
        envoy.wait("it tries to reach the control plane", || {
            let tried = "cluster.ferrogate-control.upstream_cx_connect_fail";
            get(admin, &format!("/stats?filter={tried}"))
                .is_some_and(|(_, body)| body.contains(tried) && !body.contains(": 0"))
        });
        assert_eq!(get(readiness, "/ready"), None, "{version}");
        assert_eq!(get(metrics, "/metrics"), None, "{version}");
    }
}

#[test]
fn sites_show_readiness_and_figures_and_nothing_else() {
    for version in VERSIONS {
        let (settings, [admin, readiness, metrics]) = settings(nobody());
        let envoy = Envoy::start(version, &settings, alone);
        envoy.wait("it becomes ready", || {
            get(readiness, "/ready").is_some_and(|(status, _)| status == 200)
        });
        let (status, figures) = get(metrics, "/metrics").expect("it answers");
        assert_eq!(status, 200);
        assert!(figures.contains("envoy_server_live"), "{figures}");
        for site in [readiness, metrics] {
            for path in [
                "/",
                "/stats",
                "/config_dump",
                "/quitquitquit",
                "/drain",
                "/drain/other",
            ] {
                for method in ["GET", "POST"] {
                    let (status, _) = ask(method, site, path).expect("it answers");
                    assert_eq!(status, 404, "{version}: {method} {path}");
                }
            }
        }
        let (status, _) = ask("POST", readiness, "/ready").expect("it answers");
        assert_eq!(status, 404);
        let (status, _) = get(admin, "/ready").expect("it answers");
        assert_eq!(status, 200, "{version}: somebody stopped it");
    }
}

#[test]
fn an_envoy_that_is_to_go_says_so_while_it_waits() {
    let drain = |seconds| {
        Some(Drain {
            path: "/drain/secret".to_owned(),
            seconds,
        })
    };
    let ready = |readiness, status| {
        move || get(readiness, "/ready").is_some_and(|(found, _)| found == status)
    };
    for version in VERSIONS {
        let (mut settings, [_, readiness, _]) = settings(nobody());
        settings.drain = drain(3600);
        let envoy = Envoy::start(version, &settings, alone);
        envoy.wait("it becomes ready", ready(readiness, 200));
        let waits = std::thread::spawn(move || get(readiness, "/drain/secret"));
        envoy.wait("it is not ready any more", ready(readiness, 503));
        assert!(!waits.is_finished(), "{version}: it waits meanwhile");
        drop(envoy);

        settings.drain = drain(1);
        let envoy = Envoy::start(version, &settings, alone);
        envoy.wait("it becomes ready", ready(readiness, 200));
        let waits = std::thread::spawn(move || get(readiness, "/drain/secret"));
        envoy.wait("it is not ready any more", ready(readiness, 503));
        let (status, _) = waits.join().expect("no panic").expect("it answers");
        assert_eq!(status, 200, "{version}: and it answers in the end");
    }
}

/// As many clusters, and routes of as many hosts, each with a name under which Envoy counts by itself.
fn many(bootstrap: &mut Value, listener: SocketAddr) {
    const HOSTS: usize = 50;
    let clusters = bootstrap["static_resources"]["clusters"].as_array_mut();
    clusters.expect("clusters").extend((0..2000).map(|number| {
        json!({
            "name": format!("Service/default/s{number}/80/http1"),
            "type": "STATIC",
            "load_assignment": {
                "cluster_name": "any",
                "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": {
                    "socket_address": { "address": "127.0.0.1", "port_value": 1 },
                } } }] }],
            },
        })
    }));
    let hosts = (0..HOSTS).map(|host| {
        let routes = (host..5000).step_by(HOSTS).map(|number| {
            json!({
                "match": { "path": format!("/{number}") },
                "route": { "cluster": format!("Service/default/s{}/80/http1", number % 2000) },
                "stat_prefix": format!("r{number}"),
            })
        });
        json!({
            "name": format!("h{host}"),
            "domains": [format!("h{host}.example")],
            "routes": routes.collect::<Vec<_>>(),
            "virtual_clusters": [{ "name": "all", "headers": [{ "name": ":path", "present_match": true }] }],
        })
    });
    let hosts: Vec<Value> = hosts.collect();
    let listeners = bootstrap["static_resources"]["listeners"].as_array_mut();
    let listeners = listeners.expect("listeners");
    let mut one = listeners.first().expect("a site").clone();
    one["name"] = "http".into();
    one["address"]["socket_address"] =
        json!({ "address": listener.ip(), "port_value": listener.port() });
    let manager = &mut one["filter_chains"][0]["filters"][0]["typed_config"];
    manager["stat_prefix"] = "http".into();
    manager["route_config"] = json!({ "name": "http", "virtual_hosts": hosts });
    listeners.push(one);
}

#[test]
fn figures_do_not_grow_with_routes_and_backends() {
    let (mut settings, [_, readiness, metrics]) = settings(nobody());
    settings.stats.prometheus = "/stats/prometheus".to_owned();
    let listener = own_address();
    let envoy = Envoy::start(NEWEST, &settings, |bootstrap| {
        alone(bootstrap);
        many(bootstrap, listener);
    });
    envoy.wait("it becomes ready", || {
        get(readiness, "/ready").is_some_and(|(status, _)| status == 200)
    });
    for number in (0..5000).step_by(7) {
        let mut socket = TcpStream::connect(listener).expect("it listens");
        let host = number % 50;
        write!(
            socket,
            "GET /{number} HTTP/1.1\r\nhost: h{host}.example\r\n\r\n"
        )
        .expect("it reads");
        let reply = Message::read(&mut BufReader::new(socket), false).expect("it answers");
        assert_eq!(reply.status, 503, "nobody is behind it");
    }
    let (_, all) = get(metrics, "/metrics").expect("it answers");
    let series: Vec<&str> = all.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(series.len() <= 2000, "{}", series.len());
    for kept in [
        "envoy_http_downstream_rq_xx{envoy_response_code_class=\"5\",envoy_http_conn_manager_prefix=\"http\"} 715",
        "envoy_server_memory_allocated",
        "envoy_listener_downstream_cx_active",
        "envoy_cluster_membership_total{envoy_cluster_name=\"ferrogate-control\"}",
        "envoy_cluster_manager_active_clusters{} 2002",
    ] {
        assert!(
            series.iter().any(|line| line.starts_with(kept)),
            "{kept} is not in {all}"
        );
    }
    assert!(!all.contains("Service/default"), "{all}");
}

/// An Envoy that is reached over TLS and writes down the token that it is shown.
fn control(
    address: SocketAddr,
    folder: &Path,
    authority: &Authority,
    host: &str,
) -> impl FnOnce(&mut Value) {
    let issued = authority.issue(&[host]);
    let [certificate, key] =
        [("cert.pem", issued.certificate), ("key.pem", issued.key)].map(|(name, text)| {
            let path = folder.join(name);
            fs::write(&path, text).expect("a file");
            path
        });
    let log = folder.join("tokens");
    let kind = |name: &str| format!("type.googleapis.com/envoy.extensions.{name}");
    let listener = json!({
        "name": "control",
        "address": { "socket_address": { "address": address.ip(), "port_value": address.port() } },
        "filter_chains": [{
            "transport_socket": { "name": "tls", "typed_config": {
                "@type": kind("transport_sockets.tls.v3.DownstreamTlsContext"),
                "common_tls_context": {
                    "alpn_protocols": ["h2"],
                    "tls_certificates": [{
                        "certificate_chain": { "filename": certificate },
                        "private_key": { "filename": key },
                    }],
                },
            } },
            "filters": [{ "name": "http", "typed_config": {
                "@type": kind("filters.network.http_connection_manager.v3.HttpConnectionManager"),
                "stat_prefix": "control",
                "access_log": [{ "name": "log", "typed_config": {
                    "@type": kind("access_loggers.file.v3.FileAccessLog"),
                    "path": log,
                    "log_format": { "text_format_source": { "inline_string": "%REQ(authorization)%|%REQ(x-ferrogate-token)%\n" } },
                } }],
                "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [
                    { "match": { "prefix": "/" }, "direct_response": { "status": 503 } },
                ] }] },
                "http_filters": [{ "name": "router", "typed_config": { "@type": kind("filters.http.router.v3.Router") } }],
            } }],
        }],
    });
    move |bootstrap| {
        alone(bootstrap);
        bootstrap["static_resources"]["listeners"] = json!([listener]);
    }
}

#[test]
fn tokens_and_authorities_may_change_while_an_envoy_runs() {
    let ip: IpAddr = own_ip();
    for version in VERSIONS {
        let folder = tempfile::tempdir().expect("a folder");
        let address = SocketAddr::new(ip, own_address().port());
        let authority = Authority::new("right");
        let (other, _) = settings(nobody());
        let host = ip.to_string();
        let change = control(address, folder.path(), &authority, &host);
        let server = Envoy::start(OLDEST, &other, change);
        put(
            &folder.path().join("ca"),
            "ca.crt",
            &Authority::new("wrong").pem,
        );
        put(&folder.path().join("token"), "token", "first");
        let (client, [admin, ..]) = settings(remote(folder.path(), &host, address.port()));
        write(&client, folder.path());
        let envoy = Envoy::start(version, &client, |_| {});
        let seen = || fs::read_to_string(folder.path().join("tokens")).unwrap_or_default();
        envoy.wait("it does not trust this control plane", || {
            let refused = "cluster.ferrogate-control.ssl.fail_verify_error";
            get(admin, &format!("/stats?filter={refused}"))
                .is_some_and(|(_, body)| body.contains(refused) && !body.contains(": 0"))
        });
        assert_eq!(
            seen(),
            "",
            "{version}: it showed its token to whoever asked"
        );
        put(&folder.path().join("ca"), "ca.crt", &authority.pem);
        envoy.wait("it shows its token", || seen().contains("Bearer first|-\n"));
        put(&folder.path().join("token"), "token", "second");
        envoy.wait("it shows the next token", || {
            seen().contains("Bearer second|-\n")
        });
        drop(server);
    }
}
