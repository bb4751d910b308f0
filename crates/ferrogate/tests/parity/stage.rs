//! Plays scenes on both planes and tells where they differ.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::backends::Backends;
use crate::client;
use crate::differences::List;
use crate::manifests::{self, Papers};
use crate::plane::{Kind, Plane};
use crate::scene::{Exchange, Scene};
use crate::seen::{Seen, differences};

/// What a client remembers of a scene, on one plane.
#[derive(Default)]
struct Memory {
    kept: BTreeMap<String, String>,
    endpoints: Vec<usize>,
}

/// A running pair of planes with all scenes.
pub(crate) struct Stage {
    pub(crate) scenes: Vec<(Scene, Papers, Backends)>,
    pub(crate) planes: [Plane; 2],
}

/// One exchange on both planes.
struct Played {
    /// `SCENE/NUMBER`.
    at: String,
    /// The request, for messages.
    request: String,
    agent: String,
    gateways: [IpAddr; 2],
    seen: [Seen; 2],
    any_endpoint: bool,
    wrong: Vec<String>,
}

impl Stage {
    pub(crate) fn set(scenes: Vec<Scene>, kinds: &[Kind; 2]) -> Self {
        let furnish = |scene: Scene| {
            let papers = Papers::of(&scene);
            let backends = Backends::start(&scene, &papers);
            (scene, papers, backends)
        };
        let scenes: Vec<_> = scenes.into_iter().map(furnish).collect();
        let planes = std::thread::scope(|scope| {
            let scenes = &scenes;
            let start = |kind| scope.spawn(move || Plane::start(kind, scenes));
            let [native, envoy] = kinds.each_ref().map(start);
            [native, envoy].map(|plane| plane.join().expect("it starts"))
        });
        Self { scenes, planes }
    }

    /// Plays everything; gives what is wrong, in words, and notes in `list` what was seen.
    pub(crate) fn play(&self, list: &mut List) -> Vec<String> {
        let mut played = Vec::new();
        for (scene, papers, backends) in &self.scenes {
            let mut memories = [Memory::default(), Memory::default()];
            for (number, exchange) in scene.exchanges.iter().enumerate() {
                let mut one = self.exchange(scene, number, exchange);
                for (at, memory) in memories.iter_mut().enumerate() {
                    one.seen[at] = self.ask(at, scene, papers, backends, exchange, memory, &one);
                }
                one.wrong = expected(exchange, &one.seen[0]);
                played.push(one);
            }
        }
        self.add_logs(&mut played);
        let mut wrong = Vec::new();
        for one in &played {
            let all = differences(&one.seen[0], &one.seen[1]);
            let unknown = all.iter().filter(|one_of| !list.knows(&one.at, one_of));
            let lines = unknown.map(|one| {
                let (native, envoy) = (short(one.native.as_ref()), short(one.envoy.as_ref()));
                format!(
                    "    {}\n      native {native}\n      envoy  {envoy}",
                    one.place
                )
            });
            let lines: Vec<String> = one.wrong.iter().cloned().chain(lines).collect();
            if !lines.is_empty() {
                let request = one.request.lines().next().unwrap_or_default();
                wrong.push(format!("{} {request}\n{}", one.at, lines.join("\n")));
            }
        }
        wrong
    }

