//! Replays the corpora: each input that fuzzing once found worth keeping, on every machine, without a fuzzer.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fg_fuzz::PROMISES;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[test]
fn every_input_of_every_corpus_keeps_the_promise() {
    for (target, promise) in PROMISES {
        let corpus = folder("corpus").join(target);
        let mut inputs = 0;
        for entry in fs::read_dir(&corpus).unwrap() {
            let path = entry.unwrap().path();
            // Names what was being replayed if the promise panics.
            println!("{}", path.display());
            promise(&fs::read(&path).unwrap());
            inputs += 1;
        }
        assert!(inputs > 0, "the corpus of {target} is empty");
    }
}

#[test]
fn targets_promises_and_corpora_have_the_same_names() {
    let names = |name: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(folder(name)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect()
    };
    let promised = PROMISES
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(names("fuzz_targets"), promised);
    assert_eq!(names("corpus"), promised);
}
