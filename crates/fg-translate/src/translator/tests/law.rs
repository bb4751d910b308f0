//! The law: incremental equals from scratch, whatever the history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use fg_api::Resource;
use fg_api::deployment::Wish;
use fg_api::report::Report;
use fg_ir::Ir;
use fg_model::{Finding, ObjectRef, kinds};
use fg_testkit::certificates::{self, Authority};
use fg_testkit::objects::objects;
use proptest::prelude::*;

use crate::{Ground, Holder, Options, Translator};

/// Objects that read each other; each several times, with another content or age.
const WORDS: &str = include_str!("law.yaml");

/// Two certificates of one authority and that authority stand for their places in [`WORDS`].
static OBJECTS: LazyLock<Vec<Resource>> = LazyLock::new(|| {
    let authority = Authority::new("test");
    let mut words = WORDS.replace("AUTHORITY", &format!("{:?}", authority.pem));
    for (name, names) in [("ONE", ["a.example.com"]), ("TWO", ["*.example.com"])] {
        let issued = authority.issue_as(certificates::Wish {
            names: &names,
            from: 2020,
            until: 2030,
        });
        words = words.replace(
            &format!("{name}_CERT"),
            &format!("{:?}", issued.certificate),
        );
        words = words.replace(&format!("{name}_KEY"), &format!("{:?}", issued.key));
    }
    let mut objects = objects(&words);
    let certificates: Vec<Resource> = objects
        .iter()
        .filter(|one| one.id().is(kinds::SECRET) || one.id().is(kinds::CONFIG_MAP))
        .cloned()
        .collect();
    // Those that cannot be used, with what could be used before.
    for (at, before) in certificates.iter().enumerate() {
        let holder = match before.clone() {
            Resource::Secret(object) => Holder::secret(object),
            Resource::ConfigMap(object) => Holder::config_map(object),
            other => panic!("{other:?}"),
        };
        // Only what was asked for serves on.
        let _ = (holder.key_pair(), holder.authorities());
        let later = certificates.iter().skip(at + 1);
        let later = later.filter(|later| later.id() == before.id());
        let later = later.map(|later| (later, holder.next(later.clone())));
        objects.extend(later.filter_map(|(bare, bears)| (*bare != bears).then_some(bears)));
    }
    objects
});

/// Before, while and after the certificates hold.
const TIMES: [i64; 3] = [1_500_000_000, 1_700_000_000, 2_000_000_000];

/// One event: an object of [`OBJECTS`] comes in that form, or its name goes.
type Event = (usize, bool);

/// Events of one step, and the time before it, if it is told.
type Events = (Vec<Event>, Option<usize>);

fn histories() -> impl Strategy<Value = Vec<Events>> {
    let event = (0..OBJECTS.len(), prop::bool::weighted(0.75));
    let time = prop::option::weighted(0.1, 0..TIMES.len());
    prop::collection::vec((prop::collection::vec(event, 1..6), time), 1..25)
}

fn all(translator: &Translator) -> (Ir, Vec<Finding>, BTreeMap<Arc<ObjectRef>, Arc<Report>>) {
    (
        translator.ir().clone(),
        translator
            .findings()
            .map(|finding| (**finding).clone())
            .collect(),
        translator.reports().clone(),
    )
}

/// Findings without the generation of their object: whether they are news does not depend on it.
fn ageless<'a>(findings: impl Iterator<Item = &'a Arc<Finding>>) -> BTreeSet<Finding> {
    findings
        .map(|finding| {
            let mut finding = (**finding).clone();
            finding.about.generation = 0;
            finding
        })
        .collect()
}

