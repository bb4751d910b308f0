//! Random configurations and requests: both planes against each other and against the slow matcher
//! that the router is held to, before, during and after each change.
//!
//! While a configuration changes, each answer has to be the one of before or the one of after, whole: no
//! request is served by half a change. When a plane says that it serves the new one, it has to: nobody
//! waits for an answer that suits.
//!
//! `PARITY_SEED` repeats or varies it, `PARITY_ROUNDS` makes it longer or shorter; what is generated
//! depends on nothing else.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use fg_control::{Control, Objects};
use fg_ir::Ir;
use fg_sources::Limits;
use fg_sources::files::Folder;
use fg_testkit::routing::Plain;

use crate::client;
use crate::differences::List;
use crate::generate::{self, Chance};
use crate::plane::Kind;
use crate::reference::{self, Owner};
use crate::scene::Exchange;
use crate::seen::{Seen, differences};
use crate::stage::Stage;

/// Configurations at one time; each has a Gateway.
const SCENES: usize = 24;
/// How often all of them get new rules.
const ROUNDS: u64 = 12;
/// Requests to each configuration.
const REQUESTS: usize = 10;
/// Requests between two looks at whether a plane serves a change.
const GLANCE: usize = 6;
/// How long a plane may take until it says so.
const LIVE: Duration = Duration::from_secs(60);
/// Problems that are told.
const TOLD: usize = 10;
/// What planes are called.
const NAMES: [&str; 2] = ["native", "envoy"];

fn setting(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}

/// A request to one of the scenes.
struct Probe {
    /// Which scene.
    at: usize,
    exchange: Exchange,
    lines: String,
}

/// What became of all probes on both planes.
type Answers = Vec<[Seen; 2]>;

/// One answer while its plane changed.
struct Between {
    plane: usize,
    /// Of the probe.
    number: usize,
    seen: Seen,
}

/// Plays random cases on our own proxy and another plane; gives what is wrong, in words.
pub(crate) fn play(kind: Kind, list: &mut List) -> Vec<String> {
    let (seed, rounds) = (setting("PARITY_SEED", 7), setting("PARITY_ROUNDS", ROUNDS));
    let mut chance = Chance(seed);
    let scenes = (0..SCENES).map(|at| generate::empty(&format!("case-{at}"), &mut chance));
    let mut stage = Stage::set(scenes.collect(), &[Kind::Native, kind]);
    let mut wrong = Vec::new();
    let mut asked_between = [0; 2];
    let mut before = Configurations::of(&stage);
    for round in 0..rounds {
        for (scene, ..) in &mut stage.scenes {
            scene.objects = generate::routes(scene, round as usize, &mut chance);
        }
        let after = Configurations::of(&stage);
        let probes = probes(&mut chance);
        let old = ask_all(&stage, &probes);
        let between = ask_while_it_changes(&stage, &probes);
        let new = ask_all(&stage, &probes);
        for one in &between {
            asked_between[one.plane] += 1;
        }
        let mut problems = Vec::new();
        for (settled, configurations) in [(&old, &before), (&new, &after)] {
            problems.extend(of_settled(&stage, &probes, settled, configurations, list));
        }
        problems.extend(of_between(&probes, &between, &old, &new));
        let told = problems.into_iter().map(|(number, words)| {
            let probe = &probes[number];
            format!(
                "PARITY_SEED={seed} PARITY_ROUNDS={} plays this again: scene case-{}, port {}: {}{words}\n  before:\n{}\n  after:\n{}\n",
                round + 1,
                probe.at,
                probe.exchange.listener_port(),
                probe.lines,
                before.words(probe.at),
                after.words(probe.at),
            )
        });
        wrong.extend(told);
        if wrong.len() >= TOLD {
            wrong.truncate(TOLD);
            return wrong;
        }
        before = after;
    }
    for (name, asked) in NAMES.iter().zip(asked_between) {
        assert!(asked > 0, "nothing was asked while {name} changed");
    }
    wrong
}

/// What all scenes are configured with.
struct Configurations {
    /// As our own control plane understands it.
    irs: Vec<Ir>,
    /// Where our own proxy serves each.
    addresses: Vec<IpAddr>,
    objects: Vec<String>,
}

impl Configurations {
    fn of(stage: &Stage) -> Self {
        let all = 0..stage.scenes.len();
        let objects = stage.scenes.iter().map(|(scene, ..)| {
            let all = scene.listeners.iter().chain(&scene.objects);
            all.map(|one| format!("    {one}"))
                .collect::<Vec<_>>()
                .join("\n")
        });
        let address =
            |(scene, ..): &(crate::scene::Scene, _, _)| stage.planes[0].addresses[&scene.name];
        Self {
            irs: all.map(|at| translated(&stage.text(0, at))).collect(),
            addresses: stage.scenes.iter().map(address).collect(),
            objects: objects.collect(),
        }
    }

    /// Listeners and routes of a scene.
    fn words(&self, at: usize) -> &str {
        &self.objects[at]
    }

    /// `NAME/RULE`, or the reason why there is none: what the slow matcher says.
    fn expected(&self, probe: &Probe) -> String {
        let (ir, address) = (&self.irs[probe.at], self.addresses[probe.at]);
        let plain = plain(&probe.exchange);
        match reference::owner(ir, Some(address), probe.exchange.listener_port(), &plain) {
            Owner::NoListener => "no_listener".to_owned(),
            Owner::NoRule => "no_route".to_owned(),
            Owner::Rule { route, rule, .. } => format!("{route}/{rule}"),
        }
    }
}

