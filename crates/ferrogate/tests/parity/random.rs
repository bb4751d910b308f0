//! Random configurations and requests: both planes against each other and against the slow matcher
//! that the router is held to.
//!
//! `PARITY_SEED` repeats or varies it, `PARITY_ROUNDS` makes it longer.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use fg_control::{Control, Objects};
use fg_ir::Ir;
use fg_sources::Limits;
use fg_sources::files::Folder;

use crate::client;
use crate::differences::List;
use crate::generate::{self, Chance};
use crate::plane::Kind;
use crate::reference::{self, Owner, Plain};
use crate::scene::Exchange;
use crate::seen::{Seen, differences};
use crate::stage::Stage;

/// Configurations at one time; each has a Gateway.
const SCENES: usize = 24;
/// How often all of them get new rules.
const ROUNDS: u64 = 12;
/// Requests to each configuration.
const REQUESTS: usize = 10;
/// How long new rules may take to be live on both planes.
const LIVE: Duration = Duration::from_secs(5);

fn setting(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}

/// Plays random cases on our own proxy and another plane; gives what is wrong, in words.
pub(crate) fn play(kind: Kind, list: &mut List) -> Vec<String> {
    let seed = setting("PARITY_SEED", 7);
    let mut chance = Chance(seed);
    let scenes = (0..SCENES).map(|at| generate::empty(&format!("case-{at}"), &mut chance));
    let mut stage = Stage::set(scenes.collect(), &[Kind::Native, kind]);
    let mut wrong = Vec::new();
    for round in 0..setting("PARITY_ROUNDS", ROUNDS) {
        for at in 0..SCENES {
            stage.scenes[at].0.objects =
                generate::routes(&stage.scenes[at].0, round as usize, &mut chance);
        }
        stage.write_again();
        for at in 0..SCENES {
            let ir = translated(&stage.text(0, at));
            for _ in 0..REQUESTS {
                let exchange = generate::request(&mut chance);
                let Some(problem) = settled(&stage, at, &ir, &exchange, list) else {
                    continue;
                };
                wrong.push(format!("seed {seed}, round {round}, {problem}"));
                if wrong.len() > 20 {
                    return wrong;
                }
            }
        }
    }
    wrong
}

/// Asks until nothing is wrong, since rules may not be live yet; what is wrong in the end.
fn settled(
    stage: &Stage,
    at: usize,
    ir: &Ir,
    exchange: &Exchange,
    list: &mut List,
) -> Option<String> {
    let end = Instant::now() + LIVE;
    loop {
        let problem = problem(stage, at, ir, exchange, list)?;
        if Instant::now() > end {
            return Some(problem);
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn problem(
    stage: &Stage,
    at: usize,
    ir: &Ir,
    exchange: &Exchange,
    list: &mut List,
) -> Option<String> {
    let scene = &stage.scenes[at].0;
    let lines = client::lines(exchange, "parity/random");
    let seen = [0, 1].map(|plane| stage.ask_once(plane, at, exchange, &lines));
    let address = stage.planes[0].addresses[&scene.name];
    let mut wrong = Vec::new();
    if let Some(plain) = plain(exchange) {
        let expected = expected(ir, address, exchange, &plain);
        for (name, seen) in ["native", "envoy"].iter().zip(&seen) {
            if says(seen) != expected {
                wrong.push(format!("  {name}: {} instead of {expected}", says(seen)));
            }
        }
    }
    let place = format!("random/{}", scene.name);
    for one in differences(&seen[0], &seen[1]) {
        if !list.knows(&place, &one) {
            wrong.push(format!(
                "  {}: native {:?}, envoy {:?}",
                one.place, one.native, one.envoy
            ));
        }
    }
    if wrong.is_empty() {
        return None;
    }
    let objects: Vec<String> = scene.objects.iter().map(ToString::to_string).collect();
    let listeners: Vec<String> = scene.listeners.iter().map(ToString::to_string).collect();
    Some(format!(
        "port {}: {lines}{}\n{}\n{}\n",
        exchange.listener_port(),
        wrong.join("\n"),
        listeners.join("\n"),
        objects.join("\n")
    ))
}

/// The request for the matcher; `None` when its path is not canonical as it is.
fn plain(exchange: &Exchange) -> Option<Plain> {
    let mut words = exchange.send.split(' ').map(str::to_owned);
    let (method, host, target) = (words.next()?, words.next()?, words.next()?);
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
        None => (target, None),
    };
    let odd = path.contains(['%', ';', '.']) || path.contains("//");
    let host = host.split(':').next()?.to_lowercase();
    let header = |line: &String| {
        let (name, value) = line.split_once(": ").expect("a field");
        (name.to_owned(), value.to_owned())
    };
    (!odd).then(|| Plain {
        method,
        host,
        path,
        query,
        headers: exchange.with.iter().map(header).collect(),
    })
}

/// `NAME/RULE`, or the reason why there is none.
fn expected(ir: &Ir, address: IpAddr, exchange: &Exchange, plain: &Plain) -> String {
    match reference::owner(ir, Some(address), exchange.listener_port(), plain) {
        Owner::NoListener => "no_listener".to_owned(),
        Owner::NoRule => "no_route".to_owned(),
        Owner::Rule { route, rule, .. } => format!("{route}/{rule}"),
    }
}

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