    fn exchange(&self, scene: &Scene, number: usize, exchange: &Exchange) -> Played {
        let at = format!("{}/{number}", scene.name);
        let agent = format!("parity/{at}");
        Played {
            request: client::lines(exchange, &agent),
            gateways: self
                .planes
                .each_ref()
                .map(|plane| plane.addresses[&scene.name]),
            at,
            agent,
            seen: Default::default(),
            any_endpoint: exchange.any_endpoint,
            wrong: Vec::new(),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one call, all of it needed")]
    fn ask(
        &self,
        at: usize,
        scene: &Scene,
        papers: &Papers,
        backends: &Backends,
        exchange: &Exchange,
        memory: &mut Memory,
        one: &Played,
    ) -> Seen {
        let mut request = one.request.clone();
        for (name, value) in &memory.kept {
            request = request.replace(&format!("<{name}>"), value);
        }
        let shows = exchange.tls.as_ref().and_then(|tls| tls.shows.as_ref());
        let shows = shows.map(|name| &papers.issued[name]);
        let to = self.planes[at].listener(&scene.name, exchange.listener_port());
        backends.record.begin(exchange);
        let reply = client::ask(to, exchange, &request, shows);
        let arrivals = backends.record.end(exchange.arrivals);
        let mut seen = Seen::default();
        seen.reply(&reply);
        let mut known = exchange
            .any_endpoint
            .then(|| std::mem::take(&mut memory.endpoints));
        seen.arrivals(&arrivals, &mut known);
        if let Some(known) = known {
            memory.endpoints = known;
        }
        for (name, place) in &exchange.keep {
            let value = seen.at(place).unwrap_or_default();
            let value = value.split(';').next().unwrap_or_default().to_owned();
            memory.kept.insert(name.clone(), value);
        }
        seen.name_chance(one.gateways[at], &memory.kept);
        seen
    }

    /// What became of one request to a scene on one plane, by a connection of its own.
    pub(crate) fn ask_once(
        &self,
        plane: usize,
        at: usize,
        exchange: &Exchange,
        lines: &str,
    ) -> Seen {
        let (scene, _, backends) = &self.scenes[at];
        let to = self.planes[plane].listener(&scene.name, exchange.listener_port());
        backends.record.begin(exchange);
        let mut seen = Seen::default();
        seen.reply(&client::ask(to, exchange, lines, None));
        seen.arrivals(&backends.record.end(None), &mut None);
        seen.name_chance(self.planes[plane].addresses[&scene.name], &BTreeMap::new());
        seen
    }

    /// The objects of a scene for a plane, as text.
    pub(crate) fn text(&self, plane: usize, at: usize) -> String {
        let (scene, papers, backends) = &self.scenes[at];
        let ip = self.planes[plane].addresses[&scene.name];
        manifests::text(scene, ip, &backends.addresses, papers)
    }

    /// Writes all scenes again, as they are now: one change for each plane.
    pub(crate) fn write_again(&self) {
        for plane in &self.planes {
            plane.write(&self.scenes);
        }
    }

    /// Adds the lines of the access log. Our own proxy writes them in order, so all are there when
    /// that of a last request is; the other plane has to write as many.
    fn add_logs(&self, played: &mut [Played]) {
        let Some((scene, ..)) = self.scenes.first() else {
            return;
        };
        let last = Exchange {
            send: "GET last.test /".to_owned(),
            ..Exchange::default()
        };
        let mut wanted = BTreeSet::from(["parity/last".to_owned()]);
        for (at, plane) in self.planes.iter().enumerate() {
            let to = plane.listener(&scene.name, 80);
            let lines = client::lines(&last, "parity/last");
            client::ask(to, &last, &lines, None);
            let end = Instant::now() + Duration::from_secs(5);
            let mut log = plane.log();
            let all =
                |log: &BTreeMap<String, _>| wanted.iter().all(|agent| log.contains_key(agent));
            while !all(&log) && Instant::now() < end {
                std::thread::park_timeout(Duration::from_millis(20));
                log = plane.log();
            }
            for one in &mut *played {
                if let Some(lines) = log.get(&one.agent) {
                    one.seen[at].log(lines);
                    if one.any_endpoint {
                        one.seen[at].forget("log.endpoint");
                    }
                    one.seen[at].name_chance(one.gateways[at], &BTreeMap::new());
                }
            }
            wanted.extend(log.into_keys());
        }
    }

    /// What the planes complained of.
    pub(crate) fn complaints(&self) -> [Vec<String>; 2] {
        self.planes.each_ref().map(Plane::complaints)
    }
}

/// Where our own proxy does not what the scene says.
fn expected(exchange: &Exchange, seen: &Seen) -> Vec<String> {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let mut wrong = Vec::new();
    for (place, value) in &exchange.expect {
        let (wanted, found) = (text(value), seen.at(place).unwrap_or("-"));
        if wanted != found {
            wrong.push(format!(
                "    {place}\n      wanted {wanted}\n      native {found}"
            ));
        }
    }
    wrong
}

/// A value for people.
fn short(value: Option<&String>) -> String {
    let Some(value) = value else {
        return "-".to_owned();
    };
    match value.char_indices().nth(200) {
        None => value.clone(),
        Some((at, _)) => format!("{}… ({} bytes)", &value[..at], value.len()),
    }
}
