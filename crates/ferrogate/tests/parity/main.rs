//! The same requests through both data planes: what differs stands in a list with its reason.
//!
//! The real binary serves one folder natively and by Envoy. Scenes (`tests/parity/scenes/`, and
//! the examples of the policies' pages) say what both are configured with and asked; random
//! configurations are held to a slow matcher as well, also while they change. A difference that is not
//! in `tests/parity/differences.yaml` fails, and so does any part of an entry that no longer occurs.

#![expect(clippy::panic, reason = "a test that cannot go on says so")]
#![expect(dead_code, reason = "other tests use the rest of what is shared")]

mod backends;
mod client;
mod differences;
mod generate;
mod manifests;
#[path = "../../../fg-policies/tests/readme/markdown.rs"]
mod markdown;
#[path = "../../../fg-proxy/tests/http2/peer.rs"]
mod peer;
mod plane;
mod random;
mod readme;
#[path = "../../../fg-router/tests/routing/reference.rs"]
mod reference;
mod scene;
mod seen;
mod stage;
#[expect(unused_imports, reason = "other tests use the rest of what is shared")]
#[path = "../end_to_end/support/mod.rs"]
mod support;
mod validate;

use differences::List;
use plane::Kind;
use stage::Stage;

/// Plays everything on our own proxy and on an Envoy of this version.
fn hold(version: &'static str) {
    let mut scenes = scene::all();
    scenes.extend(readme::all());
    // For who looks at one thing: scenes whose names begin so, `random` among them.
    let only = std::env::var("PARITY_SCENE").unwrap_or_default();
    scenes.retain(|scene| scene.name.starts_with(&only));
    let second = match std::env::var_os("PARITY_NATIVE") {
        Some(_) => Kind::Native,
        None => Kind::Envoy(version),
    };
    let mut list = List::load(version);
    let (alone, together): (Vec<_>, Vec<_>) = scenes.into_iter().partition(|scene| scene.alone);
    let (mut wrong, mut complaints) = (Vec::new(), Vec::new());
    let stages = alone.into_iter().map(|scene| vec![scene]).chain([together]);
    for scenes in stages.filter(|scenes| !scenes.is_empty()) {
        let stage = Stage::set(scenes, &[Kind::Native, second.clone()]);
        wrong.extend(stage.play(&mut list));
        let [native, envoy] = stage.complaints();
        complaints.extend(["--- native:".to_owned()].into_iter().chain(native));
        complaints.extend(["--- envoy:".to_owned()].into_iter().chain(envoy));
    }
    if "random".starts_with(&only) {
        wrong.extend(random::play(second, &mut list));
    }
    assert!(
        wrong.is_empty(),
        "{} exchanges differ on Envoy {version} in what is not in the list:\n{}\n{}",
        wrong.len(),
        wrong.join("\n"),
        complaints.join("\n"),
    );
    let unseen = list.unseen(&only);
    assert!(
        unseen.is_empty(),
        "no longer different, so take it from the list:\n{}",
        unseen.join("\n")
    );
}

#[test]
fn scenes_on_the_oldest_envoy() {
    hold("1.36.4");
}

#[test]
fn scenes_on_the_newest_envoy() {
    hold("1.40.0");
}
