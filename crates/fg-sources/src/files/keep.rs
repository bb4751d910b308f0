//! What was good keeps serving while its file, or its new version, is bad.

use std::collections::BTreeSet;
use std::sync::Arc;

use fg_model::{Finding, FindingKind, ObjectRef, kinds};

use super::document::{Content, Written};

/// What it means that a file cannot be read that was good.
const BEFORE: &str = "what the file said before keeps serving";

fn is_good(object: &Written) -> bool {
    object.good.is_some()
}

/// A file that cannot be read gives what it last gave.
pub(super) fn unreadable(mut finding: Finding, old: Option<&Content>) -> Content {
    let mut content = old.cloned().unwrap_or_default();
    finding.also(match content.written.iter().any(is_good) {
        true => BEFORE,
        false => "until it is right, nothing of it serves",
    });
    content.findings = vec![finding];
    content
}

/// Refused objects keep their last good version; and while a document does not say which object it
/// is, no object of the file counts as removed.
pub(super) fn keep_last_good(mut new: Content, old: &Content) -> Content {
    for object in &mut new.written {
        if object.good.is_none() {
            let before = old
                .written
                .iter()
                .find(|before| before.id == object.id && before.good.is_some());
            object.good = before.and_then(|before| before.good.clone());
        }
    }
    let kept: BTreeSet<&Arc<ObjectRef>> = new
        .written
        .iter()
        .filter(|object| object.refused && object.good.is_some())
        .map(|object| &object.id)
        .collect();
    for finding in &mut new.findings {
        if kept.contains(&finding.about.object) {
            finding.also("its last good version keeps serving");
        }
    }
    if new.unidentified {
        let ids: BTreeSet<Arc<ObjectRef>> =
            new.written.iter().map(|object| object.id.clone()).collect();
        let missing = old
            .written
            .iter()
            .filter(|before| !ids.contains(&before.id));
        let missing: Vec<_> = missing.cloned().collect();
        if missing.iter().any(is_good) {
            let mut nameless = new.findings.iter_mut();
            if let Some(finding) = nameless.find(|finding| is_nameless(finding)) {
                finding.also(BEFORE);
            }
        }
        new.written.extend(missing);
    }
    new
}

/// Whether it says of a document that cannot be read, and not of which object that is.
fn is_nameless(finding: &Finding) -> bool {
    finding.kind == FindingKind::Unreadable && finding.about.object.is(kinds::FILE)
}

/// Says what it means that nothing of an object is there: at worst others' rules hold where it
/// should have protected something.
pub(super) fn say_what_is_missing(content: &mut Content) {
    for object in &content.written {
        if object.good.is_some() {
            continue;
        }
        let mut about = content.findings.iter_mut();
        let Some(finding) = about.find(|finding| finding.about.object == object.id) else {
            continue;
        };
        finding.also(if object.id.is(kinds::BACKEND_TLS_POLICY) {
            "until it is right, its Services are called as if it were not there"
        } else if object.id.is(kinds::HTTP_ROUTE) || object.id.is(kinds::GRPC_ROUTE) {
            "until it is right, its requests are left to other routes"
        } else if object.id.is(kinds::GATEWAY) || object.id.is(kinds::LISTENER_SET) {
            "until it is right, none of its listeners serves"
        } else if finding.kind == FindingKind::Unreadable {
            "until it is right, it counts as not there"
        } else {
            continue;
        });
    }
    for finding in &mut content.findings {
        if is_nameless(finding) && finding.hint.is_none() {
            finding.also("until it is right, what it says counts as not there");
        }
    }
}