/// Plays a history; after each step everything must equal a new translator's results, and the
/// changes played onto copies must give the same.
fn play(history: &[Events], ground: Ground) {
    let options = Options {
        ground,
        ..Options::default()
    };
    let mut present: BTreeMap<Arc<ObjectRef>, Resource> = BTreeMap::new();
    let mut translator = Translator::new(options.clone());
    let mut deployments: BTreeMap<Arc<ObjectRef>, Wish> = BTreeMap::new();
    let mut ir = Ir::default();
    let mut reports: BTreeMap<Arc<ObjectRef>, Arc<Report>> = BTreeMap::new();
    let mut news: BTreeSet<Finding> = BTreeSet::new();
    let mut now = None;
    for (events, time) in history {
        if let Some(time) = time {
            now = Some(TIMES[*time]);
            let outcome = translator.set_time(TIMES[*time]);
            assert!(outcome.change.is_empty(), "time alone changes no traffic");
            for (id, report) in &outcome.reports {
                match report {
                    Some(report) => reports.insert(id.clone(), report.clone()),
                    None => reports.remove(id),
                };
            }
            for finding in ageless(outcome.resolved.iter()) {
                news.remove(&finding);
            }
            news.extend(ageless(outcome.appeared.iter()));
        }
        let mut step: BTreeMap<Arc<ObjectRef>, Option<Resource>> = BTreeMap::new();
        for (at, comes) in events {
            let object = OBJECTS[*at].clone();
            step.insert(object.id().clone(), comes.then_some(object));
        }
        let upserts: Vec<Resource> = step.values().flatten().cloned().collect();
        let gone = step.iter().filter(|(_, object)| object.is_none());
        let removed: Vec<ObjectRef> = gone.map(|(id, _)| (**id).clone()).collect();
        for (id, object) in step {
            match object {
                Some(object) => present.insert(id, object),
                None => present.remove(&id),
            };
        }
        let outcome = translator.apply(&upserts, &removed);
        for (key, rule) in &outcome.change.rules {
            assert_ne!(
                ir.rules.get(key),
                rule.as_ref(),
                "a change never lists what is equal"
            );
        }
        for (key, listener) in &outcome.change.listeners {
            assert_ne!(
                ir.listeners.get(key),
                listener.as_ref(),
                "a change never lists what is equal"
            );
        }
        for (key, credential) in &outcome.change.credentials {
            assert_ne!(
                ir.credentials.get(key),
                credential.as_ref(),
                "a change never lists what is equal"
            );
        }
        ir.apply(&outcome.change);
        for (id, report) in &outcome.reports {
            match report {
                Some(report) => reports.insert(id.clone(), report.clone()),
                None => reports.remove(id),
            };
        }
        for finding in ageless(outcome.resolved.iter()) {
            news.remove(&finding);
        }
        news.extend(ageless(outcome.appeared.iter()));

        for (id, wish) in outcome.deployments {
            assert_ne!(
                deployments.get(&id),
                wish.as_ref(),
                "a change never lists what is equal"
            );
            match wish {
                Some(wish) => deployments.insert(id, wish),
                None => deployments.remove(&id),
            };
        }

        let mut scratch = Translator::new(options.clone());
        if let Some(now) = now {
            scratch.set_time(now);
        }
        // Newest name first: the order in which objects come must not matter.
        let everything: Vec<Resource> = present.values().rev().cloned().collect();
        scratch.apply(&everything, &[]);
        assert_eq!(all(&translator), all(&scratch));
        assert_eq!(&ir, translator.ir());
        assert_eq!(&reports, translator.reports());
        assert_eq!(&deployments, translator.deployments());
        assert_eq!(scratch.deployments(), translator.deployments());
        assert_eq!(news, ageless(translator.findings()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn incremental_equals_from_scratch(history in histories()) {
        play(&history, Ground::Machine);
    }

    #[test]
    fn in_a_cluster_too(history in histories()) {
        play(&history, Ground::Cluster);
    }
}

#[test]
fn the_words_reach_every_part() {
    let mut translator = Translator::new(Options::default());
    let mut first: BTreeMap<Arc<ObjectRef>, Resource> = BTreeMap::new();
    for object in OBJECTS.iter() {
        first
            .entry(object.id().clone())
            .or_insert_with(|| object.clone());
    }
    let first: Vec<Resource> = first.into_values().collect();
    translator.apply(&first, &[]);
    let (ir, findings, reports) = all(&translator);
    let bearing = OBJECTS.iter().filter(|object| match object {
        Resource::Secret(object) => !object.spec.last_good.is_empty(),
        Resource::ConfigMap(object) => !object.spec.last_good.is_empty(),
        _ => false,
    });
    assert!(bearing.count() >= 3, "of each holder");
    assert!(ir.listeners.len() >= 2 && ir.rules.len() >= 3, "{ir:#?}");
    assert!(
        ir.backends.len() >= 2 && !ir.endpoints.is_empty(),
        "{ir:#?}"
    );
    assert!(ir.credentials.len() >= 2, "{ir:#?}");
    assert!(findings.len() >= 5 && reports.len() >= 6, "{findings:#?}");
}
