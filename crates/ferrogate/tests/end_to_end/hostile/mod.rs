//! Peers that mean no good: what each of them gets, what the access log says, what the backend saw
//! byte by byte, and that the memory they took comes back.
//!
//! A [`Stage`] has the gateway, a backend that records all it receives and behaves as a test says
//! (the truth), and one that just answers: `/calm` goes there, and always has to work.

mod backends;
mod clients;
mod http2;
mod http2_backends;
mod stalled;
mod unread;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use fg_testkit::frames;
use fg_testkit::{Client, Connection, Upstream};
use serde_json::Value;

use crate::support::folder::service;
use crate::support::{Echo, Folder, Gateway, PATIENCE, until};

/// Peers of a kind at one time: so many that what they take cannot hide in [`SLACK`].
const CROWD: usize = 300;

/// How much more memory than before may stay in use, beyond a tenth. Units: bytes.
const SLACK: usize = 8 << 20;

/// See the module.
struct Stage {
    gateway: Gateway,
    /// The backend of everything but `/calm`.
    truth: Upstream,
    /// Memory in use when nothing hostile had come yet. Units: bytes.
    before: usize,
    _calm: Echo,
    folder: Folder,
}

impl Stage {
    /// A stage on its own address with these flags.
    fn new(
        ip: &str,
        flags: &[&str],
        behaviour: impl Fn(&mut Connection, usize) + Send + Sync + 'static,
    ) -> Self {
        Self::build(ip, flags, Upstream::start(behaviour), service)
    }

    /// The same with a backend by HTTP/2.
    fn with_http2_backend(
        ip: &str,
        flags: &[&str],
        behaviour: impl Fn(&mut Connection, usize) + Send + Sync + 'static,
    ) -> Self {
        let speaking = |name: &str, endpoint| {
            let port = "{name: http, appProtocol: kubernetes.io/h2c, port: 80,";
            service(name, endpoint).replacen("{name: http, port: 80,", port, 1)
        };
        Self::build(ip, flags, Upstream::start(behaviour), speaking)
    }

    fn build(
        ip: &str,
        flags: &[&str],
        truth: Upstream,
        service: impl Fn(&str, SocketAddr) -> String,
    ) -> Self {
        let calm = Echo::start(ip, 9001, "calm");
        let folder = Folder::new();
        folder.gateway(ip);
        folder.service("calm", calm.address);
        folder.write("truth-service.yaml", &service("truth", truth.address()));
        folder.route(
            "all",
            "[{matches: [{path: {value: /calm}}], backendRefs: [{name: calm, port: 80}]},
              {backendRefs: [{name: truth, port: 80}]}]",
        );
        let always = [
            "--workers",
            "1",
            "--access-log",
            "json",
            "--log",
            "info,fg_proxy=debug",
        ];
        let gateway = Gateway::start(ip, &folder, &[&always, flags].concat());
        gateway.wait_for_echo("/calm", "calm");
        let mut stage = Self {
            gateway,
            truth,
            before: 0,
            _calm: calm,
            folder,
        };
        stage.warm_up();
        stage.before = stage.gateway.process.private_memory();
        stage
    }

    /// Everything that is made once is made: code is read in, pools are filled.
    fn warm_up(&self) {
        let mut client = self.connect();
        let mut multi = self.connect_http2(&[]);
        for number in 0..100 {
            client.send("GET /calm HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(client.reply().status, 200);
            let stream = number * 2 + 1;
            let head = frames::request("GET", "/calm", &[]);
            multi.send(frames::headers(stream, true, &head));
            assert_eq!(multi.status_of(stream), 200);
        }
    }

    /// A connection to the gateway.
    fn connect(&self) -> Client {
        Client::connect(self.gateway.listener())
    }

    /// A connection by HTTP/2 that said these settings.
    fn connect_http2(&self, settings: &[(u16, u32)]) -> Client {
        let client = self.connect();
        // Without a table of its own, what it gets can be read by itself.
        client.send(frames::greeting(&[&[(1, 0)], settings].concat()));
        client
    }

    /// Lines of the access log, without those of `/calm`.
    fn lines(&self) -> Vec<Value> {
        let lines = self.gateway.process.stdout();
        let lines = lines
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["path"] != "/calm").collect()
    }

    /// Those with this reason; `""` are requests without one.
    fn logged(&self, reason: &str) -> Vec<Value> {
        self.lines()
            .into_iter()
            .filter(|line| line["reason"].as_str().unwrap_or_default() == reason)
            .collect()
    }

    /// Waits until so many requests were logged with this reason, all with this status.
    fn wait_for_log(&self, count: usize, reason: &str, status: u16) -> Vec<Value> {
        let end = Instant::now() + PATIENCE;
        let mut lines = self.logged(reason);
        while lines.len() < count && Instant::now() < end {
            std::thread::park_timeout(Duration::from_millis(20));
            lines = self.logged(reason);
        }
        assert_eq!(lines.len(), count, "of {reason:?}: {:?}", self.reasons());
        for line in &lines {
            assert_eq!(line["status"], status, "{line}");
        }
        lines
    }

    /// How often which reason was logged, to say why a test fails.
    fn reasons(&self) -> BTreeMap<String, usize> {
        let mut reasons = BTreeMap::new();
        for line in self.lines() {
            let about = format!("{} {} {}", line["status"], line["reason"], line["detail"]);
            *reasons.entry(about).or_default() += 1;
        }
        reasons
    }

    /// Waits until the process said these words so often, in its own log.
    fn wait_for_words(&self, count: usize, words: &[&str]) {
        until(&format!("{count} times {words:?}"), || {
            let said = self.gateway.process.stderr();
            let lines = said
                .iter()
                .filter(|line| words.iter().all(|word| line.contains(word)));
            (lines.count() >= count).then_some(())
        });
    }

    /// How much more memory than before is in use. Units: bytes.
    fn grown(&self) -> usize {
        let now = self.gateway.process.private_memory();
        now.saturating_sub(self.before)
    }

    /// Sockets of the gateway that it closed, and that still have something to send: the kernel
    /// keeps it for peers that do not take it.
    fn kept_by_kernel(&self) -> usize {
        const FIN_WAIT_1: &str = "04";
        let written = |address: SocketAddr| match address.ip() {
            // As the kernel writes them: the bytes of the address as a number of this machine.
            IpAddr::V4(ip) => format!(
                "{:08X}:{:04X}",
                u32::from_ne_bytes(ip.octets()),
                address.port()
            ),
            IpAddr::V6(ip) => panic!("{ip} in a test"),
        };
        let (here, there) = (
            written(self.gateway.listener()),
            written(self.truth.address()),
        );
        let sockets = std::fs::read_to_string("/proc/net/tcp").expect("Linux says");
        let kept = sockets.lines().filter(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.get(3) == Some(&FIN_WAIT_1)
                && (words.get(1) == Some(&&*here) || words.get(2) == Some(&&*there))
        });
        kept.count()
    }

    /// Others are served, and what was taken comes back without a request that would help.
    fn recovers(&self) {
        assert_eq!(self.gateway.get("/calm").status, 200);
        let end = Instant::now() + PATIENCE;
        let mut least = usize::MAX;
        while Instant::now() < end {
            least = least.min(self.grown());
            if least <= self.before / 10 + SLACK {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        panic!(
            "{} KiB stay in use, {} before",
            least / 1024,
            self.before / 1024
        );
    }
}
