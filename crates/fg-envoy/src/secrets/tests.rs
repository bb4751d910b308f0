//! Which secrets there are.

use fg_ir::{ClientValidation, CredentialKind, Ir};
use fg_testkit::certificates::Authority;
use fg_testkit::ir::{Changes, credential_key, secure_listener};
use fg_testkit::tls::{authorities, key_pair};

use crate::{Compiler, Kind, Settings, Update};

fn secrets(update: &Update) -> Vec<&str> {
    let all = update.upserts.iter();
    all.filter(|one| one.kind == Kind::Secret)
        .map(|one| &*one.name)
        .collect()
}

#[test]
fn only_those_that_are_used_are_told() {
    let authority = Authority::new("ours");
    let material = || key_pair(&authority.issue(&["a.com"]));
    let at = ([127, 0, 0, 1], 443).into();
    let mut front = secure_listener("front", at, None, &["one", "two"]);
    let key = |name| credential_key(name, CredentialKind::Authorities);
    front.tls.as_mut().unwrap().client = Some(ClientValidation {
        authorities: vec![key("x"), key("y")],
        insecure_fallback: false,
    });
    let mut ir = Ir::default();
    let mut compiler = Compiler::new(Settings::default());
    let mut step = |changes: Changes| {
        let change = changes.build();
        ir.apply(&change);
        compiler.update(&ir, &change)
    };
    let update = step(
        Changes::new()
            .credential("one", material())
            .credential("two", material())
            .credential("unused", material())
            .credential("x", authorities(&[&authority]))
            .credential("y", authorities(&[&authority]))
            .listener(front),
    );
    let both = "Authorities/ConfigMap/test/x+ConfigMap/test/y";
    assert_eq!(
        secrets(&update),
        [both, "KeyPair/Secret/test/one", "KeyPair/Secret/test/two"]
    );
    let update = step(Changes::new().credential("unused", material()));
    assert!(update.is_empty());
    let other = Authority::new("other");
    let update = step(Changes::new().credential("y", authorities(&[&other])));
    assert_eq!((secrets(&update), update.upserts.len()), (vec![both], 1));
    let update = step(Changes::new().without_listener("front"));
    let removed = update.removed.iter();
    let removed = removed.filter(|(kind, _)| *kind == Kind::Secret);
    assert_eq!(removed.count(), 3);
}
