//! What each version wrote is read for ever: `streams/` has, for each, every kind of resource with
//! everything that it could hold, a line each.
//!
//! The first run of a new version writes its stream, and fails so that it gets committed. A stream that
//! is there is never written again.

#[path = "../../src/samples.rs"]
mod samples;

use std::fs;
use std::path::{Path, PathBuf};

use fg_ir::{BackendTls, Rule};
use fg_wire::{Encoded, Incoming, Receiver};
use samples::{
    authorities, backend, credential, endpoints, key_pair, listener, plain_backend, plain_listener,
    plain_rule, rule,
};

fn streams() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/streams")
}

fn written_now() -> String {
    let all = [
        Encoded::of(&listener()),
        Encoded::of(&plain_listener("edge", "http")),
        Encoded::of(&rule()),
        Encoded::of(&plain_rule("cart", 0, "cart")),
        Encoded::of(&backend()),
        Encoded::of(&plain_backend("db")),
        Encoded::of(&endpoints()),
        Encoded::of(&credential(key_pair("shop"), 7)),
        Encoded::of(&credential(authorities("clients"), 8)),
    ];
    let line = |one: &Encoded| {
        let bytes: String = one.value.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{} {} {} {bytes}\n", one.name, one.version, one.type_url)
    };
    all.iter().map(line).collect()
}

fn bytes(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    };
    pairs.map(|pair| byte(pair).expect("two digits")).collect()
}

fn read(stream: &str) -> Receiver {
    let mut receiver = Receiver::new();
    for line in stream.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let value = bytes(words[3]);
        let incoming = Incoming {
            name: words[0],
            type_url: words[2],
            value: &value,
        };
        let received = receiver.receive([incoming], []);
        let complaints: Vec<_> = received.reportable().collect();
        assert!(
            complaints.is_empty() && received.ignored.is_empty(),
            "{complaints:?}"
        );
    }
    receiver
}

#[test]
fn this_version_has_its_stream() {
    let file = streams().join(concat!(env!("CARGO_PKG_VERSION"), ".txt"));
    if !file.exists() {
        fs::write(&file, written_now()).unwrap();
        panic!("{} was written: commit it", file.display());
    }
}

#[test]
fn what_each_version_wrote_is_read() {
    for entry in fs::read_dir(streams()).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        let receiver = read(&fs::read_to_string(&path).unwrap());
        let ir = receiver.ir();
        let (sent, got): (Rule, &Rule) = (rule(), &ir.rules[&rule().key]);
        assert_eq!(got.matches, sent.matches);
        assert_eq!(got.attachments, sent.attachments);
        assert_eq!(got.action, sent.action);
        assert_eq!(got.policies, sent.policies);
        assert_eq!(*ir.listeners[&listener().key], listener());
        assert!(matches!(
            ir.backends[&backend().key].tls,
            BackendTls::Verify(_)
        ));
        assert_eq!(*ir.endpoints[&endpoints().key], endpoints());
        for held in [
            credential(key_pair("shop"), 7),
            credential(authorities("clients"), 8),
        ] {
            assert_eq!(*ir.credentials[&held.key], held);
        }
    }
}