/// All requests of a round.
fn probes(chance: &mut Chance) -> Vec<Probe> {
    let scenes = (0..SCENES).flat_map(|at| [at; REQUESTS]);
    let probe = |at| {
        let exchange = generate::request(chance);
        let lines = client::lines(&exchange, "parity/random");
        Probe {
            at,
            exchange,
            lines,
        }
    };
    scenes.map(probe).collect()
}

fn ask(stage: &Stage, plane: usize, probe: &Probe) -> Seen {
    stage.ask_once(plane, probe.at, &probe.exchange, &probe.lines)
}

fn ask_all(stage: &Stage, probes: &[Probe]) -> Answers {
    let both = |probe| [0, 1].map(|plane| ask(stage, plane, probe));
    probes.iter().map(both).collect()
}

/// Writes the new configuration, and asks each plane until it says that it serves it.
fn ask_while_it_changes(stage: &Stage, probes: &[Probe]) -> Vec<Between> {
    let mut all = Vec::new();
    let mut numbers = [0, 1].map(|_| (0..probes.len()).cycle());
    let reads = stage.planes.each_ref().map(|plane| plane.serving().reads);
    stage.write_again();
    let begun = Instant::now();
    let mut changes = [true; 2];
    while changes.contains(&true) {
        for plane in [0, 1] {
            if !changes[plane] {
                continue;
            }
            for number in numbers[plane].by_ref().take(GLANCE) {
                let seen = ask(stage, plane, &probes[number]);
                all.push(Between {
                    plane,
                    number,
                    seen,
                });
            }
            let now = stage.planes[plane].serving();
            changes[plane] = now.reads == reads[plane] || !now.is_confirmed;
            assert!(
                begun.elapsed() < LIVE,
                "{} does not say that it serves a change: {:?}",
                NAMES[plane],
                stage.complaints()[plane]
            );
        }
    }
    all
}

/// What is wrong when nothing changes: each plane against the matcher, and against the other.
fn of_settled(
    stage: &Stage,
    probes: &[Probe],
    answers: &Answers,
    configurations: &Configurations,
    list: &mut List,
) -> Vec<(usize, String)> {
    let mut problems = Vec::new();
    for (number, (probe, seen)) in probes.iter().zip(answers).enumerate() {
        let mut wrong = String::new();
        let expected = configurations.expected(probe);
        for (name, seen) in NAMES.iter().zip(seen) {
            if says(seen) != expected {
                wrong += &format!("  {name}: {} instead of {expected}\n", says(seen));
            }
        }
        let place = format!("random/{}", stage.scenes[probe.at].0.name);
        for one in differences(&seen[0], &seen[1]) {
            if !list.knows(&place, &one) {
                let (native, envoy) = (one.native, one.envoy);
                wrong += &format!("  {}: native {native:?}, envoy {envoy:?}\n", one.place);
            }
        }
        if !wrong.is_empty() {
            problems.push((number, wrong));
        }
    }
    problems
}

/// Answers that are neither those of before nor those of after.
fn of_between(
    probes: &[Probe],
    between: &[Between],
    old: &Answers,
    new: &Answers,
) -> Vec<(usize, String)> {
    let mut problems = Vec::new();
    let mut turned = vec![[false; 2]; probes.len()];
    for one in between {
        let Between {
            plane,
            number,
            seen,
        } = one;
        let (old, new) = (&old[*number][*plane], &new[*number][*plane]);
        let turned = &mut turned[*number][*plane];
        let is_back = *turned && seen != new;
        *turned |= seen != old;
        if (seen == old || seen == new) && !is_back {
            continue;
        }
        let what = if is_back {
            "turns back"
        } else {
            "gives a third answer"
        };
        let words = format!(
            "  {} {what} during the change\n    old {:?}\n    got {:?}\n    new {:?}\n",
            NAMES[*plane], old.0, seen.0, new.0
        );
        problems.push((*number, words));
    }
    problems
}

/// The request for the matcher.
fn plain(exchange: &Exchange) -> Plain {
    let mut words = exchange.send.split(' ').map(str::to_owned);
    let mut word = || words.next().expect("three words");
    let (method, host, target) = (word(), word(), word());
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (&*target, None),
    };
    let host = host.split(':').next().unwrap_or_default().to_lowercase();
    let header = |line: &String| {
        let (name, value) = line.split_once(": ").expect("a field");
        (name.to_owned(), value.to_owned())
    };
    Plain {
        method,
        host,
        path: generate::meant(path).to_owned(),
        query,
        headers: exchange.with.iter().map(header).collect(),
    }
}

/// `NAME/RULE` of the rule that answered, or the reason why none did.
fn says(seen: &Seen) -> String {
    let rule = seen
        .at("reply.header.x-rule")
        .and_then(|rule| rule.split('@').next());
    let reason = seen.at("reply.header.x-ferrogate-reason");
    rule.or(reason).unwrap_or("nothing").to_owned()
}

/// The configuration of one scene, as our own control plane understands it.
fn translated(text: &str) -> Ir {
    let mut folder = Folder::in_memory(Limits::default());
    let delta = folder.replace([("scene.yaml", text)]);
    let classes = fg_model::kinds::GATEWAY_CLASS;
    let upserts = delta.upserts.into_iter();
    let mut control = Control::default();
    control.apply(Objects {
        upserts: upserts.filter(|object| !object.id().is(classes)).collect(),
        ..Objects::default()
    });
    control.ir().clone()
}
